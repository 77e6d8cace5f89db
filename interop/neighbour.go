package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/botorate/botorate/internal/lab"
)

const (
	neighbourCommand = "neighbour" // this program, run inside a world
	neighbourBurst   = 20
	neighbourEvery   = 5 * time.Second
)

// beNeighbour is other software of the account: it makes the scan's call 20 times every 5 s, without retries, until stdin ends.
func beNeighbour(stdin io.Reader, stdout io.Writer) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	client := ec2.New(ec2.Options{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(lab.NeighbourKeyID, lab.NeighbourSecretAccessKey, ""),
		Retryer:     aws.NopRetryer{},
	})
	page, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, MaxResults: aws.Int32(5)})
	if err != nil {
		return err
	}
	if len(page.Snapshots) == 0 {
		return errors.New("the account has no snapshot to ask for")
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		stop()
	}()
	var calls, refused atomic.Int64
	tick := time.NewTicker(neighbourEvery)
	defer tick.Stop()
	for {
		var burst sync.WaitGroup
		for range neighbourBurst {
			burst.Go(func() {
				_, err := client.DescribeSnapshotAttribute(context.Background(), &ec2.DescribeSnapshotAttributeInput{
					SnapshotId: page.Snapshots[0].SnapshotId, Attribute: "createVolumePermission",
				})
				calls.Add(1)
				if err != nil && strings.Contains(err.Error(), "RequestLimitExceeded") {
					refused.Add(1)
				} else if err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
			})
		}
		burst.Wait()
		select {
		case <-ctx.Done():
			return json.NewEncoder(stdout).Encode([2]int64{calls.Load(), refused.Load()})
		case <-tick.C:
		}
	}
}

// neighbour starts one; the returned function stops it and tells how many calls it made and how many were refused.
func (w *world) neighbour(ctx context.Context) (stop func() (calls, refused int, err error), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := w.command(ctx, nil, self, neighbourCommand)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() (int, int, error) {
		err := errors.Join(stdin.Close(), cmd.Wait())
		var counts [2]int
		if err == nil {
			err = json.Unmarshal(out.Bytes(), &counts)
		}
		if err == nil && stderr.Len() > 0 {
			err = errors.New(stderr.String())
		}
		return counts[0], counts[1], err
	}, nil
}

// A logLine is what the stand-in logs of one attempt, as far as we read it.
type logLine struct {
	Key       string `json:"key"` // its last characters
	Throttled bool   `json:"throttled"`
	Signature string `json:"signature"`
}

// logged counts the attempts that the stand-in logged since it was started, but for the neighbour's.
func (w *world) logged() (row, error) {
	f, err := os.Open(w.logFile())
	if err != nil {
		return row{}, err
	}
	defer func() { _ = f.Close() }()
	var r row
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l logLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return row{}, fmt.Errorf("%s: %w", w.logFile(), err)
		}
		if l.Key != "" && strings.HasSuffix(lab.NeighbourKeyID, l.Key) {
			continue
		}
		r.requests++
		if l.Throttled {
			r.throttled++
		}
		if l.Signature != "valid" {
			r.invalid++
		}
	}
	return r, lines.Err()
}
