package clients_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/awssdk"
	"github.com/botorate/botorate/quota"
)

// Access key ids that tell accounts, made up.
const (
	keyA, accountA = "AKIARZPUZDIKAFEXAMPL", "123456789012"
	keyB, accountB = "ASIATCH6YDSYQFEXAMPL", "210987654321"
)

// aCloud answers each request, without a network. An unknown one gets an empty answer.
type aCloud func(*http.Request) string

func (c aCloud) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	body := c(r)
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Etag": {`"x"`}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// silent answers nothing, in the service's form.
func silent(r *http.Request) string {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json") || r.Header.Get("X-Amz-Target") != "" {
		return "{}"
	}
	return "<R><DescribeLoadBalancersResult></DescribeLoadBalancersResult><DescribeDBInstancesResult></DescribeDBInstancesResult></R>"
}

// paced returns a config whose attempts are noted.
func paced(cloud aCloud) (aws.Config, *notes) {
	n := &notes{}
	cfg := aws.Config{
		Region: "eu-west-1", HTTPClient: cloud, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(keyA, "secret", "")),
	}
	awssdk.Pace(&cfg, botorate.New(botorate.Options{}), awssdk.Observe(n.note))
	return cfg, n
}

// notes are what the observer was told.
type notes struct {
	mu     sync.Mutex
	events []awssdk.Event
}

func (n *notes) note(_ context.Context, e awssdk.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
}

// draws returns the draws of the attempts since it was last called, as text.
func (n *notes) draws() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for _, e := range n.events {
		for _, d := range e.Draws {
			all = append(all, fmt.Sprintf("%s %s %v", d.Bucket.Quota, d.Bucket.Scope, d.Tokens))
		}
	}
	n.events = nil
	return all
}

// TestParameters: what of a call's parameters its draws depend on.
func TestParameters(t *testing.T) {
	cfg, n := paced(silent)
	var (
		objects = s3.NewFromConfig(cfg)
		keys    = kms.NewFromConfig(cfg)
		streams = kinesis.NewFromConfig(cfg)
		dns     = route53.NewFromConfig(cfg)
		hash    = []byte("hash")
		key     = aws.String("alias/a")
	)
	change := func(a ...route53types.ChangeAction) *route53.ChangeResourceRecordSetsInput {
		in := &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z1"), ChangeBatch: &route53types.ChangeBatch{}}
		for _, a := range a {
			set := &route53types.ResourceRecordSet{Name: aws.String("a.example"), Type: route53types.RRTypeA}
			in.ChangeBatch.Changes = append(in.ChangeBatch.Changes, route53types.Change{Action: a, ResourceRecordSet: set})
		}
		return in
	}
	sign := func(a kmstypes.SigningAlgorithmSpec) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := keys.Sign(ctx, &kms.SignInput{KeyId: key, Message: hash, SigningAlgorithm: a})
			return err
		}
	}
	tests := []struct {
		call func(ctx context.Context) error
		want []string
	}{
		{func(ctx context.Context) error {
			_, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("photos"), Key: aws.String("a/b")})
			return err
		}, []string{"s3:object reads 123456789012/eu-west-1/photos 1"}},
		{func(ctx context.Context) error {
			_, err := objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("photos"), Key: aws.String("a")})
			return err
		}, []string{"s3:object writes 123456789012/eu-west-1/photos 1"}},
		{func(ctx context.Context) error {
			_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.DisableS3ExpressSessionAuth = aws.Bool(true) }).
				GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("photos--euw1-az1--x-s3"), Key: aws.String("a")})
			return err
		}, []string{"s3express:GetObject 123456789012/eu-west-1 1"}},
		{func(ctx context.Context) error {
			_, err := objects.ListBuckets(ctx, nil)
			return err
		}, []string{"s3:ListBuckets 123456789012/eu-west-1 1"}},
		{func(ctx context.Context) error {
			_, err := s3control.NewFromConfig(cfg).ListJobs(ctx, &s3control.ListJobsInput{AccountId: aws.String(accountA)})
			return err
		}, []string{"s3:ListJobs 123456789012/eu-west-1 1"}},
		{sign(kmstypes.SigningAlgorithmSpecRsassaPssSha256), []string{"kms:RSA cryptographic operations 123456789012/eu-west-1 1"}},
		{sign(kmstypes.SigningAlgorithmSpecEcdsaSha256), []string{"kms:ECC cryptographic operations 123456789012/eu-west-1 1"}},
		{sign(kmstypes.SigningAlgorithmSpecEd25519Sha512), []string{"kms:ECC cryptographic operations 123456789012/eu-west-1 1"}},
		{sign(kmstypes.SigningAlgorithmSpecMlDsaShake256), []string{"kms:ML-DSA cryptographic operations 123456789012/eu-west-1 1"}},
		{func(ctx context.Context) error {
			_, err := keys.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: hash})
			return err
		}, []string{"kms:symmetric cryptographic operations 123456789012/eu-west-1 1"}},
		{func(ctx context.Context) error {
			_, err := keys.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: hash, EncryptionAlgorithm: kmstypes.EncryptionAlgorithmSpecRsaesOaepSha1})
			return err
		}, []string{"kms:RSA cryptographic operations 123456789012/eu-west-1 1"}},
		{func(ctx context.Context) error {
			_, err := streams.ListShards(ctx, &kinesis.ListShardsInput{StreamName: aws.String("clicks")})
			return err
		}, []string{"kinesis:ListShards 123456789012/eu-west-1/clicks 1"}},
		{func(ctx context.Context) error {
			arn := "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
			_, err := streams.ListStreamConsumers(ctx, &kinesis.ListStreamConsumersInput{StreamARN: &arn})
			return err
		}, []string{"kinesis:ListStreamConsumers 123456789012/eu-west-1/clicks 1"}},
		{func(ctx context.Context) error {
			arn := "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks/consumer/c:1"
			_, err := streams.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: &arn})
			return err
		}, []string{"kinesis:DescribeStreamConsumer 123456789012/eu-west-1/clicks 1"}},
		{func(ctx context.Context) error {
			_, err := dns.ChangeResourceRecordSets(ctx, change("CREATE", "UPSERT", "DELETE"))
			return err
		}, []string{"route53:all actions 123456789012 1", "route53:ChangeResourceRecordSets 123456789012 1", "route53:change throughput 123456789012 4"}},
		{func(ctx context.Context) error {
			_, err := elasticloadbalancing.NewFromConfig(cfg).DescribeLoadBalancers(ctx, nil)
			return err
		}, []string{"elasticloadbalancing:v1 account 123456789012/eu-west-1 1", "elasticloadbalancing:v1 non-mutating 123456789012/eu-west-1 1"}},
	}
	for i, tt := range tests {
		if err := tt.call(t.Context()); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		if diff := cmp.Diff(tt.want, n.draws()); diff != "" {
			t.Errorf("%d (-want +got)\n%s", i, diff)
		}
	}
}

// TestTransferManager: the parts of an upload are attempts like any others.
func TestTransferManager(t *testing.T) {
	cfg, n := paced(func(r *http.Request) string {
		if r.URL.Query().Has("uploads") {
			return "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
		}
		return "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"
	})
	manager := transfermanager.New(s3.NewFromConfig(cfg), func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold = 5<<20, 5<<20
	})
	_, err := manager.UploadObject(t.Context(), &transfermanager.UploadObjectInput{
		Bucket: aws.String("photos"), Key: aws.String("large"), Body: bytes.NewReader(make([]byte, 12<<20)),
	})
	if err != nil {
		t.Fatal(err)
	}
	got := n.draws()
	for _, d := range got {
		if d != "s3:object writes 123456789012/eu-west-1/photos 1" {
			t.Errorf("an attempt drew %s", d)
		}
	}
	if len(got) != 5 {
		t.Errorf("%d attempts, want 5: one to begin, three parts, one to complete", len(got))
	}
}

// TestAssumedRole: the calls that get a role's credentials are paced in the account of those that sign them, and what is done with the
// role in the role's own.
func TestAssumedRole(t *testing.T) {
	cfg, n := paced(func(*http.Request) string {
		return "<R><AssumeRoleResult><Credentials><AccessKeyId>" + keyB + "</AccessKeyId><SecretAccessKey>s</SecretAccessKey>" +
			"<SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>" +
			"<GetCallerIdentityResult></GetCallerIdentityResult></R>"
	})
	role := cfg.Copy()
	role.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), "arn:aws:iam::210987654321:role/r"))
	client := sts.NewFromConfig(role)
	for range 2 {
		if _, err := client.GetCallerIdentity(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, e := range n.events {
		got = append(got, e.Call.Operation+" "+e.Call.Account)
	}
	want := []string{"AssumeRole " + accountA, "GetCallerIdentity " + accountB, "GetCallerIdentity " + accountB}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestUnsigned: an operation without a signature asks nobody for credentials.
func TestUnsigned(t *testing.T) {
	cfg, n := paced(func(*http.Request) string {
		return "<R><AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResult></R>"
	})
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		t.Error("credentials were asked for")
		return aws.Credentials{}, nil
	})
	_, err := sts.NewFromConfig(cfg).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::210987654321:role/r"), RoleSessionName: aws.String("s"), WebIdentityToken: aws.String("t"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := n.events[0].Call; got.Account != "anonymous" {
		t.Errorf("account %q", got.Account)
	}
}

// TestMetadataService: it is no AWS API and is not paced.
func TestMetadataService(t *testing.T) {
	cfg, n := paced(func(*http.Request) string { return "token" })
	client := imds.NewFromConfig(cfg, func(o *imds.Options) { o.ClientEnableState = imds.ClientEnabled })
	out, err := client.GetMetadata(t.Context(), &imds.GetMetadataInput{Path: "instance-id"})
	if err == nil {
		err = out.Content.Close()
	}
	if err != nil && !strings.Contains(err.Error(), "token") { // the answer has no lifetime; it was asked for
		t.Error(err)
	}
	if got := n.draws(); len(got) != 0 {
		t.Errorf("drew %v", got)
	}
}

// TestPresignedObject: what is presigned is not paced.
func TestPresignedObject(t *testing.T) {
	cfg, n := paced(silent)
	client := s3.NewPresignClient(s3.NewFromConfig(cfg))
	if _, err := client.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("photos"), Key: aws.String("a")}); err != nil {
		t.Fatal(err)
	}
	if got := n.draws(); len(got) != 0 {
		t.Errorf("drew %v", got)
	}
}

// TestNoQuota: a service of which nobody published a quota has cautious ones.
func TestNoQuota(t *testing.T) {
	cfg, n := paced(silent)
	if _, err := rds.NewFromConfig(cfg).DescribeDBInstances(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	d := n.events[0].Draws[0]
	if q, _ := new(quota.Policy).Quota(d.Bucket); d.Bucket.Quota != "rds:DescribeDBInstances" || q.Origin != quota.Default {
		t.Errorf("drew %v: %+v", d, q)
	}
}
