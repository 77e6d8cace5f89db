package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/botorate/botorate/internal/demo"
	lab "github.com/botorate/botorate/internal/scenario"
)

// labAgrees runs the demo's scan at the TLS endpoint, with the real SDK through the real proxy, and the same in the lab. Paced, the two
// must agree: in time within 3 %, and in throttles exactly. Unpaced, what is refused hangs on milliseconds; those rows are for the reader.
func labAgrees(ctx context.Context, _ *world) ([]row, error) {
	const most = 0.03
	live, err := demo.Run(ctx, demo.Options{})
	if err != nil {
		return nil, err
	}
	data, err := lab.Shipped("demo")
	if err != nil {
		return nil, err
	}
	f, err := lab.Parse("demo", data)
	if err != nil {
		return nil, err
	}
	played, err := lab.Run(f, lab.Options{})
	if err != nil {
		return nil, err
	}
	var rows []row
	for i, s := range []demo.Scan{live.Unpaced, live.Paced} {
		way := &played.Ways[i]
		scan, neighbour := &way.Workloads[0], &way.Workloads[1]
		rows = append(rows,
			row{
				client: "demo", pacing: way.Way, requests: s.Answered + s.Lost, throttled: s.Throttles, answered: s.Answered, lost: s.Lost,
				neighbour: s.NeighbourCalls, refused: s.NeighbourRefused, took: s.Took,
			},
			row{
				client: "the lab", pacing: way.Way, requests: scan.Attempts, throttled: scan.Throttles, answered: scan.Calls - scan.Lost, lost: scan.Lost,
				neighbour: neighbour.Calls, refused: neighbour.Lost, took: scan.Ended,
			})
	}
	paced := &played.Ways[1].Workloads[0]
	if d := math.Abs(paced.Ended.Seconds()/live.Paced.Took.Seconds() - 1); d > most {
		return rows, fmt.Errorf("paced, the endpoint took %v and the lab says %v: %.1f %% apart, at most %.0f %% is right",
			live.Paced.Took.Round(time.Millisecond), paced.Ended.Round(time.Millisecond), 100*d, 100*most)
	}
	if paced.Throttles != live.Paced.Throttles || played.Ways[1].Workloads[1].Throttles != live.Paced.NeighbourRefused {
		return rows, fmt.Errorf("paced, the endpoint refused %d and %d of the neighbour's, and the lab says %d and %d",
			live.Paced.Throttles, live.Paced.NeighbourRefused, paced.Throttles, played.Ways[1].Workloads[1].Throttles)
	}
	return rows, nil
}
