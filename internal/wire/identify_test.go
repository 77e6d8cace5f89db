package wire

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/botorate/botorate/internal/relay"
)

const (
	testKey = "ASIAY34FZKBOKMUTVV7A" // invented account: a published example, see accountOf
	oldKey  = "AKIAIOSFODNN7EXAMPLE"
)

// parseHead returns the head of a request written with plain line ends; KEY stands for the access key id.
func parseHead(tb testing.TB, raw string) *relay.Head {
	tb.Helper()
	raw = strings.ReplaceAll(strings.TrimLeft(raw, "\n"), "KEY", testKey)
	var h relay.Head
	if err := h.ParseRequest([]byte(strings.ReplaceAll(raw, "\n", "\r\n") + "\r\n")); err != nil {
		tb.Fatalf("%v in %q", err, raw)
	}
	return &h
}

const boto3EC2 = `
POST / HTTP/1.1
Host: ec2.eu-west-1.amazonaws.com
Accept-Encoding: identity
Content-Type: application/x-www-form-urlencoded; charset=utf-8
User-Agent: Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11.2 md/pyimpl#CPython m/Z,D,b cfg/retry-mode#standard Botocore/1.44.5
X-Amz-Date: 20261123T171000Z
X-Amz-Security-Token: invented-session-token
Authorization: AWS4-HMAC-SHA256 Credential=KEY/20261123/eu-west-1/ec2/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=0000000000000000000000000000000000000000000000000000000000000000
amz-sdk-invocation-id: 7c1e9b0e-8f0a-4f7f-9d6a-0a6b7e3c2d11
amz-sdk-request: ttl=20261123T171100Z; attempt=2; max=3
Content-Length: 41
`

const cliEC2 = `
POST / HTTP/1.1
Host: ec2.us-east-1.amazonaws.com
Content-Type: application/x-www-form-urlencoded; charset=utf-8
User-Agent: aws-cli/2.40.0 md/awscrt#0.27.2 ua/2.1 os/linux#6.1 md/command#ec2.run-instances
X-Amz-Date: 20261123T171000Z
Authorization: AWS4-HMAC-SHA256 Credential=KEY/20261123/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=00
Content-Length: 1
`

const goJSON = `
POST / HTTP/1.1
Host: ssm.us-east-1.amazonaws.com
User-Agent: aws-sdk-go-v2/1.48.0 ua/2.1 os/linux lang/go#1.26 md/GOOS#linux api/ssm#1.60.0 m/E,g
Content-Length: 2
Amz-Sdk-Invocation-Id: 4a3c
Amz-Sdk-Request: attempt=1; max=3
Authorization: AWS4-HMAC-SHA256 Credential=KEY/20261123/us-east-1/ssm/aws4_request, SignedHeaders=host;x-amz-date, Signature=00
Content-Type: application/x-amz-json-1.1
X-Amz-Date: 20261123T171000Z
X-Amz-Target: AmazonSSM.DescribeParameters
`

const jsS3 = `
PUT /a%2Fb/c.txt?x-id=PutObject HTTP/1.1
host: my.bucket.s3.us-west-2.amazonaws.com
content-type: application/octet-stream
x-amz-user-agent: aws-sdk-js/3.1173.0
user-agent: aws-sdk-js/3.1173.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#24.5.0 api/s3#3.1173.0 m/N,E,e
amz-sdk-invocation-id: b7f6
amz-sdk-request: attempt=1; max=3
x-amz-date: 20261123T171000Z
authorization: AWS4-HMAC-SHA256 Credential=KEY/20261123/us-west-2/s3/aws4_request, SignedHeaders=host, Signature=00
content-length: 3
Expect: 100-continue
`

// signed makes a request head with a signature for a service in us-east-1.
func signed(line, service, more string) string {
	return line + " HTTP/1.1\nX-Amz-Date: 20261123T171000Z\nAuthorization: AWS4-HMAC-SHA256 Credential=KEY/20261123/us-east-1/" +
		service + "/aws4_request, SignedHeaders=host, Signature=00\n" + more
}

const formType = "Content-Type: application/x-www-form-urlencoded\nContent-Length: 9\n"

func TestIdentifyClients(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 17, 10, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, head, host, body string
		want                   Request
	}{
		{"boto3", boto3EC2, "ec2.eu-west-1.amazonaws.com:443", "Action=DescribeSnapshots&Version=2016-11-15", Request{
			Service: "ec2", API: "2016-11-15", Operation: "DescribeSnapshots", Protocol: EC2, Account: "609629065308", Region: "eu-west-1",
			Partition: "aws", SignedAt: at, Client: Botocore, UserAgent: "Boto3/1.44.5", Invocation: invocationOf([]byte("7c1e9b0e-8f0a-4f7f-9d6a-0a6b7e3c2d11")),
			Attempt: 2, MaxAttempts: 3, TTL: at.Add(time.Minute), Unfiltered: true, Method: "POST",
		}},
		{"cli", cliEC2, "ec2.us-east-1.amazonaws.com", "Action=RunInstances&Version=2016-11-15&ImageId=ami-0&MaxCount=12&MinCount=3", Request{
			Service: "ec2", API: "2016-11-15", Operation: "RunInstances", Protocol: EC2, Account: "609629065308", Region: "us-east-1",
			Partition: "aws", SignedAt: at, Client: Botocore, UserAgent: "aws-cli/2.40.0", Resources: 12, Method: "POST",
		}},
		{"go", goJSON, "ssm.us-east-1.amazonaws.com:443", "", Request{
			Service: "ssm", Operation: "DescribeParameters", Protocol: JSON11, Account: "609629065308", Region: "us-east-1",
			Partition: "aws", SignedAt: at, Client: GoSDK, UserAgent: "aws-sdk-go-v2/1.48.0", Invocation: invocationOf([]byte("4a3c")),
			Attempt: 1, MaxAttempts: 3, Method: "POST",
		}},
		{"js", jsS3, "my.bucket.s3.us-west-2.amazonaws.com", "", Request{
			Service: "s3", Operation: "PutObject", Protocol: RESTXML, Account: "609629065308", Region: "us-west-2",
			Partition: "aws", SignedAt: at, Client: JavaScriptSDK, UserAgent: "aws-sdk-js/3.1173.0", Invocation: invocationOf([]byte("b7f6")),
			Attempt: 1, MaxAttempts: 3, Resource: "my.bucket", Method: "PUT",
		}},
	} {
		got := Identify(parseHead(t, tt.head), tt.host, []byte(tt.body))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

func TestIdentifyAction(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		head, host, body string
		action           string
		protocol         Protocol
		api              string
	}{
		// Query and EC2, in a form and in the URL.
		{signed("POST /", "iam", formType), "iam.amazonaws.com", "Action=ListUsers&Version=2010-05-08", "iam:ListUsers", Query, "2010-05-08"},
		{signed("POST /", "elasticloadbalancing", formType), "", "Version=2012-06-01&Action=DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers", Query, "2012-06-01"},
		{signed("POST /123456789012/q", "sqs", formType), "sqs.us-east-1.amazonaws.com", "Action=ReceiveMessage&Version=2012-11-05", "sqs:ReceiveMessage", Query, "2012-11-05"},
		{signed("GET /?Action=DescribeRegions&Version=2016-11-15", "ec2", ""), "", "", "ec2:DescribeRegions", EC2, "2016-11-15"},
		{signed("POST /", "monitoring", formType), "monitoring.us-east-1.amazonaws.com", "Action=ListMetrics&Version=2010-08-01", "cloudwatch:ListMetrics", Query, "2010-08-01"},
		// JSON, by whichever version; one service in several protocols.
		{signed("POST /", "sqs", "X-Amz-Target: AmazonSQS.ReceiveMessage\nContent-Type: application/x-amz-json-1.0\n"), "", "", "sqs:ReceiveMessage", JSON10, ""},
		{signed("POST /", "tagging", "X-Amz-Target: ResourceGroupsTaggingAPI_20170126.GetResources\nContent-Type: application/x-amz-json-1.1\n"), "", "", "tag:GetResources", JSON11, ""},
		{signed("POST /", "cloudtrail", "X-Amz-Target: com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents\nContent-Type: application/x-amz-json-1.1\n"), "", "", "cloudtrail:LookupEvents", JSON11, ""},
		{signed("POST /", "kinesis", "X-Amz-Target: Kinesis_20131202.ListStreams\nContent-Type: application/x-amz-cbor-1.1\n"), "", "", "kinesis:ListStreams", CBOR, ""},
		{signed("POST /", "newsign", "X-Amz-Target: New_1.DoThings\nContent-Type: application/x-amz-json-1.0\n"), "newhost.us-east-1.amazonaws.com", "", "newsign:DoThings", JSON10, ""},
		// CBOR.
		{signed("POST /service/GraniteServiceVersion20100801/operation/DescribeAlarms", "monitoring", "smithy-protocol: rpc-v2-cbor\nContent-Type: application/cbor\n"), "", "", "cloudwatch:DescribeAlarms", CBOR, ""},
		// S3: path style, virtual hosts, sub-resources, copies, parts, its other hosts.
		{signed("GET /", "s3", ""), "s3.amazonaws.com", "", "s3:ListBuckets", RESTXML, ""},
		{signed("GET /", "s3express", ""), "s3express-control.us-east-1.amazonaws.com", "", "s3express:ListDirectoryBuckets", RESTXML, ""},
		{signed("GET /", "s3express", ""), "bucket.vpce-0a1b-2c.s3.us-east-1.vpce.amazonaws.com", "", "s3express:ListDirectoryBuckets", RESTXML, ""},
		{signed("POST /WriteGetObjectResponse?uploads", "s3", ""), "b.s3.amazonaws.com", "", "s3:CreateMultipartUpload", RESTXML, ""},
		{signed("GET /b?list-type=2&prefix=&delimiter=%2F", "s3", ""), "s3.us-east-1.amazonaws.com", "", "s3:ListObjectsV2", RESTXML, ""},
		{signed("GET /?list-type=2", "s3", ""), "b.s3.us-east-1.amazonaws.com", "", "s3:ListObjectsV2", RESTXML, ""},
		{signed("GET /?list%2Dtype=2", "s3", ""), "b.s3.us-east-1.amazonaws.com", "", "s3:ListObjectsV2", RESTXML, ""},
		{signed("GET //leading/key", "s3", ""), "b.s3.amazonaws.com", "", "s3:GetObject", RESTXML, ""},
		{signed("GET /b//leading/key/", "s3", ""), "s3.amazonaws.com", "", "s3:GetObject", RESTXML, ""},
		{signed("HEAD /b/", "s3", ""), "s3.amazonaws.com", "", "s3:HeadBucket", RESTXML, ""},
		{signed("GET /?analytics&id=x", "s3", ""), "b.s3.amazonaws.com", "", "s3:GetBucketAnalyticsConfiguration", RESTXML, ""},
		{signed("GET /?analytics", "s3", ""), "b.s3.amazonaws.com", "", "s3:ListBucketAnalyticsConfigurations", RESTXML, ""},
		{signed("PUT /k", "s3", "x-amz-copy-source: /b/k\n"), "b.s3.amazonaws.com", "", "s3:CopyObject", RESTXML, ""},
		{signed("PUT /k?partNumber=1&uploadId=u", "s3", ""), "b.s3.amazonaws.com", "", "s3:UploadPart", RESTXML, ""},
		{signed("PUT /k?uploadId=u&partNumber=1", "s3", "x-amz-copy-source: /b/k\n"), "b.s3.amazonaws.com", "", "s3:UploadPartCopy", RESTXML, ""},
		{signed("POST /k?uploads", "s3", ""), "b.s3.amazonaws.com", "", "s3:CreateMultipartUpload", RESTXML, ""},
		{signed("POST /k?uploadId=u", "s3", ""), "b.s3.amazonaws.com", "", "s3:CompleteMultipartUpload", RESTXML, ""},
		{signed("POST /?delete", "s3", ""), "b.s3.amazonaws.com", "", "s3:DeleteObjects", RESTXML, ""},
		{signed("POST /private-name", "s3", ""), "b.s3.amazonaws.com", "", "s3:POST /*", RESTXML, ""},
		{signed("GET /k", "s3-object-lambda", ""), "ap-123456789012.s3-object-lambda.us-east-1.amazonaws.com", "", "s3-object-lambda:GetObject", RESTXML, ""},
		{signed("POST /WriteGetObjectResponse", "s3-object-lambda", ""), "route.s3-object-lambda.us-east-1.amazonaws.com", "", "s3-object-lambda:WriteGetObjectResponse", RESTXML, ""},
		{signed("GET /?session", "s3express", ""), "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "", "s3express:CreateSession", RESTXML, ""},
		{signed("GET /v20180820/configuration/publicAccessBlock", "s3", ""), "123456789012.s3-control.us-east-1.amazonaws.com", "", "s3:GetPublicAccessBlock", RESTXML, "s3-control"},
		{signed("GET /v20180820/bucket/b", "s3-outposts", ""), "s3-outposts.us-east-1.amazonaws.com", "", "s3-outposts:GetBucket", RESTXML, "s3-control"},
		{signed("GET /S3Outposts/ListEndpoints", "s3-outposts", ""), "s3-outposts.us-east-1.amazonaws.com", "", "s3-outposts:ListEndpoints", RESTJSON, ""},
		// Lambda, Route 53, API Gateway, and names that share a signing name.
		{signed("GET /2015-03-31/functions/", "lambda", ""), "lambda.us-east-1.amazonaws.com", "", "lambda:ListFunctions", RESTJSON, ""},
		{signed("GET /2015-03-31/functions?MaxItems=50", "lambda", ""), "", "", "lambda:ListFunctions", RESTJSON, ""},
		{signed("GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Af/policy", "lambda", ""), "", "", "lambda:GetPolicy", RESTJSON, ""},
		{signed("POST /2015-03-31/functions/f/invocations", "lambda", ""), "", "", "lambda:Invoke", RESTJSON, ""},
		{signed("GET /2018-10-31/layers?find=LayerVersion&Arn=a", "lambda", ""), "", "", "lambda:GetLayerVersionByArn", RESTJSON, ""},
		{signed("GET /2030-01-01/gadgets/secret-name", "lambda", ""), "", "", "lambda:GET /2030-01-01/gadgets/*", RESTJSON, ""},
		{signed("GET /2013-04-01/hostedzone", "route53", ""), "route53.amazonaws.com", "", "route53:ListHostedZones", RESTXML, ""},
		{signed("GET /v2/apis", "apigateway", ""), "", "", "apigateway:GetApis", RESTJSON, ""},
		{signed("GET /restapis", "apigateway", ""), "", "", "apigateway:GetRestApis", RESTJSON, ""},
		{signed("GET /foundation-models", "bedrock", ""), "bedrock.us-east-1.amazonaws.com", "", "bedrock:ListFoundationModels", RESTJSON, "bedrock"},
		{signed("POST /model/m%3A0/converse", "bedrock", ""), "bedrock-runtime.us-east-1.amazonaws.com", "", "bedrock:Converse", RESTJSON, "bedrock-runtime"},
		{signed("POST /model/m%3A0/converse", "bedrock", ""), "127.0.0.1:8443", "", "bedrock:Converse", RESTJSON, "bedrock-runtime"},
		{signed("POST /v2/email/outbound-emails", "ses", ""), "email.us-east-1.amazonaws.com", "", "ses:SendEmail", RESTJSON, "email"},
		{signed("GET /%40connections/c", "execute-api", ""), "", "", "execute-api:GetConnection", RESTJSON, "execute-api"},
		// Not signed, or not by a key that tells.
		{"POST / HTTP/1.1\n" + formType, "sts.eu-west-1.amazonaws.com", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15", "sts:AssumeRoleWithWebIdentity", Query, "2011-06-15"},
		{"POST / HTTP/1.1\nX-Amz-Target: AWSCognitoIdentityService.GetId\nContent-Type: application/x-amz-json-1.1\n", "cognito-identity.us-east-1.amazonaws.com", "", "cognito-identity:GetId", JSON11, ""},
		{"GET /k HTTP/1.1\nAuthorization: AWS KEY:c2ln\n", "b.s3.amazonaws.com", "", "s3:GetObject", RESTXML, ""},
		{"GET /k HTTP/1.1\n", "b.s3.amazonaws.com", "", "s3:GetObject", RESTXML, ""},
		{"POST /model/m/converse HTTP/1.1\nAuthorization: Bearer invented\n", "bedrock-runtime.us-east-1.amazonaws.com", "", "bedrock:Converse", RESTJSON, "bedrock-runtime"},
	} {
		got := Identify(parseHead(t, tt.head), tt.host, []byte(tt.body))
		if got.Action() != tt.action || got.Protocol != tt.protocol || got.API != tt.api {
			t.Errorf("%s %s %s: got %s, protocol %d, API %q; want %s, %d, %q", tt.host, strings.SplitN(tt.head, "\n", 2)[0], tt.body,
				got.Action(), got.Protocol, got.API, tt.action, tt.protocol, tt.api)
		}
	}
}

func TestIdentifyScope(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, head, host string
		want             Request
	}{
		{"presigned", "GET /k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=KEY%2F20261123%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20261123T171000Z&X-Amz-Expires=300&X-Amz-Signature=00 HTTP/1.1\n", "b.s3.eu-west-1.amazonaws.com", Request{
			Service: "s3", Account: "609629065308", Region: "eu-west-1", Partition: "aws", Presigned: true,
			SignedAt: time.Date(2026, 11, 23, 17, 10, 0, 0, time.UTC), Expires: 5 * time.Minute,
		}},
		{"sigv4a", "GET / HTTP/1.1\nX-Amz-Region-Set: us-west-2,eu-west-1\nAuthorization: AWS4-ECDSA-P256-SHA256 Credential=KEY/20261123/s3/aws4_request, SignedHeaders=host, Signature=00\n", "a.mrap.accesspoint.s3-global.amazonaws.com", Request{
			Service: "s3", Account: "609629065308", Region: "us-west-2", Partition: "aws",
		}},
		{"sigv4a anywhere", "GET / HTTP/1.1\nX-Amz-Region-Set: *\nAuthorization: AWS4-ECDSA-P256-SHA256 Credential=KEY/20261123/s3/aws4_request, SignedHeaders=host, Signature=00\n", "a.mrap.accesspoint.s3-global.amazonaws.com", Request{
			Service: "s3", Account: "609629065308", Region: "us-east-1", Partition: "aws",
		}},
		{"sigv4a in the URL", "GET /k?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Credential=KEY%2F20261123%2Fs3%2Faws4_request&X-Amz-Region-Set=eu-west-1%2Cus-west-2 HTTP/1.1\n", "a.mrap.accesspoint.s3-global.amazonaws.com", Request{
			Service: "s3", Account: "609629065308", Region: "eu-west-1", Partition: "aws", Presigned: true,
		}},
		{"key with slashes", "GET / HTTP/1.1\nAuthorization: AWS4-HMAC-SHA256 Credential=KEY/20261123/us-gov-west-1/s3/aws4_request,SignedHeaders=host,Signature=00\n", "s3.us-gov-west-1.amazonaws.com", Request{
			Service: "s3", Account: "609629065308", Region: "us-gov-west-1", Partition: "aws-us-gov",
		}},
		{"china, unsigned", "GET / HTTP/1.1\n", "s3.cn-north-1.amazonaws.com.cn", Request{Service: "s3", Account: "anonymous", Region: "cn-north-1", Partition: "aws-cn"}},
		{"china under a domain of several partitions", "GET / HTTP/1.1\n", "s3.dualstack.cn-north-1.api.aws", Request{Service: "s3", Account: "anonymous", Region: "cn-north-1", Partition: "aws-cn"}},
		{"not a credential", "GET / HTTP/1.1\nAuthorization: AWS4-HMAC-SHA256 Credential=KEY\n", "s3.amazonaws.com", Request{Service: "s3", Account: "anonymous", Region: "us-east-1", Partition: "aws"}},
		{"nothing known", "GET / HTTP/1.1\n", "127.0.0.1:8443", Request{Account: "anonymous", Region: "us-east-1", Partition: "aws"}},
	} {
		got := Identify(parseHead(t, tt.head), tt.host, nil)
		ignore := cmpopts.IgnoreFields(Request{}, "Operation", "Protocol", "Method", "Resource", "API")
		if diff := cmp.Diff(tt.want, got, ignore); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ key, want string }{
		{"ASIAY34FZKBOKMUTVV7A", "609629065308"},
		{"ASIAQNZGKIQY56JQ7WML", "029608264753"},
		{"AKIAY34FZKBOKMUTVV7A", "609629065308"},
		{oldKey, ""}, // of the older kind
		{"AKIA7777777777777777", ""},
		{"AROAY34FZKBOKMUTVV7A", ""},
		{"ASIAY34FZKBOKMUTVV70", ""}, // 0 is no digit of base32
		{"testing", ""},
	} {
		got := string(appendAccount(nil, []byte(tt.key)))
		if tt.want == "" {
			if !strings.HasPrefix(got, "key-") || len(got) != len("key-")+12 || got != string(appendAccount(nil, []byte(tt.key))) {
				t.Errorf("account of %s = %q, want a stable hash", tt.key, got)
			}
			continue
		}
		if got != tt.want {
			t.Errorf("account of %s = %q, want %q", tt.key, got, tt.want)
		}
	}
	if a, b := appendAccount(nil, []byte("one")), appendAccount(nil, []byte("two")); bytes.Equal(a, b) {
		t.Errorf("two keys have the same hash %s", a)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body       string
		unfiltered bool
		resources  float64
	}{
		{"Action=DescribeInstances&Version=2016-11-15", true, 0},
		{"Action=DescribeInstances&NextToken=x&InstanceId.1=i-1", true, 0},
		{"Action=DescribeInstances&MaxResults=5", false, 0},
		{"Action=DescribeInstances&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1", false, 0},
		{"MaxResults=5&Action=DescribeVolumes", false, 0},
		{"Action=DescribeVpcs", false, 0}, // not one of the seven
		{"Action=RunInstances&MinCount=3&MaxCount=7", false, 7},
		{"Action=RunInstances&MinCount=3", false, 3},
		{"Action=RunInstances", false, 1},
		{"Action=RunInstances&MaxCount=-1", false, 1},
		{"Action=TerminateInstances&InstanceId.1=i-1&InstanceId.2=i-2", false, 2},
		{"Action=StopInstances&InstanceId.1=i-1", false, 1},
	} {
		got := Identify(parseHead(t, signed("POST /", "ec2", formType)), "", []byte(tt.body))
		if got.Unfiltered != tt.unfiltered || got.Resources != tt.resources {
			t.Errorf("%s: unfiltered %v, resources %v; want %v, %v", tt.body, got.Unfiltered, got.Resources, tt.unfiltered, tt.resources)
		}
	}
	batch := `<ChangeBatch><Changes><Change><Action>UPSERT</Action></Change><Change><Action>
DELETE</Action></Change><Change><Action> UPSERT</Action></Change></Changes></ChangeBatch>`
	head := parseHead(t, signed("POST /2013-04-01/hostedzone/Z1/rrset/", "route53", "Content-Length: 9\n"))
	if got := Identify(head, "", []byte(batch)); got.Resources != 5 || got.Operation != "ChangeResourceRecordSets" {
		t.Errorf("change batch: %s counts %v, want 5", got.Operation, got.Resources)
	}
}

// SigV2 has the access key id among the arguments, in a URL or a form; a signature in the header goes before it.
func TestFormsKey(t *testing.T) {
	t.Parallel()
	const form = "Action=Select&AWSAccessKeyId=" + testKey + "&SignatureVersion=2"
	for _, tt := range []struct{ head, body string }{
		{"POST / HTTP/1.1\n" + formType, form},
		{"GET /?" + form + " HTTP/1.1\n", ""},
		{signed("POST /", "sdb", formType), "Action=Select&AWSAccessKeyId=" + oldKey},
	} {
		got := Identify(parseHead(t, tt.head), "sdb.amazonaws.com", []byte(tt.body))
		if got.Account != "609629065308" || got.Action() != "sdb:Select" {
			t.Errorf("%.40q %s: account %s, action %s", tt.head, tt.body, got.Account, got.Action())
		}
	}
}

func TestCompressedForm(t *testing.T) {
	t.Parallel()
	head := parseHead(t, signed("POST /", "monitoring", formType+"Content-Encoding: gzip\n"))
	form := []byte("Action=PutMetricData&Version=2010-08-01&" + strings.Repeat("x", 4*MaxBody))
	if got := Identify(head, "", zipped(t, form)); got.Action() != "cloudwatch:PutMetricData" {
		t.Errorf("got %s", got.Action())
	}
	if got := Identify(head, "", []byte("not gzip")); got.Action() != "cloudwatch:POST /" {
		t.Errorf("damaged: got %s", got.Action())
	}
}

func zipped(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

func TestNeedsBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		head string
		want bool
	}{
		{boto3EC2, true},
		{goJSON, false},
		{jsS3, false},
		{signed("POST /", "iam", "Content-Type: application/x-www-form-urlencoded; charset=utf-8\nTransfer-Encoding: chunked\n"), true},
		{signed("POST /123456789012/q", "sqs", formType), true},
		{signed("POST /", "iam", "Content-Length: 9\n"), true},
		{signed("POST /", "lambda", "Content-Length: 9\n"), false},
		{signed("POST /", "iam", ""), false}, // no body
		{signed("POST /?Action=ListUsers", "iam", formType), false},
		{signed("GET /?Action=ListUsers", "iam", ""), false},
		{signed("POST /2013-04-01/hostedzone/Z1/rrset/", "route53", "Content-Length: 9\nContent-Type: application/xml\n"), true},
		{signed("POST /2013-04-01/hostedzone", "route53", "Content-Length: 9\nContent-Type: application/xml\n"), false},
		{signed("POST /service/S/operation/O", "monitoring", "Content-Length: 9\nContent-Type: application/cbor\nsmithy-protocol: rpc-v2-cbor\n"), false},
	} {
		if got := NeedsBody(parseHead(t, tt.head)); got != tt.want {
			t.Errorf("NeedsBody(%s) = %v, want %v", tt.head, got, tt.want)
		}
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		agent, tool string
		client      Client
	}{
		{"Scout-Suite/5.14.0 md/Botocore#1.43.11 ua/2.1 os/linux#6.1 cfg/retry-mode#legacy Scout Suite/5.14.0 (https://github.com/nccgroup/ScoutSuite)", "Scout-Suite/5.14.0", Botocore},
		{"aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64.debian.12 prompt/off command/ec2.describe-snapshots", "aws-cli/2.9.19", Botocore},
		{"APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) terraform-provider-aws/5.100.0 aws-sdk-go-v2/1.36.3 ua/2.1 os/linux", "Terraform/1.11.4", GoSDK},
		{"aws-sdk-go/1.44.256 (go1.20; linux; amd64) S3Manager", "aws-sdk-go/1.44.256", GoSDK},
		{"aws-sdk-java/2.31.0 md/io#sync md/http#Apache ua/2.1", "aws-sdk-java/2.31.0", JavaSDK},
		{"aws-sdk-nodejs/2.1693.0 linux/v20.11.0 promise", "aws-sdk-nodejs/2.1693.0", JavaScriptSDK},
		{"aws-sdk-rust/1.3.3 os/linux lang/rust/1.80.0", "aws-sdk-rust/1.3.3", RustSDK},
		{"aws-sdk-cpp/1.11.500 ua/2.1", "aws-sdk-cpp/1.11.500", CppSDK},
		{"aws-sdk-dotnet-coreclr/4.0.1 ua/2.0", "aws-sdk-dotnet-coreclr/4.0.1", DotNetSDK},
		{"aws-sdk-ruby3/3.220.0 ua/2.1", "aws-sdk-ruby3/3.220.0", RubySDK},
		{"aws-sdk-php/3.342.0 ua/2.1", "aws-sdk-php/3.342.0", PHPSDK},
		{"aws-sdk-javax/1", "aws-sdk-javax/1", OtherClient},
		{"rclone/v1.60.1", "rclone/v1.60.1", OtherClient},
		{"tool<script>\"x\" y", "tool_script__x_", OtherClient},
		{"", "", OtherClient},
	} {
		head := parseHead(t, "GET / HTTP/1.1\nUser-Agent: "+tt.agent+"\n")
		got := Identify(head, "s3.amazonaws.com", nil)
		if got.Client != tt.client || got.UserAgent != tt.tool {
			t.Errorf("%s: client %d, tool %q; want %d, %q", tt.agent, got.Client, got.UserAgent, tt.client, tt.tool)
		}
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	if got, want := parseTime([]byte("20261123T171001Z")), time.Date(2026, 11, 23, 17, 10, 1, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, s := range []string{"", "20261123T171001", "20261123 171001Z", "20261323T171001Z", "2026112aT171001Z", "20261123T251001Z", "-0261123T171001Z"} {
		if got := parseTime([]byte(s)); !got.IsZero() {
			t.Errorf("parseTime(%q) = %v, want none", s, got)
		}
	}
}

// No secret, and nothing that points into the request, is in the result; whatever the bytes.
func FuzzIdentify(f *testing.F) {
	for _, s := range []string{boto3EC2, cliEC2, goJSON, jsS3, signed("GET /b?list-type=2", "s3", ""), signed("POST /2013-04-01/hostedzone/Z1/rrset", "route53", "Content-Length: 1\n")} {
		f.Add([]byte(strings.ReplaceAll(strings.ReplaceAll(strings.TrimLeft(s, "\n"), "KEY", testKey), "\n", "\r\n")+"\r\n"), "ec2.us-east-1.amazonaws.com:443", []byte("Action=RunInstances&MaxCount=3"))
	}
	for _, s := range []string{
		"GET /k?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Credential=KEY%2F20261123%2Fs3%2Faws4_request&X-Amz-Region-Set=eu-west-1%2C*&X-Amz-Date=20261123T171000Z&X-Amz-Expires=300 HTTP/1.1\n",
		"GET / HTTP/1.1\nX-Amz-Region-Set: us-west-2\nAuthorization: AWS4-ECDSA-P256-SHA256 Credential=KEY/20261123/s3/aws4_request, SignedHeaders=host, Signature=00\n",
		"POST /service/S/operation/O HTTP/1.1\nsmithy-protocol: rpc-v2-cbor\nContent-Type: application/cbor\n",
		"POST / HTTP/1.1\nContent-Length: 1\n" + formType, "GET /k?AWSAccessKeyId=KEY&Signature=x HTTP/1.1\n", "GET https://h?list%2Dtype=2 HTTP/1.1\nAuthorization: Bearer x\n",
	} {
		for _, host := range []string{"my-bucket-1.s3.amazonaws.com", "sdb.amazonaws.com", "vpce-1-2.s3-control.us-east-1.vpce.amazonaws.com"} {
			f.Add([]byte(strings.ReplaceAll(strings.ReplaceAll(s, "KEY", testKey), "\n", "\r\n")+"\r\n"), host, []byte("Action=Select&AWSAccessKeyId="+testKey))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, host string, body []byte) {
		raw, body = bytes.Clone(raw), bytes.Clone(body) // the fuzzer's own must not change
		var h relay.Head
		if h.ParseRequest(raw) != nil {
			return
		}
		NeedsBody(&h)
		before, beforeBody := bytes.Clone(raw), bytes.Clone(body)
		r := Identify(&h, host, body)
		again := r
		again.Account, again.Operation, again.Service = strings.Clone(r.Account), strings.Clone(r.Operation), strings.Clone(r.Service)
		if !bytes.Equal(raw, before) || !bytes.Equal(body, beforeBody) {
			t.Fatal("the request was changed")
		}
		clear(raw)
		clear(body)
		if r != again || r.Account == "" || r.Region == "" || r.Method == "" || len(r.Operation) > 128 {
			t.Errorf("got %+v", r)
		}
		if v := Judge(&r, response(t, "429 X", ""), nil).Verdict; v != Throttle {
			t.Errorf("verdict %d of a 429 for %+v", v, r)
		}
	})
}

type identifyBenchmark struct{ name, head, host, body string }

func identifyBenchmarks() []identifyBenchmark {
	return []identifyBenchmark{
		{"ec2", boto3EC2, "ec2.eu-west-1.amazonaws.com:443", "Action=DescribeSnapshotAttribute&Version=2016-11-15&Attribute=createVolumePermission&SnapshotId=snap-0123456789abcdef0"},
		{"json", goJSON, "ssm.us-east-1.amazonaws.com:443", ""},
		{"s3-object", jsS3, "my.bucket.s3.us-west-2.amazonaws.com:443", ""},
		{"s3-bucket", strings.Replace(jsS3, "PUT /a%2Fb/c.txt?x-id=PutObject", "GET /?list-type=2&prefix=&delimiter=%2F", 1), "my.bucket.s3.us-west-2.amazonaws.com:443", ""},
		{"lambda", strings.ReplaceAll(strings.Replace(jsS3, "PUT /a%2Fb/c.txt?x-id=PutObject", "GET /2015-03-31/functions/f/policy", 1), "/s3/", "/lambda/"), "lambda.us-west-2.amazonaws.com:443", ""},
	}
}

func BenchmarkIdentify(b *testing.B) {
	for _, bb := range identifyBenchmarks() {
		b.Run(bb.name, func(b *testing.B) {
			var d Identifier
			head, body := parseHead(b, bb.head), []byte(bb.body)
			b.ReportAllocs()
			for b.Loop() {
				d.Identify(head, bb.host, body)
			}
		})
	}
}

func TestInvocation(t *testing.T) {
	t.Parallel()
	const id = "7c1e9b0e-8f0a-4f7f-9d6a-0a6b7e3c2d11"
	for _, s := range []string{id, strings.ToUpper(id)} {
		if got := invocationOf([]byte(s)).String(); got != id {
			t.Errorf("invocation of %s = %s", s, got)
		}
	}
	seen := map[Invocation]string{{}: ""}
	for _, s := range []string{id, "4a3c", "4a3d", id[:35], id + "0", strings.Replace(id, "e", "g", 1), strings.Replace(id, "-", "0", 1)} {
		v := invocationOf([]byte(s))
		if other, ok := seen[v]; ok || v != invocationOf([]byte(s)) {
			t.Errorf("%q has the invocation of %q, or another the next time", s, other)
		}
		seen[v] = s
	}
	if got := invocationOf(nil).String(); got != "" {
		t.Errorf("none is %q", got)
	}
}

// What an Identifier remembers changes nothing: after any other request it says what it says at first.
func TestIdentifierMemory(t *testing.T) {
	t.Parallel()
	requests := []struct{ head, host, body string }{
		{boto3EC2, "ec2.eu-west-1.amazonaws.com:443", "Action=DescribeSnapshots&Version=2016-11-15"},
		{boto3EC2, "ec2.eu-west-1.amazonaws.com:443", "Action=NoSuchOperation&Version=1999-01-01"},
		{goJSON, "ssm.us-east-1.amazonaws.com:443", ""},
		{jsS3, "my.bucket.s3.us-west-2.amazonaws.com", ""},
		{signed("GET /other-bucket/k", "s3", ""), "s3.amazonaws.com", ""},
		{signed("GET /2030-01-01/gadgets/x", "lambda", ""), "", ""},
		{signed("POST /", "newsign", "X-Amz-Target: New_1.DoThings\nUser-Agent: "+strings.Repeat("x", 5000)+"\n"), "newhost.us-east-1.amazonaws.com", ""},
		{"GET /k HTTP/1.1\nAuthorization: AWS " + oldKey + ":c2ln\n", "b.s3.amazonaws.com", ""},
		{"GET / HTTP/1.1\n", "127.0.0.1:8443", ""},
	}
	for _, before := range requests {
		for _, after := range requests {
			var d Identifier
			d.Identify(parseHead(t, before.head), before.host, []byte(before.body))
			head := parseHead(t, after.head)
			want := Identify(head, after.host, []byte(after.body))
			if got := d.Identify(head, after.host, []byte(after.body)); got != want {
				t.Errorf("after %s: -want +got\n%s", before.host, cmp.Diff(want, got))
			}
		}
	}
}

// A request costs nothing on a connection that had one like it.
func TestIdentifyAllocs(t *testing.T) {
	for _, tt := range identifyBenchmarks() {
		var d Identifier
		head, body := parseHead(t, tt.head), []byte(tt.body)
		if n := testing.AllocsPerRun(100, func() { d.Identify(head, tt.host, body) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", tt.name, n)
		}
	}
}

// The operations of the table cost nothing, in whatever order they come.
func TestIdentifyAllocsInTurn(t *testing.T) {
	var d Identifier
	ec2, ssm := parseHead(t, boto3EC2), parseHead(t, goJSON)
	forms := [][]byte{[]byte("Action=DescribeSnapshots&Version=2016-11-15"), []byte("Action=DescribeSnapshotAttribute&Version=2016-11-15")}
	n := testing.AllocsPerRun(100, func() {
		for _, form := range forms {
			d.Identify(ec2, "ec2.eu-west-1.amazonaws.com", form)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for two operations in turn, want none", n)
	}
	if got := d.Identify(ssm, "ssm.us-east-1.amazonaws.com", nil); got.Action() != "ssm:DescribeParameters" {
		t.Errorf("then got %s", got.Action())
	}
}
