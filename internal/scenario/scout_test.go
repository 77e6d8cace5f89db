package scenario

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reference is what ScoutSuite's own code called in the reference account, every operation counted.
const reference = `
acm: DescribeCertificate 40, ListCertificates 17
cloudformation: DescribeStacks 300, GetStackPolicy 150, GetTemplate 150, ListStacks 18
cloudfront: ListDistributions 1
cloudtrail: DescribeTrails 17, GetEventSelectors 34, GetTrailStatus 34
cloudwatch: DescribeAlarms 17
codebuild: ListProjects 17
directconnect: DescribeConnections 17
elasticfilesystem: DescribeFileSystems 17
elasticmapreduce: ListClusters 17
logs: DescribeMetricFilters 17
ses: ListIdentities 17
config: DescribeConfigRules 17, DescribeConfigurationRecorderStatus 17, DescribeConfigurationRecorders 17
dynamodb: DescribeContinuousBackups 50, DescribeTable 50, ListBackups 50, ListTables 17, ListTagsOfResource 50
ec2: DescribeSnapshotAttribute 15000, DescribeInstanceAttribute 500, DescribeVpcs 119, DescribeSnapshots 31, DescribeRegions 24
ec2: DescribeInstances 21, DescribeNetworkAcls 21, DescribeNetworkInterfaces 21, DescribeSecurityGroups 21, DescribeSubnets 21
ec2: DescribeVolumes 18, DescribeFlowLogs 17, DescribeImages 17, DescribeVpcPeeringConnections 17, GetEbsDefaultKmsKeyId 17, GetEbsEncryptionByDefault 17
elasticache: DescribeCacheClusters 17, DescribeCacheParameterGroups 17, DescribeCacheSecurityGroups 17, DescribeCacheSubnetGroups 17
elasticloadbalancing: DescribeListeners 60, DescribeLoadBalancerAttributes 60, DescribeLoadBalancers 34, DescribeTags 60
iam: GetPolicyVersion 650, GetPolicy 400, GetRolePolicy 400, ListInstanceProfilesForRole 400, ListRolePolicies 400, ListRoleTags 400
iam: ListEntitiesForPolicy 250, GetRole 200, ListAttachedRolePolicies 200, ListMFADevices 90, GetLoginProfile 50, GetUserPolicy 50
iam: ListAccessKeys 50, ListGroupsForUser 50, ListUserPolicies 50, ListUserTags 50, GetGroup 15, GetGroupPolicy 15, ListGroupPolicies 15
iam: ListRoles 4, ListPolicies 3, GenerateCredentialReport 1, GetAccountPasswordPolicy 1, GetCredentialReport 1, ListGroups 1, ListUsers 1, ListVirtualMFADevices 1
kms: DescribeKey 1560, GetKeyPolicy 60, GetKeyRotationStatus 60, ListAliases 60, ListGrants 60, ListKeys 17
lambda: GetFunctionConfiguration 200, GetPolicy 200, ListFunctions 20
rds: DescribeDBSnapshotAttributes 400, DescribeDBParameters 80, DescribeDBClusters 40, ListTagsForResource 40, DescribeDBSnapshots 20
rds: DescribeDBClusterSnapshots 17, DescribeDBInstances 17, DescribeDBParameterGroups 17, DescribeDBSecurityGroups 17, DescribeDBSubnetGroups 17
redshift: DescribeClusterParameterGroups 17, DescribeClusterSecurityGroups 17, DescribeClusters 17
route53: ListHostedZones 1, ListResourceRecordSets 20
route53domains: ListDomains 1
s3: GetBucketAcl 200, GetBucketEncryption 200, GetBucketLocation 200, GetBucketLogging 200, GetBucketPolicy 200, GetBucketTagging 200
s3: GetBucketVersioning 200, GetBucketWebsite 200, GetPublicAccessBlock 200, ListBuckets 2, GetAccountPublicAccessBlock 1
secretsmanager: DescribeSecret 150, GetResourcePolicy 150, ListSecrets 18
sns: GetTopicAttributes 60, ListSubscriptions 1, ListTopics 17
sqs: GetQueueAttributes 80, ListQueues 17
sts: GetCallerIdentity 72`

// play runs one scan in an AWS that is large enough for all of it, and returns its calls in their order.
func play(t *testing.T, account string) (calls []string) {
	t.Helper()
	f, err := Parse("test", []byte("-- scenario.yaml --\n"+`
watch: ec2:DescribeSnapshotAttribute
limits: [{match: "*", capacity: 100000, refill: 100000}]
workloads: [{name: scan, kind: scout, account: `+account+`, build-cost: 0}]
pacing: [none]
`))
	if err != nil {
		t.Fatal(err)
	}
	w, err := f.world(f.Ways[0], Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.pacer = recorder{&calls}
	for _, l := range w.loads {
		l.run()
	}
	for w.loop.Step() {
	}
	if l := w.loads[0]; !l.over || l.tally.Lost > 0 {
		t.Fatalf("the scan is over: %v; it lost %d calls", l.over, l.tally.Lost)
	}
	return calls
}

// A recorder is no pacing, but notes.
type recorder struct{ calls *[]string }

func (p recorder) submit(c *call) {
	*p.calls = append(*p.calls, c.to.action)
	c.leave()
}

func (recorder) answered(*call) bool { return false }

// counted counts calls by action.
func counted(calls []string) map[string]int {
	counts := map[string]int{}
	for _, c := range calls {
		counts[c]++
	}
	return counts
}

// TestReference: the reference account gives exactly what was counted, operation by operation.
func TestReference(t *testing.T) {
	want := map[string]int{}
	for line := range strings.Lines(strings.TrimSpace(reference)) {
		service, list, _ := strings.Cut(strings.TrimSpace(line), ": ")
		for part := range strings.SplitSeq(list, ", ") {
			operation, n, _ := strings.Cut(part, " ")
			for _, digit := range n {
				want[service+":"+operation] = 10*want[service+":"+operation] + int(digit-'0')
			}
		}
	}
	got := play(t, "reference")
	if diff := cmp.Diff(want, counted(got)); diff != "" || len(got) != 26403 {
		t.Errorf("%d calls, want 26403; by action (-want +got):\n%s", len(got), diff)
	}
}

// TestFormula: 48 calls a Region, 5 a VPC and 69 for the account, as was counted with an empty one.
func TestFormula(t *testing.T) {
	for account, want := range map[string]int{"empty": 970, "{regions: 1}": 48 + 5 + 69, "{regions: 3, vpcs: 4}": 3*48 + 6*5 + 69} {
		if got := play(t, account); len(got) != want {
			t.Errorf("%s: %d calls, want %d", account, len(got), want)
		}
	}
	one, more := counted(play(t, "{regions: 1}")), counted(play(t, "{regions: 1, snapshots: 1001}"))
	maps.DeleteFunc(more, func(k string, n int) bool { return one[k] == n })
	if diff := cmp.Diff(map[string]int{"ec2:DescribeSnapshotAttribute": 1001, "ec2:DescribeSnapshots": 2}, more); diff != "" {
		t.Errorf("what 1,001 snapshots add (-want +got):\n%s", diff)
	}
}

// TestOrder: what ScoutSuite's code waits for, of all resources, before it goes on.
func TestOrder(t *testing.T) {
	calls := play(t, "reference")
	for _, tt := range []struct{ first, then string }{
		{"iam:GenerateCredentialReport", "iam:GetCredentialReport"},
		{"s3:GetAccountPublicAccessBlock", "s3:GetBucketLocation"},
		{"s3:GetBucketLocation", "s3:GetBucketAcl"},
		{"kms:ListAliases", "kms:GetKeyRotationStatus"},
		{"kms:GetKeyRotationStatus", "kms:ListGrants"},
		{"dynamodb:ListTables", "dynamodb:DescribeTable"},
		{"secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"},
		{"elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeTags"},
		{"elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeListeners"},
		{"sns:GetTopicAttributes", "sns:ListSubscriptions"},
	} {
		last := len(calls) - 1 - slices.Index(backward(calls), tt.first)
		if next := slices.Index(calls, tt.then); next < last {
			t.Errorf("the first %s is call %d, the last %s call %d", tt.then, next, tt.first, last)
		}
	}
}

func backward(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

// TestMissing: a lost answer is missed alone, or with all that follows it in the list.
func TestMissing(t *testing.T) {
	for _, tt := range []struct {
		service, account, lost string
		vital                  bool
	}{
		{"ec2", "snapshots: 300", "ec2:DescribeSnapshotAttribute", true},
		{"sns", "topics: 300", "sns:GetTopicAttributes", true},
		{"sqs", "queues: 300", "sqs:GetQueueAttributes", false},
		{"lambda", "functions: 300", "iam:GetRole", false},
		{"ec2", "instances: 300", "ec2:DescribeInstanceAttribute", false},
	} {
		r := played(t, `-- scenario.yaml --
watch: `+tt.lost+`
limits: [{match: "*", capacity: 100000, refill: 100000}]
incidents: [{from: 0s, to: 1h, match: "`+tt.lost+`", refuse: 2%}]
workloads: [{name: scan, kind: scout, sdk: none, services: [`+tt.service+`], account: {regions: 1, `+tt.account+`}}]
pacing: [none]
`)
		w := r.Ways[0].Workloads[0]
		if w.Lost == 0 || w.Resources != 300 || tt.vital != (w.Missing > w.Lost) || w.Missing < w.Lost || w.Missing == 300 {
			t.Errorf("%s, %s: %d of %d missing for %d answers lost", tt.service, tt.lost, w.Missing, w.Resources, w.Lost)
		}
	}
}

// TestServices: two scans that share the services between them make all calls, and the second finds out again who it is.
func TestServices(t *testing.T) {
	calls := 0
	for _, some := range []string{"services: [ec2, iam]", "skip: [ec2, iam]"} {
		calls += played(t, `-- scenario.yaml --
watch: ec2:DescribeVpcs
limits: [{match: "*", capacity: 100000, refill: 100000}]
workloads: [{name: scan, kind: scout, account: reference, build-cost: 0, `+some+`}]
pacing: [none]
`).Ways[0].Workloads[0].Calls
	}
	if want := 26403 + 5; calls != want {
		t.Errorf("%d calls, want %d", calls, want)
	}
}

// TestKeptClients: one client object for each service and Region, however many are built.
func TestKeptClients(t *testing.T) {
	f, err := Parse("f", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	w, err := f.world(f.Ways[0], Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := newScan(w.loads[0])
	ec2 := s.client(link{name: "ec2:DescribeVpcs", region: home})
	if s.client(link{name: "ec2:DescribeImages", region: home}) != ec2 {
		t.Error("two calls of a service in a Region have two clients")
	}
	for _, other := range []link{{name: "ec2:DescribeVpcs", region: "eu-west-1"}, {name: "iam:GetRole", region: home}} {
		if s.client(other) == ec2 {
			t.Errorf("%v has ec2's client of %s", other, home)
		}
	}
}
