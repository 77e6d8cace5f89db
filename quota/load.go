package quota

import (
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/botorate/botorate"
)

//go:embed data/*.txt
var data embed.FS

// load reads the embedded table. It is right by test, so an error in it is a panic.
func load() *table {
	t := &table{services: make(map[string]*service, 128)}
	files, err := data.ReadDir("data")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		text, err := data.ReadFile("data/" + f.Name())
		if err == nil {
			err = t.parse(f.Name(), string(text))
		}
		if err != nil {
			panic(err)
		}
	}
	t.fallback = t.services["*"]
	return t
}

// A parser reads one file of the table. The settings hold for the entries that follow.
type parser struct {
	table   *table
	service *service
	scoped  bool
	step    time.Duration
	origin  Origin
	source  string
	date    string
	note    string
	open    *entry // the entry whose members may follow
}

// parse adds a file to the table. Its format is in data/README.md.
func (t *table) parse(name, text string) error {
	p := parser{table: t}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if err := p.line(strings.TrimRight(line, "\r\n")); err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	if err := p.end(); err != nil {
		return fmt.Errorf("%s: at its end: %w", name, err)
	}
	return nil
}

func (p *parser) line(line string) error {
	if strings.HasPrefix(line, "    ") {
		return p.members(line)
	}
	if err := p.closeEntry(); err != nil {
		return err
	}
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "", "#":
		return nil
	case "service":
		return p.begin(rest)
	}
	if p.service == nil {
		return errors.New("first comes a service")
	}
	switch word {
	case "scope":
		p.service.global, p.scoped = rest == "global", true
		if rest != "global" && rest != "region" {
			return fmt.Errorf("a scope is global or region, not %q", rest)
		}
		return nil
	case "step":
		var err error
		p.step, err = time.ParseDuration(rest)
		return err
	case "source":
		return p.provenance(Published, rest)
	case "guess":
		return p.provenance(Default, rest)
	case "note":
		p.note = rest
		return nil
	case "layer":
		return p.layer(rest)
	case "each", "shared":
		return p.entry(word == "shared", rest)
	}
	return fmt.Errorf("unknown word %q", word)
}

func (p *parser) begin(name string) error {
	if err := p.end(); err != nil {
		return err
	}
	if name == "" || p.table.services[name] != nil {
		return fmt.Errorf("service %q is empty or there already", name)
	}
	s := &service{name: name}
	p.table.services[name] = s
	*p = parser{table: p.table, service: s}
	return nil
}

// end checks what is whole only at the end of a service.
func (p *parser) end() error {
	if p.service != nil && !p.scoped {
		return fmt.Errorf("service %s has no scope", p.service.name)
	}
	return p.closeEntry()
}

func (p *parser) closeEntry() error {
	if p.open != nil && len(p.open.members) == 0 {
		return errors.New("an entry has no members")
	}
	p.open = nil
	return nil
}

func (p *parser) provenance(o Origin, rest string) error {
	source, date, _ := strings.Cut(rest, " ")
	if _, err := time.Parse(time.DateOnly, date); err != nil || !strings.HasPrefix(source, "https://") {
		return fmt.Errorf("want a URL and a date, got %q", rest)
	}
	p.origin, p.source, p.date, p.note = o, source, date, ""
	return nil
}

func (p *parser) layer(name string) error {
	same := func(l layer) bool { return l.name == name }
	if slices.ContainsFunc(p.service.layers, same) || len(p.service.layers) == botorate.MaxDraws {
		return fmt.Errorf("layer %q is there already, or one too many", name)
	}
	p.service.layers = append(p.service.layers, layer{name: name})
	p.note = ""
	return nil
}

// entry reads `NAME key=value…:`, without a name for actions that have a bucket each.
func (p *parser) entry(shared bool, rest string) error {
	rest, ok := strings.CutSuffix(rest, ":")
	if !ok || p.source == "" {
		return errors.New("an entry has a source before it and ends in a colon")
	}
	if len(p.service.layers) == 0 {
		p.service.layers = []layer{{name: actionLayer}}
	}
	l := &p.service.layers[len(p.service.layers)-1]
	e := entry{tokens: 1, quota: Quota{Step: p.step, Origin: p.origin, Source: p.source, Date: p.date, Note: p.note}}
	words := strings.Fields(rest)
	fields := slices.IndexFunc(words, func(w string) bool { return strings.Contains(w, "=") })
	if fields < 0 || (fields > 0) != shared {
		return errors.New("only a shared bucket has a name, and every entry has fields")
	}
	e.shared = strings.Join(words[:fields], " ")
	for _, w := range words[fields:] {
		key, value, _ := strings.Cut(w, "=")
		if err := e.set(key, value); err != nil {
			return err
		}
	}
	if l.name != actionLayer && !shared {
		e.suffix = " " + l.name
	} else if e.unfiltered {
		e.suffix = " unfiltered"
	}
	if err := e.quota.complete(); err != nil {
		return err
	}
	l.entries = append(l.entries, e)
	p.open = &l.entries[len(l.entries)-1]
	return nil
}

// complete fills in a capacity that is not published.
func (q *Quota) complete() error {
	if q.Refill <= 0 {
		return errors.New("an entry has a refill")
	}
	if q.Capacity > 0 {
		return nil
	}
	q.Capacity = max(1, q.Refill)
	const unknown = "burst not published: one second of the rate"
	if q.Note == "" {
		q.Note = unknown
	} else {
		q.Note = unknown + "; " + q.Note
	}
	return nil
}

func (e *entry) set(key, value string) (err error) {
	switch key {
	case "capacity":
		e.quota.Capacity, err = parsePositive(value)
	case "refill":
		perMinute := false
		value, perMinute = strings.CutSuffix(value, "/m")
		e.quota.Refill, err = parsePositive(value)
		if perMinute {
			e.quota.Refill /= 60
		}
	case "tokens":
		if e.byResources = value == "resources"; !e.byResources {
			e.tokens, err = parsePositive(value)
		}
	case "when":
		e.unfiltered = value == "unfiltered"
	case "scope":
		e.perResource, e.organization = value == "resource", value == "organization"
	case "api":
		e.api = value
	case "resource":
		e.resource = value
	case "method":
		e.methods = strings.Split(value, ",")
	case "regions":
		e.regions = strings.Split(value, ",")
	default:
		return fmt.Errorf("unknown field %q", key)
	}
	if err == nil && (value == "" || key == "when" && !e.unfiltered || key == "scope" && !e.perResource && !e.organization) {
		err = fmt.Errorf("field %s: bad value %q", key, value)
	}
	return err
}

func parsePositive(s string) (float64, error) {
	n, ok := parseNumber(s)
	if !ok || n <= 0 {
		return 0, fmt.Errorf("want a positive number, got %s", strconv.Quote(s))
	}
	return n, nil
}

func (p *parser) members(line string) error {
	if p.open == nil {
		return errors.New("members without an entry")
	}
	p.open.members = append(p.open.members, strings.Fields(line)...)
	return nil
}
