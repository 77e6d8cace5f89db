package awssdk_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate/awssdk"
)

// TestPages: every page is a call of its own.
func TestPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		more := answer{status: 200, body: "<R><nextToken>more</nextToken></R>"}
		s := &script{answers: []answer{more, more, {status: 200, body: "<R></R>"}}}
		client := ec2.NewFromConfig(config(s, keyA), ec2.WithAPIOptions(awssdk.Every(time.Second)))
		pages, began := ec2.NewDescribeSnapshotsPaginator(client, &ec2.DescribeSnapshotsInput{MaxResults: aws.Int32(5)}), time.Now()
		for pages.HasMorePages() {
			if _, err := pages.NextPage(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.sent) != 3 || time.Since(began) != 2*time.Second {
			t.Errorf("%d pages in %v, want 3 in 2 s", len(s.sent), time.Since(began))
		}
	})
}

// TestWaiter: a waiter's looks take their turns; it is not in a hurry.
func TestWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := func(s string) answer {
			return answer{status: 200, body: "<R><snapshotSet><item><status>" + s + "</status></item></snapshotSet></R>"}
		}
		s := &script{answers: []answer{state("pending"), state("pending"), state("completed")}}
		client := ec2.NewFromConfig(config(s, keyA), ec2.WithAPIOptions(awssdk.Every(40*time.Second)))
		waiter := ec2.NewSnapshotCompletedWaiter(client, func(o *ec2.SnapshotCompletedWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second })
		if err := waiter.Wait(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{"snap-1"}}, time.Hour); err != nil {
			t.Fatal(err)
		}
		if len(s.at) != 3 || s.at[2].Sub(s.at[0]) != 80*time.Second {
			t.Errorf("looks at %v, want 3, 40 s apart", s.at)
		}
	})
}

// TestServer: a client with an endpoint of its own, a test's server, works as it did.
func TestServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<R><regionInfo><item><regionName>eu-west-1</regionName></item></regionInfo></R>")
	}))
	defer server.Close()
	cfg, g := aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider(keyA, "secret", ""),
	}, newSpy()
	awssdk.Pace(&cfg, g)
	out, err := ec2.NewFromConfig(cfg).DescribeRegions(t.Context(), nil)
	if err != nil || len(out.Regions) != 1 || len(g.attempts) != 1 || awssdk.Waited(out.ResultMetadata) != 0 {
		t.Errorf("%+v, %d attempts: %v", out, len(g.attempts), err)
	}
}

// TestParameters: what of an EC2 call's parameters its draws depend on.
func TestParameters(t *testing.T) {
	cfg, g := config(&script{}, keyA), newSpy()
	awssdk.Pace(&cfg, g)
	client := ec2.NewFromConfig(cfg)
	filter := []types.Filter{{Name: aws.String("state"), Values: []string{"available"}}}
	read := func(in *ec2.DescribeVolumesInput) func(context.Context) error {
		return func(ctx context.Context) error { _, err := client.DescribeVolumes(ctx, in); return err }
	}
	run := func(most, least int32) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := client.RunInstances(ctx, &ec2.RunInstancesInput{MaxCount: aws.Int32(most), MinCount: aws.Int32(least)})
			return err
		}
	}
	ids := []string{"i-1", "i-2", "i-3"}
	const filtered, unfiltered = "ec2:DescribeVolumes 1", "ec2:DescribeVolumes unfiltered 1"
	tests := []struct {
		name string
		call func(context.Context) error
		want []string
	}{
		{"no input", read(nil), []string{unfiltered}},
		{"a page size", read(&ec2.DescribeVolumesInput{MaxResults: aws.Int32(5)}), []string{filtered}},
		{"a filter", read(&ec2.DescribeVolumesInput{Filters: filter}), []string{filtered}},
		{"identifiers", read(&ec2.DescribeVolumesInput{VolumeIds: []string{"vol-1"}}), []string{unfiltered}},
		{"up to 7", run(7, 2), []string{"ec2:RunInstances 1", "ec2:RunInstances resources 7"}},
		{"at least 2", run(0, 2), []string{"ec2:RunInstances 1", "ec2:RunInstances resources 2"}},
		{"some", run(0, 0), []string{"ec2:RunInstances 1", "ec2:RunInstances resources 1"}},
		{"three", func(ctx context.Context) error {
			_, err := client.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids})
			return err
		}, []string{"ec2:TerminateInstances 1", "ec2:TerminateInstances resources 3"}},
	}
	for _, tt := range tests {
		if err := tt.call(t.Context()); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		var got []string
		for _, d := range g.attempts[len(g.attempts)-1].Draws {
			got = append(got, fmt.Sprint(d.Bucket.Quota, " ", d.Tokens))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}
