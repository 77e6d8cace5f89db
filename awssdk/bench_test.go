package awssdk_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/awssdk"
)

// instant answers at once, always the same.
type instant struct{}

func (instant) Do(r *http.Request) (*http.Response, error) {
	const body = "<R></R>"
	return &http.Response{
		StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// clients returns a client that isn't paced and one that is, on buckets that have the tokens.
func clients() (unpaced, paced *ec2.Client) {
	cfg := config(nil, keyA)
	cfg.HTTPClient = instant{}
	unpaced = ec2.NewFromConfig(cfg)
	awssdk.Pace(&cfg, botorate.New(botorate.Options{}))
	return unpaced, ec2.NewFromConfig(cfg)
}

// perCall returns how many allocations a call makes.
func perCall(t *testing.T, call func() error) float64 {
	t.Helper()
	return testing.AllocsPerRun(500, func() {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAllocations: a paced call makes at most two allocations more than an unpaced one, also where its parameters are read.
// A presigned one makes none, but for the SDK's own copy of a client's API options, whatever they are.
func TestAllocations(t *testing.T) {
	if race {
		t.Skip("the race detector adds allocations at random")
	}
	unpaced, paced := clients()
	cfg := config(nil, keyA)
	cfg.APIOptions = []func(*middleware.Stack) error{func(*middleware.Stack) error { return nil }}
	optioned := ec2.NewFromConfig(cfg)
	simple := func(c *ec2.Client) func() error {
		in := &ec2.DescribeSnapshotAttributeInput{SnapshotId: aws.String("snap-1"), Attribute: "createVolumePermission"}
		return func() error { _, err := c.DescribeSnapshotAttribute(t.Context(), in); return err }
	}
	read := func(c *ec2.Client) func() error {
		in := &ec2.DescribeVolumesInput{MaxResults: aws.Int32(100)}
		return func() error { _, err := c.DescribeVolumes(t.Context(), in); return err }
	}
	presigned := func(c *ec2.Client) func() error {
		p := ec2.NewPresignClient(c)
		in := &ec2.CopySnapshotInput{SourceRegion: aws.String("eu-west-1"), SourceSnapshotId: aws.String("snap-1")}
		return func() error { _, err := p.PresignCopySnapshot(t.Context(), in); return err }
	}
	for _, tt := range []struct {
		name    string
		call    func(*ec2.Client) func() error
		without *ec2.Client
		most    float64
	}{{"simple", simple, unpaced, 2}, {"parameters", read, unpaced, 2}, {"presigned", presigned, optioned, 0}} {
		without, with := perCall(t, tt.call(tt.without)), perCall(t, tt.call(paced))
		t.Logf("%s: %v allocations, paced %v", tt.name, without, with)
		if with-without > tt.most {
			t.Errorf("%s: pacing adds %v allocations, want at most %v", tt.name, with-without, tt.most)
		}
	}
}

// BenchmarkCall is one call, unpaced and paced, on buckets that have the tokens. The difference is what pacing costs.
func BenchmarkCall(b *testing.B) {
	unpaced, paced := clients()
	in := &ec2.DescribeSnapshotAttributeInput{SnapshotId: aws.String("snap-1"), Attribute: "createVolumePermission"}
	for _, bench := range []struct {
		name   string
		client *ec2.Client
	}{{"unpaced", unpaced}, {"paced", paced}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bench.client.DescribeSnapshotAttribute(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStep is what pacing adds to a call, alone: putting the step into a stack that does nothing else, and going through it.
func BenchmarkStep(b *testing.B) {
	pass := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		return next.HandleFinalize(ctx, in)
	}
	retry, auth := middleware.FinalizeMiddlewareFunc("Retry", pass), middleware.FinalizeMiddlewareFunc("ResolveAuthScheme", pass)
	answered := middleware.HandlerFunc(func(context.Context, any) (any, middleware.Metadata, error) { return nil, middleware.Metadata{}, nil })
	for _, name := range []string{"without", "with"} {
		b.Run(name, func(b *testing.B) {
			cfg := config(nil, keyA)
			if name == "with" {
				awssdk.Pace(&cfg, botorate.New(botorate.Options{}))
			}
			ctx := awsmiddleware.SetOperationName(awsmiddleware.SetRegion(awsmiddleware.SetServiceID(b.Context(), "EC2"), "eu-west-1"), "DescribeRegions")
			request := smithyhttp.NewStackRequest()
			b.ReportAllocs()
			for b.Loop() {
				stack := middleware.NewStack("DescribeRegions", smithyhttp.NewStackRequest)
				_ = stack.Finalize.Add(retry, middleware.After)
				_ = stack.Finalize.Add(auth, middleware.After)
				for _, o := range cfg.APIOptions {
					_ = o(stack)
				}
				if _, _, err := stack.Finalize.HandleMiddleware(ctx, request, answered); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
