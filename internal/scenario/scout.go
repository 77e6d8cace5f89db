package scenario

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
// of which every part was counted with ScoutSuite's own code.
func (s *scan) run() {
	s.open++ // until all services have begun
	s.chain([]link{{getCallerIdentity, home, true}, {getCallerIdentity, home, true}, {getCallerIdentity, home, true}, {getCallerIdentity, home, true}, {getCallerIdentity, home, true}}, func(bool) {
		for _, service := range s.services() {
			s.begin(service)
		}
		s.open--
	})
}

const (
	getCallerIdentity = "sts:GetCallerIdentity"
	describeVpcs      = "ec2:DescribeVpcs"
)

// A service is one that ScoutSuite scans.
type service struct {
	name     string
	global   bool // it asks for no Regions
	identity int  // calls of sts
	scan     func(first bool, region string)
}

// services are all that ScoutSuite scans, in its order.
func (s *scan) services() []service {
	inv := &s.Account
	list := func(names ...string) func(bool, string) {
		return func(_ bool, region string) {
			for _, n := range names {
				s.pages(n, region, 1, 0, nil)
			}
		}
	}
	all := []service{
		{"acm", false, 1, s.perResource("acm:ListCertificates", inv.Certificates, 1000, false, "acm:DescribeCertificate")},
		{"lambda", false, 1, s.lambda},
		{"cloudformation", false, 1, s.perResource("cloudformation:ListStacks", inv.Stacks, 100, false,
			"cloudformation:DescribeStacks", "cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:GetStackPolicy")},
		{"cloudfront", true, 1, list("cloudfront:ListDistributions")},
		{"cloudtrail", false, 1, s.cloudtrail},
		{"cloudwatch", false, 1, list("cloudwatch:DescribeAlarms", "logs:DescribeMetricFilters")},
		{"codebuild", false, 1, list("codebuild:ListProjects")},
		{"config", false, 1, list("config:DescribeConfigRules", "config:DescribeConfigurationRecorders", "config:DescribeConfigurationRecorderStatus")},
		{"directconnect", false, 1, list("directconnect:DescribeConnections")},
		{"dynamodb", false, 1, s.perResource("dynamodb:ListTables", inv.Tables, 100, false,
			"dynamodb:DescribeTable", "dynamodb:ListBackups", "dynamodb:DescribeContinuousBackups", "dynamodb:ListTagsOfResource")},
		{"ec2", false, 1, s.ec2},
		{"efs", false, 1, list("elasticfilesystem:DescribeFileSystems")},
		{"elasticache", false, 1, list("elasticache:DescribeCacheClusters", "elasticache:DescribeCacheParameterGroups",
			"elasticache:DescribeCacheSecurityGroups", "elasticache:DescribeCacheSubnetGroups", describeVpcs)},
		{"elb", false, 1, list("elasticloadbalancing:DescribeLoadBalancers", describeVpcs)},
		{"elbv2", false, 1, s.elbv2},
		{"emr", false, 1, s.perResource("elasticmapreduce:ListClusters", inv.Clusters, 50, false, "elasticmapreduce:DescribeCluster")},
		{"iam", true, 0, s.iam},
		{"kms", false, 1, s.kms},
		{"rds", false, 1, s.rds},
		{"redshift", false, 1, list("redshift:DescribeClusters", "redshift:DescribeClusterParameterGroups", "redshift:DescribeClusterSecurityGroups", describeVpcs)},
		{"route53", false, 1, s.route53},
		{"s3", true, 2, s.s3},
		{"ses", false, 1, list("ses:ListIdentities")},
		{"sns", false, 1, s.sns},
		{"sqs", false, 1, s.perResource("sqs:ListQueues", inv.Queues, 1000, true, "sqs:GetQueueAttributes")},
		{"secretsmanager", false, 1, s.perResource("secretsmanager:ListSecrets", inv.Secrets, 100, false, "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy")},
		{"vpc", false, 1, s.vpcs},
	}
	if len(s.Services) == 0 {
		return all
	}
	var some []service
	for _, v := range all {
		for _, name := range s.Services {
			if v.name == name {
				some = append(some, v)
			}
		}
	}
	return some
}

// begin has one service find out who and where it is, and then scan all Regions at once.
func (s *scan) begin(v service) {
	var links []link
	for range v.identity {
		links = append(links, link{getCallerIdentity, home, true})
	}
	if !v.global {
		links = append(links, link{"ec2:DescribeRegions", home, true})
	}
	s.open++
	s.chain(links, func(bool) {
		regions := regionNames()[:s.Account.Regions]
		if v.global {
			regions = regions[:1]
		}
		for i, region := range regions {
			v.scan(i == 0, region)
		}
		s.open--
	})
}

// perResource lists, and then makes a chain of calls for each resource of the first Region.
func (s *scan) perResource(list string, n, size int, tail bool, calls ...string) func(bool, string) {
	return func(first bool, region string) {
		if !first {
			s.pages(list, region, 1, 0, nil)
			return
		}
		s.pages(list, region, pagesOf(n, size), n, func() {
			s.each(n, tail, func(int) [][]link { return s.beside(region, calls...) })
		})
	}
}

// beside makes each call at the same time.
func (s *scan) beside(region string, names ...string) [][]link {
	chains := make([][]link, len(names))
	for i, n := range names {
		chains[i] = []link{{name: n, region: region}}
	}
	return chains
}

// links makes one call after the other.
func (s *scan) links(region string, names ...string) []link {
	links := make([]link, len(names))
	for i, n := range names {
		links[i] = link{name: n, region: region}
	}
	return links
}

func (s *scan) ec2(first bool, region string) {
	inv := &s.Account
	vpcs, snapshots, volumes, images := 1, 0, 0, 0
	if first {
		vpcs, snapshots, volumes, images = inv.VPCs, inv.Snapshots, inv.Volumes, inv.Images
	}
	for _, n := range []string{"ec2:GetEbsEncryptionByDefault", "ec2:GetEbsDefaultKmsKeyId"} {
		s.pages(n, region, 1, 0, nil)
	}
	s.pages("ec2:DescribeImages", region, pagesOf(images, 1000), 0, nil)
	s.pages("ec2:DescribeVolumes", region, pagesOf(volumes, 1000), volumes, func() {
		s.each(volumes, false, func(int) [][]link { return [][]link{s.links(region, "kms:DescribeKey")} })
	})
	s.pages("ec2:DescribeSnapshots", region, pagesOf(snapshots, 1000), snapshots, func() {
		s.each(snapshots, true, func(int) [][]link { return [][]link{s.links(region, "ec2:DescribeSnapshotAttribute")} })
	})
	s.pages(describeVpcs, region, 1, 0, func() {
		for i := range vpcs {
			instances := 0
			if first {
				instances = inv.Instances*(i+1)/vpcs - inv.Instances*i/vpcs
			}
			s.pages("ec2:DescribeSecurityGroups", region, 1, 0, nil)
			s.pages("ec2:DescribeNetworkInterfaces", region, 1, 0, nil)
			s.pages("ec2:DescribeInstances", region, 1, instances, func() { s.serial(instances, region, "ec2:DescribeInstanceAttribute") })
		}
	})
}

func (s *scan) vpcs(first bool, region string) {
	n := 1
	if first {
		n = s.Account.VPCs
	}
	s.pages("ec2:DescribeFlowLogs", region, 1, 0, nil)
	s.pages("ec2:DescribeVpcPeeringConnections", region, 1, 0, nil)
	s.pages(describeVpcs, region, 1, 0, func() {
		for range n {
			s.pages("ec2:DescribeNetworkAcls", region, 1, 0, nil)
			s.pages("ec2:DescribeSubnets", region, 1, 0, nil)
		}
	})
}

// serial makes one call for each of n resources, one after the other. After a failure, what follows is missing.
func (s *scan) serial(n int, region, name string) {
	s.tally.Resources += n
	var next func(i int)
	next = func(i int) {
		if i == n {
			return
		}
		s.add(task{to: s.target(name, region), done: func(ok bool) {
			if !ok {
				s.tally.Missing += n - i
				return
			}
			next(i + 1)
		}})
	}
	next(0)
}

func (s *scan) lambda(first bool, region string) {
	n := 0
	if first {
		n = s.Account.Functions
	}
	s.pages("lambda:ListFunctions", region, pagesOf(n, 50), n, func() {
		s.each(n, false, func(int) [][]link {
			return [][]link{{
				{"lambda:GetPolicy", region, true},
				{"lambda:GetFunctionConfiguration", region, true},
				{"iam:GetRole", home, true},
				{"iam:ListAttachedRolePolicies", home, true},
				{"iam:GetPolicy", home, true},
				{"iam:GetPolicyVersion", home, true},
				{"iam:GetPolicy", home, true},
				{"iam:GetPolicyVersion", home, true},
			}}
		})
	})
}

func (s *scan) cloudtrail(_ bool, region string) {
	n := s.Account.Trails // of all Regions, so that each shows them
	s.pages("cloudtrail:DescribeTrails", region, 1, n, func() {
		s.each(n, false, func(int) [][]link {
			return [][]link{s.links(region, "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors")}
		})
	})
}

func (s *scan) elbv2(first bool, region string) {
	s.pages(describeVpcs, region, 1, 0, nil)
	s.perResource("elasticloadbalancing:DescribeLoadBalancers", s.Account.LoadBalancers, 400, true,
		"elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeTags")(first, region)
}

func (s *scan) iam(_ bool, region string) {
	inv := &s.Account
	for _, n := range []string{"iam:GetAccountPasswordPolicy", "iam:ListVirtualMFADevices"} {
		s.pages(n, region, 1, 0, nil)
	}
	s.pages("iam:GenerateCredentialReport", region, 1, 0, func() {
		s.pages("iam:GetCredentialReport", region, 1, 0, func() { s.serial(inv.MFA, region, "iam:ListMFADevices") })
	})
	s.pages("iam:ListUsers", region, pagesOf(inv.Users, 100), inv.Users, func() {
		s.each(inv.Users, true, func(int) [][]link {
			return append(s.beside(region, "iam:ListGroupsForUser", "iam:GetLoginProfile", "iam:ListAccessKeys", "iam:ListMFADevices"),
				s.links(region, "iam:ListUserPolicies", "iam:GetUserPolicy"), []link{{"iam:ListUserTags", region, true}})
		})
	})
	s.pages("iam:ListRoles", region, pagesOf(inv.Roles, 100), inv.Roles, func() {
		s.each(inv.Roles, false, func(int) [][]link {
			return [][]link{s.links(region, "iam:ListRolePolicies", "iam:GetRolePolicy"), s.links(region, "iam:ListInstanceProfilesForRole"), {{"iam:ListRoleTags", region, true}}}
		})
	})
	s.perResource("iam:ListGroups", inv.Groups, 100, false, "iam:GetGroup", "iam:ListGroupPolicies", "iam:GetGroupPolicy")(true, region)
	s.perResource("iam:ListPolicies", inv.Policies, 100, false, "iam:GetPolicyVersion", "iam:ListEntitiesForPolicy")(true, region)
}

func (s *scan) kms(first bool, region string) {
	s.perResource("kms:ListKeys", s.Account.Keys, 100, false, "kms:GetKeyPolicy", "kms:DescribeKey", "kms:ListAliases", "kms:ListGrants", "kms:GetKeyRotationStatus")(first, region)
}

func (s *scan) rds(first bool, region string) {
	inv := &s.Account
	for _, n := range []string{"rds:DescribeDBSecurityGroups", "rds:DescribeDBSubnetGroups", "rds:DescribeDBClusterSnapshots", describeVpcs} {
		s.pages(n, region, 1, 0, nil)
	}
	instances := func(int) [][]link {
		return [][]link{{
			{"rds:ListTagsForResource", region, false},
			{getCallerIdentity, region, true},
			{"rds:DescribeDBClusters", region, false},
		}}
	}
	n, snapshots, groups := 0, 0, 0
	if first {
		n, snapshots, groups = inv.Databases, inv.DBSnapshots, inv.ParameterGroups
	}
	s.pages("rds:DescribeDBInstances", region, pagesOf(n, 100), n, func() { s.each(n, true, instances) })
	s.pages("rds:DescribeDBSnapshots", region, pagesOf(snapshots, 100), snapshots, func() {
		s.each(snapshots, true, func(int) [][]link { return [][]link{s.links(region, "rds:DescribeDBSnapshotAttributes")} })
	})
	const parameterPages = 4
	s.pages("rds:DescribeDBParameterGroups", region, pagesOf(groups, 100), groups, func() {
		for range groups {
			s.pages("rds:DescribeDBParameters", region, parameterPages, 1, func() { s.tally.Resources++ })
		}
	})
}

func (s *scan) route53(first bool, region string) {
	if !first {
		return
	}
	zones := s.Account.Zones
	s.pages("route53:ListHostedZones", region, pagesOf(zones, 100), zones, func() { s.serial(zones, region, "route53:ListResourceRecordSets") })
	s.pages("route53domains:ListDomains", region, 1, 0, nil)
}

func (s *scan) s3(_ bool, region string) {
	s.pages("s3:GetAccountPublicAccessBlock", region, 1, 0, nil)
	n, lists := s.Account.Buckets, 1
	if n > 0 {
		lists = 2
	}
	s.pages("s3:ListBuckets", region, lists, n, func() {
		s.each(n, false, func(int) [][]link {
			return append(s.beside(region, "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetBucketEncryption", "s3:GetBucketAcl",
				"s3:GetBucketPolicy", "s3:GetBucketTagging", "s3:GetPublicAccessBlock"), s.links(region, "s3:GetBucketLocation", "s3:GetBucketLogging"))
		})
	})
}

func (s *scan) sns(first bool, region string) {
	if first && s.Account.Topics > 0 {
		s.pages("sns:ListSubscriptions", region, 1, 0, nil)
	}
	s.perResource("sns:ListTopics", s.Account.Topics, 100, true, "sns:GetTopicAttributes")(first, region)
}
