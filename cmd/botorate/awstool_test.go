package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
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
	iam := flag.Bool("iam", false, "call IAM, of whose actions no limit is published, without retries; else EC2")
	untrusting := flag.Bool("untrusting", false, "trust no certificate")
	flag.Parse()

	roots := x509.NewCertPool()
	if data, err := os.ReadFile(os.Getenv("AWS_CA_BUNDLE")); err == nil && !*untrusting {
		roots.AppendCertsFromPEM(data)
	}
	httpClient := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots},
	}}
	call := describeSnapshots(httpClient, *attempts)
	if *iam {
		call = listUsers(httpClient)
	}
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
				if err := call(ctx); err != nil {
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

var keys = credentials.NewStaticCredentialsProvider(lab.AccessKeyID, lab.SecretAccessKey, "")

func describeSnapshots(httpClient *http.Client, attempts int) func(context.Context) error {
	client := ec2.NewFromConfig(aws.Config{Region: "eu-west-1", Credentials: keys, RetryMaxAttempts: attempts, HTTPClient: httpClient})
	return func(ctx context.Context) error {
		_, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
			MaxResults: aws.Int32(5), Filters: []types.Filter{{Name: aws.String("status"), Values: []string{"completed"}}},
		})
		return err
	}
}

// listUsers calls iam:ListUsers, as an SDK signs it.
func listUsers(httpClient *http.Client) func(context.Context) error {
	const body = "Action=ListUsers&Version=2010-05-08"
	signer := v4.NewSigner()
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://iam.amazonaws.com/", strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		pair, err := keys.Retrieve(ctx)
		if err != nil {
			return err
		}
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
		if err := signer.SignHTTP(ctx, pair, req, hash, "iam", "us-east-1", time.Now()); err != nil {
			return err
		}
		resp, err := httpClient.Do(req)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	}
}
