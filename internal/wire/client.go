package wire

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"time"
)

// clientOf tells the family of a client from its User-Agent. Tools put their own name in front, so all of it counts.
func clientOf(agent []byte) Client {
	if _, sdk, ok := bytes.Cut(agent, []byte("aws-sdk-")); ok {
		for _, k := range []struct {
			name   string
			client Client
		}{
			{"go", GoSDK},
			{"java", JavaSDK},
			{"js", JavaScriptSDK},
			{"nodejs", JavaScriptSDK},
			{"rust", RustSDK},
			{"cpp", CppSDK},
			{"dotnet", DotNetSDK},
			{"ruby", RubySDK},
			{"php", PHPSDK},
		} {
			if rest, ok := bytes.CutPrefix(sdk, []byte(k.name)); ok && (len(rest) == 0 || rest[0]|0x20 < 'a' || rest[0]|0x20 > 'z') {
				return k.client
			}
		}
		return OtherClient
	}
	if bytes.Contains(agent, []byte("otocore")) || bytes.HasPrefix(agent, []byte("aws-cli/")) || bytes.HasPrefix(agent, []byte("Boto3/")) {
		return Botocore
	}
	return OtherClient
}

// appendTool appends the product token that names the tool in a User-Agent: the first one that does not name a partner
// or a platform, with characters other than letters, digits and a few marks replaced.
func appendTool(dst, agent []byte) []byte {
	token := agent
	for rest := agent; len(rest) > 0; {
		var t []byte
		t, rest = cutByte(rest, ' ')
		if len(t) == 0 || bytes.HasPrefix(t, []byte("APN/")) || bytes.HasPrefix(t, []byte("HashiCorp/")) || bytes.HasPrefix(t, []byte("exec-env/")) {
			continue
		}
		token = t
		break
	}
	return appendClean(dst, token, 64)
}

// appendClean appends b, cut to a length, with whatever is not a letter, a digit or one of .-_/+ made an underscore.
func appendClean(dst, b []byte, most int) []byte {
	for _, c := range b[:min(len(b), most)] {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == '_', c == '/', c == '+':
		default:
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

// sdkRequest reads amz-sdk-request: ttl=20261123T171000Z; attempt=2; max=3.
func sdkRequest(value []byte) (attempt, most int, ttl time.Time) {
	for len(value) > 0 {
		var part []byte
		part, value = cutByte(value, ';')
		key, v := cutByte(bytes.TrimLeft(part, " "), '=')
		switch string(key) {
		case "attempt":
			attempt = max(digits(v), 0)
		case "max":
			most = max(digits(v), 0)
		case "ttl":
			ttl = parseTime(v)
		}
	}
	return attempt, most, ttl
}

// invocationOf returns the value of amz-sdk-invocation-id: a UUID as it is, anything else by a hash, stable within the process.
func invocationOf(value []byte) Invocation {
	var v Invocation
	switch {
	case len(value) == 0:
	case !v.parse(value):
		binary.LittleEndian.PutUint64(v[:8], maphash.Bytes(keySeed, value))
		binary.LittleEndian.PutUint64(v[8:], uint64(len(value)))
	}
	return v
}

// parse reads a UUID and reports whether b is one.
func (v *Invocation) parse(b []byte) bool {
	if len(b) != 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return false
	}
	n := 0
	for i := 0; i < len(b); i += 2 {
		if b[i] == '-' {
			i--
			continue
		}
		hi, ok1 := unhex(b[i])
		lo, ok2 := unhex(b[i+1])
		if !ok1 || !ok2 {
			return false
		}
		v[n] = hi<<4 | lo
		n++
	}
	return true
}
