package awssdk_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/botorate/botorate/awssdk"
	"github.com/botorate/botorate/quota"
)

// Access key ids that tell an account, made up.
const (
	keyB     = "ASIATCH6YDSYQFEXAMPL"
	accountB = "210987654321"
	oldKey   = "AKIAIOSFODNN7EXAMPLE"
)

// counted is a provider without a cache that counts how often it is asked.
type counted struct {
	credentials aws.Credentials
	asked       atomic.Int32
}

func (c *counted) Retrieve(context.Context) (aws.Credentials, error) {
	c.asked.Add(1)
	return c.credentials, nil
}

func static(key string) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(key, "secret", "")
}

// TestAccount: in whose account a client's calls draw.
func TestAccount(t *testing.T) {
	cfg, g := config(&script{}, keyA), newSpy()
	awssdk.Pace(&cfg, g)
	with := func(p aws.CredentialsProvider) *ec2.Client {
		c := cfg.Copy()
		c.Credentials = p
		return ec2.NewFromConfig(c)
	}
	said := credentials.StaticCredentialsProvider{Value: aws.Credentials{AccessKeyID: keyB, SecretAccessKey: "secret", AccountID: "555555555555"}}
	tests := []struct {
		name   string
		client *ec2.Client
		want   string
	}{
		{"the config's", ec2.NewFromConfig(cfg), accountA},
		{"of a copy of the config", with(aws.NewCredentialsCache(static(keyB))), accountB},
		{"of the client", ec2.NewFromConfig(cfg, func(o *ec2.Options) { o.Credentials = aws.NewCredentialsCache(static(keyB)) }), accountB},
		{"without a cache", with(static(keyB)), accountB},
		{"said by the provider", with(aws.NewCredentialsCache(said)), "555555555555"},
		{"anonymous", with(aws.AnonymousCredentials{}), "anonymous"},
		{"none", with(nil), "anonymous"},
	}
	for _, tt := range tests {
		for range 2 {
			if _, err := tt.client.DescribeRegions(t.Context(), nil); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if got, want := scope(t, g.attempts[len(g.attempts)-1]), "ec2:DescribeRegions "+tt.want+"/eu-west-1"; got != want {
				t.Errorf("%s: drew from %s, want %s", tt.name, got, want)
			}
		}
	}
}

// TestOldKey: a key that doesn't tell the account has a scope of its own, which doesn't tell the key.
func TestOldKey(t *testing.T) {
	var scopes []string
	for _, key := range []string{oldKey, "AKIAI44QH8DHBEXAMPLE", oldKey} {
		cfg, g := config(&script{}, key), newSpy()
		awssdk.Pace(&cfg, g)
		if _, err := ec2.NewFromConfig(cfg).DescribeRegions(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		scopes = append(scopes, g.attempts[0].Draws[0].Bucket.Scope)
	}
	if scopes[0] == scopes[1] || scopes[0] != scopes[2] || !strings.HasPrefix(scopes[0], "key-") || strings.Contains(scopes[0], oldKey[4:]) {
		t.Errorf("scopes %q", scopes)
	}
}

// TestNewKeys: a cache that has got other credentials is followed at once; a provider without one is asked once for each client,
// besides what the SDK asks.
func TestNewKeys(t *testing.T) {
	p := &counted{credentials: aws.Credentials{AccessKeyID: keyA, SecretAccessKey: "secret"}}
	cache := aws.NewCredentialsCache(p)
	cfg, g := config(&script{}, keyA), newSpy()
	cfg.Credentials = cache
	awssdk.Pace(&cfg, g)
	client := ec2.NewFromConfig(cfg)
	call := func(c *ec2.Client) string {
		t.Helper()
		if _, err := c.DescribeRegions(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		return g.attempts[len(g.attempts)-1].Draws[0].Bucket.Scope
	}
	first := call(client)
	p.credentials.AccessKeyID = keyB
	cache.Invalidate()
	if second := call(client); first != accountA+"/eu-west-1" || second != accountB+"/eu-west-1" || p.asked.Load() != 2 {
		t.Errorf("first %s, then %s; the provider was asked %d times, want 2", first, second, p.asked.Load())
	}
	p.asked.Store(0)
	cfg.Credentials = p
	client = ec2.NewFromConfig(cfg)
	for range 3 {
		call(client)
	}
	if got := p.asked.Load(); got != 4 {
		t.Errorf("a provider without a cache was asked %d times for 3 calls, want 4", got)
	}
}

// TestApart: two accounts do not disturb each other, though they share a governor.
func TestApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := awssdk.NewGovernor(quota.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		busy, quiet := config(&script{}, keyA), config(&script{}, keyB)
		awssdk.Pace(&busy, g)
		awssdk.Pace(&quiet, g)
		ctx, cancel := context.WithCancel(t.Context())
		scanner := ec2.NewFromConfig(busy)
		for range 200 {
			go func() { _, _ = scanner.DescribeRegions(ctx, nil) }()
		}
		synctest.Wait()
		began := time.Now()
		out, err := ec2.NewFromConfig(quiet).DescribeRegions(t.Context(), nil)
		if err != nil || time.Since(began) != 0 || awssdk.Waited(out.ResultMetadata) != 0 {
			t.Errorf("held for %v: %v", time.Since(began), err)
		}
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := scanner.DescribeRegions(short, nil); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the busy account is not busy: %v", err)
		}
		cancel()
		synctest.Wait()
	})
}
