package wire

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIntercepted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		host string
		want hostName // the zero value: tunnelled
	}{
		{"ec2.us-east-1.amazonaws.com:443", hostName{"aws", "us-east-1", "ec2", ""}},
		{"EC2.US-EAST-1.amazonaws.com.", hostName{"aws", "us-east-1", "ec2", ""}},
		{"ec2-fips.us-gov-west-1.amazonaws.com", hostName{"aws-us-gov", "us-gov-west-1", "ec2", ""}},
		{"ec2.us-east-1.api.aws", hostName{"aws", "us-east-1", "ec2", ""}},
		{"lambda-fips.us-east-2.api.aws", hostName{"aws", "us-east-2", "lambda", ""}},
		{"sts.cn-north-1.amazonaws.com.cn", hostName{"aws-cn", "cn-north-1", "sts", ""}},
		{"ec2.cn-northwest-1.api.amazonwebservices.com.cn", hostName{"aws-cn", "cn-northwest-1", "ec2", ""}},
		{"kms.eusc-de-east-1.amazonaws.eu", hostName{"aws-eusc", "eusc-de-east-1", "kms", ""}},
		{"kms.eusc-de-east-1.api.amazonwebservices.eu", hostName{"aws-eusc", "eusc-de-east-1", "kms", ""}},
		{"ec2.us-iso-east-1.c2s.ic.gov", hostName{"aws-iso", "us-iso-east-1", "ec2", ""}},
		{"ec2.us-iso-east-1.api.aws.ic.gov", hostName{"aws-iso", "us-iso-east-1", "ec2", ""}},
		{"ec2.us-isob-east-1.sc2s.sgov.gov", hostName{"aws-iso-b", "us-isob-east-1", "ec2", ""}},
		{"ec2.us-isob-east-1.api.aws.scloud", hostName{"aws-iso-b", "us-isob-east-1", "ec2", ""}},
		{"ec2.eu-isoe-west-1.cloud.adc-e.uk", hostName{"aws-iso-e", "eu-isoe-west-1", "ec2", ""}},
		{"ec2.us-isof-south-1.csp.hci.ic.gov", hostName{"aws-iso-f", "us-isof-south-1", "ec2", ""}},
		{"iam.amazonaws.com", hostName{"aws", "", "iam", ""}},
		{"iam.us-gov.amazonaws.com", hostName{"aws-us-gov", "us-gov-west-1", "iam", ""}},
		{"routes.geo.us-gov-east-1.us-gov.amazonaws.com", hostName{"aws-us-gov", "us-gov-east-1", "routes.geo", ""}},
		{"iam.global.api.aws", hostName{"aws", "", "iam", ""}},
		{"sts.amazonaws.com", hostName{"aws", "", "sts", ""}},
		{"global.health.amazonaws.com", hostName{"aws", "", "global.health", ""}},
		{"organizations.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "organizations", ""}},
		{"codecatalyst.global.api.aws", hostName{"aws", "", "codecatalyst", ""}},
		{"queue.amazonaws.com", hostName{"aws", "", "sqs", ""}},
		{"eu-west-1.queue.amazonaws.com", hostName{"aws", "eu-west-1", "sqs", ""}},
		{"rds.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "rds", ""}},
		{"eks.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "eks", ""}},
		{"iot.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "iot", ""}},
		{"api.ecr.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "api.ecr", ""}},
		{"runtime-fips.sagemaker.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "runtime.sagemaker", ""}},
		{"fips.transcribe.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "transcribe", ""}},
		{"ingest-cell2.timestream.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "ingest.timestream", ""}},
		{"123456789012.ddb.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "dynamodb", ""}},
		{"a1b2c3.mediaconvert.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "mediaconvert", ""}},
		{"realtime.machinelearning.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "machinelearning", ""}},
		{"somethingnew.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "somethingnew", ""}},
		{"abc123.endpoint.events.amazonaws.com", hostName{"aws", "", "events", ""}},

		{"s3.amazonaws.com", hostName{"aws", "", "s3", ""}},
		{"my.dotted.bucket.s3.amazonaws.com", hostName{"aws", "", "s3", "my.dotted.bucket"}},
		{"my.dotted.bucket.s3.eu-west-1.amazonaws.com", hostName{"aws", "eu-west-1", "s3", "my.dotted.bucket"}},
		{"b.s3.dualstack.eu-west-1.amazonaws.com", hostName{"aws", "eu-west-1", "s3", "b"}},
		{"b.s3-fips.dualstack.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "s3", "b"}},
		{"b.s3-eu-west-1.amazonaws.com", hostName{"aws", "eu-west-1", "s3", "b"}},
		{"my-bucket-2026.s3.amazonaws.com", hostName{"aws", "", "s3", "my-bucket-2026"}}, // as if it were a Region
		{"eu-west-1.s3.amazonaws.com.cn", hostName{"aws-cn", "", "s3", "eu-west-1"}},
		{"my.us-east-1.s3-accelerate.amazonaws.com", hostName{"aws", "", "s3", "my.us-east-1"}},
		{"my-bucket-1.s3-eu-west-1.amazonaws.com", hostName{"aws", "eu-west-1", "s3", "my-bucket-1"}},
		{"my-bucket-1.s3-external-1.amazonaws.com", hostName{"aws", "", "s3", "my-bucket-1"}},
		{"b.s3-accelerate.amazonaws.com", hostName{"aws", "", "s3", "b"}},
		{"b.s3-accelerate.dualstack.amazonaws.com", hostName{"aws", "", "s3", "b"}},
		{"b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "s3", "b--use1-az4--x-s3"}},
		{"s3express-control.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "s3express-control", ""}},
		{"123456789012.s3-control.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "s3-control", ""}},
		{"123456789012.s3-control-fips.dualstack.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "s3-control", ""}},
		{"ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com", hostName{"aws", "us-east-1", "s3", "ap-123456789012"}},
		{"alias.mrap.accesspoint.s3-global.amazonaws.com", hostName{"aws", "", "s3", "alias.mrap"}},
		{"vpce-0ab-xyz.ec2.us-east-1.vpce.amazonaws.com", hostName{"aws", "us-east-1", "ec2", ""}},
		{"vpce-0ab-xyz-us-east-1a.api.ecr.us-east-1.vpce.amazonaws.com", hostName{"aws", "us-east-1", "api.ecr", ""}},
		{"my.bucket.bucket.vpce-1a2b-3c.s3.us-east-1.vpce.amazonaws.com", hostName{"aws", "us-east-1", "s3", "my.bucket"}},
		{"control.vpce-1a2b-3c.s3.us-east-1.vpce.amazonaws.com", hostName{"aws", "us-east-1", "s3-control", ""}},

		{host: "mydb.abc123.us-east-1.rds.amazonaws.com:5432"},
		{host: "c.abc.us-east-1.redshift.amazonaws.com"},
		{host: "x.abc.0001.use1.cache.amazonaws.com"},
		{host: "search-d-abc.us-east-1.es.amazonaws.com"},
		{host: "lb-1.us-east-1.elb.amazonaws.com"},
		{host: "abc.elb.us-east-1.amazonaws.com"},
		{host: "ec2-1-2-3-4.us-west-2.compute.amazonaws.com"},
		{host: "ec2-1-2-3-4.compute-1.amazonaws.com"},
		{host: "ABCDEF.gr7.us-east-1.eks.amazonaws.com"},
		{host: "abcdef.gr7.eks-cluster.us-east-1.api.aws"},
		{host: "123456789012.dkr.ecr.us-east-1.amazonaws.com"},
		{host: "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com"},
		{host: "vpce-0a-b.dkr.ecr.us-east-1.vpce.amazonaws.com"},
		{host: "git-codecommit.us-east-1.amazonaws.com"},
		{host: "git-codecommit-fips.us-east-1.amazonaws.com"},
		{host: "abc.execute-api.us-east-1.amazonaws.com"},
		{host: "vpce-0a-b.execute-api.us-east-1.vpce.amazonaws.com"},
		{host: "vpce-0a-b.vpce-svc-0c.us-east-1.vpce.amazonaws.com"},
		{host: "abc.lambda-url.us-east-1.on.aws"},
		{host: "d111.cloudfront.net"},
		{host: "d-1.awsapps.com"},
		{host: "a1b2-ats.iot.us-east-1.amazonaws.com"},
		{host: "data-ats.iot.us-east-1.amazonaws.com"},
		{host: "c1.credentials.iot.us-east-1.amazonaws.com"},
		{host: "ssmmessages.us-east-1.amazonaws.com"},
		{host: "ec2messages.us-east-1.amazonaws.com"},
		{host: "oidc.us-east-1.amazonaws.com"},
		{host: "portal.sso.us-east-1.amazonaws.com"},
		{host: "us-east-1.signin.aws.amazon.com"},
		{host: "signin.us-east-1.api.aws"},
		{host: "transcribestreaming.us-east-1.amazonaws.com"},
		{host: "b.s3-website-us-east-1.amazonaws.com"},
		{host: "checkip.amazonaws.com"},
		{host: "awscli.amazonaws.com"},
		{host: "notaccount.s3-control.us-east-1.amazonaws.com"},
		{host: "amazonaws.com"},
		{host: ".amazonaws.com"},
		{host: "us-east-1.amazonaws.com"},
		{host: "ec2.us-east-1.amazonaws.com.example.org"},
		{host: "ec2.us-east-1.notamazonaws.com"},
		{host: "registry.terraform.io:443"},
		{host: "169.254.169.254:80"},
		{host: "[::1]:8443"},
		{host: ""},
	} {
		got, ok := parseHost(tt.host)
		if !ok {
			got = hostName{}
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(hostName{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.host, diff)
		}
		if want := tt.want != (hostName{}); Intercepted(tt.host) != want {
			t.Errorf("Intercepted(%q) = %v, want %v", tt.host, !want, want)
		}
	}
}

// Every host of the table is intercepted, unless it is tunnelled on purpose, and an authority may sign for it.
func TestInterceptedTable(t *testing.T) {
	t.Parallel()
	for host := range known().byHost {
		name := host + ".us-east-1.amazonaws.com"
		if got := Intercepted(name); got == tunnelled(host) {
			t.Errorf("Intercepted(%q) = %v", name, got)
		}
	}
}

func FuzzIntercepted(f *testing.F) {
	for _, s := range []string{"ec2.us-east-1.amazonaws.com:443", "a.b.vpce-1-2.s3.us-east-1.vpce.amazonaws.com", "x.accesspoint.s3-global.amazonaws.com", "..api.aws", ".s3-.amazonaws.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !Intercepted(host) {
			return
		}
		name := host
		if i := strings.LastIndexByte(name, ':'); i >= 0 {
			name = name[:i]
		}
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if !slices.ContainsFunc(Domains(), func(d string) bool { return strings.HasSuffix(name, "."+d) }) {
			t.Errorf("%q is intercepted, but in no domain", host)
		}
	})
}
