package proxy

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sample is a message that must arrive as it was sent. Its number is that of facts measured with other proxies, of which each
// damaged some: 36 requests and 11 answers. Those without a number came later.
type sample struct {
	number int
	name   string
	raw    string
}

func get(target, fields string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: " + s3Host + "\r\n" + fields + "\r\n"
}

func withBody(method, fields, body string) string {
	return method + " /k HTTP/1.1\r\nHost: " + s3Host + "\r\n" + fields + "\r\n" + body
}

const (
	awsChunked = "Content-Encoding: aws-chunked\r\nX-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-trailer: x-amz-checksum-crc32\r\n"
	awsBody    = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
	chunked    = "Transfer-Encoding: chunked\r\n"
)

func sampleTargets() []sample {
	var all []sample
	for i, t := range []string{
		"/bucket//a%2Fb/c?list-type=2&prefix=&delimiter=%2F&x&y=a+b", "//leading/key", "/a/./b/../c/%2e%2e/d",
		"/k%20s/%e2%9c%93/p+p/~t/'q'/(p)/a=b;c,d@e:f!g*h$/[x]", "/%41%42%7E%2D/%61", "/q\"<>{}|^`", "/a%2Fb|c", "/\xe2\x9c\x93", "/100%zz", "/x?",
		"/x?a=1;b=2&bad=%zz&%", "/x?b=2&a=1&a=0&B=3&=v&uploads", "/a#b", "https://" + s3Host + "/a%2Fb?x",
	} {
		all = append(all, sample{i + 1, "target " + t, get(t, "")})
	}
	for _, t := range []string{ // S3 keys, mostly
		"/", "/.", "/..", "/../..", "/a/", "/a//", "///", "/a/%2F/", "/%2F", "/%2f", "/%252F", "/a%3Fb", "/a%23b", "/a+b%2Bc%20d", "/%00", "/%0D%0A", "/a;b",
		"/\xf0\x9f\xaa\xa3/%F0%9F%AA%A3", "/\xff\xfe", "/e\xcc\x81/\xc3\xa9", "/a\\b", "/a%5Cb", "/a:b@c", "/?", "/??", "/?&", "/?=", "/x?a=&b", "/x?a==b",
		"/x?prefix=a%20b+c/d%2Fe&versions", "/x?\xe2\x9c\x93", "/x?q=http://h/?x=1", "HTTPS://" + strings.ToUpper(s3Host) + ":443/A", "https://" + s3Host,
		"/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261123%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=00",
		"/" + strings.Repeat("long%2F", 1000),
	} {
		all = append(all, sample{0, "target " + clip(t), get(t, "")})
	}
	return all
}

func sampleFields() []sample {
	return []sample{
		{15, "header cases, duplicates and spaces", get("/", "X-aMz-Meta-A:  two  spaces\t \r\nx-amz-meta-a: again\r\nX-Empty:\r\n"+
			"X-Utf8: \xe2\x9c\x93 \xff\r\nunder_score: 1\r\n")},
		{16, "no user-agent", get("/", "Accept: */*\r\n")},
		{17, "no accept-encoding", get("/", "User-Agent: Boto3/1.43\r\n")},
		{18, "accept-encoding", get("/", "Accept-Encoding: gzip, deflate\r\n")},
		{19, "connection keep-alive, te", get("/", "Connection: keep-alive, TE\r\nTE: trailers\r\n")},
		{20, "proxy-connection", get("/", "Proxy-Connection: keep-alive\r\n")},
		{21, "forwarded", get("/", "X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nVia: 1.1 x\r\n")},
		{22, "pragma", get("/", "Pragma: no-cache\r\n")},
		{23, "upgrade h2c", get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n")},
		// 24, a Host other than CONNECT's, is refused: TestRefusedInside
		{25, "60 KB header", get("/", "X-Amz-Security-Token: "+strings.Repeat("t", 60<<10)+"\r\n")},
		{0, "250 KB of headers", get("/", strings.Repeat("x-amz-meta-a: "+strings.Repeat("v", 1000)+"\r\n", 250))},
		{0, "as many headers as allowed", get("/", strings.Repeat("a:b\r\n", 499))},
		{0, "odd names", get("/", "!#$%&'*+-.^_`|~: x\r\n1: 2\r\n-: -\r\nX-AMZ-META-: y\r\n")},
		{0, "values", get("/", "A:b\r\nB:\t\t\r\nC: \"q\\\"uo,te\"; x=y\r\nD:  :\r\nE: a\tb\r\nF: \x80\xff\r\n")},
		{0, "lower-case host", strings.Replace(get("/", ""), "Host: ", "hoST:", 1)},
		{0, "host with port, last", "GET / HTTP/1.1\r\na: b\r\nHOST:\t" + s3Host + ":443 \t\r\n\r\n"},
		{0, "cookies", get("/", "Cookie: a=1\r\nCookie: b=2\r\n")},
		{0, "method PATCH", "PATCH" + get("/", "")[3:]},
		{0, "method PURGE-it", "PURGE-it" + get("/", "")[3:]},
		{0, "method get", "get" + get("/", "")[3:]},
		{0, "OPTIONS *", "OPTIONS" + get("*", "")[3:]},
		{0, "HTTP/1.0", strings.Replace(get("/", "Connection: keep-alive\r\n"), "1.1", "1.0", 1)},
	}
}

func sampleBodies() []sample {
	chunks := func(body string) string { return withBody("PUT", chunked, body) }
	return []sample{
		{26, "POST length 0", withBody("POST", "Content-Length: 0\r\n", "")},
		{27, "PUT length 0", withBody("PUT", "Content-Length: 0\r\n", "")},
		{28, "DELETE length 0", withBody("DELETE", "Content-Length: 0\r\n", "")},
		{29, "GET length 0", withBody("GET", "Content-Length: 0\r\n", "")},
		{30, "POST without length", withBody("POST", "", "")},
		{31, "GET with body", withBody("GET", "Content-Length: 5\r\n", "hello")},
		{32, "DELETE with body", withBody("DELETE", "Content-Length: 5\r\n", "hello")},
		{33, "chunked, extension, trailer", withBody("PUT", chunked+"Trailer: X-Sum\r\n",
			"5;ext=\"a b\"\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-suM: abc\r\n\r\n")},
		{34, "aws-chunked with length", withBody("PUT", awsChunked+fmt.Sprintf("Content-Length: %d\r\n", len(awsBody)), awsBody)},
		{35, "aws-chunked, chunked", withBody("PUT", awsChunked+chunked, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(awsBody), awsBody))},
		{36, "expect, body sent anyway", withBody("PUT", "Expect: 100-continue\r\nContent-Length: 5\r\n", "hello")},
		{0, "expect, chunked", withBody("PUT", "expect: 100-CONTINUE\r\n"+chunked, "5\r\nhello\r\n0\r\n\r\n")},
		{0, "length with zeros", withBody("PUT", "CONTENT-length:005 \r\n", "hello")},
		{0, "body that looks like a request", withBody("PUT", "Content-Length: 18\r\n", "GET / HTTP/1.1\r\n\r\n")},
		{0, "no chunk but the last", chunks("0\r\n\r\n")},
		{0, "last chunk of many zeros, with extension", chunks("5\r\nhello\r\n00000000;x=y;z=\"\\\"\"\r\n\r\n")},
		{0, "upper and lower case sizes, spaces", chunks("A \t\r\n0123456789\r\n0b;x \t\r\n0123456789a\r\n0\r\n\r\n")},
		{0, "many trailers", chunks("1\r\nx\r\n0\r\n" + strings.Repeat("x-amz-checksum-crc32:NhCmhg==\r\nY:\r\n", 100) + "\r\n")},
		{0, "chunks of one byte", chunks(strings.Repeat("1\r\nx\r\n", 2000) + "0\r\n\r\n")},
		{0, "300 KB body", withBody("PUT", "Content-Length: 307200\r\n", strings.Repeat("0123456789ab", 25600))},
		{0, "200 KB chunk", chunks("32000\r\n" + strings.Repeat("x", 0x32000) + "\r\n0\r\n\r\n")},
	}
}

func TestRequestsArriveAsSent(t *testing.T) {
	got := make(chan string, 1)
	want := make(chan int, 1)
	defer close(want)
	w := newWorld(t, func(c *tls.Conn) {
		for n := range want {
			b := make([]byte, n)
			k, _ := io.ReadFull(c, b)
			got <- string(b[:k])
			io.WriteString(c, okAnswer)
		}
	}, nil)
	c := w.open(s3Host)
	for _, s := range slices.Concat(sampleTargets(), sampleFields(), sampleBodies()) {
		pieces := []int{len(s.raw)}
		if len(s.raw) < 2000 {
			pieces = append(pieces, 1, 7)
		}
		for _, piece := range pieces {
			want <- len(s.raw)
			go inPieces(c, s.raw, piece)
			if g := <-got; g != s.raw {
				t.Errorf("%d %s, in pieces of %d: sent %.300q\narrived %.300q", s.number, s.name, piece, s.raw, g)
			}
			if a := readN(t, c, len(okAnswer)); a != okAnswer {
				t.Fatalf("%d %s: answered %q", s.number, s.name, a)
			}
		}
	}
}

// inPieces writes each piece as a record of its own.
func inPieces(w io.Writer, s string, piece int) {
	for len(s) > 0 {
		n := min(piece, len(s))
		if _, err := io.WriteString(w, s[:n]); err != nil {
			return
		}
		s = s[n:]
	}
}

// Two requests in one piece are two requests.
func TestPipelinedArriveAsSent(t *testing.T) {
	requests := make(chan string, 3)
	w := newWorld(t, answers(requests, okAnswer), nil)
	c := w.open(s3Host)
	all := []string{get("/1", ""), withBody("PUT", "Content-Length: 5\r\n", "hello"), get("/2%2F", "")}
	io.WriteString(c, strings.Join(all, ""))
	for _, want := range all {
		if got := <-requests; got != want {
			t.Errorf("sent %q\narrived %q", want, got)
		}
		readN(t, c, len(okAnswer))
	}
}

// Every request that facts were measured with is among the samples, but for the one that is refused.
func TestSamplesAreWhole(t *testing.T) {
	var requests, answers []int
	for _, s := range slices.Concat(sampleTargets(), sampleFields(), sampleBodies()) {
		if s.number > 0 {
			requests = append(requests, s.number)
		}
	}
	for _, a := range sampleAnswers() {
		if a.number > 0 {
			answers = append(answers, a.number)
		}
	}
	if len(requests) != 35 || !slices.IsSorted(requests) || requests[34] != 36 || slices.Contains(requests, 24) {
		t.Errorf("requests %v", requests)
	}
	if len(answers) != 11 || !slices.IsSorted(answers) || answers[10] != 11 {
		t.Errorf("answers %v", answers)
	}
}

// An answer is sent in pieces, each only when the former has come through.
type answer struct {
	number int
	name   string
	method string
	pieces []string
	last   bool // the connection ends with it
}

func sampleAnswers() []answer {
	one := func(number int, name, raw string) answer { return answer{number, name, "", []string{raw}, false} }
	last := func(number int, name string, pieces ...string) answer { return answer{number, name, "", pieces, true} }
	head := func(number int, name, raw string) answer { return answer{number, name, "HEAD", []string{raw}, false} }
	return []answer{
		{1, "event stream", "", []string{
			"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n" + chunked + "\r\n5\r\nfirst\r\n", "6\r\nsecond\r\n0\r\n\r\n",
		}, false},
		one(2, "trailer", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nTrailer: x\r\n\r\n2;e\r\nab\r\n0\r\nx: y\r\n\r\n"),
		one(3, "gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00"),
		one(4, "header case, two cookies", "HTTP/1.1 200 OK\r\nx-amzn-REQUESTID: 1\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n"),
		{5, "103", "", []string{"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}, false},
		one(6, "304 with length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n\r\n"),
		one(7, "204", "HTTP/1.1 204 No Content\r\n\r\n"),
		one(8, "200 length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
		one(9, "reason phrase", "HTTP/1.1 418 I'm a  teapot\r\nContent-Length: 0\r\n\r\n"),
		last(10, "until close", "HTTP/1.1 200 OK\r\n\r\nsome ", "text"),
		head(11, "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"),

		{0, "event stream with length", "", []string{"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nfirst", "second"}, false},
		{0, "byte for byte", "", strings.Split("HTTP/1.1 200 OK\r\n"+chunked+"\r\n|5|;x|\r|\n|he|llo\r|\n|0|\r\n|T|:|\r\n|\r|\n", "|"), false},
		{0, "several interim answers", "", []string{"HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 103 A\r\n\r\n", "HTTP/1.1 103 B\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n"}, false},
		one(0, "no reason phrase", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
		one(0, "empty reason phrase", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
		one(0, "reason phrase in UTF-8", "HTTP/1.1 200 \xe2\x9c\x93\xff\tok\r\nContent-Length: 0\r\n\r\n"),
		one(0, "100 KB header", "HTTP/1.1 200 OK\r\nx: "+strings.Repeat("y", 100<<10)+"\r\nContent-Length: 2\r\n\r\nok"),
		one(0, "400 headers", "HTTP/1.1 200 OK\r\n"+strings.Repeat("x-amz-meta-a:  b \t\r\n", 400)+"content-length:2\r\n\r\nok"),
		one(0, "odd names", "HTTP/1.1 200 OK\r\n!#$%&'*+-.^_`|~:x\r\nA:\r\nCONTENT-LENGTH: 002\r\n\r\nok"),
		one(0, "206", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok"),
		one(0, "204 with length 0", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
		one(0, "301 with body", "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-1\r\n"+chunked+"\r\n5\r\n<Err>\r\n0\r\n\r\n"),
		one(0, "304 chunked", "HTTP/1.1 304 Not Modified\r\n"+chunked+"\r\n"),
		head(0, "HEAD 404", "HTTP/1.1 404 Not Found\r\nContent-Length: 12345\r\n\r\n"),
		head(0, "HEAD 301", "HTTP/1.1 301 Moved Permanently\r\n\r\n"),
		head(0, "HEAD chunked", "HTTP/1.1 200 OK\r\n"+chunked+"\r\n"),
		head(0, "HEAD without length", "HTTP/1.1 200 OK\r\n\r\n"),
		one(0, "error", "HTTP/1.1 403 Forbidden\r\n"+chunked+"\r\n5\r\n<Err>\r\n0\r\n\r\n"),
		one(0, "error without body", "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"),
		one(0, "large error", "HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("0123456789", 10000)),
		last(0, "HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
		last(0, "error until close", "HTTP/1.1 400 Bad\r\n\r\nsome text"),
		last(0, "close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
		last(0, "chunked, close", "HTTP/1.1 200 OK\r\nConnection: Close\r\n"+chunked+"\r\n1\r\nx\r\n0\r\n\r\n"),
	}
}

func TestAnswersArriveAsSent(t *testing.T) {
	for _, a := range sampleAnswers() {
		t.Run(a.name, a.test)
	}
}

func (a answer) test(t *testing.T) {
	next := make(chan string)
	end := sync.OnceFunc(func() { close(next) })
	defer end()
	w := newWorld(t, func(c *tls.Conn) { a.send(t, c, next) }, nil)
	c := w.open(s3Host)
	for range 2 { // the second shows that both connections are as good as new
		fmt.Fprintf(c, "%s / HTTP/1.1\r\nHost: %s\r\n\r\n", cmp.Or(a.method, "GET"), s3Host)
		for _, p := range a.pieces {
			next <- p
			if got := readN(t, c, len(p)); got != p {
				t.Fatalf("sent %.200q\ngot %.200q", p, got)
			}
		}
		if a.last {
			break
		}
	}
	end()
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if rest, err := io.ReadAll(c); len(rest) > 0 || a.last != (err == nil) {
		t.Errorf("then came %q, %v; connection should end: %v", rest, err, a.last)
	}
}

// send is the upstream's part: it sends the pieces as it gets them, the first after a request.
func (a answer) send(t *testing.T, c *tls.Conn, next <-chan string) {
	t.Helper()
	for p := range next {
		if p == a.pieces[0] {
			readHead(t, c)
		}
		io.WriteString(c, p)
		if a.last && p == a.pieces[len(a.pieces)-1] {
			return
		}
	}
}
