package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/botorate/botorate"
)

// The account of a key that does not tell it is known once an answer told it: to GetCallerIdentity, whole or in chunks, or a throttle's text.
func TestAccountIsLearnt(t *testing.T) {
	const (
		signature = "X-Amz-Date: 20261123T171000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/us-east-1/x/aws4_request, SignedHeaders=host, Signature=00\r\n"
		identity  = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
		limit     = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded. Account 123456789012 has been throttled on ec2:RunInstances because it exceeded its request rate limit.</Message></Error></Errors></Response>"
	)
	for _, tt := range []struct{ name, host, service, body, answer string }{
		{"identity", "sts.us-east-1.amazonaws.com", "sts", "Action=GetCallerIdentity&Version=2011-06-15", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(identity), identity)},
		{"identity in chunks", "sts.us-east-1.amazonaws.com", "sts", "Action=GetCallerIdentity&Version=2011-06-15", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 60, identity[:60], len(identity)-60, identity[60:])},
		{"throttle", ec2Host, "ec2", describeBody, fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n%s", len(limit), limit)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, pieceByPiece(tt.answer), func(w *world) {
				n := 0
				w.gov.wait = func(context.Context, botorate.Attempt) error {
					if n++; tt.service == "ec2" && n%2 == 0 { // no second turn for a throttled attempt
						return &botorate.TooLateError{Wait: time.Minute}
					}
					return nil
				}
			})
			c := w.open(tt.host)
			request := "POST / HTTP/1.1\r\nHost: " + tt.host + "\r\nContent-Type: application/x-www-form-urlencoded\r\n" + strings.Replace(signature, "/x/", "/"+tt.service+"/", 1) +
				fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(tt.body), tt.body)
			for range 2 {
				io.WriteString(c, request)
				if got := readN(t, c, len(tt.answer)); got != tt.answer {
					t.Fatalf("got %q", got)
				}
			}
			told := w.ended(2)
			if a := told[0].Account; !strings.HasPrefix(a, "key-") {
				t.Errorf("the first attempt has account %s", a)
			}
			if a := told[1].Account; a != "123456789012" {
				t.Errorf("the second attempt has account %s", a)
			}
		})
	}
}

// pieceByPiece gives each request that answer, in pieces that come to the proxy on their own.
func pieceByPiece(answer string) func(*tls.Conn) {
	return func(c *tls.Conn) {
		in := bufio.NewReader(c)
		for {
			if _, err := readMessage(in); err != nil {
				return
			}
			inPieces(c, answer, 50)
		}
	}
}
