package proxy

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// The requests that other proxies were seen to damage. Each must arrive as it was sent.
func fidelityRequests() map[string]string {
	get := func(target, fields string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + s3Host + "\r\n" + fields + "\r\n"
	}
	body := func(method, fields, body string) string {
		return method + " /k HTTP/1.1\r\nHost: " + s3Host + "\r\n" + fields + "\r\n" + body
	}
	const aws = "Content-Encoding: aws-chunked\r\nX-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-trailer: x-amz-checksum-crc32\r\n"
	const awsBody = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
	cases := map[string]string{
		"absolute-form target": get("https://"+s3Host+"/a%2Fb?x", ""),
		"header cases, duplicates and spaces": get("/", "X-aMz-Meta-A:  two  spaces\t \r\nx-amz-meta-a: again\r\nX-Empty:\r\n"+
			"X-Utf8: \xe2\x9c\x93 \xff\r\nunder_score: 1\r\n"),
		"no user-agent":             get("/", "Accept: */*\r\n"),
		"accept-encoding":           get("/", "Accept-Encoding: gzip, deflate\r\n"),
		"no accept-encoding":        get("/", "User-Agent: Boto3/1.43\r\n"),
		"connection keep-alive, te": get("/", "Connection: keep-alive, TE\r\nTE: trailers\r\n"),
		"proxy-connection":          get("/", "Proxy-Connection: keep-alive\r\n"),
		"forwarded":                 get("/", "X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nVia: 1.1 x\r\n"),
		"pragma":                    get("/", "Pragma: no-cache\r\n"),
		"upgrade h2c":               get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
		"60 KB header":              get("/", "X-Amz-Security-Token: "+strings.Repeat("t", 60<<10)+"\r\n"),
		"POST length 0":             body("POST", "Content-Length: 0\r\n", ""),
		"PUT length 0":              body("PUT", "Content-Length: 0\r\n", ""),
		"DELETE length 0":           body("DELETE", "Content-Length: 0\r\n", ""),
		"GET length 0":              body("GET", "Content-Length: 0\r\n", ""),
		"POST without length":       body("POST", "", ""),
		"GET with body":             body("GET", "Content-Length: 5\r\n", "hello"),
		"DELETE with body":          body("DELETE", "Content-Length: 5\r\n", "hello"),
		"chunked, extension, trailer": body("PUT", "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
			"5;ext=\"a b\"\r\nhello\r\n00a\r\n0123456789\r\n0\r\nX-suM: abc\r\n\r\n"),
		"aws-chunked with length":  body("PUT", aws+fmt.Sprintf("Content-Length: %d\r\n", len(awsBody)), awsBody),
		"aws-chunked, chunked":     body("PUT", aws+"Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(awsBody), awsBody)),
		"300 KB body":              body("PUT", "Content-Length: 307200\r\n", strings.Repeat("0123456789ab", 25600)),
		"200 KB chunked":           body("PUT", "Transfer-Encoding: chunked\r\n", "32000\r\n"+strings.Repeat("x", 0x32000)+"\r\n0\r\n\r\n"),
		"expect, body sent anyway": body("PUT", "Expect: 100-continue\r\nContent-Length: 5\r\n", "hello"),
	}
	for _, t := range []string{
		"/bucket//a%2Fb/c?list-type=2&prefix=&delimiter=%2F&x&y=a+b", "//leading/key", "/a/./b/../c/%2e%2e/d",
		"/k%20s/%e2%9c%93/p+p/~t/'q'/(p)/a=b;c,d@e:f!g*h$/[x]", "/%41%42%7E%2D/%61", "/q\"<>{}|^`", "/a%2Fb|c", "/\xe2\x9c\x93", "/100%zz", "/x?",
		"/x?a=1;b=2&bad=%zz&%", "/x?b=2&a=1&a=0&B=3&=v&uploads", "/a#b",
	} {
		cases["target "+t] = get(t, "")
	}
	return cases
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
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	}, nil)
	c := w.open(s3Host)
	for name, raw := range fidelityRequests() {
		want <- len(raw)
		go io.WriteString(c, raw)
		if g := <-got; g != raw {
			t.Errorf("%s: sent %.300q\narrived %.300q", name, raw, g)
		}
		if a := readN(t, c, 40); !strings.HasSuffix(a, "ok") {
			t.Fatalf("%s: answered %q", name, a)
		}
	}
}

// An answer is sent in pieces, each only when the former has come through.
type answer struct {
	method string
	pieces []string
	last   bool // the connection ends with it
}

// The answers that other proxies were seen to damage or to delay.
func fidelityAnswers() map[string]answer {
	return map[string]answer{
		"event stream": {pieces: []string{
			"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
			"6\r\nsecond\r\n0\r\n\r\n",
		}},
		"event stream with length": {pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nfirst", "second"}},
		"trailer":                  {pieces: []string{"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nTrailer: x\r\n\r\n2;e\r\nab\r\n0\r\nx: y\r\n\r\n"}},
		"gzip":                     {pieces: []string{"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00"}},
		"header case, two cookies": {pieces: []string{"HTTP/1.1 200 OK\r\nx-amzn-REQUESTID: 1\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n"}},
		"103":                      {pieces: []string{"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}},
		"304 with length":          {pieces: []string{"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n\r\n"}},
		"204":                      {pieces: []string{"HTTP/1.1 204 No Content\r\n\r\n"}},
		"200 length 0":             {pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
		"reason phrase":            {pieces: []string{"HTTP/1.1 418 I'm a  teapot\r\nContent-Length: 0\r\n\r\n"}},
		"no reason phrase":         {pieces: []string{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"}},
		"HEAD":                     {method: "HEAD", pieces: []string{"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"}},
		"HEAD 404":                 {method: "HEAD", pieces: []string{"HTTP/1.1 404 Not Found\r\nContent-Length: 12345\r\n\r\n"}},
		"error":                    {pieces: []string{"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<Err>\r\n0\r\n\r\n"}},
		"large error":              {pieces: []string{"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("0123456789", 10000)}},
		"until close":              {pieces: []string{"HTTP/1.1 200 OK\r\n\r\nsome ", "text"}, last: true},
		"HTTP/1.0":                 {pieces: []string{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"}, last: true},
		"error until close":        {pieces: []string{"HTTP/1.1 400 Bad\r\n\r\nsome text"}, last: true},
		"close":                    {pieces: []string{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"}, last: true},
	}
}

func TestAnswersArriveAsSent(t *testing.T) {
	for name, a := range fidelityAnswers() {
		t.Run(name, a.test)
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
