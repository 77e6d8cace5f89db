package lab

import (
	"encoding/xml"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// An answered is what the stand-in answers itself: a body for encoding/xml whose root names the operation.
type answered any

type ec2Response[T any] struct {
	XMLName   xml.Name
	RequestID string `xml:"requestId"`
	Items     *T
	NextToken string `xml:"nextToken,omitempty"`
}

// A set is EC2's list: an element of its own name that holds items.
type set[T any] struct {
	XMLName xml.Name
	Items   []T `xml:"item"`
}

const ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

func ec2Set[T any](operation, requestID, name string, items []T, next string) answered {
	return ec2Response[set[T]]{
		XMLName:   xml.Name{Space: ec2Namespace, Local: operation + "Response"},
		RequestID: requestID,
		Items:     &set[T]{XMLName: xml.Name{Local: name}, Items: items},
		NextToken: next,
	}
}

// A query is a call of a query protocol that the stand-in may answer itself.
type query struct {
	operation, region, requestID string
	form                         url.Values
}

// answerEC2 answers the reads of a snapshot scan; known is false for any other operation.
func (v inventory) answerEC2(q query) (a answered, known bool, err *apiError) {
	switch q.operation {
	case "DescribeSnapshots":
		a, err = v.describeSnapshots(q)
	case "DescribeSnapshotAttribute":
		a, err = v.describeSnapshotAttribute(q)
	case "DescribeVolumes":
		a, err = v.describeVolumes(q)
	case "DescribeRegions":
		a = describeRegions(q)
	case "DescribeVpcs":
		a = describeVpcs(q)
	case "DescribeInstances":
		a = ec2Set(q.operation, q.requestID, "reservationSet", []struct{}{}, "")
	default:
		return nil, false, nil
	}
	return a, true, err
}

func (v inventory) describeSnapshots(q query) (answered, *apiError) {
	size, err := q.pageSize()
	if err != nil {
		return nil, err
	}
	var all []snapshotItem
	if ids := q.list("SnapshotId"); len(ids) > 0 {
		for _, id := range ids {
			i, err := v.find(id)
			if err != nil {
				return nil, err
			}
			all = append(all, v.snapshot(i))
		}
	} else {
		for i := range v.snapshots {
			all = append(all, v.snapshot(i))
		}
	}
	filters, owners := q.filters(), q.list("Owner")
	all = slices.DeleteFunc(all, func(s snapshotItem) bool {
		return !passes(filters, s.property) || (len(owners) > 0 && !slices.Contains(owners, "self") && !slices.Contains(owners, Account))
	})
	part, next, err := page(all, size, q.form.Get("NextToken"))
	if err != nil {
		return nil, err
	}
	return ec2Set(q.operation, q.requestID, "snapshotSet", part, next), nil
}

type snapshotAttribute struct {
	XMLName     xml.Name
	RequestID   string           `xml:"requestId"`
	SnapshotID  string           `xml:"snapshotId"`
	Permissions *set[permission] `xml:",omitempty"`
	Products    *set[struct{}]   `xml:",omitempty"`
}

type permission struct {
	Group string `xml:"group"`
}

func (v inventory) describeSnapshotAttribute(q query) (answered, *apiError) {
	i, err := v.find(q.form.Get("SnapshotId"))
	if err != nil {
		return nil, err
	}
	a := snapshotAttribute{
		XMLName:    xml.Name{Space: ec2Namespace, Local: q.operation + "Response"},
		RequestID:  q.requestID,
		SnapshotID: q.form.Get("SnapshotId"),
	}
	switch attribute := q.form.Get("Attribute"); attribute {
	case "createVolumePermission":
		a.Permissions = &set[permission]{XMLName: xml.Name{Local: "createVolumePermission"}}
		if v.public(i) {
			a.Permissions.Items = []permission{{"all"}}
		}
	case "productCodes":
		a.Products = &set[struct{}]{XMLName: xml.Name{Local: "productCodes"}}
	case "":
		return nil, &apiError{400, "MissingParameter", "The request must contain the parameter attribute"}
	default:
		return nil, badParameter("Value (%s) for parameter attribute is invalid. Unknown attribute.", attribute)
	}
	return a, nil
}

func (v inventory) describeVolumes(q query) (answered, *apiError) {
	size, err := q.pageSize()
	if err != nil {
		return nil, err
	}
	filters, ids := q.filters(), q.list("VolumeId")
	var all []volumeItem
	for i := range v.volumes() {
		item := v.volume(i, q.region)
		if passes(filters, item.property) && (len(ids) == 0 || slices.Contains(ids, item.VolumeID)) {
			all = append(all, item)
		}
	}
	part, next, err := page(all, size, q.form.Get("NextToken"))
	if err != nil {
		return nil, err
	}
	return ec2Set(q.operation, q.requestID, "volumeSet", part, next), nil
}

type regionItem struct {
	RegionName     string `xml:"regionName"`
	RegionEndpoint string `xml:"regionEndpoint"`
	OptInStatus    string `xml:"optInStatus"`
}

func (r *regionItem) property(name string) (string, bool) {
	switch name {
	case "region-name":
		return r.RegionName, true
	case "endpoint":
		return r.RegionEndpoint, true
	case "opt-in-status":
		return r.OptInStatus, true
	}
	return "", false
}

// describeRegions names the Regions that every account has. Unlike other emulators it minds the filter: ScoutSuite asks for the
// Regions that are not opted in, and scans none of those it is told.
func describeRegions(q query) answered {
	filters, names := q.filters(), q.list("RegionName")
	var items []regionItem
	for _, name := range []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1",
		"eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	} {
		r := regionItem{name, "ec2." + name + ".amazonaws.com", "opt-in-not-required"}
		if passes(filters, r.property) && (len(names) == 0 || slices.Contains(names, name)) {
			items = append(items, r)
		}
	}
	return ec2Set(q.operation, q.requestID, "regionInfo", items, "")
}

type vpcItem struct {
	VpcID           string `xml:"vpcId"`
	OwnerID         string `xml:"ownerId"`
	State           string `xml:"state"`
	CidrBlock       string `xml:"cidrBlock"`
	DhcpOptionsID   string `xml:"dhcpOptionsId"`
	InstanceTenancy string `xml:"instanceTenancy"`
	IsDefault       bool   `xml:"isDefault"`
}

func (v *vpcItem) property(name string) (string, bool) {
	switch name {
	case "vpc-id":
		return v.VpcID, true
	case "is-default", "isDefault":
		return strconv.FormatBool(v.IsDefault), true
	}
	return "", false
}

func describeVpcs(q query) answered {
	vpc := vpcItem{"vpc-00000000000000001", Account, "available", "172.31.0.0/16", "dopt-00000000000000001", "default", true}
	var items []vpcItem
	if ids := q.list("VpcId"); passes(q.filters(), vpc.property) && (len(ids) == 0 || slices.Contains(ids, vpc.VpcID)) {
		items = append(items, vpc)
	}
	return ec2Set(q.operation, q.requestID, "vpcSet", items, "")
}

type callerIdentity struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Result  struct {
		Arn     string `xml:"Arn"`
		UserID  string `xml:"UserId"`
		Account string `xml:"Account"`
	} `xml:"GetCallerIdentityResult"`
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

func getCallerIdentity(q query) answered {
	a := callerIdentity{RequestID: q.requestID}
	a.Result.Arn = "arn:aws:iam::" + Account + ":user/lab"
	a.Result.UserID = "AIDAEXAMPLELABUSER00"
	a.Result.Account = Account
	return a
}

// pageSize reads MaxResults, which EC2 bounds to 5–1000 and takes 1000 for more.
func (q query) pageSize() (int, *apiError) {
	v := q.form.Get("MaxResults")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 5 {
		return 0, badParameter("Value ( %s ) for parameter maxResults is invalid. Expecting a value of at least 5.", v)
	}
	return min(n, 1000), nil
}

// list reads NAME.1, NAME.2, ….
func (q query) list(name string) []string {
	var values []string
	for i := 1; q.form.Has(name + "." + strconv.Itoa(i)); i++ {
		values = append(values, q.form.Get(name+"."+strconv.Itoa(i)))
	}
	return values
}

func (q query) filters() []filter {
	var filters []filter
	for i := 1; ; i++ {
		prefix := "Filter." + strconv.Itoa(i)
		if !q.form.Has(prefix + ".Name") {
			return filters
		}
		filters = append(filters, filter{strings.TrimSpace(q.form.Get(prefix + ".Name")), q.list(prefix + ".Value")})
	}
}
