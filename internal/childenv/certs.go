package childenv

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// A certSet is certificates in the order they came, each once.
type certSet struct {
	seen map[string]bool
	ders [][]byte
}

func (s *certSet) clone() certSet {
	return certSet{maps.Clone(s.seen), slices.Clip(s.ders)}
}

// addPEM adds every certificate in data.
func (s *certSet) addPEM(data []byte) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return
		}
		if block.Type == "CERTIFICATE" {
			s.add(block.Bytes)
		}
	}
}

func (s *certSet) add(der []byte) {
	if s.seen[string(der)] {
		return
	}
	if s.seen == nil {
		s.seen = make(map[string]bool)
	}
	s.seen[string(der)] = true
	s.ders = append(s.ders, der)
}

func (s *certSet) pem() []byte {
	var out bytes.Buffer
	for _, der := range s.ders {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a bytes.Buffer can't fail
	}
	return out.Bytes()
}

const leftOut = "its roots are left out: name a file of PEM certificates, or unset it"

// inheritRoots collects what clients in this environment trust: the machine's roots and every file that the user names for a
// client. All of them, since a variable that we set replaces the client's roots, and AWS_CA_BUNDLE beats every other.
func (in *Inherited) inheritRoots(s Source) {
	in.roots.addPEM(s.System)
	done := make(map[string]bool)
	add := func(origin, name string, sets ...*certSet) {
		if name == "" || s.ReadFile == nil {
			return
		}
		data, err := s.ReadFile(name)
		switch {
		case err != nil:
			in.warn(fmt.Sprintf("%s: %v", origin, err), leftOut)
			return
		case !bytes.Contains(data, []byte("-----BEGIN")):
			in.warn(fmt.Sprintf("%s: %s holds no PEM certificate", origin, name), leftOut)
			return
		}
		for _, set := range sets {
			set.addPEM(data)
		}
	}
	for _, variable := range append([]string{"NIX_SSL_CERT_FILE"}, bundleVariables...) {
		if name := in.env.get(variable); !done[name] {
			done[name] = true
			add(variable, name, &in.roots)
		}
	}
	for _, name := range in.configBundles(s) {
		if !done[name] {
			done[name] = true
			add("ca_bundle in the AWS config file", name, &in.roots)
		}
	}
	add("NODE_EXTRA_CA_CERTS", in.env.get("NODE_EXTRA_CA_CERTS"), &in.node, &in.roots)
	in.Roots = in.roots.pem()
}

// configBundles returns the files that ca_bundle names in the AWS config file, of every profile: the tool may choose its
// profile by a flag of its own.
func (in *Inherited) configBundles(s Source) []string {
	name := in.env.get("AWS_CONFIG_FILE")
	if name == "" && s.Home != "" {
		name = filepath.Join(s.Home, ".aws", "config")
	}
	if name == "" || s.ReadFile == nil {
		return nil
	}
	data, err := s.ReadFile(inHome(name, s.Home))
	if err != nil {
		return nil // most users have none
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(line, "=")
		if ok && strings.TrimSpace(key) == "ca_bundle" {
			if value = strings.TrimSpace(value); value != "" {
				out = append(out, inHome(value, s.Home))
			}
		}
	}
	return out
}

// inHome resolves a leading ~/.
func inHome(name, home string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok && home != "" {
		return filepath.Join(home, rest)
	}
	return name
}

func (in *Inherited) warn(what, hint string) {
	in.Warnings = append(in.Warnings, Warning{what, hint})
}
