package wire

import (
	"bytes"
)

// A call is which operation a request asks for, in which protocol.
type call struct {
	protocol   Protocol
	name       string // the operation; empty if raw has it, or no table knows it
	raw        []byte
	label      labelKind
	owner      *api // whose operation it is, if not the API's that was taken for the request's
	api        string
	version    []byte
	key        []byte // an access key id that stands in the form
	unfiltered bool
	resources  float64
}

// A labelKind says what stands for an operation that no table knows.
type labelKind uint8

const (
	none    labelKind = iota
	named             // method and first words of the path
	unnamed           // method only: the path begins with what the user named
)

// callOf tells the call by what is most certain first: a Smithy RPC path, a target, an Action, then method and path.
// It goes by the request and not by the service, because clients of one service speak different protocols.
func callOf(a *api, h *hostName, f *fields, q *restRequest, sign, query, body []byte) call {
	if op := rpcOperation(q.path, f); op != nil {
		c := call{protocol: CBOR, raw: op}
		if equalFold(f.smithy, "rpc-v2-json") {
			c.protocol = JSON10
		}
		return c
	}
	if op := f.target[bytes.LastIndexByte(f.target, '.')+1:]; isName(op) {
		return call{protocol: jsonProtocol(f.contentType), raw: op}
	}
	if c, ok := queryCall(a, f, q, query, body); ok {
		return c
	}
	c := restCall(a, h, f, q, sign)
	if c.name == "ChangeResourceRecordSets" {
		c.resources = changes(decoded(body, f.contentEncoding, MaxBody))
	}
	return c
}

// rpcOperation returns the operation of a Smithy RPC v2 path, /service/SERVICE/operation/OPERATION, or nil.
func rpcOperation(path []byte, f *fields) []byte {
	if len(f.smithy) == 0 && !equalFold(f.contentType, "application/cbor") {
		return nil
	}
	i := bytes.LastIndex(path, []byte("/operation/"))
	if i < 0 || !bytes.Contains(path[:i], []byte("/service/")) {
		return nil
	}
	if op := path[i+len("/operation/"):]; isName(op) {
		return op
	}
	return nil
}

func jsonProtocol(contentType []byte) Protocol {
	switch {
	case hasPrefixFold(contentType, "application/x-amz-json-1.0"):
		return JSON10
	case hasPrefixFold(contentType, "application/x-amz-cbor-1.1"), hasPrefixFold(contentType, "application/cbor"):
		return CBOR
	}
	return JSON11
}

// queryCall reads the query protocols, whose arguments are in the URL or in a form.
func queryCall(a *api, f *fields, q *restRequest, query, body []byte) (call, bool) {
	if a != nil && a.sign == "s3" {
		return call{}, false
	}
	var args form
	if _, ok := q.query.get("Action"); ok {
		args.parse(query)
	} else if len(body) > 0 && (len(f.contentType) == 0 || hasPrefixFold(f.contentType, "application/x-www-form-urlencoded")) {
		args.parse(decoded(body, f.contentEncoding, MaxBody))
	}
	if !isName(args.action) {
		return call{}, false
	}
	c := call{protocol: Query, raw: args.action, version: args.version, key: args.key}
	if a != nil && a.speaks('e') {
		c.protocol, c.unfiltered, c.resources = EC2, args.unfiltered(), args.resources()
	}
	return c, true
}

// restCall finds the operation in the tables of the service, else makes a label.
func restCall(a *api, h *hostName, f *fields, q *restRequest, sign []byte) call {
	c := call{protocol: RESTJSON}
	if a == nil {
		if bytes.Contains(f.contentType, []byte("xml")) {
			c.protocol = RESTXML
		}
		c.label = named
		return c
	}
	if a.sign == "s3" || a.sign == "s3-outposts" {
		return s3Call(a, h, q, sign)
	}
	if a.speaks('x') {
		c.protocol = RESTXML
	}
	if len(known().bySign[a.sign]) > 1 {
		c.api = a.host
	}
	if op := a.rest().find(q, q.path); op != nil {
		c.name = op.name
		return c
	}
	if other, op := elsewhere(a, h, q, sign); op != nil {
		c.name, c.owner = op.name, other
		if other.sign == a.sign {
			c.api = other.host
		}
		return c
	}
	c.label = unnamed
	if root := a.rest(); root.param == nil && root.greedy == nil { // else paths begin with what the user named
		c.label = named
	}
	return c
}

// elsewhere finds the operation in the other APIs that the request may be for: those of the signing name unless the host name
// is certain, or if it has no signature, those of the host name.
func elsewhere(a *api, h *hostName, q *restRequest, sign []byte) (*api, *operation) {
	others := known().bySign[a.sign]
	switch {
	case len(sign) == 0:
		others = known().shared[h.label]
	case known().byHost[h.label] == a:
		return nil, nil
	}
	for _, other := range others {
		if op := other.rest().find(q, q.path); op != nil {
			return other, op
		}
	}
	return nil, nil
}

// s3Call finds an operation of S3, of its control API, or of S3 on Outposts, which share paths and signing names.
func s3Call(a *api, h *hostName, q *restRequest, sign []byte) call {
	c := call{protocol: RESTXML}
	root := known().byHost["s3"].rest()
	control := bytes.HasPrefix(q.path, []byte("/v20180820/"))
	switch {
	case h.label == "s3-control", control && h.label != "s3":
		c.api = "s3-control"
		root = known().byHost[c.api].rest()
	case a.sign == "s3-outposts" && h.bucket == "":
		c.protocol = RESTJSON
		root = a.rest()
	case string(q.path) == "/WriteGetObjectResponse" && string(q.method) == "POST" && (h.label == "s3-object-lambda" || string(sign) == "s3-object-lambda"):
	case h.bucket != "":
		root = root.param
	}
	op := root.find(q, q.path)
	switch {
	case op == nil:
		c.label = unnamed
	case op.name == "ListBuckets" && (h.label == "s3express-control" || string(sign) == "s3express"):
		c.name = "ListDirectoryBuckets"
	default:
		c.name = op.name
	}
	return c
}
