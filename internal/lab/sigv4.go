package lab

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The rules of Signature Version 4 are AWS's:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, read 2026-11-23.
const (
	algorithmV4  = "AWS4-HMAC-SHA256"
	amzDate      = "20060102T150405Z"
	unsignedBody = "UNSIGNED-PAYLOAD"
	maxPresigned = 7 * 24 * time.Hour
)

// A sigFault is what is wrong with a signature; the zero value is nothing.
type sigFault uint8

const (
	sigValid         sigFault = iota
	sigMissing                // the request carries none
	sigMalformed              // incomplete, or of a kind that is not verified here
	sigUnknownKey             // no such access key
	sigMismatch               // another secret signed, or something was changed on the way
	sigBody                   // x-amz-content-sha256 is not the body's
	sigUnsignedField          // S3: an x-amz- header is outside the signature
	sigExpired                // signed too long ago, or in the future
	sigPresignedOver          // X-Amz-Expires is past
)

// A signature is what a request says of its own signing.
type signature struct {
	key, date, region, service string
	signed                     []string // names of the signed headers, as listed
	sum                        string
	at                         time.Time
	presigned                  bool
	expires                    time.Duration
}

// A signedRequest is one request as its signature sees it.
type signedRequest struct {
	method string
	path   string // raw, as it came
	query  []pair // as it came, still encoded
	host   string
	header http.Header
	body   []byte
}

// A pair is one query parameter.
type pair struct{ name, value string }

func newSignedRequest(r *http.Request, body []byte) *signedRequest {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		if _, after, ok := strings.Cut(target, "://"); ok { // absolute-form
			_, path, _ := strings.Cut(after, "/")
			target = "/" + path
		}
	}
	path, query, _ := strings.Cut(target, "?")
	s := &signedRequest{method: r.Method, path: path, host: r.Host, header: r.Header, body: body}
	for part := range strings.SplitSeq(query, "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			s.query = append(s.query, pair{name, value})
		}
	}
	return s
}

// param returns a decoded query parameter.
func (r *signedRequest) param(name string) string {
	for _, p := range r.query {
		if unescape(p.name, true) == name {
			return unescape(p.value, true)
		}
	}
	return ""
}

// verify says what is wrong with the request's signature. secret returns the secret of an access key, or "".
// The signature is returned as far as it could be read.
func (r *signedRequest) verify(now time.Time, secret func(key string) string) (signature, sigFault) {
	sig, fault := r.signature()
	if fault != sigValid {
		return sig, fault
	}
	key := secret(sig.key)
	if key == "" {
		return sig, sigUnknownKey
	}
	if fault := sig.age(now); fault != sigValid {
		return sig, fault
	}
	hash, fault := r.payloadHash(&sig)
	if fault != sigValid {
		return sig, fault
	}
	if isS3(sig.service) && r.unsignedField(&sig) {
		return sig, sigUnsignedField
	}
	for _, path := range r.canonicalPaths(&sig) {
		if hmac.Equal([]byte(sig.sign(key, r.canonical(&sig, path, hash))), []byte(sig.sum)) {
			return sig, sigValid
		}
	}
	return sig, sigMismatch
}

// signature reads the Authorization header, or a presigned URL's parameters.
func (r *signedRequest) signature() (signature, sigFault) {
	if auth := r.header.Get("Authorization"); auth != "" {
		return r.headerSignature(auth)
	}
	if r.param("X-Amz-Algorithm") == "" {
		return signature{}, sigMissing
	}
	return r.querySignature()
}

func (r *signedRequest) headerSignature(auth string) (sig signature, fault sigFault) {
	scheme, rest, _ := strings.Cut(auth, " ")
	if scheme != algorithmV4 {
		return sig, sigMalformed
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			fault = sig.credential(value)
		case "SignedHeaders":
			sig.signed = strings.Split(value, ";")
		case "Signature":
			sig.sum = value
		}
	}
	if fault != sigValid {
		return sig, fault
	}
	at, err := time.Parse(amzDate, r.header.Get("X-Amz-Date"))
	if err != nil {
		if at, err = http.ParseTime(r.header.Get("Date")); err != nil {
			return sig, sigMalformed
		}
	}
	sig.at = at
	return sig, sig.complete()
}

func (r *signedRequest) querySignature() (sig signature, fault sigFault) {
	if r.param("X-Amz-Algorithm") != algorithmV4 {
		return sig, sigMalformed
	}
	if fault := sig.credential(r.param("X-Amz-Credential")); fault != sigValid {
		return sig, fault
	}
	at, err := time.Parse(amzDate, r.param("X-Amz-Date"))
	if err != nil {
		return sig, sigMalformed
	}
	seconds, err := strconv.Atoi(r.param("X-Amz-Expires"))
	if err != nil || seconds < 1 || seconds > int(maxPresigned/time.Second) {
		return sig, sigMalformed
	}
	sig.at, sig.presigned, sig.expires = at, true, time.Duration(seconds)*time.Second
	sig.signed = strings.Split(r.param("X-Amz-SignedHeaders"), ";")
	sig.sum = r.param("X-Amz-Signature")
	return sig, sig.complete()
}

// credential reads KEY/20060102/region/service/aws4_request.
func (s *signature) credential(v string) sigFault {
	parts := strings.Split(v, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" {
		return sigMalformed
	}
	s.key, s.date, s.region, s.service = parts[0], parts[1], parts[2], parts[3]
	return sigValid
}

func (s *signature) complete() sigFault {
	if s.key == "" || len(s.sum) != 2*sha256.Size || !slices.Contains(s.signed, "host") || s.at.UTC().Format("20060102") != s.date {
		return sigMalformed
	}
	return sigValid
}

// window is how far a signature's time may be from ours: 5 minutes "in most cases" by the documentation of IAM, 15 by those of
// S3 (RESTAuthentication) and SQS (common errors); all read 2026-11-23.
func (s *signature) window() time.Duration {
	if isS3(s.service) || s.service == "sqs" {
		return 15 * time.Minute
	}
	return 5 * time.Minute
}

func (s *signature) age(now time.Time) sigFault {
	age := now.Sub(s.at)
	switch {
	case age < -s.window():
		return sigExpired
	case s.presigned && age > s.expires:
		return sigPresignedOver
	case !s.presigned && age > s.window():
		return sigExpired
	}
	return sigValid
}

// payloadHash returns the hash that the signature covers. A body whose own bytes are not covered, or are signed chunk by
// chunk, has a word in place of its hash: the seed signature, over that word, is what is verified.
func (r *signedRequest) payloadHash(s *signature) (string, sigFault) {
	sum := sha256.Sum256(r.body)
	actual := hex.EncodeToString(sum[:])
	claimed := r.header.Get("X-Amz-Content-Sha256")
	if s.presigned && claimed == "" {
		if claimed = r.param("X-Amz-Content-Sha256"); claimed == "" && isS3(s.service) {
			claimed = unsignedBody
		}
	}
	switch {
	case claimed == "":
		return actual, sigValid
	case claimed == unsignedBody, strings.HasPrefix(claimed, "STREAMING-"):
		return claimed, sigValid
	case claimed != actual:
		return "", sigBody
	}
	return claimed, sigValid
}

func (r *signedRequest) unsignedField(s *signature) bool {
	for name := range r.header {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, "x-amz-") || (s.presigned && name == "x-amz-content-sha256") {
			continue
		}
		if !slices.Contains(s.signed, name) {
			return true
		}
	}
	return false
}

func (r *signedRequest) canonical(s *signature, path, hash string) string {
	var b strings.Builder
	b.WriteString(r.method + "\n" + path + "\n" + r.canonicalQuery() + "\n")
	for _, name := range s.signed {
		b.WriteString(name + ":" + r.canonicalField(name) + "\n")
	}
	b.WriteString("\n" + strings.Join(s.signed, ";") + "\n" + hash)
	return b.String()
}

// canonicalPaths returns the forms of the path that a client may have signed. S3's is encoded once: as it was sent, as every SDK
// signs it, or decoded and encoded again, as S3 reads it. That of any other service is encoded twice, the first time by the
// client that sent it, and normalized by the rules, which the SDK for Go leaves out.
func (r *signedRequest) canonicalPaths(s *signature) []string {
	if isS3(s.service) {
		return []string{r.path, escape(unescape(r.path, false), true)}
	}
	return []string{escape(normalPath(r.path), true), escape(r.path, true)}
}

func (r *signedRequest) canonicalQuery() string {
	pairs := make([]string, 0, len(r.query))
	for _, p := range r.query {
		name := escape(unescape(p.name, true), false)
		if name != "X-Amz-Signature" {
			pairs = append(pairs, name+"="+escape(unescape(p.value, true), false))
		}
	}
	slices.SortFunc(pairs, comparePairs)
	return strings.Join(pairs, "&")
}

// comparePairs orders by name first: as whole strings, `a-b=` would come before `a=`.
func comparePairs(a, b string) int {
	nameA, valueA, _ := strings.Cut(a, "=")
	nameB, valueB, _ := strings.Cut(b, "=")
	if c := strings.Compare(nameA, nameB); c != 0 {
		return c
	}
	return strings.Compare(valueA, valueB)
}

func (r *signedRequest) canonicalField(name string) string {
	if name == "host" {
		return r.host
	}
	values := slices.Clone(r.header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

// sign returns the signature of a canonical request in s's scope, in hexadecimal.
func (s *signature) sign(secret, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	scope := strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/")
	text := strings.Join([]string{algorithmV4, s.at.UTC().Format(amzDate), scope, hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// isS3 reports whether a signing name follows S3's rules.
func isS3(service string) bool {
	switch service {
	case "s3", "s3express", "s3-outposts", "s3-object-lambda":
		return true
	}
	return false
}

// normalPath removes empty and dot segments, as RFC 3986 §5.2.4 and AWS's rules ask.
func normalPath(path string) string {
	var out []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, part)
		}
	}
	normal := "/" + strings.Join(out, "/")
	if len(out) > 0 && strings.HasSuffix(path, "/") {
		normal += "/"
	}
	return normal
}

const upperHex = "0123456789ABCDEF"

// escape encodes all but RFC 3986's unreserved characters, and in a path the slash.
func escape(s string, path bool) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && path:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}

// unescape decodes percent escapes once, and in a query the plus; what is no escape stays as it is.
func unescape(s string, query bool) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.Write(c)
				i += 2
				continue
			}
		}
		if s[i] == '+' && query {
			b.WriteByte(' ')
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
