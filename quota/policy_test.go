package quota

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/botorate/botorate"
)

const (
	acct    = "123456789012"
	ireland = "eu-west-1"
)

// call reads "service:Operation" and lets the test change what matters.
func call(action string, change ...func(*Call)) Call {
	service, operation, _ := strings.Cut(action, ":")
	c := Call{Service: service, Operation: operation, Account: acct, Region: ireland}
	for _, f := range change {
		f(&c)
	}
	return c
}

func unfiltered(c *Call)              { c.Unfiltered = true }
func resources(n float64) func(*Call) { return func(c *Call) { c.Resources = n } }
func region(r string) func(*Call)     { return func(c *Call) { c.Region = r } }
func api(v string) func(*Call)        { return func(c *Call) { c.API = v } }
func object(method, bucket string) func(*Call) {
	return func(c *Call) { c.Method, c.Resource = method, bucket }
}

// show writes draws with the capacity and refill behind each, one a line: "bucket @ scope tokens capacity/refill origin".
func show(p *Policy, draws []botorate.Draw) string {
	var lines []string
	for _, d := range draws {
		q, _ := p.Quota(d.Bucket)
		lines = append(lines, fmt.Sprintf("%s @ %s %g of %g/%.4g %s", d.Bucket.Quota, d.Bucket.Scope, d.Tokens, q.Capacity, q.Refill, q.Origin))
	}
	return strings.Join(lines, "\n")
}

func TestDraws(t *testing.T) {
	const here, everywhere = " @ 123456789012/eu-west-1 ", " @ 123456789012 "
	tests := []struct {
		call Call
		want []string
	}{
		{call("ec2:DescribeSnapshots"), []string{"ec2:DescribeSnapshots" + here + "1 of 100/20 published"}},
		{call("ec2:DescribeSnapshots", unfiltered), []string{"ec2:DescribeSnapshots unfiltered" + here + "1 of 50/10 published"}},
		{call("ec2:DescribeSnapshotAttribute", unfiltered), []string{"ec2:DescribeSnapshotAttribute" + here + "1 of 100/20 published"}},
		{call("ec2:DescribeMovingAddresses"), []string{"ec2:DescribeMovingAddresses" + here + "1 of 1/1 published"}},
		{call("ec2:CreateVpc"), []string{"ec2:CreateVpc" + here + "1 of 50/5 published"}},
		{call("ec2:CreateKeyPair"), []string{"ec2:CreateKeyPair" + here + "1 of 50/5 published"}},
		{call("ec2:CopyImage"), []string{"ec2:CopyImage" + here + "1 of 100/1 published"}},
		{call("ec2:RunInstances", resources(7)), []string{"ec2:RunInstances" + here + "1 of 5/2 published", "ec2:RunInstances resources" + here + "7 of 1000/2 published"}},
		{call("ec2:RunInstances", resources(1e9)), []string{"ec2:RunInstances" + here + "1 of 5/2 published", "ec2:RunInstances resources" + here + "1000 of 1000/2 published"}},
		{call("ec2:RunInstances"), []string{"ec2:RunInstances" + here + "1 of 5/2 published"}},
		{call("ec2:StopInstances", resources(2)), []string{"ec2:StopInstances" + here + "1 of 50/5 published", "ec2:StopInstances resources" + here + "2 of 1000/20 published"}},
		{call("ec2:TerminateInstances", resources(2)), []string{"ec2:TerminateInstances" + here + "1 of 100/5 published", "ec2:TerminateInstances resources" + here + "2 of 1000/20 published"}},
		{call("lambda:ListFunctions"), []string{"lambda:control-plane" + here + "1 of 15/15 published"}},
		{call("lambda:GET /2015-03-31/*"), []string{"lambda:control-plane" + here + "1 of 15/15 published"}},
		{call("lambda:GetFunction"), []string{"lambda:GetFunction" + here + "1 of 100/100 published"}},
		{call("lambda:Invoke"), []string{"lambda:Invoke" + here + "1 of 2000/1000 default"}},
		{call("sts:GetCallerIdentity"), []string{"sts:all actions" + here + "1 of 600/600 published"}},
		{call("sts:AssumeRoleWithWebIdentity"), []string{"sts:AssumeRoleWithWebIdentity" + here + "1 of 2000/1000 default"}},
		{call("apigateway:GetRestApis"), []string{"apigateway:all actions" + here + "1 of 40/10 published"}},
		{call("apigateway:GetResources"), []string{"apigateway:all actions" + here + "1 of 40/10 published", "apigateway:GetResources" + here + "1 of 2.5/2.5 published"}},
		{call("apigateway:CreateRestApi"), []string{"apigateway:all actions" + here + "1 of 40/10 published", "apigateway:CreateRestApi" + here + "1 of 1/0.03333 published"}},
		{call("ecs:DescribeTasks"), []string{"ecs:cluster resource read" + here + "1 of 100/20 published"}},
		{call("ecs:ListClusters"), []string{"ecs:cluster read" + here + "1 of 50/20 published"}},
		{call("ecs:RunTask"), []string{"ecs:cluster resource modify" + here + "1 of 100/40 published"}},
		{call("ssm:GetParameter"), []string{"ssm:parameter reads" + here + "1 of 40/40 published"}},
		{call("ssm:DescribeParameters"), []string{"ssm:parameter changes" + here + "1 of 3/3 published"}},
		{call("ssm:DescribeInstanceInformation"), []string{"ssm:DescribeInstanceInformation" + here + "1 of 20/10 default"}},
		{call("elasticmapreduce:ListClusters"), []string{"elasticmapreduce:all actions" + here + "1 of 25/5 published", "elasticmapreduce:ListClusters" + here + "1 of 20/0.5 published"}},
		{call("secretsmanager:GetResourcePolicy"), []string{"secretsmanager:resource policies" + here + "1 of 50/50 published"}},
		{call("secretsmanager:ListSecrets"), []string{"secretsmanager:ListSecrets" + here + "1 of 100/100 published"}},
		{call("kms:Decrypt"), []string{"kms:symmetric cryptographic operations" + here + "1 of 100000/1e+05 published"}},
		{call("kms:Decrypt", region("eu-central-1")), []string{"kms:symmetric cryptographic operations @ 123456789012/eu-central-1 1 of 20000/2e+04 published"}},
		{call("kms:Decrypt", region("eu-north-1")), []string{"kms:symmetric cryptographic operations @ 123456789012/eu-north-1 1 of 10000/1e+04 published"}},
		{call("kms:Decrypt", object("", "RSA_2048")), []string{"kms:RSA cryptographic operations" + here + "1 of 1000/1000 published"}},
		{call("kms:Sign", object("", "ECC_NIST_P256")), []string{"kms:ECC cryptographic operations" + here + "1 of 1000/1000 published"}},
		{call("kms:Sign"), []string{"kms:RSA cryptographic operations" + here + "1 of 1000/1000 published"}},
		{call("kms:GetKeyPolicy"), []string{"kms:GetKeyPolicy" + here + "1 of 1000/1000 published"}},
		{call("kms:DisableKey"), []string{"kms:DisableKey" + here + "1 of 5/5 published"}},
		{call("elasticloadbalancing:DescribeLoadBalancers", api("2012-06-01")), []string{"elasticloadbalancing:v1 account" + here + "1 of 40/10 published", "elasticloadbalancing:v1 non-mutating" + here + "1 of 40/10 published"}},
		{call("elasticloadbalancing:DescribeLoadBalancers", api("2015-12-01")), []string{"elasticloadbalancing:v2 account" + here + "1 of 40/10 published", "elasticloadbalancing:v2 non-mutating" + here + "1 of 40/10 published"}},
		{call("elasticloadbalancing:DescribeInstanceHealth"), []string{"elasticloadbalancing:v1 account" + here + "1 of 40/10 published", "elasticloadbalancing:v1 non-mutating" + here + "1 of 40/10 published"}},
		{call("elasticloadbalancing:CreateLoadBalancer", api("2012-06-01")), []string{"elasticloadbalancing:v1 account" + here + "1 of 40/10 published", "elasticloadbalancing:v1 mutating" + here + "1 of 20/3 published"}},
		{call("elasticloadbalancing:CreateLoadBalancer"), []string{"elasticloadbalancing:v2 account" + here + "1 of 40/10 published", "elasticloadbalancing:v2 resource-intensive" + here + "1 of 10/0.2 published"}},
		{call("elasticloadbalancing:RegisterTargets"), []string{"elasticloadbalancing:v2 account" + here + "1 of 40/10 published", "elasticloadbalancing:v2 registration" + here + "1 of 20/4 published"}},
		{call("route53:ListHostedZones"), []string{"route53:all actions" + everywhere + "1 of 50/10 published", "route53:ListHostedZones" + everywhere + "1 of 50/10 published"}},
		{call("route53:ChangeResourceRecordSets", resources(30)), []string{"route53:all actions" + everywhere + "1 of 50/10 published", "route53:ChangeResourceRecordSets" + everywhere + "1 of 50/10 published", "route53:change throughput" + everywhere + "30 of 1500/100 published"}},
		{call("route53:CreateHostedZone"), []string{"route53:all actions" + everywhere + "1 of 50/10 published", "route53:CreateHostedZone" + everywhere + "1 of 40/2 published", "route53:change throughput" + everywhere + "2 of 1500/100 published"}},
		{call("route53resolver:ListResolverRules"), []string{"route53resolver:all actions" + here + "1 of 5/5 published"}},
		{call("organizations:ListAccounts"), []string{"organizations:ListAccounts" + everywhere + "1 of 12/8 published", "organizations:ListAccounts organization @ org-of-123456789012 1 of 15/9 published"}},
		{call("organizations:ListParents"), []string{"organizations:tree" + everywhere + "1 of 8/5 published", "organizations:tree organization @ org-of-123456789012 1 of 10/6 published"}},
		{call("organizations:EnablePolicyType"), []string{"organizations:EnablePolicyType" + everywhere + "1 of 5/2 default"}},
		{call("iam:GetRole"), []string{"iam:GetRole" + everywhere + "1 of 20/10 default"}},
		{call("iam:CreateRole"), []string{"iam:CreateRole" + everywhere + "1 of 5/2 default"}},
		{call("cloudfront:ListDistributions"), []string{"cloudfront:ListDistributions" + everywhere + "1 of 20/10 default"}},
		{call("logs:GetLogEvents", region("us-west-2")), []string{"logs:GetLogEvents @ 123456789012/us-west-2 1 of 10/10 published"}},
		{call("logs:GetLogEvents", region("eu-west-3")), []string{"logs:GetLogEvents @ 123456789012/eu-west-3 1 of 30/30 published"}},
		{call("logs:FilterLogEvents"), []string{"logs:FilterLogEvents" + here + "1 of 10/10 published"}},
		{call("s3:GetObject", object("GET", "logs-2026")), []string{"s3:object reads" + here[:len(here)-1] + "/logs-2026 1 of 5500/5500 published"}},
		{call("s3:PutObject", object("PUT", "logs-2026")), []string{"s3:object writes" + here[:len(here)-1] + "/logs-2026 1 of 3500/3500 published"}},
		{call("s3:ListObjectsV2", object("", "logs-2026")), []string{"s3:object reads" + here[:len(here)-1] + "/logs-2026 1 of 5500/5500 published"}},
		{call("s3:GetBucketPolicy", object("GET", "logs-2026")), []string{"s3:GetBucketPolicy" + here + "1 of 20/10 default"}},
		{call("s3:ListBuckets", object("GET", "")), []string{"s3:ListBuckets" + here + "1 of 20/10 default"}},
		{call("s3:ListAccessPoints", api("s3-control")), []string{"s3:ListAccessPoints" + here + "1 of 20/10 default"}},
		{call("kinesis:ListShards", object("", "clicks")), []string{"kinesis:ListShards" + here[:len(here)-1] + "/clicks 1 of 1000/1000 published"}},
		{call("dynamodb:GetItem"), []string{"dynamodb:GetItem" + here + "1 of 2000/1000 default"}},
		{call("dynamodb:ListTables"), []string{"dynamodb:ListTables" + here + "1 of 20/10 default"}},
		{call("dynamodb:DescribeLimits"), []string{"dynamodb:DescribeLimits" + here + "1 of 1/0.01667 published"}},
		{call("sqs:SendMessage"), []string{"sqs:SendMessage" + here + "1 of 2000/1000 default"}},
		{call("bedrock:InvokeModel"), []string{"bedrock:InvokeModel" + here + "1 of 2000/1000 default"}},
		{call("cloudformation:CreateStack"), []string{"cloudformation:CreateStack" + here + "1 of 2/2 published"}},
		{call("cloudtrail:LookupEvents"), []string{"cloudtrail:LookupEvents" + here + "1 of 2/2 published"}},
		{call("cloudwatch:DescribeAlarms"), []string{"cloudwatch:DescribeAlarms" + here + "1 of 9/9 published"}},
		{call("tag:GetTagKeys"), []string{"tag:tags" + here + "1 of 5/5 published"}},
		{call("rds:DescribeDBInstances"), []string{"rds:DescribeDBInstances" + here + "1 of 20/10 default"}},
		{call("brandnew:CreateThing"), []string{"brandnew:CreateThing" + here + "1 of 5/2 default"}},
		{call("brandnew:GET /things/*"), []string{"brandnew:GET /things/*" + here + "1 of 20/10 default"}},
		{Call{}, []string{": @  1 of 5/2 default"}},
	}
	var p Policy
	for _, tt := range tests {
		if diff := cmp.Diff(strings.Join(tt.want, "\n"), show(&p, p.Draws(tt.call))); diff != "" {
			t.Errorf("%+v: draws (-want +got)\n%s", tt.call, diff)
		}
	}
}

// rule reads "MATCH@account/region kind value", such as "iam:Get*@/ pace 5/s", "ec2@1/eu-west-1 share 80%", "ssm:GetParameter@/ quota 10/20".
func rule(t *testing.T, s string) Rule {
	t.Helper()
	head, value, _ := strings.Cut(s, "=")
	match, place, _ := strings.Cut(head, "@")
	m, err := ParseMatch(match)
	if err != nil {
		t.Fatal(err)
	}
	r := Rule{Match: m, Source: s}
	r.Account, r.Region, _ = strings.Cut(place, "/")
	var size Size
	switch n, _ := fmt.Sscanf(value, "quota %f %f", &size.Capacity, &size.Refill); {
	case n == 2:
		r.Quota = &size
	case strings.HasSuffix(value, "%"):
		r.Share, err = ParseShare(value)
	default:
		var p Pace
		p, err = ParseRate(value)
		r.Pace = &p
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRules(t *testing.T) {
	const here = " @ 123456789012/eu-west-1 "
	tests := []struct {
		name  string
		rules []string
		call  Call
		want  []string // bucket, tokens, "rate R burst B" of our limit at a share of 50 %
	}{
		{"no rule", nil, call("ec2:DescribeVolumes"), []string{"ec2:DescribeVolumes" + here + "1 rate 10 burst 29.5"}},
		{"pace of a service", []string{"ec2=100ms"}, call("ec2:DescribeVolumes", unfiltered), []string{"ec2" + here + "1 rate 10 burst 1"}},
		{"pace of a group is one bucket", []string{"iam:get*=5/s"}, call("iam:GetRole"), []string{"iam:Get* @ 123456789012 1 rate 5 burst 5"}},
		{"pace replaces resources too", []string{"ec2:RunInstances=1/s"}, call("ec2:RunInstances", resources(9)), []string{"ec2:RunInstances" + here + "1 rate 1 burst 1"}},
		{"the action before the group", []string{"ec2:DescribeVolumes=2/s", "ec2:Describe*=3/s", "ec2=4/s", "*=5/s"}, call("ec2:DescribeVolumes"), []string{"ec2:DescribeVolumes" + here + "1 rate 2 burst 2"}},
		{"the longer group", []string{"ec2:Describe*=3/s", "ec2:D*=6/s", "ec2=4/s", "*=5/s"}, call("ec2:DescribeVolumes"), []string{"ec2:Describe*" + here + "1 rate 3 burst 3"}},
		{"the service before all", []string{"ec2=4/s", "*=5/s"}, call("ec2:DescribeVolumes"), []string{"ec2" + here + "1 rate 4 burst 4"}},
		{"all", []string{"ec2=4/s", "*=5/s"}, call("rds:DescribeDBInstances"), []string{"*" + here + "1 rate 5 burst 5"}},
		{"all, a global service", []string{"*=5/s"}, call("iam:GetRole"), []string{"* @ 123456789012 1 rate 5 burst 5"}},
		{"the later of equals", []string{"ec2=4/s", "ec2=6/s"}, call("ec2:DescribeVolumes"), []string{"ec2" + here + "1 rate 6 burst 6"}},
		{"the place before the action", []string{"ec2@123456789012/=4/s", "ec2:DescribeVolumes=6/s"}, call("ec2:DescribeVolumes"), []string{"ec2" + here + "1 rate 4 burst 4"}},
		{"the Region before the account", []string{"ec2@123456789012/eu-west-1=3/s", "ec2@123456789012/=4/s"}, call("ec2:DescribeVolumes"), []string{"ec2" + here + "1 rate 3 burst 3"}},
		{"another account", []string{"ec2@999999999999/=4/s"}, call("ec2:DescribeVolumes"), []string{"ec2:DescribeVolumes" + here + "1 rate 10 burst 29.5"}},
		{"another Region", []string{"ec2@/us-east-1=4/s"}, call("ec2:DescribeVolumes"), []string{"ec2:DescribeVolumes" + here + "1 rate 10 burst 29.5"}},
		{"case does not matter", []string{"EC2:describevolumes=2/s"}, call("ec2:DescribeVolumes"), []string{"ec2:DescribeVolumes" + here + "1 rate 2 burst 2"}},
		{"pace of a named bucket", []string{"lambda:Control-Plane=2/s"}, call("lambda:ListFunctions"), []string{"lambda:control-plane" + here + "1 rate 2 burst 2"}},

		{"quota of an action", []string{"ec2:DescribeVolumes=quota 400 80"}, call("ec2:DescribeVolumes"), []string{"ec2:DescribeVolumes" + here + "1 rate 40 burst 118"}},
		{"… not of its unfiltered bucket", []string{"ec2:DescribeVolumes=quota 400 80"}, call("ec2:DescribeVolumes", unfiltered), []string{"ec2:DescribeVolumes unfiltered" + here + "1 rate 5 burst 14.75"}},
		{"… unless named", []string{"ec2:DescribeVolumes unfiltered=quota 400 80"}, call("ec2:DescribeVolumes", unfiltered), []string{"ec2:DescribeVolumes unfiltered" + here + "1 rate 40 burst 118"}},
		{
			"quota beside an account-wide bucket",
			[]string{"route53:ListHostedZones=quota 100 20"},
			call("route53:ListHostedZones"),
			[]string{"route53:all actions @ 123456789012 1 rate 5 burst 24.75", "route53:ListHostedZones @ 123456789012 1 rate 10 burst 49.5"},
		},
		{"quota of an action that shares a bucket", []string{"ssm:GetParameter=quota 10000 10000"}, call("ssm:GetParameter"), []string{"ssm:GetParameter" + here + "1 rate 5000 burst 4750"}},
		{"… leaves the others", []string{"ssm:GetParameter=quota 10000 10000"}, call("ssm:GetParameters"), []string{"ssm:parameter reads" + here + "1 rate 20 burst 19"}},
		{
			"quota of an action with no bucket but the account's",
			[]string{"apigateway:GetStages=quota 10 5"},
			call("apigateway:GetStages"),
			[]string{"apigateway:all actions" + here + "1 rate 5 burst 19.75", "apigateway:GetStages" + here + "1 rate 2.5 burst 4.875"},
		},
		{"quota of a whole service is its shared bucket's", []string{"lambda=quota 30 30"}, call("lambda:ListFunctions"), []string{"lambda:control-plane" + here + "1 rate 15 burst 14.25"}},
		{"quota of a named bucket", []string{"lambda:control-plane=quota 30 30"}, call("lambda:ListFunctions"), []string{"lambda:control-plane" + here + "1 rate 15 burst 14.25"}},
		{
			"quota raises what a call may name",
			[]string{"ec2:RunInstances resources=quota 2000 4"},
			call("ec2:RunInstances", resources(1500)),
			[]string{"ec2:RunInstances" + here + "1 rate 1 burst 1", "ec2:RunInstances resources" + here + "1500 rate 2 burst 995.9"},
		},

		{"share of a service", []string{"ec2=80%"}, call("ec2:DescribeVolumes"), []string{"ec2:DescribeVolumes" + here + "1 rate 16 burst 59.2"}},
		{"share of an action is its further buckets' too", []string{"ec2:DescribeVolumes=80%"}, call("ec2:DescribeVolumes", unfiltered), []string{"ec2:DescribeVolumes unfiltered" + here + "1 rate 8 burst 29.6"}},
		{"share of one of several members", []string{"ssm:GetParameter=80%"}, call("ssm:GetParameter"), []string{"ssm:parameter reads" + here + "1 rate 20 burst 19"}},
		{"share of all members", []string{"ssm:GetParameter*=80%"}, call("ssm:GetParameter"), []string{"ssm:parameter reads" + here + "1 rate 32 burst 30.4"}},
		{"share of a place", []string{"*@123456789012/=80%", "ec2@/=10%"}, call("ec2:DescribeVolumes"), []string{"ec2:DescribeVolumes" + here + "1 rate 16 burst 59.2"}},
		{"share and quota and pace are told apart", []string{"ec2=80%", "ec2:DescribeVolumes=quota 400 80"}, call("ec2:DescribeVolumes"), []string{"ec2:DescribeVolumes" + here + "1 rate 64 burst 236.8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Settings
			for _, r := range tt.rules {
				s.Rules = append(s.Rules, rule(t, r))
			}
			p, err := NewPolicy(s)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range p.Draws(tt.call) {
				l := p.Limit(d.Bucket)
				got = append(got, fmt.Sprintf("%s @ %s %g rate %.6g burst %.6g", d.Bucket.Quota, d.Bucket.Scope, d.Tokens, l.Rate, l.Burst))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("draws (-want +got)\n%s", diff)
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	p, err := NewPolicy(Settings{Share: 0.8, Rules: []Rule{rule(t, "ec2:DescribeVolumes=quota 400 80"), rule(t, "iam=5/s")}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		id     botorate.BucketID
		origin Origin
		source string
		share  float64
	}{
		{botorate.BucketID{Quota: "ec2:DescribeVolumes", Scope: "1/eu-west-1"}, User, "ec2:DescribeVolumes=quota 400 80", 0.8},
		{botorate.BucketID{Quota: "ec2:DescribeSnapshots", Scope: "1/eu-west-1"}, Published, "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html", 0.8},
		{botorate.BucketID{Quota: "iam", Scope: "1"}, User, "iam=5/s", 1},
		{botorate.BucketID{Quota: "no colon", Scope: ""}, Default, load().fallback.layers[0].entries[0].quota.Source, 0.8},
		{botorate.BucketID{}, Default, load().fallback.layers[0].entries[0].quota.Source, 0.8},
	}
	for _, tt := range tests {
		q, share := p.Quota(tt.id)
		if q.Name != tt.id.Quota || q.Origin != tt.origin || q.Source != tt.source || share != tt.share || q.Capacity <= 0 || q.Refill <= 0 {
			t.Errorf("Quota(%v) = %+v, %v; want origin %s, source %s, share %v", tt.id, q, share, tt.origin, tt.source, tt.share)
		}
	}
}

func TestBadSettings(t *testing.T) {
	tests := []struct {
		settings Settings
		want     string
	}{
		{Settings{Share: 1.2}, `share "1.2": a share is more than 0 and at most 1`},
		{Settings{Share: -1}, `share "-1": a share is more than 0 and at most 1`},
		{Settings{Rules: []Rule{{}}}, `rule for "*": neither a pace, a quota nor a share`},
		{Settings{Rules: []Rule{{Source: "f.yaml:3", Match: Match{Service: "ec2"}, Pace: &Pace{Rate: 0, Burst: 1}}}}, `f.yaml:3: rule for "ec2": a pace has a positive rate and a burst of at least 1`},
		{Settings{Rules: []Rule{{Quota: &Size{Capacity: 0.5, Refill: 1}}}}, `rule for "*": a quota has a capacity of at least 1 and a positive refill`},
		{Settings{Rules: []Rule{{Share: 2}}}, `rule for "*": a share is more than 0 and at most 1`},
		{Settings{Rules: []Rule{{Match: Match{Service: "iam"}, Region: "us-east-1", Share: 1}}}, `rule for "iam": a global service has no Region`},
	}
	for _, tt := range tests {
		_, err := NewPolicy(tt.settings)
		var input *InputError
		if !errors.As(err, &input) || err.Error() != tt.want {
			t.Errorf("NewPolicy(%+v): %v; want %s", tt.settings, err, tt.want)
		}
	}
}

func TestDrawsAreRememberedWithinBounds(t *testing.T) {
	var p Policy
	for i := range 3 * maxCached {
		p.Draws(call("s3:GetObject", object("GET", fmt.Sprint("bucket-", i))))
	}
	if n := len(p.draws); n > maxCached {
		t.Errorf("%d draws remembered, want at most %d", n, maxCached)
	}
}

func TestConcurrentUse(t *testing.T) {
	var p Policy
	want := show(&Policy{}, (&Policy{}).Draws(call("route53:CreateHostedZone")))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if got := show(&p, p.Draws(call("route53:CreateHostedZone"))); got != want {
					t.Errorf("draws %s, want %s", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestDrawsDoNotAllocate(t *testing.T) {
	var p Policy
	c := call("ec2:RunInstances", resources(3))
	p.Draws(c)
	if n := testing.AllocsPerRun(100, func() { p.Draws(c) }); n != 0 {
		t.Errorf("%v allocations for a call seen before, want 0", n)
	}
}

func BenchmarkDraws(b *testing.B) {
	var p Policy
	c := call("ec2:DescribeSnapshots")
	b.ReportAllocs()
	for b.Loop() {
		p.Draws(c)
	}
}

func BenchmarkDrawsNew(b *testing.B) {
	var p Policy
	p.setup()
	c := call("ec2:DescribeSnapshotAttribute")
	b.ReportAllocs()
	for b.Loop() {
		p.compute(c)
	}
}
