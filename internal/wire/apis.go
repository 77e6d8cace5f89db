package wire

import (
	_ "embed"
	"strings"
	"sync"
)

//go:generate sh -c "cd ../.. && go run ./interop/conformance -generate"
//go:embed apis.txt
var apisText string

// An api is what one host name answers to one signing name.
type api struct {
	sign, host string // signing name; name in host names: "monitoring", "api.ecr"
	service    string // in IAM's spelling
	protocols  string // letters, see apis.txt
	throttle   string // the code that the model has for a throttle, if not ThrottlingException
	rest       func() *node
	names      func() map[string]string // what RPC requests say literally: operations, versions
}

func (a *api) speaks(protocol byte) bool { return strings.IndexByte(a.protocols, protocol) >= 0 }

// A catalogue is all APIs that apis.txt knows.
type catalogue struct {
	bySign map[string][]*api // the API whose host is its signing name first
	byHost map[string]*api
	shared map[string][]*api // all that name a host name besides their own
}

//nolint:gochecknoglobals // made from the embedded table at first use, read only from then on
var known = sync.OnceValue(func() *catalogue { return parseCatalogue(apisText) })

// parseCatalogue reads the APIs of a table. It does not look at their operations: each API does, when first asked.
func parseCatalogue(text string) *catalogue {
	c := &catalogue{bySign: map[string][]*api{}, byHost: map[string]*api{}, shared: map[string][]*api{}}
	var others [][]string
	for i := strings.Index(text, "\n@"); i >= 0; {
		text = text[i+2:]
		i = strings.Index(text, "\n@")
		section := text
		if i >= 0 {
			section = text[:i+1]
		}
		line, ops, _ := strings.Cut(section, "\n")
		f := strings.Fields(line)
		a := &api{
			sign: f[0], host: f[1], service: iamPrefix(f[0]), protocols: f[2],
			rest:  sync.OnceValue(func() *node { return parseOperations(ops) }),
			names: sync.OnceValue(func() map[string]string { return parseNames(ops) }),
		}
		if f[3] != "-" {
			a.throttle = f[3]
		}
		c.bySign[a.sign] = append(c.bySign[a.sign], a)
		if c.byHost[a.host] == nil {
			c.byHost[a.host] = a
		}
		others = append(others, f)
	}
	for _, f := range others { // a host name of its own goes before another API's second name
		for _, h := range f[4:] {
			if c.byHost[h] == nil {
				c.byHost[h] = c.byHost[f[1]]
			}
			c.shared[h] = append(c.shared[h], c.byHost[f[1]])
		}
	}
	return c
}

// parseNames reads the names of one API.
func parseNames(text string) map[string]string {
	names := map[string]string{}
	for line := range strings.Lines(text) {
		if line[0] == '*' {
			for name := range strings.FieldsSeq(line[1:]) {
				names[name] = name
			}
		}
	}
	return names
}

// find returns the API that has the signing name and, if several have it, the name in the host; nil if none is known.
func (c *catalogue) find(sign []byte, host string) *api {
	if len(sign) == 0 {
		return c.byHost[host]
	}
	apis := c.bySign[string(sign)]
	if len(apis) == 0 {
		return nil
	}
	if len(apis) > 1 {
		if a := c.byHost[host]; a != nil && a.sign == apis[0].sign {
			return a
		}
	}
	return apis[0]
}

// iamPrefix returns the service prefix of IAM actions for a signing name: the same, but for these.
// Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html (the prefixes of IoT and of
// Partner Central read 2026-11-23, the others known well).
func iamPrefix(sign string) string {
	switch sign {
	case "IngestionService":
		return "importexport"
	case "monitoring":
		return "cloudwatch"
	case "tagging":
		return "tag"
	case "email":
		return "ses"
	case "awsssoportal":
		return "sso"
	case "cloudcontrolapi":
		return "cloudformation"
	case "mturk-requester":
		return "mechanicalturk"
	case "iotdata", "IoTSecuredTunneling":
		return "iot"
	case "iot-jobs-data":
		return "iotjobsdata"
	case "partnercentral-account", "partnercentral-benefits", "partnercentral-channel", "partnercentral-marketing", "partnercentral-selling":
		return "partnercentral"
	}
	return sign
}
