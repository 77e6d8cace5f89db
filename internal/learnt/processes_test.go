package learnt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// roleVariable makes the test binary a process that saves: "PATH", then as arguments its number, and how many rounds.
const roleVariable = "BOTORATE_LEARNT_SAVES"

func TestMain(m *testing.M) {
	path := os.Getenv(roleVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	process, _ := strconv.Atoi(os.Args[1])
	rounds, _ := strconv.Atoi(os.Args[2])
	if err := saveRounds(&Store{Path: path}, process, rounds); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// saveRounds saves a bucket of the process's own in each round, and one that all share, dated by round and process.
func saveRounds(s *Store, process, rounds int) error {
	for round := range rounds {
		at := now.Add(time.Duration(round) * 10 * time.Second)
		err := s.Save(context.Background(), now, Readings{
			id(fmt.Sprintf("own-%d-%d", process, round)): reading(float64(1+round), at),
			id("shared"): reading(float64(1+round), at.Add(time.Duration(process)*time.Second)),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func process(t *testing.T, s *Store, number, rounds int) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], strconv.Itoa(number), strconv.Itoa(rounds))
	cmd.Env = append(os.Environ(), roleVariable+"="+s.Path)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// Processes that save at once lose nothing of each other's, and the newest reading of what they share stays.
func TestProcesses(t *testing.T) {
	const processes, rounds = 4, 25
	s := newStore(t)
	var running []*exec.Cmd
	for p := range processes {
		running = append(running, process(t, s, p, rounds))
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	got := s.mustLoad(t, now)
	for p := range processes {
		for round := range rounds {
			if _, ok := got[id(fmt.Sprintf("own-%d-%d", p, round))]; !ok {
				t.Errorf("round %d of process %d is lost", round, p)
			}
		}
	}
	want := reading(rounds, now.Add((rounds-1)*10*time.Second+(processes-1)*time.Second))
	if got[id("shared")] != want {
		t.Errorf("shared is %v, want the newest reading %v", got[id("shared")], want)
	}
}

// A process killed at any instant leaves a file that is whole, no lock, and nothing else.
func TestKilled(t *testing.T) {
	s := newStore(t)
	for kill := range 10 {
		cmd := process(t, s, kill, 1_000_000)
		for len(s.mustLoad(t, now)) == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(kill) * 1700 * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		before := len(s.mustLoad(t, now))
		s.mustSave(t, now, Readings{id(fmt.Sprintf("after-%d", kill)): reading(1, now)})
		if after := len(s.mustLoad(t, now)); after != before+1 {
			t.Fatalf("%d buckets, and after one more %d", before, after)
		}
	}
	if files := s.files(t); len(files) != 1 {
		t.Errorf("files %v", files)
	}
}

// A process that is stopped while it has the lock holds nobody up for longer than they want.
func TestLockedForGood(t *testing.T) {
	s := newStore(t)
	s.mustSave(t, now, Readings{id("a"): reading(1, now)})
	unlock, err := lock(t.Context(), s.Path+".lock")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Save(ctx, now, Readings{id("b"): reading(1, now)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that time is over", err)
	}
	if got, err := s.Load(ctx, now); len(got) != 1 || err != nil {
		t.Errorf("loaded %v, %v; want what is there", got, err)
	}
	s.write(t, "damaged")
	if _, err := s.Load(ctx, now); err == nil || len(s.files(t)) != 1 {
		t.Errorf("error %v, files %v; want that it is damaged, and nothing renamed without the lock", err, s.files(t))
	}
	unlock()
	s.write(t, text)
	s.mustSave(t, now, nil)
	if _, err := os.Stat(filepath.Join(filepath.Dir(s.Path), "learnt.json.lock")); err != nil {
		t.Error(err)
	}
}
