package main

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func gzipped(t *testing.T, s string) *fstest.MapFile {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(s))
	z.Close()
	return &fstest.MapFile{Data: b.Bytes()}
}

func TestRun(t *testing.T) {
	t.Parallel()
	models := fstest.MapFS{
		"pots/2015-01-01/service-2.json.gz": gzipped(t, `{"metadata":{"endpointPrefix":"old"},"operations":{}}`),
		"pots/2016-01-01/service-2.json.gz": gzipped(t, `{
			"metadata": {"endpointPrefix": "api.pots", "signingName": "pots", "protocol": "rest-json", "protocols": ["rest-json"]},
			"operations": {
				"GetPot": {"http": {"method": "GET", "requestUri": "/pots/{Name}"}, "errors": [{"shape": "Many"}]},
				"PutLid": {"http": {"method": "PUT", "requestUri": "/pots/{Name}/lid/{Path+}"}, "input": {"shape": "In"}, "endpoint": {"hostPrefix": "lids."}},
				"PutOldLid": {"http": {"method": "PUT", "requestUri": "/pots/{Name}/lid/{Path+}"}, "input": {"shape": "In"}, "deprecated": true},
				"CopyLid": {"http": {"method": "PUT", "requestUri": "/pots/{Name}/lid/{Path+}?copy"}}
			},
			"shapes": {
				"In": {"required": ["A", "B", "C"], "members": {
					"A": {"location": "querystring", "locationName": "a"}, "B": {"location": "header", "locationName": "X-B"}, "C": {"location": "uri", "locationName": "Name"}}},
				"Many": {"error": {"code": "TooManyRequestsException"}}
			}}`),
		"pots/2016-01-01/endpoint-rule-set-1.json.gz":    gzipped(t, `{"url": "https://pots-fips.{Region}.x", "signingName": "pots", "more": {"signingName": "pans"}, "rules": [{"url": "https://{Shelf#id}.pot-shelf.{Region}.x"}, {"url": "https://global.pots.amazonaws.com"}, {"url": "https://lids.api.pots.us-gov-west-1.amazonaws.com"}]}`),
		"kettles/2016-01-01/service-2.json.gz":           gzipped(t, `{"metadata": {"endpointPrefix": "kettles", "protocol": "query", "apiVersion": "2016-01-01", "protocols": ["smithy-rpc-v2-cbor", "query", "json"]}, "operations": {"Boil": {"http": {"method": "POST", "requestUri": "/"}}}}`),
		"kettles/2016-01-01/endpoint-rule-set-1.json.gz": gzipped(t, `{"rules": [{"signingName": "Steam"}, {"signingName": "Steam"}]}`),
		"README": {Data: []byte("not a service")},
	}
	var out strings.Builder
	if err := run(models, "9.9.9", &out); err != nil {
		t.Fatal(err)
	}
	head, got, _ := strings.Cut(out.String(), "\n@")
	want := `Steam kettles rq -
* 2016-01-01 Boil
@pots api.pots j TooManyRequestsException global.pots lids.api.pots pot-shelf pots
GET /pots/{} GetPot
PUT /pots/{}/lid/{+} CopyLid ?copy
PUT /pots/{}/lid/{+} PutLid ?a !x-b
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, s := range []string{"botocore 9.9.9", "Apache-2.0", "DO NOT EDIT"} {
		if !strings.Contains(head, s) {
			t.Errorf("%q is not in the header", s)
		}
	}
}
