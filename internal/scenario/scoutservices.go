package scenario

// What ScoutSuite asks of the services that ask more than a list and its resources.

func (s *scan) ec2(first bool, region string) {
	inv := &s.Account
	s.afterVPCs(region, func() {
		vpcs := 1 + in(first, inv.VPCs-1)
		for i := range vpcs {
			instances := in(first, inv.Instances*(i+1)/vpcs-inv.Instances*i/vpcs)
			s.list("ec2:DescribeInstances", region, instances, 1000, func(g *group) {
				g.serial(nil, inTurn(region, "ec2:DescribeInstanceAttribute")...)
			})
			s.lists("ec2:DescribeSecurityGroups", "ec2:DescribeNetworkInterfaces")(first, region)
		}
	})
	s.list("ec2:DescribeImages", region, in(first, inv.Images), 1000, nil)
	s.list("ec2:DescribeSnapshots", region, in(first, inv.Snapshots), 1000, func(g *group) {
		g.each(nil, []link{vital(region, "ec2:DescribeSnapshotAttribute")})
	})
	s.list("ec2:DescribeVolumes", region, in(first, inv.Volumes), 1000, func(g *group) { g.each(nil, inTurn(region, "kms:DescribeKey")) })
	s.chain(inTurn(region, "ec2:GetEbsEncryptionByDefault", "ec2:GetEbsDefaultKmsKeyId"), func() {})
}

func (s *scan) vpcs(first bool, region string) {
	s.afterVPCs(region, func() {
		for range 1 + in(first, s.Account.VPCs-1) {
			s.lists("ec2:DescribeNetworkAcls", "ec2:DescribeSubnets")(first, region)
		}
	})
	s.lists("ec2:DescribeFlowLogs", "ec2:DescribeVpcPeeringConnections")(first, region)
}

// lambda asks for one function after the other, all on the loop.
func (s *scan) lambda(first bool, region string) {
	on := func(region, name string) link { return link{name: name, region: region, onLoop: true} }
	s.list("lambda:ListFunctions", region, in(first, s.Account.Functions), 50, func(g *group) {
		g.serial(nil,
			on(home, "iam:GetRole"), on(home, "iam:ListAttachedRolePolicies"),
			on(home, "iam:GetPolicy"), on(home, "iam:GetPolicyVersion"), on(home, "iam:GetPolicy"), on(home, "iam:GetPolicyVersion"),
			on(region, "lambda:GetPolicy"), on(region, "lambda:GetFunctionConfiguration"))
	})
}

func (s *scan) cloudtrail(_ bool, region string) {
	s.list("cloudtrail:DescribeTrails", region, s.Account.Trails, 1000, func(g *group) { // of all Regions, so that each shows them
		g.each(nil, beside(region, "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors")...)
	})
}

func (s *scan) config(first bool, region string) {
	s.chain(inTurn(region, "config:DescribeConfigurationRecorders", "config:DescribeConfigurationRecorderStatus"), func() {})
	s.lists("config:DescribeConfigRules")(first, region)
}

func (s *scan) dynamodb(first bool, region string) {
	s.list("dynamodb:ListTables", region, in(first, s.Account.Tables), 100, func(g *group) {
		g.each(func() {
			g.each(nil, beside(region, "dynamodb:ListBackups", "dynamodb:DescribeContinuousBackups", "dynamodb:ListTagsOfResource")...)
		}, inTurn(region, "dynamodb:DescribeTable"))
	})
}

func (s *scan) elbv2(first bool, region string) {
	s.afterVPCs(region, func() {
		s.list("elasticloadbalancing:DescribeLoadBalancers", region, in(first, s.Account.LoadBalancers), 400, func(g *group) {
			each := func(name string, then func()) func() {
				return func() { g.each(then, inTurn(region, "elasticloadbalancing:"+name)) }
			}
			each("DescribeLoadBalancerAttributes", each("DescribeTags", each("DescribeListeners", nil)))()
		})
	})
}

func (s *scan) iam(first bool, region string) {
	inv := &s.Account
	s.chain(inTurn(region, "iam:GenerateCredentialReport", "iam:GetCredentialReport", "iam:ListVirtualMFADevices"), func() {
		s.group(inv.MFA).serial(nil, inTurn(region, "iam:ListMFADevices")...)
	})
	s.list("iam:ListGroups", region, inv.Groups, 100, func(g *group) {
		g.each(nil, []link{vital(region, "iam:GetGroup")}, inTurn(region, "iam:ListGroupPolicies", "iam:GetGroupPolicy"))
	})
	s.list("iam:ListPolicies", region, inv.Policies, 100, func(g *group) {
		g.each(nil, []link{vital(region, "iam:GetPolicyVersion"), {name: "iam:ListEntitiesForPolicy", region: region}})
	})
	s.list("iam:ListUsers", region, inv.Users, 100, func(g *group) {
		tags := link{name: "iam:ListUserTags", region: region, onLoop: true, vital: true}
		g.each(nil, append([][]link{inTurn(region, "iam:ListUserPolicies", "iam:GetUserPolicy"), inTurn(region, "iam:ListGroupsForUser"), {tags}},
			beside(region, "iam:GetLoginProfile", "iam:ListAccessKeys", "iam:ListMFADevices")...)...)
	})
	s.list("iam:ListRoles", region, inv.Roles, 100, func(g *group) {
		tags := link{name: "iam:ListRoleTags", region: region, onLoop: true}
		g.each(nil, inTurn(region, "iam:ListRolePolicies", "iam:GetRolePolicy"), inTurn(region, "iam:ListInstanceProfilesForRole"), []link{tags})
	})
	s.lists("iam:GetAccountPasswordPolicy")(first, region)
}

func (s *scan) kms(first bool, region string) {
	s.list("kms:ListKeys", region, in(first, s.Account.Keys), 100, func(g *group) {
		grants := func() { g.each(nil, inTurn(region, "kms:ListGrants")) }
		rotation := func() { g.serial(grants, inTurn(region, "kms:GetKeyRotationStatus")...) }
		g.each(rotation, beside(region, "kms:GetKeyPolicy", "kms:DescribeKey", "kms:ListAliases")...)
	})
}

func (s *scan) rds(first bool, region string) {
	s.afterVPCs(region, func() { s.databases(first, region) })
	const parameterPages = 4
	s.list("rds:DescribeDBParameterGroups", region, in(first, s.Account.ParameterGroups), 100, func(g *group) {
		g.each(nil, []link{{name: "rds:DescribeDBParameters", region: region, pages: parameterPages}})
	})
	s.lists("rds:DescribeDBSecurityGroups")(first, region)
}

// databases are what ScoutSuite asks of RDS once the VPCs are known.
func (s *scan) databases(first bool, region string) {
	s.list("rds:DescribeDBInstances", region, in(first, s.Account.Databases), 100, func(g *group) {
		g.each(nil, inTurn(region, "rds:DescribeDBClusters"), []link{identity(), {name: "rds:ListTagsForResource", region: region}})
	})
	s.list("rds:DescribeDBSnapshots", region, in(first, s.Account.DBSnapshots), 100, func(g *group) {
		g.each(func() { s.lists("rds:DescribeDBClusterSnapshots")(first, region) }, []link{vital(region, "rds:DescribeDBSnapshotAttributes")})
	})
	s.lists("rds:DescribeDBSubnetGroups")(first, region)
}

func (s *scan) route53(first bool, region string) {
	if !first {
		return
	}
	s.lists("route53domains:ListDomains")(first, region)
	s.list("route53:ListHostedZones", region, s.Account.Zones, 100, func(g *group) {
		g.serial(nil, inTurn(region, "route53:ListResourceRecordSets")...)
	})
}

// s3 asks for the Regions of all buckets before it asks for anything else, and in the end lists them again, on the loop.
func (s *scan) s3(_ bool, region string) {
	on := func(name string) []link { return []link{{name: name, region: region, onLoop: true}} }
	s.chain(append(on("s3:GetAccountPublicAccessBlock"), identity()), func() {
		s.list("s3:ListBuckets", region, s.Account.Buckets, s.Account.Buckets+1, func(g *group) {
			if g.n == 0 {
				return
			}
			again := func() { s.chain(on("s3:ListBuckets"), func() {}) }
			g.each(func() {
				g.each(again, beside(region, "s3:GetBucketLogging", "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetBucketEncryption",
					"s3:GetBucketAcl", "s3:GetBucketPolicy", "s3:GetBucketTagging", "s3:GetPublicAccessBlock")...)
			}, inTurn(region, "s3:GetBucketLocation"))
		})
	})
}

func (s *scan) secrets(first bool, region string) {
	s.list("secretsmanager:ListSecrets", region, in(first, s.Account.Secrets), 100, func(g *group) {
		g.each(func() { g.each(nil, inTurn(region, "secretsmanager:GetResourcePolicy")) }, inTurn(region, "secretsmanager:DescribeSecret"))
	})
}

func (s *scan) sns(first bool, region string) {
	s.list("sns:ListTopics", region, in(first, s.Account.Topics), 100, func(g *group) {
		if g.n > 0 {
			g.each(func() { s.lists("sns:ListSubscriptions")(first, region) }, []link{vital(region, "sns:GetTopicAttributes")})
		}
	})
}
