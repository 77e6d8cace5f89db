package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/botorate/botorate/internal/lab"
)

// awstool is a program that knows nothing of us: the AWS SDK for Go, with the proxy and the roots that its environment names.
// It makes -n calls, -workers at a time, and exits with 1 if any failed.
func awstool() {
	n := flag.Int("n", 1, "calls")
	workers := flag.Int("workers", 10, "calls at a time")
	attempts := flag.Int("attempts", 3, "attempts of a call")
	timeout := flag.Duration("timeout", time.Minute, "give up after")
	untrusting := flag.Bool("untrusting", false, "trust no certificate")
	flag.Parse()

	roots := x509.NewCertPool()
	if data, err := os.ReadFile(os.Getenv("AWS_CA_BUNDLE")); err == nil && !*untrusting {
		roots.AppendCertsFromPEM(data)
	}
	client := ec2.NewFromConfig(aws.Config{
		Region:           "eu-west-1",
		Credentials:      credentials.NewStaticCredentialsProvider(lab.AccessKeyID, lab.SecretAccessKey, ""),
		RetryMaxAttempts: *attempts,
		HTTPClient: &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots},
		}},
	})
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()

	var wg sync.WaitGroup
	var failed atomic.Int64
	var once sync.Once
	work := make(chan struct{}, *n)
	for range *n {
		work <- struct{}{}
	}
	close(work)
	for range *workers {
		wg.Go(func() {
			for range work {
				_, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
					MaxResults: aws.Int32(5), Filters: []types.Filter{{Name: aws.String("status"), Values: []string{"completed"}}},
				})
				if err != nil {
					failed.Add(1)
					once.Do(func() { fmt.Println(err) })
				}
			}
		})
	}
	wg.Wait()
	fmt.Printf("%d answered, %d failed\n", int64(*n)-failed.Load(), failed.Load())
	if failed.Load() > 0 {
		os.Exit(1)
	}
}
