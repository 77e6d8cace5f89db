package wire

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"time"
)

// A scope is what a request's credentials say. The zero value is an unsigned request's.
type scope struct {
	key       []byte // access key id; for Bearer the token
	region    []byte // for SigV4a the first of several
	service   []byte // signing name
	presigned bool
}

// scopeOf reads the credentials in the header or else in the query. buf is room to decode the latter in.
func scopeOf(buf []byte, f *fields, args *queryArgs) scope {
	if len(f.authorization) > 0 {
		s := authorization(f.authorization)
		if len(s.region) == 0 {
			s.region = firstRegion(f.regionSet)
		}
		return s
	}
	if c, ok := args.get("X-Amz-Credential"); ok {
		s := credential(unescaped(buf[:0:cap(buf)/2], c))
		s.presigned = true
		if len(s.region) == 0 {
			set, _ := args.get("X-Amz-Region-Set")
			s.region = firstRegion(unescaped(buf[cap(buf)/2:cap(buf)/2], set))
		}
		return s
	}
	if key, ok := args.get("AWSAccessKeyId"); ok { // SigV2: S3, or an old query
		if _, query := args.get("Action"); query {
			return scope{key: key, presigned: true}
		}
		return scope{key: key, service: []byte("s3"), presigned: true}
	}
	return scope{}
}

// authorization reads an Authorization header: SigV4, SigV4a, S3's SigV2, Bearer.
func authorization(value []byte) scope {
	switch {
	case bytes.HasPrefix(value, []byte("AWS4-")):
		_, c, _ := bytes.Cut(value, []byte("Credential="))
		if i := bytes.IndexAny(c, ", "); i >= 0 {
			c = c[:i]
		}
		return credential(c)
	case bytes.HasPrefix(value, []byte("AWS ")):
		key, _ := cutByte(value[len("AWS "):], ':')
		return scope{key: key, service: []byte("s3")}
	case hasPrefixFold(value, "bearer "):
		return scope{key: value[len("bearer "):]}
	}
	return scope{}
}

// credential reads KEY/DATE/REGION/SERVICE/aws4_request, or SigV4a's KEY/DATE/SERVICE/aws4_request, from its end.
// What has neither form is as good as unsigned.
func credential(c []byte) scope {
	c, ok := bytes.CutSuffix(c, []byte("/aws4_request"))
	if !ok {
		return scope{}
	}
	c, service := cutLastSlash(c)
	c, region := cutLastSlash(c)
	key, date := cutLastSlash(c)
	if isDate(region) { // SigV4a has no Region
		key, date, region = c, region, nil
	}
	if !isDate(date) || len(key) == 0 {
		return scope{}
	}
	return scope{key: key, region: region, service: service}
}

// firstRegion returns the first Region of SigV4a's x-amz-region-set, if it is one.
func firstRegion(set []byte) []byte {
	first, _ := cutByte(set, ',')
	if first = bytes.Trim(first, " "); len(first) == 0 || bytes.IndexByte(first, '*') >= 0 {
		return nil
	}
	return first
}

func cutLastSlash(b []byte) (before, last []byte) {
	i := bytes.LastIndexByte(b, '/')
	if i < 0 {
		return nil, b
	}
	return b[:i], b[i+1:]
}

func isDate(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) == 8
}

// appendAccount appends the account of a key: decoded from an access key id of the newer kind, else a hash that is
// stable within the process and does not tell the key.
func appendAccount(dst, key []byte) []byte {
	if account, ok := accountOf(key); ok {
		n := len(dst)
		dst = append(dst, "000000000000"...)
		for i := n + 11; account > 0; i-- {
			dst[i] = byte('0' + account%10)
			account /= 10
		}
		return dst
	}
	dst = append(dst, "key-"...)
	n := len(dst)
	dst = strconv.AppendUint(dst, maphash.Bytes(keySeed, key)|1<<63, 16)
	return dst[:n+12]
}

//nolint:gochecknoglobals // random for each process on purpose, so that a hash can't be looked up
var keySeed = maphash.MakeSeed()

// accountOf decodes the account in an access key id of the newer kind; older ones have none.
// Source: https://awsteele.com/blog/2020/09/26/aws-access-key-format.html,
// https://medium.com/@TalBeerySec/a-short-note-on-aws-key-id-f88cc4317489 (read 2026-11-23); not documented by AWS.
func accountOf(key []byte) (uint64, bool) {
	if len(key) != 20 || (string(key[:4]) != "AKIA" && string(key[:4]) != "ASIA") {
		return 0, false
	}
	var v uint64 // base32 of the first ten of sixteen characters: 50 bits, of which the highest 48 count
	for i, c := range key[4:] {
		var d byte
		switch {
		case 'A' <= c && c <= 'Z':
			d = c - 'A'
		case '2' <= c && c <= '7':
			d = c - '2' + 26
		default:
			return 0, false
		}
		if i < 10 {
			v = v<<5 | uint64(d)
		}
	}
	v >>= 2
	account := v & 0x7fffffffff80 >> 7
	return account, v>>47 == 1 && account <= 999_999_999_999
}

// parseTime reads the time stamp that signatures have, such as 20261123T171000Z; what has another form is the zero time.
func parseTime(b []byte) time.Time {
	if len(b) != len("20060102T150405Z") || b[8] != 'T' || b[15] != 'Z' {
		return time.Time{}
	}
	year, month, day := digits(b[:4]), digits(b[4:6]), digits(b[6:8])
	hour, minute, second := digits(b[9:11]), digits(b[11:13]), digits(b[13:15])
	if min(year, month, day, hour, minute, second) < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
}

// digits returns the number that b, of at most nine digits, is; -1 if it is not.
func digits(b []byte) int {
	if len(b) == 0 || len(b) > 9 {
		return -1
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
