// Command sdk makes calls on the AWS SDK for Go v2: `sdk CALLS ATONCE BUCKET`. It prints one JSON line; see interop/sdks.go.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type result struct {
	Version  string   `json:"version"`
	Answered int      `json:"answered"`
	Lost     int      `json:"lost"`
	Copied   bool     `json:"copied"`
	Errors   []string `json:"errors"`
}

func main() {
	r, err := run(context.Background(), os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sdk:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (*result, error) {
	calls, err1 := strconv.Atoi(args[0])
	atOnce, err2 := strconv.Atoi(args[1])
	cfg, err3 := config.LoadDefaultConfig(ctx)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	r := &result{Version: aws.SDKVersion}
	client := ec2.NewFromConfig(cfg)
	ids, err := snapshots(ctx, client)
	if err != nil {
		return nil, err
	}
	r.ask(ctx, client, ids[:calls], atOnce)
	r.Copied = args[2] == "-"
	if !r.Copied {
		r.Copied, err = copied(ctx, s3.NewFromConfig(cfg), args[2])
	}
	return r, err
}

func snapshots(ctx context.Context, client *ec2.Client) (ids []string, err error) {
	pages := ec2.NewDescribeSnapshotsPaginator(client, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, MaxResults: aws.Int32(10)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range page.Snapshots {
			ids = append(ids, *page.Snapshots[i].SnapshotId)
		}
	}
	return ids, nil
}

// ask asks for each snapshot's attribute.
func (r *result) ask(ctx context.Context, client *ec2.Client, ids []string, atOnce int) {
	todo := make(chan string)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
	)
	for range atOnce {
		workers.Go(func() {
			for id := range todo {
				_, err := client.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{SnapshotId: &id, Attribute: "createVolumePermission"})
				mu.Lock()
				if err == nil {
					r.Answered++
				} else {
					r.Lost++
					r.Errors = append(r.Errors, err.Error())
				}
				mu.Unlock()
			}
		})
	}
	for _, id := range ids {
		todo <- id
	}
	close(todo)
	workers.Wait()
}

// copied uploads 3 MB and compares what comes back.
func copied(ctx context.Context, client *s3.Client, bucket string) (bool, error) {
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		return false, err
	}
	body := make([]byte, 3<<20)
	_, _ = rand.Read(body) // never fails
	key := aws.String("one+3MB")
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key, Body: bytes.NewReader(body)}); err != nil {
		return false, err
	}
	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: key})
	if err != nil {
		return false, err
	}
	back, err := io.ReadAll(got.Body)
	return sha256.Sum256(back) == sha256.Sum256(body), errors.Join(err, got.Body.Close())
}
