package wire

import "strings"

// A domain is a DNS suffix of a partition. Source: botocore 1.43 partitions.json; aws/aws-sdk-go-v2
// internal/endpoints/awsrulesfn/partitions.json (read 2026-11-23).
type domain struct{ suffix, partition string }

func domains() []domain {
	return []domain{
		{"amazonaws.com", "aws"},
		{"api.aws", "aws"},
		{"amazonaws.com.cn", "aws-cn"},
		{"api.amazonwebservices.com.cn", "aws-cn"},
		{"amazonaws.eu", "aws-eusc"},
		{"api.amazonwebservices.eu", "aws-eusc"},
		{"c2s.ic.gov", "aws-iso"},
		{"api.aws.ic.gov", "aws-iso"},
		{"sc2s.sgov.gov", "aws-iso-b"},
		{"api.aws.scloud", "aws-iso-b"},
		{"cloud.adc-e.uk", "aws-iso-e"},
		{"api.cloud-aws.adc-e.uk", "aws-iso-e"},
		{"csp.hci.ic.gov", "aws-iso-f"},
		{"api.aws.hci.ic.gov", "aws-iso-f"},
	}
}

// Domains returns the DNS domains that have all hosts of which [Intercepted] can be true: what an authority must permit.
func Domains() []string {
	var names []string
	for _, d := range domains() {
		names = append(names, d.suffix)
	}
	return names
}

// Intercepted reports whether host, with or without a port, is an AWS API that we speak for: of any partition, Regional,
// global, dual-stack, FIPS, a VPC endpoint or an S3 bucket's own host. All else is tunnelled: hosts of customers' own
// things (clusters, databases, registries, functions), hosts whose clients do not trust an authority of ours or need
// HTTP/2, and single sign-on.
func Intercepted(host string) bool {
	_, ok := parseHost(host)
	return ok
}

// A hostName is what a host name says. Its strings are parts of the name.
type hostName struct {
	partition string
	region    string // empty for a global host
	label     string // the API's name: "ec2", "api.ecr", "s3-control"; without what marks FIPS and dual-stack
	bucket    string // S3: what the host name names in front: a bucket, an access point
}

// parseHost reads the name of an AWS API's host; ok is false for any other.
func parseHost(host string) (h hostName, ok bool) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	rest := ""
	if rest, ok = strings.CutSuffix(host, ".amazonaws.com"); ok {
		h.partition = "aws"
	} else if h.partition, rest = cutDomain(host); h.partition == "" {
		return foreign(host), false
	}
	ok = h.read(rest)
	if p := partitionOf(h.region); p != "" {
		h.partition = p
	}
	return h, ok
}

// partitionOf returns the partition of a Region by its name, which tells for all but aws; some domains serve several.
// Source: botocore 1.44 partitions.json.
func partitionOf(region string) string {
	_, rest, _ := strings.Cut(region, "-")
	area := region[:len(region)-len(rest)]
	country, _, _ := strings.Cut(rest, "-")
	switch {
	case area == "cn-":
		return "aws-cn"
	case area == "eusc-":
		return "aws-eusc"
	case country == "gov":
		return "aws-us-gov"
	case country == "iso":
		return "aws-iso"
	case country == "isob":
		return "aws-iso-b"
	case country == "isoe":
		return "aws-iso-e"
	case country == "isof":
		return "aws-iso-f"
	}
	return ""
}

func cutDomain(host string) (partition, rest string) {
	for _, d := range domains() {
		if r, ok := strings.CutSuffix(host, d.suffix); ok && strings.HasSuffix(r, ".") {
			return d.partition, r[:len(r)-1]
		}
	}
	return "", ""
}

// foreign reads the names of AWS's APIs outside of its domains for APIs. Their hosts are tunnelled, but a request that
// was sent to one is told.
func foreign(host string) (h hostName) {
	if rest, ok := strings.CutSuffix(host, ".on.aws"); ok { // customers' own things, but one API has the form of theirs
		front, region := cutLast(rest)
		if _, last := cutLast(front); isRegion(region) && known().byHost[last] != nil {
			h.label, h.region = last, region
		}
	}
	first, rest, _ := strings.Cut(host, ".")
	if rest = strings.TrimPrefix(rest, "oauth."); strings.HasPrefix(rest, "signin.") && isRegion(first) {
		h.label, h.region = "signin", first
	}
	h.partition = partitionOf(h.region)
	return h
}

// read reads what stands before the domain.
func (h *hostName) read(rest string) bool {
	before, last := cutLast(rest)
	switch {
	case last == "vpce":
		return h.endpoint(before)
	case isRegion(last):
		h.region = last
		return h.regional(before)
	case last == "us-gov":
		h.region = "us-gov-west-1"
		if front, region := cutLast(before); isRegion(region) { // routes.geo.us-gov-west-1.us-gov
			before, h.region = front, region
		}
		return h.regional(before)
	case last == "global" && before != "":
		return h.regional(before)
	case h.globalS3(rest): // before what follows: a bucket can be called as if it were a Region
		return true
	}
	if front, region := cutLast(before); isRegion(region) { // customers' own things have such names, few APIs do
		h.region, h.label = region, last
		switch {
		case last == "neptune-graph", last == "elasticmapreduce" && front == "":
			return true
		case last == "queue" && front == "":
			h.label = "sqs"
			return true
		case last == "cloudsearch" && front != "": // a search domain
			h.label = "cloudsearchdomain"
		}
		return false
	}
	return h.global(rest)
}

// regional reads what stands before the Region.
func (h *hostName) regional(s string) bool {
	s = strings.TrimSuffix(s, ".dualstack")
	front, last := cutLast(s)
	if h.s3(front, strings.TrimSuffix(last, "-fips")) {
		return true
	}
	h.label = plain(s)
	if front == "" || front == "fips" {
		return s != "" && !tunnelled(h.label)
	}
	if known().byHost[h.label] != nil {
		return !tunnelled(h.label)
	}
	last = plain(last)
	switch {
	case last == "timestream" && strings.HasPrefix(front, "query-"), last == "timestream" && strings.HasPrefix(front, "ingest-"):
		h.label = front[:strings.IndexByte(front, '-')] + ".timestream" // cells of endpoint discovery
	case strings.HasSuffix(last, "-kinesis"), strings.HasSuffix(last, "-kinesis-queues"): // by stream
		h.label = "kinesis"
	case last == "machinelearning" && front == "realtime", // which GetMLModel names
		last == "mediaconvert" && strings.IndexByte(front, '.') < 0, // an account's own host
		isAccount(front) && !tunnelled(last):                        // hosts by account: 123456789012.ddb
		h.label = last
	default:
		return false
	}
	if strings.HasSuffix(h.label, "ddb") {
		h.label = "dynamodb"
	}
	return true
}

// s3 reads S3's host names: last is the label that names the API, front what stands before it.
func (h *hostName) s3(front, last string) bool {
	switch {
	case last == "s3-control":
		if front != "" && !isAccount(front) {
			return false
		}
		h.label = last
		return true
	case last == "s3express-control":
	case last == "s3", last == "s3-accelerate", last == "s3-accesspoint", last == "s3-object-lambda", last == "s3-outposts",
		strings.HasPrefix(last, "s3express-"):
		h.bucket = front
	default:
		return false
	}
	h.label = "s3"
	if last == "s3-outposts" && front == "" || last == "s3-object-lambda" || last == "s3express-control" {
		h.label = last
	}
	return true
}

// globalS3 reads S3's host names that do not end with a Region.
func (h *hostName) globalS3(rest string) bool {
	front, last := cutLast(strings.TrimSuffix(rest, ".dualstack"))
	if h.s3(front, last) {
		return true
	}
	if alias, ok := strings.CutSuffix(front, ".accesspoint"); ok && last == "s3-global" { // multi-Region access points
		h.label, h.bucket = "s3", alias
		return true
	}
	region := strings.TrimPrefix(strings.TrimPrefix(last, "s3-"), "fips-")
	if !strings.HasPrefix(last, "s3-") || strings.HasPrefix(region, "website-") || !isRegion(region) && region != "external-1" {
		return false
	}
	h.label, h.bucket = "s3", front
	if region != "external-1" {
		h.region = region
	}
	return true
}

// global reads a host name that has no Region.
func (h *hostName) global(rest string) bool {
	h.label = plain(rest)
	if rest == "queue" {
		h.label = "sqs"
	}
	if strings.HasSuffix(rest, ".endpoint.events") || strings.HasSuffix(rest, ".endpoints.email") { // global endpoints
		_, h.label = cutLast(rest)
		return true
	}
	return known().byHost[h.label] != nil && !tunnelled(h.label)
}

// endpoint reads what stands before .vpce: an interface endpoint, vpce-ID.SERVICE.REGION, with S3's names in front.
func (h *hostName) endpoint(s string) bool {
	s, h.region = cutLast(s)
	if !isRegion(h.region) {
		return false
	}
	front := ""
	if i := strings.Index(s, ".vpce-"); i >= 0 && !strings.HasPrefix(s, "vpce-") {
		front, s = s[:i], s[i+1:]
	}
	id, service, ok := strings.Cut(s, ".")
	if !ok || !strings.HasPrefix(id, "vpce-") || strings.HasPrefix(service, "vpce-svc-") {
		return false
	}
	h.label = plain(service)
	if h.label == "s3" {
		before, kind := cutLast(front)
		switch kind {
		case "control":
			h.label = "s3-control"
		case "bucket", "accesspoint":
			h.bucket = before
		}
		return true
	}
	return (strings.IndexByte(h.label, '.') < 0 || known().byHost[h.label] != nil) && !tunnelled(h.label)
}

// tunnelled reports whether an API's hosts are left alone: WebSockets, mutual TLS, git, sign-on, HTTP/2 streams, customers'
// own APIs, and hosts under AWS's names that are no API.
func tunnelled(label string) bool {
	switch label {
	case "execute-api", "git-codecommit", "dkr.ecr",
		"ssmmessages", "ec2messages",
		"oidc", "portal.sso", "signin",
		"data-ats.iot", "data.ats.iot", "data.iot", "data.jobs.iot", "greengrass-ats.iot", "data.tunneling.iot", "credentials.iot",
		"transcribestreaming", "runtime-http2.sagemaker", "streaming.health-agent",
		"email-smtp", "repo", "packages", "amazonlinux":
		return true
	}
	return false
}

// plain returns an API's name without what marks FIPS hosts.
func plain(label string) string {
	return strings.TrimPrefix(strings.ReplaceAll(label, "-fips", ""), "fips.")
}

// cutLast splits off the last label.
func cutLast(s string) (before, last string) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}

// isRegion reports whether s has the form of a Region's name: us-east-1, us-gov-west-1, eusc-de-east-1.
func isRegion(s string) bool {
	dashes := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-':
			dashes++
		case '0' <= c && c <= '9':
			if dashes < 2 {
				return false
			}
		case c < 'a' || c > 'z':
			return false
		}
	}
	return dashes >= 2 && len(s) >= 8 && s[0] != '-' && '0' <= s[len(s)-1] && s[len(s)-1] <= '9'
}

// isAccount reports whether s has the form of an account's number.
func isAccount(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == 12
}
