package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// scenarios returns all there are.
func scenarios() []scenario {
	return []scenario{
		{name: "boto3", about: "600 snapshots by boto3, 10 threads, beside a neighbour: unpaced, then at --share 80%", when: timed, run: boto3Scan},
		{name: "lab", about: "the demo at the TLS endpoint and in the lab: within 3 % in time, and the same throttles", when: timed, run: labAgrees},
		{name: "aws-cli", about: "20 calls by AWS CLI v2, 4 at a time, on a small bucket: unpaced, then at --share 80%", run: cliScan},
		{name: "hold", about: "boto3 and AWS CLI v2 held for 150 s: one attempt each, valid signatures", when: waiting, run: longHold},
		{name: "moto", about: "S3, IAM, KMS, DynamoDB and others by boto3, signatures verified by moto behind the stand-in", run: motoSignatures},
		{name: "scout-ec2", about: "ScoutSuite's ec2 service over 600 snapshots, beside a neighbour", when: timed, run: scanRuns(scoutEC2)},
		{name: "scout-full", about: "ScoutSuite, every service, two Regions", run: scanRuns(scoutFull)},
		{name: "prowler", about: "Prowler, four checks, two Regions", needs: []string{"prowler"}, run: scanRuns(prowler)},
		{name: "custodian", about: "Cloud Custodian, one policy over 300 snapshots", needs: []string{"c7n"}, run: scanRuns(custodian)},
		{
			name: "python", about: "boto3 newest and 1.26, and aiobotocore: calls and S3 copies, unpaced, paced, and shed",
			needs: []string{"boto3-1.26", "aiobotocore"}, run: sdkRuns(pythonSDKs),
		},
		{
			name: "node", about: "AWS SDK for JavaScript v3 and v2 on Node 20 and 24: calls and S3 copies, unpaced, paced, and shed",
			needs: []string{"js"}, run: sdkRuns(nodeSDKs),
		},
		{
			name: "go-sdk-10", about: "600 snapshots by the Go SDK v2 with package awssdk, 10 goroutines, both retryers, beside a neighbour",
			when: timed, run: goSDK(10),
		},
		{name: "go-sdk-100", about: "the same with 100 goroutines", when: timed, run: goSDK(100)},
		{
			name: "transfers", about: "files to S3 and back by AWS CLI v1 and v2, s5cmd and rclone, with and without botorate",
			needs: []string{"awscli1", "s5cmd", "go"}, run: transfers,
		},
		{
			name: "terraform", about: "Terraform (or OpenTofu) with its state and lock in S3: init, plan, apply", needs: terraformNeeds(),
			asks: []string{"checkpoint-api.hashicorp.com"}, run: terraform,
		},
		{
			name: "chains", about: "boto3 and Go behind botorate behind a corporate proxy, with the variables of a company's machine",
			needs: []string{"mitmproxy", "go"}, run: chains,
		},
		{name: "bypass", about: "a client that ignores the proxy is named", run: bypassing},
		{name: "killed", about: "botorate, and then the client, killed in the middle", run: killed},
		{
			name: "java", about: "AWS SDK for Java v2, Apache and Netty clients: calls and S3 copies, unpaced, paced, and shed",
			needs: []string{"java"}, run: sdkRuns(javaSDKs),
		},
		{
			name: "compiled", about: "AWS SDKs for Go v2, Rust and Ruby: calls and S3 copies, unpaced, paced, and shed",
			needs: []string{"go", "rust"}, run: sdkRuns(otherSDKs),
		},
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
	scan := []string{w.python("main"), w.script("python", "scan.py"), "10", "standard"}
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
	list := aws2 + " ec2 describe-snapshots --owner-ids self --query Snapshots[].SnapshotId --output text | tr '\\t' '\\n'"
	ask := aws2 + " ec2 describe-snapshot-attribute --snapshot-id ID --attribute createVolumePermission >/dev/null && echo ok"
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
		call := aws2 + " ec2 describe-snapshots --max-items 5 --page-size 5 >/dev/null"
		began := time.Now()
		err := w.client(ctx, nil, []string{"AWS_MAX_ATTEMPTS=1"}, append(paced, "sh", "-ec", call+"; "+call)...)
		cli <- result{row{client: "aws-cli v2", pacing: "held 150 s", answered: 2, took: time.Since(began)}, err}
	}()
	var held struct {
		Held     float64
		Attempts int
	}
	err = w.client(ctx, &held, nil, append(paced, w.python("main"), w.script("python", "hold.py"))...)
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
	key, err := w.startMoto(ctx)
	if err != nil {
		return nil, err
	}
	aws, err := w.serveAWS(ctx, key.upstream()...)
	if err != nil {
		return nil, err
	}
	defer aws.stop()
	var got struct {
		Calls  int
		Failed []string
	}
	began := time.Now()
	err = w.client(ctx, &got, key.env(), w.botorate, "run", "--share", "100%", "--", w.python("main"), w.script("python", "services.py"))
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
