package wire

import (
	"bytes"
)

// A call is which operation a request asks for, in which protocol.
type call struct {
	protocol   Protocol
	name       string // the operation; empty if raw has it
	raw        []byte
	api        string
	version    []byte
	unfiltered bool
	resources  float64
}

// callOf tells the call by what is most certain first: a Smithy RPC path, a target, an Action, then method and path.
// It goes by the request and not by the service, because clients of one service speak different protocols.
func callOf(a *api, h *hostName, f *fields, q *restRequest, query, body []byte) call {
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
	c := restCall(a, h, f, q)
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
	c := call{protocol: Query, raw: args.action, version: args.version}
	if a != nil && a.speaks('e') {
		c.protocol, c.unfiltered, c.resources = EC2, args.unfiltered(), args.resources()
	}
	return c, true
}

// restCall finds the operation in the tables of the service, else makes a label.
func restCall(a *api, h *hostName, f *fields, q *restRequest) call {
	c := call{protocol: RESTJSON}
	if a == nil {
		if bytes.Contains(f.contentType, []byte("xml")) {
			c.protocol = RESTXML
		}
		c.name = q.label(true)
		return c
	}
	if a.sign == "s3" || a.sign == "s3-outposts" {
		return s3Call(a, h, q)
	}
	if a.speaks('x') {
		c.protocol = RESTXML
	}
	apis := known().bySign[a.sign]
	if len(apis) > 1 {
		c.api = a.host
	}
	if op := a.rest().find(q, q.path); op != nil {
		c.name = op.name
		return c
	}
	for _, other := range apis {
		if other == a || known().byHost[h.label] == a {
			continue // the host name is certain
		}
		if op := other.rest().find(q, q.path); op != nil {
			c.name, c.api = op.name, other.host
			return c
		}
	}
	root := a.rest()
	c.name = q.label(root.param == nil && root.greedy == nil) // else paths begin with what the user named
	return c
}

// s3Call finds an operation of S3, of its control API, or of S3 on Outposts, which share paths and signing names.
func s3Call(a *api, h *hostName, q *restRequest) call {
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
	case h.bucket != "" && string(q.path) != "/WriteGetObjectResponse":
		root = root.param
	}
	op := root.find(q, q.path)
	switch {
	case op == nil:
		c.name = q.label(false)
	case op.name == "ListBuckets" && h.label == "s3express-control":
		c.name = "ListDirectoryBuckets"
	default:
		c.name = op.name
	}
	return c
}
