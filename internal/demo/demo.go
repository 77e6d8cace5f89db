// Package demo shows what botorate is for: one scan of an account's snapshots, unpaced and then through botorate, beside a
// neighbour in the same account. Everything is real but AWS, which the stand-in of package lab plays: TLS, signatures, the
// AWS SDK for Go with its own retries, the proxy, the governor.
package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/botorate/botorate/internal/lab"
	"github.com/botorate/botorate/quota"
)

const (
	region    = "us-east-1"
	operation = "DescribeSnapshotAttribute"
	workers   = 10

	neighbourCalls = 20
	neighbourEvery = 5 * time.Second
	neighbourGap   = 50 * time.Millisecond // between two calls of a round
)

// Options configure a demo. The zero value of each field means the default.
type Options struct {
	Share     float64 // the part of the bucket that the paced scan may use; 0 means 0.8
	Snapshots int     // how many the account owns; 0 means 600

	// Progress, if non-nil, is told of each snapshot that was answered or lost, by one goroutine at a time.
	Progress func(Progress)
}

func (o Options) withDefaults() Options {
	if o.Share == 0 {
		o.Share = 0.8
	}
	if o.Snapshots == 0 {
		o.Snapshots = 600
	}
	return o
}

// Progress is how far a scan is.
type Progress struct {
	Paced          bool
	Answered, Lost int
	Total          int
	Elapsed        time.Duration
}

// A Result is what both scans did.
type Result struct {
	Share            float64
	Snapshots        int
	Capacity, Refill float64 // of the bucket that both draw from
	Unpaced, Paced   Scan
}

// A Scan is what one scan did, and what its neighbour suffered.
type Scan struct {
	Took             time.Duration
	Answered, Lost   int // snapshots
	Throttles        int // attempts of the scan that AWS refused for their rate, whether the scanner saw it or not
	NeighbourCalls   int
	NeighbourRefused int
}

// Least is the least time in which the share of the bucket lets all snapshots out: what is left of them after the burst, at the
// refill rate.
func (r Result) Least() time.Duration {
	rest := float64(r.Snapshots) - r.Capacity*r.Share
	return time.Duration(max(0, rest) / (r.Refill * r.Share) * float64(time.Second))
}

// Run scans twice. The result holds what was measured until an error or the end of ctx, too.
func Run(ctx context.Context, o Options) (Result, error) {
	o = o.withDefaults()
	published, err := quota.NewPolicy(quota.Settings{Share: 1})
	if err != nil {
		return Result{}, err
	}
	q := scanned(published)
	r := Result{Share: o.Share, Snapshots: o.Snapshots, Capacity: q.Capacity, Refill: q.Refill}
	if r.Unpaced, err = o.round(ctx, published, false); err != nil {
		return r, fmt.Errorf("unpaced scan: %w", err)
	}
	if r.Paced, err = o.round(ctx, published, true); err != nil {
		return r, fmt.Errorf("paced scan: %w", err)
	}
	return r, nil
}

// scanned returns the quota that a scan of snapshots is bounded by.
func scanned(p *quota.Policy) quota.Quota {
	draws := p.Draws(quota.Call{Service: "ec2", Operation: operation, Account: lab.Account, Region: region})
	q, _ := p.Quota(draws[0].Bucket)
	return q
}

// Err tells how the paced scan broke botorate's promise: complete, and nobody throttled. It is nil if it kept it.
func (r Result) Err() error {
	p := r.Paced
	if p.Lost == 0 && p.Throttles == 0 && p.NeighbourRefused == 0 {
		return nil
	}
	return fmt.Errorf("the scan through botorate lost %s, met %s, and had %s of its neighbour's refused",
		plural(p.Lost, "snapshot"), plural(p.Throttles, "throttle"), plural(p.NeighbourRefused, "call"))
}

// round scans a fresh account once, beside a neighbour that never goes through botorate.
func (o Options) round(ctx context.Context, published *quota.Policy, paced bool) (s Scan, err error) {
	standIn, err := lab.Start(ctx, lab.Config{Quotas: published, Snapshots: o.Snapshots})
	if err != nil {
		return Scan{}, err
	}
	defer func() { err = errors.Join(err, standIn.Close()) }()
	direct := directClient(standIn)
	defer direct.CloseIdleConnections()
	scanner := direct
	if paced {
		g, err := startGateway(ctx, standIn, o.Share)
		if err != nil {
			return Scan{}, err
		}
		defer func() { err = errors.Join(err, g.close()) }()
		scanner = g.client
	}
	neighbour := startNeighbour(ctx, newEC2(direct, neighbourKey(), noRetries))
	began := time.Now()
	s, err = o.scan(ctx, newEC2(scanner, scannerKey(), nil), func(p Progress) {
		p.Paced, p.Elapsed = paced, time.Since(began)
		if o.Progress != nil {
			o.Progress(p)
		}
	})
	s.Took = time.Since(began)
	neighbour.stop()
	callers := standIn.Cloud().Callers()
	s.Throttles = callers[lab.AccessKeyID].Refused
	s.NeighbourCalls, s.NeighbourRefused = callers[lab.NeighbourKeyID].Attempts, callers[lab.NeighbourKeyID].Refused
	return s, err
}
