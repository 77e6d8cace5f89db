package awssdk

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/internal/throttle"
)

// judge says what an attempt's error means for the rate, and whether the attempt was sent at all.
func judge(service string, metadata middleware.Metadata, err error) (o botorate.Outcome, sent bool) {
	r, _ := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response)
	if r == nil || r.Response == nil || r.StatusCode == 0 {
		return botorate.Outcome{Kind: botorate.Failed}, wasSent(err)
	}
	var code, message string
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		code, message = answer.ErrorCode(), answer.ErrorMessage()
	}
	if !throttle.Is(service, "", r.StatusCode, code) {
		return o, true
	}
	return botorate.Outcome{
		Kind: botorate.Throttled, RetryAfter: retryAfter(r.Header),
		Incident: strings.Contains(strings.ToLower(message), "operational issue"),
	}, true
}

// wasSent reports whether an attempt without an answer may have reached AWS.
func wasSent(err error) bool {
	_, canceled := errors.AsType[*smithy.CanceledError](err)
	_, failed := errors.AsType[*smithyhttp.RequestSendError](err)
	if !canceled && !failed {
		return false // it got no further than credentials, endpoint or signature
	}
	network, ok := errors.AsType[*net.OpError](err)
	return !ok || network.Op != "dial"
}

// maxRetryAfter bounds what a service can ask for.
const maxRetryAfter = 5 * time.Minute

// retryAfter returns the wait that an answer asks for: x-amz-retry-after in milliseconds, else Retry-After in seconds. Its
// form as a date is ignored.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseUint(h.Get("X-Amz-Retry-After"), 10, 31); err == nil {
		return min(time.Duration(ms)*time.Millisecond, maxRetryAfter)
	}
	s, _ := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	return min(time.Duration(s)*time.Second, maxRetryAfter)
}
