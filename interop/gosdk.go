package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/botorate/botorate/awssdk"
	"github.com/botorate/botorate/internal/lab"
	"github.com/botorate/botorate/quota"
)

const goSDKCommand = "go-sdk-scan" // this program, run inside a world

// A goSDKScan is how a scan by the AWS SDK for Go v2 runs: no proxy, its share of the quotas inside the SDK; 0 means unpaced.
type goSDKScan struct {
	Goroutines int
	Retryer    aws.RetryMode
	Share      float64
}

// beGoSDK scans as the JSON says and prints a scanResult.
func beGoSDK(ctx context.Context, how string, stdout io.Writer) error {
	var s goSDKScan
	if err := json.Unmarshal([]byte(how), &s); err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	pages := ec2.NewDescribeSnapshotsPaginator(client, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, MaxResults: aws.Int32(500)})
	ids := make(chan *string, snapshots)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, s := range page.Snapshots {
			ids <- s.SnapshotId
		}
	}
	close(ids)
	listed, began := len(ids), time.Now()
	var answered atomic.Int64
	var workers sync.WaitGroup
	for range s.Goroutines {
		workers.Go(func() {
			for id := range ids {
				if _, err := client.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{
					SnapshotId: id, Attribute: "createVolumePermission",
				}); err == nil {
					answered.Add(1)
				}
			}
		})
	}
	workers.Wait()
	n := int(answered.Load())
	return json.NewEncoder(stdout).Encode(scanResult{Listed: listed, Answered: n, Lost: listed - n, Seconds: time.Since(began).Seconds()})
}

func (s goSDKScan) client() (*ec2.Client, error) {
	pem, err := os.ReadFile(os.Getenv("AWS_CA_BUNDLE"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	cfg := aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(lab.AccessKeyID, lab.SecretAccessKey, ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
		}),
		Retryer: func() aws.Retryer { return retry.NewStandard() },
	}
	if s.Retryer == aws.RetryModeAdaptive {
		cfg.Retryer = func() aws.Retryer { return retry.NewAdaptiveMode() }
	}
	if s.Share > 0 {
		g, err := awssdk.NewGovernor(quota.Settings{Share: s.Share})
		if err != nil {
			return nil, err
		}
		awssdk.Pace(&cfg, g)
	}
	return ec2.NewFromConfig(cfg), nil
}

// goSDK is a scenario: scans with so many goroutines by both of the SDK's retryers, unpaced and paced.
func goSDK(goroutines int) func(context.Context, *world) ([]row, error) {
	return func(ctx context.Context, w *world) ([]row, error) {
		var rows []row
		for _, scan := range []goSDKScan{
			{goroutines, aws.RetryModeStandard, 0},
			{goroutines, aws.RetryModeStandard, 0.8},
			{goroutines, aws.RetryModeAdaptive, 0},
			{goroutines, aws.RetryModeAdaptive, 0.8},
		} {
			r, err := w.goSDK(ctx, scan)
			rows = append(rows, r)
			if err != nil {
				return rows, err
			}
		}
		return rows, nil
	}
}

// goSDK scans once and says what came of it.
func (w *world) goSDK(ctx context.Context, scan goSDKScan) (row, error) {
	self, err := os.Executable()
	if err != nil {
		return row{}, err
	}
	how, err := json.Marshal(scan)
	if err != nil {
		return row{}, err
	}
	pacing := "unpaced"
	if scan.Share > 0 {
		pacing = fmt.Sprintf("awssdk, share %g%%", 100*scan.Share)
	}
	r, err := w.scanBesideNeighbour(ctx, pacing, []string{self, goSDKCommand, string(how)})
	r.client = fmt.Sprintf("Go SDK v2, %s, %d goroutines", scan.Retryer, scan.Goroutines)
	if err != nil {
		return r, err
	}
	return r, r.goSDKPromise(scan.Share)
}

// goSDKPromise tells how a scan broke what it was to show.
func (r row) goSDKPromise(share float64) error {
	switch {
	case share == 0 && r.throttled == 0:
		return fmt.Errorf("the unpaced scan met no throttle, so that the paced one shows nothing: %+v", r)
	case share == 0:
		return nil
	case r.answered != snapshots || r.throttled != 0 || r.refused != 0 || r.neighbour < 100 || r.invalid != 0:
		return fmt.Errorf("paced: want %d answered, nothing throttled, at least 100 calls of the neighbour and none refused; got %+v", snapshots, r)
	case r.took.Seconds() > 1.05*least:
		return fmt.Errorf("paced: took %.1f s, want at most 1.05 × %.1f s", r.took.Seconds(), least)
	}
	return nil
}
