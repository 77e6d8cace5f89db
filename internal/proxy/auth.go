package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// authenticate tells whose client this is. Credentials count if there are any; a process of our own user needs none.
func (c *client) authenticate(field string) (tenant string, ok bool) {
	if field != "" {
		user, password, ok := basic(field)
		if !ok || !c.s.admits(user, password) {
			return "", false
		}
		return user, true
	}
	if c.s.SameUser && sameUser(c.raw) {
		return c.s.Tenant, true
	}
	return "", false
}

// basic reads the credentials of RFC 7617.
func basic(field string) (user, password string, ok bool) {
	scheme, encoded, _ := strings.Cut(field, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(plain), ":")
}

// admits compares in a time that tells nothing of the passwords. An empty password admits nobody.
func (s *Server) admits(user, password string) bool {
	want, known := s.Tenants[user]
	a, b := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && known && want != ""
}

// demandCredentials answers 407, on a connection that goes on if again.
func (c *client) demandCredentials(again bool) {
	const challenge = "Proxy-Authenticate: Basic realm=\"botorate\"\r\n"
	const text = "botorate: this proxy needs credentials, as http://NAME:PASSWORD@HOST:PORT in HTTPS_PROXY."
	if !again {
		c.answer("407 Proxy Authentication Required", challenge, text)
		return
	}
	c.write("HTTP/1.1 407 Proxy Authentication Required\r\n" + challenge + "Content-Length: 0\r\n\r\n")
}
