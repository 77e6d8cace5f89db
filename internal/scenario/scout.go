package scenario

import "slices"

// An Inventory is what an account has. All of it is in the first Region, but for a default VPC in each other one.
type Inventory struct {
	Regions         int `yaml:"regions"`
	Snapshots       int `yaml:"snapshots"`
	Instances       int `yaml:"instances"`
	Volumes         int `yaml:"encrypted-volumes"`
	VPCs            int `yaml:"vpcs"` // of the first Region
	Images          int `yaml:"images"`
	Users           int `yaml:"users"`
	MFA             int `yaml:"users-with-mfa"`
	Roles           int `yaml:"roles"`
	Groups          int `yaml:"groups"`
	Policies        int `yaml:"attached-policies"`
	Buckets         int `yaml:"buckets"`
	Keys            int `yaml:"kms-keys"`
	Functions       int `yaml:"functions"`
	Stacks          int `yaml:"stacks"`
	Topics          int `yaml:"topics"`
	Queues          int `yaml:"queues"`
	Tables          int `yaml:"tables"`
	Databases       int `yaml:"databases"`
	DBSnapshots     int `yaml:"db-snapshots"`
	ParameterGroups int `yaml:"db-parameter-groups"`
	LoadBalancers   int `yaml:"load-balancers"`
	Secrets         int `yaml:"secrets"`
	Certificates    int `yaml:"certificates"`
	Trails          int `yaml:"trails"`
	Zones           int `yaml:"zones"`
	Clusters        int `yaml:"emr-clusters"`
}

// inventories are accounts that a file can name.
func inventories() map[string]Inventory {
	return map[string]Inventory{
		// The account of which ScoutSuite's 26,403 calls were counted.
		"reference": {
			Regions: 17, Snapshots: 15000, Instances: 500, Volumes: 1500, VPCs: 5, Images: 200, Users: 50, MFA: 40, Roles: 400, Groups: 15,
			Policies: 250, Buckets: 200, Keys: 60, Functions: 200, Stacks: 150, Topics: 60, Queues: 80, Tables: 50, Databases: 40,
			DBSnapshots: 400, ParameterGroups: 20, LoadBalancers: 60, Secrets: 150, Certificates: 40, Trails: 2, Zones: 20,
		},
		"empty": {Regions: 17, VPCs: 1},
	}
}

// pagesOf is how many pages a list has; an empty list has one.
func pagesOf(n, size int) int { return max(1, (n+size-1)/size) }

// run makes the calls of a full ScoutSuite run. Which, and how many, is the formula
//
//	48 × Regions + 5 × VPCs + 69 + further pages + Σ resources × cost
//
// of which every part was counted with ScoutSuite's own code. Their order is that code's, too.
func (s *scan) run() {
	s.chain(repeated(5, identity()), func() {
		for _, v := range s.services() {
			s.service(v)
		}
	})
}

const (
	getCallerIdentity = "sts:GetCallerIdentity"
	describeVpcs      = "ec2:DescribeVpcs"
)

func identity() link { return link{name: getCallerIdentity, region: home, onLoop: true} }

func repeated(n int, l link) []link {
	links := make([]link, n)
	for i := range links {
		l.item = i
		links[i] = l
	}
	return links
}

// A service is one that ScoutSuite scans.
type service struct {
	name   string
	global bool // it asks for no Regions
	scan   func(first bool, region string)
}

// services are all that ScoutSuite scans, in its order.
func (s *scan) services() []service {
	inv := &s.Account
	all := []service{
		{"acm", false, s.perResource("acm:ListCertificates", inv.Certificates, 1000, "acm:DescribeCertificate")},
		{"lambda", false, s.lambda},
		{"cloudformation", false, s.perResource("cloudformation:ListStacks", inv.Stacks, 100,
			"cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:GetStackPolicy", "cloudformation:DescribeStacks")},
		{"cloudtrail", false, s.cloudtrail},
		{"cloudwatch", false, s.lists("cloudwatch:DescribeAlarms", "logs:DescribeMetricFilters")},
		{"cloudfront", true, s.lists("cloudfront:ListDistributions")},
		{"codebuild", false, s.lists("codebuild:ListProjects")},
		{"config", false, s.config},
		{"directconnect", false, s.lists("directconnect:DescribeConnections")},
		{"dynamodb", false, s.dynamodb},
		{"ec2", false, s.ec2},
		{"efs", false, s.lists("elasticfilesystem:DescribeFileSystems")},
		{"elasticache", false, s.inVPCs([]string{"elasticache:DescribeCacheClusters", "elasticache:DescribeCacheSubnetGroups"},
			"elasticache:DescribeCacheSecurityGroups", "elasticache:DescribeCacheParameterGroups")},
		{"elb", false, s.inVPCs([]string{"elasticloadbalancing:DescribeLoadBalancers"})},
		{"elbv2", false, s.elbv2},
		{"emr", false, s.perResource("elasticmapreduce:ListClusters", inv.Clusters, 50, "elasticmapreduce:DescribeCluster")},
		{"iam", true, s.iam},
		{"kms", false, s.kms},
		{"rds", false, s.rds},
		{"redshift", false, s.inVPCs([]string{"redshift:DescribeClusters"}, "redshift:DescribeClusterParameterGroups", "redshift:DescribeClusterSecurityGroups")},
		{"route53", false, s.route53},
		{"s3", true, s.s3},
		{"ses", false, s.lists("ses:ListIdentities")},
		{"sns", false, s.sns},
		{"sqs", false, s.perResource("sqs:ListQueues", inv.Queues, 1000, "sqs:GetQueueAttributes")},
		{"vpc", false, s.vpcs},
		{"secretsmanager", false, s.secrets},
	}
	return slices.DeleteFunc(all, func(v service) bool {
		return len(s.Services) > 0 && !slices.Contains(s.Services, v.name) || slices.Contains(s.Skip, v.name)
	})
}

// service has one service find out who and where it is, and then scan all Regions at once.
func (s *scan) service(v service) {
	regions := regionNames()[:s.Account.Regions]
	if v.global {
		regions = regions[:1]
	}
	scan := func() {
		for i, region := range regions {
			s.later(1, func() { v.scan(i == 0, region) })
		}
	}
	links := []link{identity()}
	if v.name == "iam" {
		links = nil
	}
	s.chain(links, func() {
		if v.global {
			scan()
			return
		}
		s.chain([]link{{}, {name: "ec2:DescribeRegions", region: home, onLoop: true}}, scan)
	})
}

// lists makes lists alone, all at once.
func (s *scan) lists(names ...string) func(bool, string) {
	return func(_ bool, region string) {
		for _, n := range names {
			s.list(n, region, 0, 1, nil)
		}
	}
}

// inVPCs makes some lists once the VPCs are known, and others beside them.
func (s *scan) inVPCs(inside []string, beside ...string) func(bool, string) {
	return func(first bool, region string) {
		s.afterVPCs(region, func() { s.lists(inside...)(first, region) })
		s.lists(beside...)(first, region)
	}
}

// afterVPCs lists the VPCs, whose children begin some turns later.
func (s *scan) afterVPCs(region string, then func()) {
	s.list(describeVpcs, region, 0, 1, func(*group) { s.later(passes, then) })
}

// perResource lists, and then makes calls for each resource of the first Region, all at once.
func (s *scan) perResource(list string, n, size int, calls ...string) func(bool, string) {
	return func(first bool, region string) {
		s.list(list, region, in(first, n), size, func(g *group) { g.each(nil, beside(region, calls...)...) })
	}
}

// in is how many of n resources there are in a Region: all in the first, none elsewhere.
func in(first bool, n int) int {
	if first {
		return n
	}
	return 0
}

// beside makes each call at the same time.
func beside(region string, names ...string) [][]link {
	chains := make([][]link, len(names))
	for i, n := range names {
		chains[i] = []link{{name: n, region: region}}
	}
	return chains
}

// inTurn makes one call after the other.
func inTurn(region string, names ...string) []link {
	links := make([]link, len(names))
	for i, n := range names {
		links[i] = link{name: n, region: region}
	}
	return links
}

// vital is a call without whose answer ScoutSuite drops the resource, and all after it.
func vital(region, name string) link { return link{name: name, region: region, vital: true} }
