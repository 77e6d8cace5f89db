package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/botorate/botorate/internal/wire"
)

// shedAfter is when the refusals say to come again.
const shedAfter = 7 * time.Second // more than botocore would wait by itself before a second attempt

// A shedCase is a call of botocore's and the refusal that it gets.
type shedCase struct {
	Service   string  `json:"service"`
	Operation string  `json:"operation"`
	Protocol  string  `json:"protocol"`
	Shed      []byte  `json:"shed"`
	After     float64 `json:"after"` // the least that must be waited, in seconds
}

func newShedCase(q *request, r *wire.Request) shedCase {
	// botocore waits at most 5 s longer than it would by itself.
	return shedCase{q.Service, q.Operation, q.Protocol, wire.Shed(r, shedAfter), 5}
}

// checkSheds has botocore take our refusals for throttles, in each of its retry modes.
func checkSheds(ctx context.Context, py *python, cases []shedCase, stdout io.Writer) error {
	var input bytes.Buffer
	for _, c := range cases {
		line, err := json.Marshal(c)
		if err != nil {
			return err
		}
		input.Write(append(line, '\n'))
	}
	seen, wrong := 0, 0
	err := py.lines(ctx, &input, func(line []byte) error {
		var got struct{ OK bool }
		if err := json.Unmarshal(line, &got); err != nil {
			return err
		}
		seen++
		if !got.OK {
			wrong++
			fmt.Fprintf(stdout, "WRONG shed: %s\n", line)
		}
		return nil
	}, "sheds.py")
	fmt.Fprintf(stdout, "%d refusals of ours for every service and protocol, in two retry modes of botocore: %d retried as throttles\n", len(cases), seen-wrong)
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%d refusals are not retried as throttles", wrong)
	}
	return err
}
