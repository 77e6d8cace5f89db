package scenario

import (
	"maps"
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

// play runs one scan in an AWS that is large enough for all of it, and counts its calls by action.
func play(t *testing.T, account string) (counts map[string]int, total int) {
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
	counts = map[string]int{}
	w.pacer = counter{counts}
	for _, l := range w.loads {
		l.run()
	}
	for w.loop.Step() {
	}
	if l := w.loads[0]; !l.over || l.tally.Lost > 0 {
		t.Fatalf("the scan is over: %v; it lost %d calls", l.over, l.tally.Lost)
	}
	return counts, w.loads[0].tally.Calls
}

// A counter is no pacing, but counts.
type counter struct{ counts map[string]int }

func (p counter) submit(c *call) {
	p.counts[c.to.action]++
	c.leave()
}

func (counter) answered(*call) bool { return false }

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
	got, total := play(t, "reference")
	if diff := cmp.Diff(want, got); diff != "" || total != 26403 {
		t.Errorf("%d calls, want 26403; by action (-want +got):\n%s", total, diff)
	}
}

// TestFormula: 48 calls a Region, 5 a VPC and 69 for the account, as was counted with an empty one.
func TestFormula(t *testing.T) {
	for account, want := range map[string]int{"empty": 970, "{regions: 1}": 48 + 5 + 69, "{regions: 3, vpcs: 4}": 3*48 + 6*5 + 69} {
		if _, got := play(t, account); got != want {
			t.Errorf("%s: %d calls, want %d", account, got, want)
		}
	}
	one, _ := play(t, "{regions: 1}")
	more, _ := play(t, "{regions: 1, snapshots: 1001}")
	maps.DeleteFunc(more, func(k string, n int) bool { return one[k] == n })
	if diff := cmp.Diff(map[string]int{"ec2:DescribeSnapshotAttribute": 1001, "ec2:DescribeSnapshots": 2}, more); diff != "" {
		t.Errorf("what 1,001 snapshots add (-want +got):\n%s", diff)
	}
}
