package lab

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/botorate/botorate/internal/wire"
)

// String is the word for the log.
func (f sigFault) String() string {
	switch f {
	case sigValid:
		return "valid"
	case sigMissing:
		return "missing"
	case sigMalformed:
		return "malformed"
	case sigUnknownKey:
		return "unknown key"
	case sigExpired, sigPresignedOver:
		return "expired"
	default:
		return "invalid"
	}
}

// unsignedByDesign reports whether clients send the request without a signature: before they have credentials, or because
// anybody may.
func unsignedByDesign(r *wire.Request) bool {
	switch r.Service {
	case "sts":
		return r.Operation == "AssumeRoleWithSAML" || r.Operation == "AssumeRoleWithWebIdentity"
	case "sso", "sso-oauth", "sso-oidc", "signin", "s3":
		return true
	}
	return strings.HasPrefix(r.Service, "cognito-")
}

const (
	textBadToken = "The security token included in the request is invalid."
	textMismatch = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	textMalformed = "The stand-in reads AWS4-HMAC-SHA256 signatures that are complete and cover the host; this is none."
	textEC2       = "AWS was not able to validate the provided access credentials"
)

// refusal says what the service answers to a bad signature. Codes and statuses are those of each service's list of common errors:
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html; read 2026-11-23.
func (f sigFault) refusal(r *wire.Request, sig *signature, now time.Time) (status int, code, message string) {
	switch {
	case r.Protocol == wire.EC2:
		return f.refusalEC2()
	case r.Service == "s3":
		return f.refusalS3()
	case r.Protocol == wire.JSON10, r.Protocol == wire.JSON11, r.Protocol == wire.CBOR:
		code, message = f.refusalJSON(sig, now)
		return http.StatusBadRequest, code, message
	case r.Protocol == wire.RESTJSON:
		code, message = f.refusalJSON(sig, now)
		return http.StatusForbidden, code, message
	}
	return f.refusalQuery(sig, now)
}

func (f sigFault) refusalEC2() (status int, code, message string) {
	switch f {
	case sigMalformed:
		return http.StatusBadRequest, "IncompleteSignature", textMalformed
	case sigExpired, sigPresignedOver:
		return http.StatusBadRequest, "RequestExpired", "Request has expired."
	default:
		return http.StatusUnauthorized, "AuthFailure", textEC2
	}
}

func (f sigFault) refusalS3() (status int, code, message string) {
	switch f {
	case sigMalformed:
		return http.StatusBadRequest, "AuthorizationHeaderMalformed", textMalformed
	case sigUnknownKey:
		return http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
	case sigBody:
		return http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
	case sigUnsignedField:
		return http.StatusForbidden, "AccessDenied", "There were headers present in the request which were not signed"
	case sigExpired:
		return http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
	case sigPresignedOver:
		return http.StatusForbidden, "AccessDenied", "Request has expired"
	default:
		return http.StatusForbidden, "SignatureDoesNotMatch", textMismatch
	}
}

func (f sigFault) refusalQuery(sig *signature, now time.Time) (status int, code, message string) {
	switch f {
	case sigMissing:
		return http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"
	case sigMalformed:
		return http.StatusBadRequest, "IncompleteSignature", textMalformed
	case sigUnknownKey:
		return http.StatusForbidden, "InvalidClientTokenId", textBadToken
	case sigExpired, sigPresignedOver:
		return http.StatusForbidden, "SignatureDoesNotMatch", sig.expiredText(now)
	default:
		return http.StatusForbidden, "SignatureDoesNotMatch", textMismatch
	}
}

func (f sigFault) refusalJSON(sig *signature, now time.Time) (code, message string) {
	switch f {
	case sigMissing:
		return "MissingAuthenticationTokenException", "Missing Authentication Token"
	case sigMalformed:
		return "IncompleteSignatureException", textMalformed
	case sigUnknownKey:
		return "UnrecognizedClientException", textBadToken
	case sigExpired, sigPresignedOver:
		return "InvalidSignatureException", sig.expiredText(now)
	default:
		return "InvalidSignatureException", textMismatch
	}
}

// expiredText has AWS's own words.
func (s *signature) expiredText(now time.Time) string {
	window := s.window()
	if s.presigned {
		window = s.expires
	}
	if s.at.After(now) {
		return fmt.Sprintf("Signature not yet current: %s is still later than %s", s.at.Format(amzDate), now.Add(window).UTC().Format(amzDate))
	}
	edge := now.Add(-window).UTC()
	return fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %g min.)",
		s.at.Format(amzDate), edge.Format(amzDate), now.UTC().Format(amzDate), window.Minutes())
}
