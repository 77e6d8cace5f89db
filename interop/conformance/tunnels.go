package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/botorate/botorate/internal/wire"
)

// A tunnelList is whose hosts are passed through unread, by service and variant, which is empty for all, and whether any was.
type tunnelList map[[2]string]bool

// readTunnels reads lines SERVICE or SERVICE VARIANT.
func readTunnels(name string) (tunnelList, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	list := tunnelList{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := s.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		service, variant, _ := strings.Cut(line, " ")
		key := [2]string{service, variant}
		if _, ok := list[key]; ok {
			return nil, fmt.Errorf("%s: line %q is there twice", name, line)
		}
		list[key] = false
	}
	return list, s.Err()
}

// judge returns a miss for a request whose host is tunnelled without being listed.
func (l tunnelList) judge(q *request) *miss {
	if wire.Intercepted(q.Host) {
		return nil
	}
	for _, variant := range []string{"", q.Variant} {
		key := [2]string{q.Service, variant}
		if _, ok := l[key]; ok {
			l[key] = true
			return nil
		}
	}
	return &miss{q.Service, q.Operation, q.Variant, "a tunnel", "to be intercepted", q.Host}
}

// unused returns an error for each line that no tunnelled host needs.
func (l tunnelList) unused() (errs []error) {
	for k, used := range l {
		if !used {
			errs = append(errs, fmt.Errorf("tunnels.txt lists %s, whose hosts are intercepted", strings.TrimSpace(k[0]+" "+k[1])))
		}
	}
	return errs
}
