package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/wire"
)

func TestRun(t *testing.T) {
	models := fstest.MapFS{
		"a/2010-01-01/service-2.json": {Data: []byte(`{"metadata": {"serviceId": "Old A", "endpointPrefix": "a"}}`)},
		"a/2020-01-01/service-2.json": {Data: []byte(`{"metadata": {"serviceId": "The A", "endpointPrefix": "a"},
			"operations": {"Login": {"authtype": "none"}, "Register": {"auth": ["smithy.api#noAuth"]}, "Get": {}}}`)},
		"m/2020-01-01/service-2.json": {Data: []byte(`{"metadata": {"serviceId": "M", "endpointPrefix": "m", "signingName": "monitoring"}}`)},
	}
	var out bytes.Buffer
	if err := run(models, "1.2.3", &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"botocore 1.2.3. DO NOT EDIT.", "case \"The A\":\n\t\treturn \"a\", \"\"", "case \"M\":\n\t\treturn \"cloudwatch\", \"\"", "case \"Login\", \"Register\":"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "Old A") {
		t.Error("an old version counts")
	}
	if err := run(fstest.MapFS{}, "", &out); err == nil {
		t.Error("no models, no error")
	}
}

// TestPrefixAsWire: package wire calls each service the same.
func TestPrefixAsWire(t *testing.T) {
	text, err := os.ReadFile("../../internal/wire/apis.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "@")
		if !ok {
			continue
		}
		n++
		sign, _, _ := strings.Cut(rest, " ")
		var head relay.Head
		raw := "GET / HTTP/1.1\r\nHost: x.amazonaws.com\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIA/20261123/eu-west-1/" + sign +
			"/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
		if err := head.ParseRequest([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		if got, want := iamPrefix(sign), wire.Identify(&head, "x.amazonaws.com", nil).Service; got != want {
			t.Errorf("%s: %q, but package wire says %q", sign, got, want)
		}
	}
	if n < 300 {
		t.Errorf("only %d APIs", n)
	}
}
