package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// scenarios returns all there are.
func scenarios() []scenario {
	return []scenario{
		{"boto3", "600 snapshots by boto3, 10 threads, beside a neighbour: unpaced, then at --share 80%", boto3Scan},
		{"aws-cli", "20 calls by AWS CLI v2, 4 at a time, on a small bucket: unpaced, then at --share 80%", cliScan},
		{"hold", "boto3 and AWS CLI v2 held for 150 s: one attempt each, valid signatures", longHold},
		{"moto", "S3, IAM, KMS, DynamoDB and others by boto3, signatures verified by moto behind the stand-in", motoSignatures},
	}
}

const (
	snapshots = 600
	// least is the shortest time in which 80 % of a bucket of 100, refilled at 20/s, serves 600 calls.
	least = (snapshots - 80) / 16.0
)

// scanResult is what clients/scan.py prints.
type scanResult struct {
	Listed, Answered, Lost, Throttles int
	Seconds                           float64
}

func boto3Scan(ctx context.Context, w *world) ([]row, error) {
	scan := []string{w.python, filepath.Join(w.clients, "scan.py"), "10", "standard"}
	unpaced, err := w.scanBesideNeighbour(ctx, "unpaced", scan)
	if err != nil {
		return nil, err
	}
	paced, err := w.scanBesideNeighbour(ctx, "--share 80%", append([]string{w.botorate, "run", "--share", "80%", "--"}, scan...))
	rows := []row{unpaced, paced}
	switch {
	case err != nil:
		return rows, err
	case unpaced.refused == 0 || unpaced.lost == 0:
		return rows, fmt.Errorf("the unpaced scan did no harm, so that the paced one shows nothing: %+v", unpaced)
	case paced.answered != snapshots || paced.throttled != 0 || paced.refused != 0 || paced.neighbour < 100 || paced.invalid != 0:
		return rows, fmt.Errorf("paced: want %d answered, nothing throttled, at least 100 calls of the neighbour and none refused; got %+v", snapshots, paced)
	case paced.took.Seconds() > 1.05*least:
		return rows, fmt.Errorf("paced: took %.1f s, want at most 1.05 × %.1f s", paced.took.Seconds(), least)
	}
	return rows, nil
}

// scanBesideNeighbour runs a scan of 600 snapshots in a fresh account, beside a neighbour.
func (w *world) scanBesideNeighbour(ctx context.Context, pacing string, scan []string) (row, error) {
	aws, err := w.serveAWS(ctx, "--snapshots", strconv.Itoa(snapshots))
	if err != nil {
		return row{}, err
	}
	defer aws.stop()
	stop, err := w.neighbour(ctx)
	if err != nil {
		return row{}, err
	}
	var got scanResult
	if err := w.client(ctx, &got, nil, scan...); err != nil {
		return row{}, err
	}
	calls, refused, err := stop()
	if err != nil {
		return row{}, err
	}
	r, err := w.logged()
	r.client, r.pacing, r.neighbour, r.refused = "boto3", pacing, calls, refused
	r.answered, r.lost, r.took = got.Answered, snapshots-got.Answered, time.Duration(got.Seconds*float64(time.Second))
	return r, err
}

// cliScan asks 20 snapshots' attributes. A CLI call costs a second of CPU, two on a busy machine, so the bucket is small enough to matter.
func cliScan(ctx context.Context, w *world) ([]row, error) {
	limits := filepath.Join(w.dir, "limits.yaml")
	if err := os.WriteFile(limits, []byte("ec2:DescribeSnapshotAttribute: {capacity: 5, refill: 0.25}\n"), 0o600); err != nil {
		return nil, err
	}
	config := filepath.Join(w.dir, "botorate.yaml")
	if err := os.WriteFile(config, []byte("quotas:\n  ec2:DescribeSnapshotAttribute: {capacity: 5, refill: 0.25}\n"), 0o600); err != nil {
		return nil, err
	}
	const calls = 20
	list := w.aws + " ec2 describe-snapshots --owner-ids self --query Snapshots[].SnapshotId --output text | tr '\\t' '\\n'"
	ask := w.aws + " ec2 describe-snapshot-attribute --snapshot-id ID --attribute createVolumePermission >/dev/null && echo ok"
	script := list + " | xargs -P 4 -I ID sh -c '" + ask + "' | wc -l"
	var rows []row
	for _, pacing := range []string{"unpaced", "--share 80%"} {
		aws, err := w.serveAWS(ctx, "--snapshots", strconv.Itoa(calls), "--limits", limits)
		if err != nil {
			return rows, err
		}
		args := []string{"sh", "-c", script}
		if pacing != "unpaced" {
			args = append([]string{w.botorate, "run", "--share", "80%", "--config", config, "--"}, args...)
		}
		var answered int
		began := time.Now()
		err = w.client(ctx, &answered, []string{"AWS_MAX_ATTEMPTS=2"}, args...)
		took := time.Since(began)
		aws.stop()
		if err != nil {
			return rows, err
		}
		r, err := w.logged()
		if err != nil {
			return rows, err
		}
		r.client, r.pacing, r.answered, r.lost, r.took = "aws-cli v2", pacing, answered, calls-answered, took
		rows = append(rows, r)
	}
	if paced := rows[1]; paced.lost != 0 || paced.throttled != 0 || paced.invalid != 0 {
		return rows, fmt.Errorf("paced: want all answered and nothing throttled; got %+v", paced)
	}
	if rows[0].throttled == 0 {
		return rows, fmt.Errorf("the unpaced calls met no throttle, so that the paced ones show nothing: %+v", rows[0])
	}
	return rows, nil
}

// longHold keeps an answer back for longer than botocore's read timeout of 60 s and the CLI's.
func longHold(ctx context.Context, w *world) ([]row, error) {
	aws, err := w.serveAWS(ctx, "--snapshots", "5")
	if err != nil {
		return nil, err
	}
	defer aws.stop()
	paced := []string{w.botorate, "run", "--limit", "ec2:DescribeSnapshots=150s", "--"}
	type result struct {
		r   row
		err error
	}
	cli := make(chan result, 1)
	go func() {
		call := w.aws + " ec2 describe-snapshots --max-items 5 --page-size 5 >/dev/null"
		began := time.Now()
		err := w.client(ctx, nil, []string{"AWS_MAX_ATTEMPTS=1"}, append(paced, "sh", "-ec", call+"; "+call)...)
		cli <- result{row{client: "aws-cli v2", pacing: "held 150 s", answered: 2, took: time.Since(began)}, err}
	}()
	var held struct {
		Held     float64
		Attempts int
	}
	err = w.client(ctx, &held, nil, append(paced, w.python, filepath.Join(w.clients, "hold.py"))...)
	boto := row{client: "boto3", pacing: "held 150 s", answered: 2, requests: 1 + held.Attempts, took: time.Duration(held.Held * float64(time.Second))}
	other := <-cli
	rows := []row{boto, other.r}
	switch {
	case err != nil:
		return rows, err
	case other.err != nil:
		return rows, other.err
	case held.Attempts != 1 || held.Held < 140:
		return rows, fmt.Errorf("boto3 was held %.0f s over %d attempts, want 150 s and one", held.Held, held.Attempts)
	case other.r.took < 140*time.Second:
		return rows, fmt.Errorf("the CLI was held only %v", other.r.took)
	}
	seen, err := w.logged()
	rows[1].requests, rows[1].invalid = seen.requests-boto.requests, seen.invalid
	if err == nil && (seen.requests != 4 || seen.invalid != 0) {
		err = fmt.Errorf("AWS saw %d attempts, %d of them with a bad signature; want 4 and none", seen.requests, seen.invalid)
	}
	return rows, err
}

// motoSignatures has another emulator verify the signatures of what passed botorate and the stand-in.
func motoSignatures(ctx context.Context, w *world) ([]row, error) {
	const moto = "127.0.0.1:5001"
	// The first four calls pass unverified: they make the user whose key signs all others.
	if _, err := w.start(ctx, []string{"INITIAL_NO_AUTH_ACTION_COUNT=4"}, w.moto, "-H", "127.0.0.1", "-p", "5001"); err != nil {
		return nil, err
	}
	if err := w.listening(ctx, moto); err != nil {
		return nil, err
	}
	key, err := w.motoKey(ctx, "http://"+moto)
	if err != nil {
		return nil, err
	}
	aws, err := w.serveAWS(ctx, "--upstream", "http://"+moto, "--key", key.id+":"+key.secret)
	if err != nil {
		return nil, err
	}
	defer aws.stop()
	var got struct {
		Calls  int
		Failed []string
	}
	credentials := []string{"AWS_ACCESS_KEY_ID=" + key.id, "AWS_SECRET_ACCESS_KEY=" + key.secret}
	began := time.Now()
	err = w.client(ctx, &got, credentials, w.botorate, "run", "--share", "100%", "--", w.python, filepath.Join(w.clients, "services.py"))
	took := time.Since(began)
	if err != nil {
		return nil, err
	}
	r, err := w.logged()
	r.client, r.pacing, r.answered, r.took = "boto3", "--share 100%", got.Calls, took
	if err == nil && r.invalid != 0 {
		err = fmt.Errorf("%d signatures did not verify", r.invalid)
	}
	return []row{r}, err
}

// An accessKey signs what moto verifies.
type accessKey struct{ id, secret string }

// motoKey makes a user in moto and returns its key.
func (w *world) motoKey(ctx context.Context, url string) (accessKey, error) {
	cmd := w.command(ctx, nil, w.python, filepath.Join(w.clients, "moto_key.py"), url)
	out, err := cmd.Output()
	if err != nil {
		return accessKey{}, fmt.Errorf("make a user in moto: %w", err)
	}
	id, secret, ok := strings.Cut(strings.TrimSpace(string(out)), ":")
	if !ok {
		return accessKey{}, fmt.Errorf("make a user in moto: it printed %q", out)
	}
	return accessKey{id, secret}, nil
}
