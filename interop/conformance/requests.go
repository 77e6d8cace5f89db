package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/botorate/botorate/internal/relay"
	"github.com/botorate/botorate/internal/wire"
)

// A request is a line of record.py: what botocore made, and what it is.
type request struct {
	Service, Operation string // botocore's names
	Variant            string
	IAM                string // the service in IAM's spelling
	Protocol           string
	Region, Partition  *string // nil if the request does not say
	Account            string
	Presigned, Skipped bool
	Host               string
	Head, Body         []byte
	Error              string // why botocore made no request
}

// A miss is a request that was taken for another.
type miss struct{ service, operation, variant, got, want, line string }

// A tally counts the requests of one variant.
type tally struct{ requests, right, excused, skipped int }

// A score is what became of all requests.
type score struct {
	mu      sync.Mutex
	twins   twinList
	tunnels tunnelList
	tallies map[string]*tally // by variant
	misses  []miss
	sheds   map[[2]string]shedCase // by service and protocol
}

// checkRequests identifies every request that botocore makes, and has botocore read a refusal of one of each service and protocol.
func checkRequests(ctx context.Context, py *python, stdout io.Writer) error {
	twins, err := readTwins(filepath.Join(dir, "twins.txt"))
	if err != nil {
		return err
	}
	tunnels, err := readTunnels(filepath.Join(dir, "tunnels.txt"))
	if err != nil {
		return err
	}
	s := &score{twins: twins, tunnels: tunnels, tallies: map[string]*tally{}, sheds: map[[2]string]shedCase{}}
	errs := make([]error, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = py.lines(ctx, nil, s.take, "record.py", strconv.Itoa(i), strconv.Itoa(len(errs))) })
	}
	all.Wait()
	printTallies(stdout, s.tallies)
	errs = append(errs, missed(stdout, s.misses), twins.unused())
	errs = append(errs, tunnels.unused()...)
	return errors.Join(append(errs, checkSheds(ctx, py, slices.Collect(maps.Values(s.sheds)), stdout))...)
}

// take checks the request of a line.
func (s *score) take(line []byte) error {
	var q request
	if err := json.Unmarshal(line, &q); err != nil {
		return err
	}
	var (
		m *miss
		r wire.Request
	)
	switch {
	case q.Skipped:
	case q.Error != "":
		m = &miss{q.Service, q.Operation, q.Variant, q.Error, "a request", ""}
	default:
		var err error
		if m, err = q.check(&r); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(&q, m)
	if q.Host != "" {
		if t := s.tunnels.judge(&q); t != nil {
			s.misses = append(s.misses, *t)
		}
	}
	if key := [2]string{q.Service, q.Protocol}; m == nil && strings.HasSuffix(q.Variant, "required") && r.Method != "HEAD" && s.sheds[key].Shed == nil {
		s.sheds[key] = newShedCase(&q, &r)
	}
	return nil
}

// count counts a request; m is nil if it was taken for what it is.
func (s *score) count(q *request, m *miss) {
	t := s.tallies[q.Variant]
	if t == nil {
		t = &tally{}
		s.tallies[q.Variant] = t
	}
	if q.Skipped {
		t.skipped++
		return
	}
	t.requests++
	switch {
	case m == nil:
		t.right++
	case s.twins.excuse(m):
		t.excused++
	default:
		s.misses = append(s.misses, *m)
	}
}

// check identifies the request into r and compares; it returns nil if all is right.
func (q *request) check(r *wire.Request) (*miss, error) {
	var head relay.Head
	if err := head.ParseRequest(q.Head); err != nil {
		return nil, fmt.Errorf("%s %s %s: %w in %q", q.Service, q.Operation, q.Variant, err, q.Head)
	}
	var body []byte
	if wire.NeedsBody(&head) {
		body = q.Body
	}
	*r = wire.Identify(&head, q.Host, body)
	want := q.IAM + ":" + q.Operation
	line, _, _ := strings.Cut(string(q.Head), "\r\n")
	m := &miss{q.Service, q.Operation, q.Variant, r.Action(), want, q.Host + " " + line}
	switch {
	case r.Action() != want:
	case !protocolIs(r.Protocol, q.Protocol):
		m.got, m.want = fmt.Sprintf("protocol %d", r.Protocol), q.Protocol
	case q.Partition != nil && r.Partition != *q.Partition:
		m.got, m.want = r.Partition, *q.Partition
	case q.Region != nil && r.Region != *q.Region:
		m.got, m.want = r.Region, *q.Region
	case !strings.HasPrefix(r.Account, q.Account): // all twelve digits, or the key- of a hash
		m.got, m.want = r.Account, q.Account
	case r.Presigned != q.Presigned:
		m.got, m.want = "presigned "+strconv.FormatBool(r.Presigned), strconv.FormatBool(q.Presigned)
	default:
		return nil, nil
	}
	return m, nil
}

// protocolIs reports whether p is botocore's protocol of that name.
func protocolIs(p wire.Protocol, name string) bool {
	switch p {
	case wire.Query:
		return name == "query"
	case wire.EC2:
		return name == "ec2"
	case wire.JSON10, wire.JSON11:
		return name == "json"
	case wire.CBOR:
		return name == "smithy-rpc-v2-cbor"
	case wire.RESTJSON:
		return name == "rest-json"
	case wire.RESTXML:
		return name == "rest-xml"
	case wire.Unknown:
	}
	return false
}

func printTallies(stdout io.Writer, tallies map[string]*tally) {
	var sum tally
	variants := make([]string, 0, len(tallies))
	for v := range tallies {
		variants = append(variants, v)
	}
	slices.Sort(variants)
	for _, v := range variants {
		t := tallies[v]
		fmt.Fprintf(stdout, "%-34s %6d requests, %6d right, %3d twins, %4d not made\n", v, t.requests, t.right, t.excused, t.skipped)
		sum.requests, sum.right = sum.requests+t.requests, sum.right+t.right
		sum.excused, sum.skipped = sum.excused+t.excused, sum.skipped+t.skipped
	}
	fmt.Fprintf(stdout, "%-34s %6d requests, %6d right, %3d twins, %4d not made\n", "all", sum.requests, sum.right, sum.excused, sum.skipped)
}

func missed(stdout io.Writer, misses []miss) error {
	if len(misses) == 0 {
		return nil
	}
	slices.SortFunc(misses, func(a, b miss) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.operation, b.operation), cmp.Compare(a.variant, b.variant))
	})
	for _, m := range misses {
		fmt.Fprintf(stdout, "MISS %s %s (%s): got %s, want %s: %.200s\n", m.service, m.operation, m.variant, m.got, m.want, m.line)
	}
	return fmt.Errorf("%d requests were taken for others, or not at all", len(misses))
}

// A twinList is the operations that can't be told from another on the wire: what they are taken for, and whether that happened.
type twinList map[[2]string]*twin

type twin struct {
	got  string
	used bool
}

// readTwins reads lines SERVICE OPERATION TAKEN-FOR; a line that begins with # gives the reason of those below it.
func readTwins(name string) (twinList, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	list := twinList{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := s.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		w := strings.Fields(line)
		if len(w) != 3 || list[[2]string{w[0], w[1]}] != nil {
			return nil, fmt.Errorf("%s: bad line %q", name, line)
		}
		list[[2]string{w[0], w[1]}] = &twin{got: w[2]}
	}
	return list, s.Err()
}

func (l twinList) excuse(m *miss) bool {
	t := l[[2]string{m.service, m.operation}]
	if t == nil || strings.Replace(m.want, ":"+m.operation, ":"+t.got, 1) != m.got {
		return false
	}
	t.used = true
	return true
}

// unused returns an error for each twin that was never taken for its other: it can be told apart and must be unlisted.
func (l twinList) unused() error {
	var errs []error
	for k, t := range l {
		if !t.used {
			errs = append(errs, fmt.Errorf("twins.txt lists %s %s, which was not taken for %s", k[0], k[1], t.got))
		}
	}
	return errors.Join(errs...)
}
