package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// An sdk is a client program of ours on somebody's SDK. Its arguments are how many calls to make, how many at a time, and a
// bucket for a copy up and down, or "-" for none; it prints an [sdkResult].
type sdk struct {
	client string
	args   []string
	env    []string
	action string                      // what it calls: ec2:DescribeSnapshotAttribute after a list of them, or sts:GetCallerIdentity
	ready  func(context.Context) error // what must be done when the stand-in has started; nil for nothing
}

const (
	askAttribute = "ec2:DescribeSnapshotAttribute"
	askIdentity  = "sts:GetCallerIdentity"
)

// An sdkResult is what a client program says of itself.
type sdkResult struct {
	Version        string
	Answered, Lost int
	Copied         bool // what was uploaded came down with the same checksum
	Errors         []string
}

// A bucket that a few calls exceed on the slowest machine.
const (
	sdkCalls   = 16
	sdkThreads = 8
	sdkLimit   = "{capacity: 5, refill: 2}"
	shedCalls  = 4
)

// sdkRuns gives a scenario that runs SDKs one after the other, each unpaced, paced, and with calls that botorate sheds.
func sdkRuns(clients func(*world) []sdk) func(context.Context, *world) ([]row, error) {
	return func(ctx context.Context, w *world) ([]row, error) {
		key, err := w.startMoto(ctx)
		if err != nil {
			return nil, err
		}
		var rows []row
		for i, c := range clients(w) {
			for _, run := range []func(context.Context, accessKey, sdk, string) (row, error){w.sdkUnpaced, w.sdkPaced, w.sdkShed} {
				r, err := run(ctx, key, c, fmt.Sprintf("%s-%d", w.name, i))
				rows = append(rows, r)
				if err != nil {
					return rows, fmt.Errorf("%s, %s: %w", c.client, r.pacing, err)
				}
			}
		}
		return rows, nil
	}
}

// sdkUnpaced runs a client without botorate: it must be throttled, so that the paced run shows something.
func (w *world) sdkUnpaced(ctx context.Context, key accessKey, c sdk, bucket string) (row, error) {
	r, got, err := w.sdkRun(ctx, key, c, nil, []string{strconv.Itoa(sdkCalls), strconv.Itoa(sdkThreads), bucket + "-unpaced"})
	r.pacing = "unpaced"
	switch {
	case err != nil:
	case r.throttled == 0:
		err = errors.New("met no throttle, so that the paced run shows nothing")
	case !got.Copied:
		err = fmt.Errorf("the copy failed without botorate: %q", got.Errors)
	}
	return r, err
}

// sdkPaced runs a client behind botorate: all is answered, nothing throttled, and no attempt came past botorate.
func (w *world) sdkPaced(ctx context.Context, key accessKey, c sdk, bucket string) (row, error) {
	config := filepath.Join(w.dir, "botorate.yaml")
	if err := os.WriteFile(config, []byte("quotas:\n  "+c.action+": "+sdkLimit+"\n"), 0o600); err != nil {
		return row{}, err
	}
	run := w.botorateRun("--share", "80%", "--config", config)
	r, got, err := w.sdkRun(ctx, key, c, run, []string{strconv.Itoa(sdkCalls), strconv.Itoa(sdkThreads), bucket + "-paced"})
	r.pacing = "--share 80%"
	switch {
	case err != nil:
	case r.lost != 0 || r.throttled != 0 || !got.Copied:
		err = fmt.Errorf("want all answered, nothing throttled and the copy whole; got %+v, %q", r, got.Errors)
	}
	return r, err
}

// sdkShed runs a client whose calls come faster than they may leave and are not held for long: botorate refuses them in the
// service's own words, and the SDK backs off and tries again, as it would for AWS.
func (w *world) sdkShed(ctx context.Context, key accessKey, c sdk, _ string) (row, error) {
	run := w.botorateRun("--limit", c.action+"=1/s,burst=1", "--hold", "100ms")
	c.env = append([]string{"AWS_MAX_ATTEMPTS=10"}, c.env...)
	r, got, err := w.sdkRun(ctx, key, c, run, []string{strconv.Itoa(shedCalls), strconv.Itoa(shedCalls), "-"})
	r.pacing = "shed and retried"
	if err != nil {
		return r, err
	}
	report, err := w.report()
	switch {
	case err != nil:
	case report.Total.Shed == 0:
		err = errors.New("botorate shed nothing, so that the run shows nothing")
	case r.lost != 0 || r.throttled != 0:
		err = fmt.Errorf("want each shed call tried again until it is answered; got %+v, %q", r, got.Errors)
	}
	return r, err
}

// sdkRun runs a client to its end, and checks what holds for every run: signatures verify, and behind botorate AWS sees what
// botorate sent and no more.
func (w *world) sdkRun(ctx context.Context, key accessKey, c sdk, run, args []string) (row, sdkResult, error) {
	r := row{client: c.client}
	limits := filepath.Join(w.dir, "limits.yaml")
	if err := os.WriteFile(limits, []byte(c.action+": "+sdkLimit+"\n"), 0o600); err != nil {
		return r, sdkResult{}, err
	}
	aws, err := w.serveAWS(ctx, append(key.upstream(), "--snapshots", strconv.Itoa(sdkCalls), "--limits", limits)...)
	if err != nil {
		return r, sdkResult{}, err
	}
	defer aws.stop()
	if c.ready != nil {
		if err := c.ready(ctx); err != nil {
			return r, sdkResult{}, err
		}
	}
	var got sdkResult
	began := time.Now()
	err = w.client(ctx, &got, append(key.env(), c.env...), append(append(run, c.args...), args...)...)
	r.took = time.Since(began)
	if err != nil {
		return r, got, err
	}
	seen, err := w.logged()
	if err != nil {
		return r, got, err
	}
	r.version, r.answered, r.lost = got.Version, got.Answered, got.Lost
	r.requests, r.throttled, r.invalid = seen.requests, seen.throttled, seen.invalid
	if r.invalid != 0 {
		return r, got, fmt.Errorf("%d signatures did not verify", r.invalid)
	}
	if run != nil {
		err = w.allThroughBotorate(seen.requests)
	}
	return r, got, err
}

// botorateRun is the command line that puts a command behind botorate and keeps its report.
func (w *world) botorateRun(flags ...string) []string {
	return append(append([]string{w.botorate, "run", "--report", w.reportFile()}, flags...), "--")
}

func (w *world) reportFile() string { return filepath.Join(w.dir, "report.json") }

// A runReport is what botorate reports of a run, as far as we read it.
type runReport struct {
	Complete string
	Bypassed []string
	Total    struct{ Attempts, Shed, Absorbed, Throttled, Failed, Gone int }
}

// sent is how many attempts went out to AWS.
func (r *runReport) sent() int {
	return r.Total.Attempts - r.Total.Shed + r.Total.Absorbed
}

func (w *world) report() (r runReport, err error) {
	data, err := os.ReadFile(w.reportFile())
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// allThroughBotorate compares what AWS saw with what botorate sent.
func (w *world) allThroughBotorate(seen int) error {
	report, err := w.report()
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("botorate wrote no report")
	}
	if err == nil && report.sent() != seen {
		err = fmt.Errorf("AWS saw %d attempts and botorate sent %d: some came past it, or were lost on the way", seen, report.sent())
	}
	return err
}
