package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

func writeIntro(w io.Writer, o Options, p palette) error {
	_, err := fmt.Fprintf(w, `%s
A scanner asks of each of %d EBS snapshots who may copy it. A neighbour in
the same account makes the same call %d times every %s. This process
plays AWS; TLS, signatures, the AWS SDK for Go and its retries are real.

`, p.bold("One scan, twice: unpaced, then through botorate at "+percent(o.Share)+" of the limit."),
		o.Snapshots, neighbourCalls, plural(int(neighbourEvery/time.Second), "second"))
	return err
}

// A cell is one number of the table, and how it is painted.
type cell struct {
	text  string
	paint func(string) string
}

const (
	nameWidth = 32
	cellWidth = 14
)

func writeResult(w io.Writer, r Result, p palette) error {
	var b strings.Builder
	row := func(name string, cells ...cell) {
		fmt.Fprintf(&b, "  %-*s", nameWidth, name)
		for _, c := range cells {
			b.WriteString(c.paint(fmt.Sprintf("%*s", cellWidth, c.text)))
		}
		b.WriteByte('\n')
	}
	zeroIsGood := func(n int, text string) cell {
		if n == 0 {
			return cell{text, p.good}
		}
		return cell{text, p.bad}
	}
	each := func(name string, of func(Scan) cell) { row(name, of(r.Unpaced), of(r.Paced)) }
	plain := func(text string) cell { return cell{text, p.plain} }

	b.WriteByte('\n')
	row("", cell{"unpaced", p.bold}, cell{"botorate " + percent(r.Share), p.bold})
	each("time", func(s Scan) cell { return plain(seconds(s.Took)) })
	each("snapshots answered", func(s Scan) cell { return plain(fmt.Sprint(s.Answered)) })
	each("snapshots lost", func(s Scan) cell { return zeroIsGood(s.Lost, fmt.Sprint(s.Lost)) })
	each("throttles that the scan met", func(s Scan) cell { return zeroIsGood(s.Throttles, fmt.Sprint(s.Throttles)) })
	each("neighbour's calls", func(s Scan) cell { return plain(fmt.Sprint(s.NeighbourCalls)) })
	each("neighbour's calls refused", func(s Scan) cell { return zeroIsGood(s.NeighbourRefused, s.refusedPart()) })
	row("least time possible", plain("–"), plain(seconds(r.Least())))
	b.WriteString("\n" + p.dim(r.formula()) + "\n\n" + r.conclusion() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Scan) refusedPart() string {
	if s.NeighbourCalls == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%.0f%%)", s.NeighbourRefused, 100*float64(s.NeighbourRefused)/float64(s.NeighbourCalls))
}

// formula says where the least time comes from.
func (r Result) formula() string {
	if r.Least() == 0 {
		return fmt.Sprintf("  least time: none, since %s of a bucket of %g lets all %d out at once", percent(r.Share), r.Capacity, r.Snapshots)
	}
	return fmt.Sprintf("  least time = (snapshots − capacity × share) ÷ (refill × share)\n"+
		"             = (%d − %g × %s) ÷ (%g/s × %s) = %s",
		r.Snapshots, r.Capacity, percent(r.Share), r.Refill, percent(r.Share), seconds(r.Least()))
}

func (r Result) conclusion() string {
	u, p := r.Unpaced, r.Paced
	text := fmt.Sprintf("Unpaced:  %d of %d snapshots lost, %d of the neighbour's %s refused.\nBotorate: ",
		u.Lost, r.Snapshots, u.NeighbourRefused, plural(u.NeighbourCalls, "call"))
	if r.Err() != nil {
		return text + fmt.Sprintf("%d lost, %s, %d of the neighbour's %s refused.",
			p.Lost, plural(p.Throttles, "throttle"), p.NeighbourRefused, plural(p.NeighbourCalls, "call"))
	}
	text += "nothing lost, nobody refused"
	if least := r.Least(); least > 0 {
		text += fmt.Sprintf(", in %.2f times the least time possible", p.Took.Seconds()/least.Seconds())
	}
	return text + "."
}

func percent(share float64) string { return fmt.Sprintf("%g%%", 100*share) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
