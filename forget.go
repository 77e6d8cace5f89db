package botorate

import (
	"cmp"
	"slices"
	"time"
)

const (
	// forgetAfter is how long a bucket that is full, and as its limit says, is kept without use.
	forgetAfter = 10 * time.Minute
	// rememberMost is how many forgotten buckets are remembered by their limit and tally, and how many tenants, 200 bytes each.
	rememberMost = 4096
)

// forgotten is what is kept of a bucket that has been idle for long: nothing else would differ if it were used again.
type forgotten struct {
	limit Limit
	used  instant
	tally
}

// tidy forgets idle buckets and their lanes. It is called before a bucket is made, so that their number is bounded by what is in use.
func (s *Scheduler) tidy() {
	if s.now-s.tidied < instant(forgetAfter)/10 {
		return
	}
	s.tidied = s.now
	for id, b := range s.buckets {
		b.refill(s.now)
		if !b.idle(s.now) {
			continue
		}
		for _, l := range slices.Clone(b.lanes) {
			s.forget(l)
		}
		b.gone = true
		delete(s.buckets, id)
		s.forgotten[id] = forgotten{b.limit, b.used, b.tally}
	}
	if len(s.forgotten) > rememberMost {
		s.fold()
	}
}

// forget drops a lane without tickets.
func (s *Scheduler) forget(l *lane) {
	var set [MaxDraws]*bucket
	copy(set[:], l.buckets)
	delete(s.lanes, set)
	for _, b := range l.buckets {
		b.lanes = slices.DeleteFunc(b.lanes, func(other *lane) bool { return other == l })
	}
}

// fold adds up the half of the forgotten buckets that were used longest ago, and remembers no more of them.
func (s *Scheduler) fold() {
	ids := make([]BucketID, 0, len(s.forgotten))
	for id := range s.forgotten {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b BucketID) int {
		return cmp.Or(cmp.Compare(s.forgotten[a].used, s.forgotten[b].used), a.compare(b))
	})
	for _, id := range ids[:len(ids)/2] {
		t := s.forgotten[id].tally
		s.folded.add(Forgotten{Buckets: 1, Left: t.left, Tokens: t.tokens, Throttled: t.throttled, Cuts: t.cuts})
		delete(s.forgotten, id)
	}
}

// foldTenants forgets the half of the tenants that were seen longest ago, but none that waits or was seen in the last minutes.
func (s *Scheduler) foldTenants() {
	all := make([]*tenant, 0, len(s.tenants))
	for _, tn := range s.tenants {
		all = append(all, tn)
	}
	slices.SortFunc(all, func(a, b *tenant) int { return cmp.Or(cmp.Compare(a.used, b.used), cmp.Compare(a.name, b.name)) })
	for _, tn := range all[:len(all)/2] {
		if tn.waiting > 0 || s.now-tn.used < instant(forgetAfter) {
			continue
		}
		tn.gone = true
		delete(s.tenants, tn.name)
		s.folded.add(Forgotten{Tenants: 1, Attempts: tn.left, Held: tn.held})
	}
	s.recent = nil
}

// add adds what o did.
func (f *Forgotten) add(o Forgotten) {
	f.Buckets += o.Buckets
	f.Left += o.Left
	f.Tokens += o.Tokens
	f.Throttled += o.Throttled
	f.Cuts += o.Cuts
	f.Tenants += o.Tenants
	f.Attempts += o.Attempts
	f.Held += o.Held
}
