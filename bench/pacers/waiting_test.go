package pacers

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// roleVariable makes the test binary a process in which many attempts of one pacer wait, so that what they take is not
// mixed with what others left. Its value is the pacer's name, or parked, or million.
const roleVariable = "BOTORATE_PACERS_ROLE"

const (
	parked  = "parked"
	million = "million"
)

// A footprint is what waiting attempts take, each.
type footprint struct {
	Heap, Stack, RSS float64 // bytes
	Enqueue, Cancel  float64 // ns of processor time; Cancel is -1 without
	Drained          float64 // seconds
}

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	f, err := play(role)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(role string) (footprint, error) {
	switch role {
	case parked:
		return waiting(100_000, true, nobody{make(chan struct{})})
	case million:
		return waitingMillion()
	}
	for _, p := range paced() {
		if p.name == role {
			l := p.make(0.001, 1)
			_ = l.Wait(context.Background())
			return waiting(100_000, p.context, l)
		}
	}
	return footprint{}, fmt.Errorf("no such pacer: %q", role)
}

// nobody lets nothing out.
type nobody struct{ never chan struct{} }

func (p nobody) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-p.never:
	}
	return nil
}

// waitOne waits with a context of its own. Its frame and its caller's are small: a stack of 2 KB that has to grow becomes one of 4 KB,
// and what is measured is the pacer's part.
func waitOne(ctx context.Context, l pacer, all *sync.WaitGroup) {
	ctx, cancel := context.WithCancel(ctx)
	_ = l.Wait(ctx)
	cancel()
	all.Done()
}

// waiting lets n goroutines wait, each with a context of its own, and ends them all at once if they can be.
func waiting(n int, cancels bool, l pacer) (f footprint, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var all sync.WaitGroup
	before, cpu := used(), processorTime()
	all.Add(n)
	for range n {
		go waitOne(ctx, l, &all)
	}
	if err := settled(n); err != nil {
		return f, err
	}
	f.Enqueue, f.Cancel = float64(processorTime()-cpu)/float64(n), -1
	f.since(before, n)
	if cancels {
		cpu = processorTime()
		cancel()
		all.Wait()
		f.Cancel = float64(processorTime()-cpu) / float64(n)
	}
	return f, nil
}

// since sets the memory that each of n takes.
func (f *footprint) since(before footprint, n int) {
	after := used()
	f.Heap = (after.Heap - before.Heap) / float64(n)
	f.Stack = (after.Stack - before.Stack) / float64(n)
	f.RSS = (after.RSS - before.RSS) / float64(n)
}

// waitingMillion lets a million attempts wait and then leave.
func waitingMillion() (f footprint, err error) {
	const n = 1_000_000
	g := newGovernor(0.001, 1, 1)
	_ = g.Wait(context.Background())
	var all sync.WaitGroup
	before, cpu := used(), processorTime()
	all.Add(n)
	for range n {
		go waitOne(context.Background(), g, &all)
	}
	if err := settled(n); err != nil {
		return f, err
	}
	f.Enqueue, f.Cancel = float64(processorTime()-cpu)/n, -1
	f.since(before, n)
	start := time.Now()
	g.setRate(math.Inf(1))
	all.Wait()
	f.Drained = time.Since(start).Seconds()
	return f, nil
}

// settled returns when n goroutines are parked and none has anything to do: those that wait for a lock are not there yet.
func settled(n int) error {
	const prefix, unit = "/sched/goroutines/", ":goroutines"
	sample := []metrics.Sample{{Name: prefix + "waiting" + unit}, {Name: prefix + "runnable" + unit}, {Name: prefix + "running" + unit}}
	for calm := 0; calm < 5; calm++ {
		time.Sleep(2 * time.Millisecond)
		metrics.Read(sample)
		if sample[0].Value.Kind() != metrics.KindUint64 {
			return fmt.Errorf("this Go has no metric %s", sample[0].Name)
		}
		if sample[0].Value.Uint64() < uint64(n) || sample[1].Value.Uint64() > 0 || sample[2].Value.Uint64() > 1 {
			calm = 0
		}
	}
	return nil
}

// used returns what the process uses, in bytes.
func used() (f footprint) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.Heap, f.Stack = float64(m.HeapAlloc), float64(m.StackInuse)
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		if _, rest, ok := strings.Cut(string(status), "VmRSS:"); ok {
			_, _ = fmt.Sscan(rest, &f.RSS)
			f.RSS *= 1024
		}
	}
	return f
}

func processorTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// inProcess measures in a fresh process.
func inProcess(t *testing.T, role string) (f footprint) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &f)
	}
	if err != nil {
		t.Fatalf("%s: %v", role, err)
	}
	return f
}

// A waiting attempt takes at most 300 bytes, of heap and stack, above what a goroutine does that is parked with a context. On one processor,
// so that none waits for a lock with a deeper stack than the others have. What a busy machine interrupts can only take more: the least of three counts.
func TestWaitingBytes(t *testing.T) {
	const most = 300
	t.Setenv("GOMAXPROCS", "1")
	least := math.Inf(1)
	for range 3 {
		bare, held := inProcess(t, parked), inProcess(t, ours)
		above := held.Heap + held.Stack - bare.Heap - bare.Stack
		t.Logf("%.0f bytes above a parked goroutine", above)
		least = min(least, above)
	}
	if least > most {
		t.Errorf("%.0f bytes above a parked goroutine, want at most %d", least, most)
	}
}
