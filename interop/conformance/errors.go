package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/wire"
)

// An answer is a line of errors.py: an error in one of the forms that its protocol has.
type answer struct {
	Service    string // botocore's name
	IAM, API   string // the service in IAM's spelling, and the model's host name
	Protocol   string
	Code       string // as botocore reads it
	Status     int
	Trait      bool // the model says that it is a throttle
	Head, Body []byte
}

// A verdictList says for each code whether it is a throttle, at all services or at some: the key has the service, or "".
type verdictList map[[2]string]bool

// checkErrors judges every error that may be a throttle.
func checkErrors(ctx context.Context, py *python, stdout io.Writer) error {
	list, err := readVerdicts(filepath.Join(dir, "throttles.txt"))
	if err != nil {
		return err
	}
	var (
		throttles, others int
		seen              = map[[2]string]bool{}
		wrong             = map[string]bool{}
	)
	err = py.lines(ctx, nil, func(line []byte) error {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			return err
		}
		want, key, ok := list.verdict(&a)
		if !ok {
			wrong[fmt.Sprintf("throttles.txt does not have %s (%s, %d)", a.Code, a.Service, a.Status)] = true
			return nil
		}
		seen[key] = true
		if want {
			throttles++
		} else {
			others++
		}
		msg, err := a.check(want)
		if msg != "" {
			wrong[msg] = true
		}
		return err
	}, "errors.py")
	if err != nil {
		return err
	}
	for key := range list {
		if !seen[key] {
			wrong["throttles.txt has "+strings.TrimSpace(key[1]+" "+key[0])+", which no model has"] = true
		}
	}
	for _, msg := range slices.Sorted(maps.Keys(wrong)) {
		fmt.Fprintln(stdout, "WRONG", msg)
	}
	fmt.Fprintf(stdout, "%d throttles and %d answers that look like one\n", throttles, others)
	if len(wrong) > 0 {
		return fmt.Errorf("%d errors are taken for what they are not, or not listed", len(wrong))
	}
	return nil
}

// check judges the answer, with the time of the retry in either header.
func (a *answer) check(throttle bool) (wrong string, err error) {
	r := wire.Request{Service: a.IAM, API: a.API}
	heads := [][]byte{a.Head, bytes.Replace(a.Head, []byte("x-amz-retry-after: 1500"), []byte("Retry-After: 3"), 1)}
	for i, raw := range heads {
		var head relay.Head
		if err := head.ParseResponse(raw); err != nil {
			return "", fmt.Errorf("%s %s: %w", a.Service, a.Code, err)
		}
		after := []time.Duration{1500 * time.Millisecond, 3 * time.Second}[i]
		out := wire.Judge(&r, &head, a.Body)
		code := strings.TrimPrefix(a.Code, "Client.")
		if got := out.Verdict == wire.Throttle; got != throttle || got && out.RetryAfter != after || out.Code != code {
			return fmt.Sprintf("%s %s %d %s: judged %+v, want a throttle: %v (%s)", a.Service, a.Code, a.Status, a.Protocol, out, throttle, raw), nil
		}
	}
	return "", nil
}

// verdict returns whether the answer is a throttle, and the line that says so.
func (l verdictList) verdict(a *answer) (throttle bool, key [2]string, ok bool) {
	key = [2]string{a.Service, a.Code}
	if throttle, ok = l[key]; !ok {
		key[0] = ""
		throttle, ok = l[key]
	}
	return throttle || a.Trait, key, ok
}

func readVerdicts(name string) (verdictList, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	list := verdictList{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		w := strings.Fields(s.Text())
		if len(w) == 0 || w[0] == "#" {
			continue
		}
		if len(w) < 2 || w[0] != "throttle" && w[0] != "other" {
			return nil, fmt.Errorf("%s: bad line %q", name, s.Text())
		}
		services := w[2:]
		if len(services) == 0 {
			services = []string{""}
		}
		for _, service := range services {
			key := [2]string{service, w[1]}
			if _, ok := list[key]; ok {
				return nil, errors.New(name + ": " + w[1] + " is there twice")
			}
			list[key] = w[0] == "throttle"
		}
	}
	return list, s.Err()
}
