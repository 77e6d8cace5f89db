package botorate

// A group is the lanes with waiting tickets that share buckets, directly or through other lanes, in the order of their turns.
// Groups don't touch each other's buckets, so that each is looked at only when it has something to do.
type group struct {
	first, last *lane
	size        int
	wake        instant // when to look at it
	slot        int32
	loose       bool // a lane left that may have held it together
}

type byWake struct{}

func (byWake) slot(g *group) *int32    { return &g.slot }
func (byWake) before(a, b *group) bool { return a.wake < b.wake }

// look has the group looked at now. A nil group is nobody's.
func (s *Scheduler) look(g *group) {
	if g != nil && g.wake > s.now {
		g.wake = s.now
		s.groups.fix(g)
	}
}

func (s *Scheduler) newGroup(wake instant) *group {
	g := &group{wake: wake}
	s.groups.push(g)
	return g
}

// join puts a lane that has become busy behind the others in its group, which its buckets may unite of several.
func (s *Scheduler) join(l *lane) {
	var g *group
	for _, b := range l.buckets {
		if b.group != nil && (g == nil || b.group.size > g.size) {
			g = b.group
		}
	}
	if g == nil {
		g = s.newGroup(s.now)
	}
	for _, b := range l.buckets {
		if b.group != nil && b.group != g {
			s.unite(g, b.group)
		}
		b.active++
		b.group = g
	}
	l.turn = s.nextTurn()
	g.insert(l, g.last)
	s.look(g)
}

// unite moves the lanes of h to g.
func (s *Scheduler) unite(g, h *group) {
	after := g.last
	for l := h.last; l != nil; {
		prev := l.prev
		for after != nil && after.turn > l.turn {
			after = after.prev
		}
		g.insert(l, after)
		for _, b := range l.buckets {
			b.group = g
		}
		l = prev
	}
	g.loose = g.loose || h.loose
	s.groups.remove(h)
}

// part takes a lane that has nothing more to do out of its group.
func (s *Scheduler) part(l *lane) {
	g := l.group
	g.unlink(l)
	l.group = nil
	shared := 0
	for _, b := range l.buckets {
		if b.active--; b.active == 0 {
			b.group = nil
		} else {
			shared++
		}
	}
	g.loose = g.loose || shared > 1 // only then it may have been a bridge
	if g.size == 0 {
		s.groups.remove(g)
	}
}

// insert puts the lane behind after, or first if that is nil.
func (g *group) insert(l, after *lane) {
	l.group, l.prev = g, after
	if after == nil {
		l.next, g.first = g.first, l
	} else {
		l.next, after.next = after.next, l
	}
	if l.next == nil {
		g.last = l
	} else {
		l.next.prev = l
	}
	g.size++
}

func (g *group) unlink(l *lane) {
	if l.prev == nil {
		g.first = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		g.last = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.next, l.prev = nil, nil
	g.size--
}

// regroup splits a group whose lanes may no longer hang together; the new ones are due as it was.
func (s *Scheduler) regroup(g *group) {
	for l := g.first; l != nil; l = l.next {
		for _, b := range l.buckets {
			b.root, b.group = b, nil
		}
	}
	for l := g.first; l != nil; l = l.next {
		root := l.buckets[0].find()
		for _, b := range l.buckets[1:] {
			b.find().root = root
		}
	}
	s.groups.remove(g)
	for l := g.first; l != nil; {
		next, root := l.next, l.buckets[0].find()
		if root.group == nil {
			root.group = s.newGroup(g.wake)
		}
		for _, b := range l.buckets {
			b.group = root.group
		}
		root.group.insert(l, root.group.last)
		l = next
	}
}

// find returns the bucket that stands for all those connected to b.
func (b *bucket) find() *bucket {
	for b.root != b {
		b.root = b.root.root
		b = b.root
	}
	return b
}
