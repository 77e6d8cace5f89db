package scenario

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/quota"
)

// A File is a scenario: an account, who calls AWS in it, the ways of pacing to compare, and what must come of it. It is a txtar
// file whose comment is for people; docs/lab.md describes it.
type File struct {
	Name    string // as it was given
	About   string // the comment
	Report  []byte // the expected report; nil if there is none
	archive *txtar.Archive

	Title      string     `yaml:"title"`
	Seed       int        `yaml:"seed"`
	Duration   Duration   `yaml:"duration"` // when all ends that has not ended by itself
	Watch      string     `yaml:"watch"`    // the action whose bucket the report is about
	Limits     []Amount   `yaml:"limits"`
	Charge     bool       `yaml:"charge-refused"`
	Changes    []Change   `yaml:"changes"`
	Incidents  []Incident `yaml:"incidents"`
	Workloads  []Workload `yaml:"workloads"`
	Ways       []Way      `yaml:"pacing"`
	Assertions []Assert   `yaml:"assert"`

	watch action
	read  *reader
}

// An Amount says how large AWS's buckets are whose actions match, how they are refilled, or both. What it doesn't say stays.
type Amount struct {
	Match    Match    `yaml:"match"`
	Capacity float64  `yaml:"capacity"` // 0 for what it was; the refill then, too
	Refill   float64  `yaml:"refill"`
	Step     Duration `yaml:"step"` // tokens are added in steps of this; 0s means continuously

	stepped bool // the file says Step
}

func (a *Amount) applies(id botorate.BucketID) bool {
	service, rest, _ := strings.Cut(id.Quota, ":")
	return a.Match.Matches(service, rest)
}

// A Change is an amount that holds from some instant.
type Change struct {
	At       Duration `yaml:"at"`
	Match    Match    `yaml:"match"`
	Capacity float64  `yaml:"capacity"`
	Refill   float64  `yaml:"refill"`
}

// amend makes q what a says.
func (a *Amount) amend(q *quota.Quota) {
	if a.Capacity > 0 {
		q.Capacity, q.Refill = a.Capacity, a.Refill
	}
	if a.stepped {
		q.Step = a.Step.Duration()
	}
}

// An Incident is a time in which AWS refuses a part of what comes, whatever the buckets hold.
type Incident struct {
	From   Duration `yaml:"from"`
	To     Duration `yaml:"to"`
	Match  Match    `yaml:"match"`
	Refuse Part     `yaml:"refuse"`
}

func (i *Incident) applies(name string) bool {
	service, operation, _ := strings.Cut(name, ":")
	return i.Match.Matches(service, operation)
}

// The kinds of workload that are programs of their own. The others are rounds, with what is usual for them: see presets.
const (
	kindScout = "scout"
	kindTrace = "trace"
)

// A Workload is software that calls AWS.
type Workload struct {
	Name      string  `yaml:"name"`
	Kind      string  `yaml:"kind"`
	Neighbour bool    `yaml:"neighbour"` // not paced: it knows nothing of botorate
	SDK       string  `yaml:"sdk"`
	Network   network `yaml:"network"`

	Account  Inventory `yaml:"account"`    // scout: what it finds
	Services []string  `yaml:"services"`   // scout: only these; empty for all
	Skip     []string  `yaml:"skip"`       // scout: but not these
	Workers  int       `yaml:"workers"`    // scout: threads
	Build    float64   `yaml:"build-cost"` // scout: 1 is what was measured

	Start    Duration `yaml:"start"`
	Every    Duration `yaml:"every"`
	Jitter   Duration `yaml:"jitter"`
	Times    int      `yaml:"times"`
	Within   Duration `yaml:"within"`
	Steps    []Step   `yaml:"steps"`
	Accounts int      `yaml:"accounts"`
	Regions  int      `yaml:"regions"`

	Trace string `yaml:"trace"` // trace: the file in the archive
	trace []event
}

// endless reports whether the workload goes on for ever.
func (w *Workload) endless() bool { return w.Every > 0 && w.Times == 0 && w.Kind != kindScout }

// A Step is calls that a round makes before it goes on: so many of the actions in turn.
type Step struct {
	Calls    []Action `yaml:"calls"`
	Count    int      `yaml:"count"`
	Parallel int      `yaml:"parallel"`
	Gap      Duration `yaml:"gap"` // between two; not together with parallel
}

// An Action is `ec2:DescribeInstances`, with a number of resources or the word unfiltered behind it.
type Action struct{ action }

// A Match is what [quota.ParseMatch] reads.
type Match struct{ quota.Match }

// A Part is a percentage.
type Part float64

// A Duration is a time.Duration that is written as one.
type Duration time.Duration

// Duration returns it as what it is.
func (d Duration) Duration() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return short(time.Duration(d)) }

// regionNames are the Regions that every account has, the first being the one where everything is.
func regionNames() []string {
	return []string{
		home, "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
		"eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
}

// home is the first Region.
const home = "us-east-1"

// accountName names the accounts of a scenario.
func accountName(i int) string { return fmt.Sprintf("%012d", 123456789012+i) }

const (
	settingsName = "scenario.yaml"
	reportName   = "report"
)

// Parse reads a scenario; name is for messages. set changes settings, each KEY=VALUE, before they are checked. The error is a *[ParseError].
func Parse(name string, data []byte, set ...string) (*File, error) {
	f := &File{Name: name, archive: txtar.Parse(bytes.TrimPrefix(data, []byte("\ufeff")))}
	f.About = strings.TrimSpace(string(f.archive.Comment))
	r := reader{file: name}
	if err := f.checkParts(); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(f.archive.Files, func(t txtar.File) bool { return t.Name == settingsName })
	r.offset = linesBefore(f.archive, at)
	if err := r.document(f.archive.Files[at].Data, f, set); err != nil {
		return nil, err
	}
	for _, t := range f.archive.Files {
		if t.Name == reportName {
			f.Report = t.Data
		}
	}
	if err := f.complete(&r); err != nil {
		return nil, err
	}
	f.read = &r
	return f, nil
}

// checkParts refuses an archive without settings, or with two parts of one name.
func (f *File) checkParts() error {
	names := map[string]bool{}
	for i, t := range f.archive.Files {
		if names[t.Name] {
			return &ParseError{File: f.Name, Line: linesBefore(f.archive, i), Problem: "-- " + t.Name + " -- is there twice"}
		}
		names[t.Name] = true
	}
	if names[settingsName] {
		return nil
	}
	return &ParseError{
		File: f.Name, Line: 1, Problem: "there is no -- " + settingsName + " --",
		hint: "the settings stand below such a line; docs/lab.md describes the format, and `botorate lab list` names examples",
	}
}

// linesBefore counts the lines of an archive before the content of a file.
func linesBefore(a *txtar.Archive, file int) int {
	n := bytes.Count(a.Comment, []byte("\n"))
	for i := range file {
		n += 1 + bytes.Count(a.Files[i].Data, []byte("\n"))
	}
	return n + 1
}

// WithReport returns the scenario file with that report in it.
func (f *File) WithReport(report []byte) []byte {
	a := *f.archive
	a.Files = slices.Clone(a.Files)
	for i := range a.Files {
		if a.Files[i].Name == reportName {
			a.Files[i].Data = report
			return txtar.Format(&a)
		}
	}
	a.Files = append(a.Files, txtar.File{Name: reportName, Data: report})
	return txtar.Format(&a)
}
