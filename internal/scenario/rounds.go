package scenario

import "time"

// rounds are what software of an account does again and again: a round is steps, one after the other, each of many calls.
// It is controllers that look around, an autoscaler that launches instances, a Terraform plan, an agent that fans out.
type rounds struct {
	*load
	clients []*client // one for each account
	cells   []*cell
	left    int // cells that have not come to their end
}

// A cell is the rounds in one account and Region.
type cell struct {
	*rounds
	client *client
	region string
	steps  [][]*target // of each step, what one pass calls
	turn   int         // rounds begun

	began    time.Time
	step     int
	next     int // call of the step
	open     int // calls in flight
	failed   bool
	underway bool
}

func newRounds(l *load) *rounds {
	r := &rounds{load: l}
	for i := range l.Accounts {
		account := accountName(i)
		cl := l.w.client(l, account)
		r.clients = append(r.clients, cl)
		for _, region := range regionNames()[:l.Regions] {
			c := &cell{rounds: r, client: cl, region: region}
			for _, s := range l.Steps {
				var targets []*target
				for _, call := range s.Calls {
					targets = append(targets, l.w.target(call.action, account, region))
				}
				c.steps = append(c.steps, targets)
			}
			r.cells = append(r.cells, c)
		}
	}
	return r
}

func (r *rounds) run() {
	r.left = len(r.cells)
	for _, c := range r.cells {
		r.w.loop.After(r.Start.Duration()+jittered(r.load, r.Jitter.Duration()), c.begin)
	}
}

// jittered is a random part of d.
func jittered(l *load, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(l.random.Int64N(int64(d)))
}

// begin starts a round, unless the last one still goes on; that one is then late.
func (c *cell) begin() {
	if c.underway {
		c.tally.Rounds++
		c.tally.Late++
	} else {
		c.underway, c.failed, c.step, c.next = true, false, 0, 0
		c.began = c.w.loop.Now()
		c.advance()
	}
	c.turn++
	if c.Every > 0 && (c.Times == 0 || c.turn < c.Times) {
		c.w.loop.After(c.Every.Duration()+jittered(c.load, c.Jitter.Duration()), c.begin)
	}
}

// advance sends what may be sent of the step, and goes on to the next one when all is answered.
func (c *cell) advance() {
	for c.step < len(c.steps) {
		s := &c.Steps[c.step]
		if c.send(s); c.open > 0 || c.next < s.Count {
			return
		}
		c.step, c.next = c.step+1, 0
	}
	c.end()
}

// send keeps as many calls of the step in flight as may be, or sends one each gap.
func (c *cell) send(s *Step) {
	for c.next < s.Count && c.open < s.Parallel {
		targets := c.steps[c.step]
		c.open++
		c.client.do(targets[c.next%len(targets)], c.answered)
		c.next++
		if s.Gap > 0 && c.next < s.Count {
			c.open++ // the gap keeps the step open
			c.w.loop.After(s.Gap.Duration(), func() {
				c.open--
				c.advance()
			})
			return
		}
	}
}

func (c *cell) answered(ok bool) {
	c.failed = c.failed || !ok
	c.open--
	if c.Steps[c.step].Gap == 0 || c.open == 0 {
		c.advance()
	}
}

// end ends a round.
func (c *cell) end() {
	took := c.w.loop.Now().Sub(c.began)
	c.underway = false
	c.tally.Rounds++
	c.tally.LongestRound = max(c.tally.LongestRound, took)
	if c.failed || c.Within > 0 && took > c.Within.Duration() {
		c.tally.Late++
	}
	if c.Every > 0 && (c.Times == 0 || c.turn < c.Times) {
		return
	}
	if c.left--; c.left == 0 {
		c.finish()
	}
}
