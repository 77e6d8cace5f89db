package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// A scanner is somebody's program that reads an account and writes what it found.
type scanner struct {
	client, version string
	args            func(out string) []string     // its command line; out is an empty folder for its results
	found           func(out string) (int, error) // how much is in the results
	env             []string
	serve           []string                              // flags of the stand-in
	limits          string                                // of the stand-in, in its own syntax; empty for the published ones
	share           string                                // ours
	judge           func(free, unpaced, paced scan) error // what must hold besides; nil for nothing
	beside          bool                                  // a neighbour of the same account
}

// A scan is one run of a scanner.
type scan struct {
	row
	found, code int
}

const noLimits = "\"*\": {capacity: 1000000, refill: 1000000}\n"

// scanRuns gives a scenario that runs a scanner three times: where AWS limits nothing, unpaced, and behind botorate. The last
// must end with the results and the exit code of the first.
func scanRuns(of func(*world) scanner) func(context.Context, *world) ([]row, error) {
	return func(ctx context.Context, w *world) ([]row, error) {
		s := of(w)
		key, err := w.startMoto(ctx)
		if err != nil {
			return nil, err
		}
		free, err := w.scan(ctx, key, s, noLimits, nil, "no limits")
		if err != nil {
			return nil, err
		}
		unpaced, err := w.scan(ctx, key, s, s.limits, nil, "unpaced")
		if err != nil {
			return []row{free.row}, err
		}
		run := w.botorateRun("--share", s.share)
		if s.limits != "" {
			config := filepath.Join(w.dir, "botorate.yaml")
			if err := os.WriteFile(config, []byte("quotas:\n  "+s.limits), 0o600); err != nil {
				return nil, err
			}
			run = w.botorateRun("--share", s.share, "--config", config)
		}
		paced, err := w.scan(ctx, key, s, s.limits, run, "--share "+s.share)
		unpaced.lost, paced.lost = free.found-unpaced.found, free.found-paced.found
		rows := []row{free.row, unpaced.row, paced.row}
		switch {
		case err != nil:
			return rows, err
		case free.found == 0:
			return rows, errors.New("the scanner found nothing, so that the runs show nothing")
		case paced.found != free.found || paced.code != free.code:
			return rows, fmt.Errorf("paced: found %d with exit code %d; where nothing is limited %d with %d", paced.found, paced.code, free.found, free.code)
		case paced.throttled != 0 || paced.refused != 0:
			return rows, fmt.Errorf("paced: AWS throttled %d attempts, and %d of the neighbour's", paced.throttled, paced.refused)
		}
		if s.judge != nil {
			err = s.judge(free, unpaced, paced)
		}
		return rows, err
	}
}

// scan runs a scanner once, in a fresh account.
func (w *world) scan(ctx context.Context, key accessKey, s scanner, limits string, run []string, pacing string) (scan, error) {
	r := scan{row: row{client: s.client, version: s.version, pacing: pacing}}
	serve := append(key.upstream(), s.serve...)
	if limits != "" {
		file := filepath.Join(w.dir, "limits.yaml")
		if err := os.WriteFile(file, []byte(limits), 0o600); err != nil {
			return r, err
		}
		serve = append(serve, "--limits", file)
	}
	aws, err := w.serveAWS(ctx, serve...)
	if err != nil {
		return r, err
	}
	defer aws.stop()
	stop := func() (calls, refused int, err error) { return 0, 0, nil }
	if s.beside {
		if stop, err = w.neighbour(ctx); err != nil {
			return r, err
		}
	}
	out, err := os.MkdirTemp(w.dir, "results-")
	if err != nil {
		return r, err
	}
	began := time.Now()
	output, err := w.exit(ctx, append(key.env(), s.env...), append(run, s.args(out)...), &r.code)
	r.took = time.Since(began)
	if err != nil {
		return r, err
	}
	if r.neighbour, r.refused, err = stop(); err != nil {
		return r, err
	}
	if r.found, err = s.found(out); err != nil {
		return r, fmt.Errorf("%w\n%s", err, output)
	}
	seen, err := w.logged()
	if err != nil {
		return r, err
	}
	r.answered, r.requests, r.throttled, r.invalid = r.found, seen.requests, seen.throttled, seen.invalid
	if run != nil {
		err = w.allThroughBotorate(seen.requests)
	}
	return r, err
}

// exit runs a program to its end, whatever its exit code, and returns the last of what it printed.
func (w *world) exit(ctx context.Context, env, args []string, code *int) ([]byte, error) {
	cmd := w.command(ctx, env, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if exited, ok := errors.AsType[*exec.ExitError](err); ok && exited.Exited() {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", args, err, tail(output.Bytes()))
	}
	*code = cmd.ProcessState.ExitCode()
	return tail(output.Bytes()), nil
}

// scoutEC2 is ScoutSuite's ec2 service over 600 snapshots, beside a neighbour.
func scoutEC2(w *world) scanner {
	s := scout(w, "--services", "ec2", "-r", "us-east-1")
	s.serve = []string{"--snapshots", strconv.Itoa(snapshots)}
	s.beside = true
	s.judge = func(free, unpaced, paced scan) error {
		if free.found != snapshots || unpaced.found == snapshots || unpaced.refused == 0 || paced.neighbour < 100 {
			return fmt.Errorf("want %d found without limits and with botorate, fewer and harm unpaced, and 100 calls of the neighbour; got %+v, %+v, %+v", snapshots, free, unpaced, paced)
		}
		return nil
	}
	return s
}

// scoutFull is all of ScoutSuite in two Regions.
func scoutFull(w *world) scanner {
	s := scout(w, "-r", "us-east-1", "eu-west-1")
	s.serve = []string{"--snapshots", "40"}
	s.limits = askAttribute + ": {capacity: 5, refill: 5}\n"
	return s
}

func scout(w *world, args ...string) scanner {
	return scanner{
		client: "ScoutSuite", version: "5.14.0", share: "80%",
		args: func(out string) []string {
			return append([]string{w.in("main", "bin", "scout"), "aws", "--no-browser", "-f", "--report-dir", out}, args...)
		},
		found: scoutSnapshots,
	}
}

// scoutSnapshots counts the snapshots in ScoutSuite's report.
func scoutSnapshots(out string) (int, error) {
	files, err := filepath.Glob(filepath.Join(out, "scoutsuite-results", "scoutsuite_results_*.js"))
	if err != nil || len(files) != 1 {
		return 0, fmt.Errorf("no report of ScoutSuite in %s: %v %w", out, files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return 0, err
	}
	var report struct {
		Services struct {
			EC2 struct {
				Regions map[string]struct {
					Snapshots map[string]struct{}
				}
			}
		}
	}
	_, data, _ = bytes.Cut(data, []byte("\n")) // scoutsuite_results =
	if err := json.Unmarshal(data, &report); err != nil {
		return 0, fmt.Errorf("%s: %w", files[0], err)
	}
	n := 0
	for _, region := range report.Services.EC2.Regions {
		n += len(region.Snapshots)
	}
	return n, nil
}

// prowler runs checks of several services; one asks every snapshot's attribute.
func prowler(w *world) scanner {
	return scanner{
		client: "Prowler", version: "5.46.0", share: "80%",
		args: func(out string) []string {
			return []string{
				w.in("prowler", "bin", "prowler"), "aws", "--no-banner", "--region", "us-east-1", "eu-west-1", "--output-formats", "csv",
				"--output-directory", out, "--output-filename", "found", "--checks",
				"ec2_ebs_public_snapshot", "ec2_ebs_snapshots_encrypted", "s3_bucket_public_access", "iam_user_mfa_enabled_console_access",
			}
		},
		found:  prowlerFindings,
		serve:  []string{"--snapshots", "30"},
		limits: askAttribute + ": {capacity: 5, refill: 5}\n",
	}
}

// prowlerFindings counts the lines of Prowler's table.
func prowlerFindings(out string) (int, error) {
	f, err := os.Open(filepath.Join(out, "found.csv"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	table := csv.NewReader(f)
	table.Comma = ';'
	lines, err := table.ReadAll()
	return len(lines) - 1, err
}

// custodian runs one policy, whose filter asks every snapshot's attribute.
func custodian(w *world) scanner {
	return scanner{
		client: "Cloud Custodian", version: "0.9.53", share: "80%",
		args: func(out string) []string {
			return []string{w.in("c7n", "bin", "custodian"), "run", "--cache-period", "0", "--region", "us-east-1", "--output-dir", out, w.script("custodian.yml")}
		},
		found:  custodianSnapshots,
		serve:  []string{"--snapshots", "300"},
		limits: askAttribute + ": {capacity: 20, refill: 20}\n",
	}
}

// custodianSnapshots counts the resources that the policy matched.
func custodianSnapshots(out string) (int, error) {
	data, err := os.ReadFile(filepath.Join(out, "shared-snapshots", "resources.json"))
	if err != nil {
		return 0, err
	}
	var resources []struct{}
	err = json.Unmarshal(data, &resources)
	return len(resources), err
}
