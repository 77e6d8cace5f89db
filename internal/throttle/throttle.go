// Package throttle knows which of AWS's error codes say that an attempt was refused for its rate. The proxy, which reads raw answers, and
// the SDK's step, which is handed parsed ones, judge alike by it.
package throttle

import (
	"net/http"
	"strings"
)

// Is reports whether an error answer of a service (in IAM's spelling; api tells its APIs apart, and may be empty) says that the attempt was
// refused for its rate: by its code, which may be empty, or else by its status.
func Is(service, api string, status int, code string) bool {
	return Code(service, api, status, code) || Status(status) && !isRefusal(code)
}

// Status reports whether a status says it without a code: 509 is an old bandwidth limit.
func Status(status int) bool { return status == http.StatusTooManyRequests || status == 509 }

// Code reports whether an error code alone says it. The first list is the SDKs' own, the second has codes of service models that no
// SDK lists.
// Source: botocore standard.py, aws-sdk-go-v2 aws/retry/standard.go @1489ddb2,
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html, botocore 1.43.67 service models (read 2026-11-23).
func Code(service, api string, status int, code string) bool {
	switch code {
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException",
		"ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded", "BandwidthLimitExceeded",
		"RequestThrottled", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException":
		return true
	case "Throttled", "ThrottledClientException", "TooManyRequests", "TooManyRequestException", "TooManyRequestsError",
		"RateLimitExceededException", "CallRateLimitExceededException", "ThrottledRequestException", "EKSRequestThrottledException",
		"LambdaThrottledException", "KMSThrottling", "KMSThrottlingException", "KMSThrottlingFault", "KmsThrottlingException",
		"KmsThrottled", "DependencyThrottle", "RateLimitError", "RequestLimitExceededException", "DependentServiceRequestThrottlingFault":
		return true
	case "LimitExceededException": // elsewhere a quota of things, not a rate
		switch service {
		case "kinesis", "dynamodb":
			return true
		case "amplify", "codeconnections", "codestar-connections", "connect", "dlm":
			return false
		}
		return status == 429
	case "ModelNotReadyException": // elsewhere the model is on its way, and no rate
		return api == "inferencerouter-runtime.sagemaker"
	case "SlowDownException": // there it paces the polling for a device code
		return service != "sso-oauth"
	}
	return false
}

// isRefusal reports whether a code that is no throttle's tells of something else than a rate, whatever the status: of a number of
// things that is used up, of a conflict, of an untimely call.
func isRefusal(code string) bool {
	switch code {
	case "SlowDownException", "CapacityDecreaseRequestLimitExceeded", "VolumeModificationRateExceededException",
		"ConcurrentModificationException", "ModelNotReadyException", "ServiceUnavailableException",
		"TooManyCookiesInOriginRequestPolicy", "TooManyDistributionsAssociatedToOriginRequestPolicy",
		"TooManyEntriesInBatchRequest", "TooManyEntriesInBatchRequestException", "TooManyHeadersInOriginRequestPolicy",
		"TooManyOriginRequestPolicies", "TooManyQueryStringsInOriginRequestPolicy", "TooManyRequestedAttributes":
		return true
	}
	if strings.Contains(code, "Rate") || strings.Contains(code, "Request") {
		return false
	}
	return strings.HasPrefix(code, "TooMany") || strings.Contains(code, "LimitExceeded") || strings.Contains(code, "QuotaExceeded")
}
