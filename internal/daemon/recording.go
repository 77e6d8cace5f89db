package daemon

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/botorate/botorate/internal/report"
	"github.com/botorate/botorate/internal/trace"
)

// A recording writes a trace to a file. The nil recording does nothing.
type recording struct {
	file  *os.File
	trace *trace.Writer
}

func (c *Command) startRecording() (*recording, error) {
	if c.Record == "" {
		return nil, nil
	}
	f, err := os.OpenFile(c.Record, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, &hinted{fmt.Errorf("record: %w", err), "name a file in a folder that is there, and that you can write to, with --record"}
	}
	return &recording{f, trace.NewWriter(f, time.Now())}, nil
}

func (r *recording) observe() func(report.Attempt) {
	if r == nil {
		return nil
	}
	return r.trace.Observe
}

func (r *recording) close() error {
	if r == nil {
		return nil
	}
	if err := errors.Join(r.trace.Close(), r.file.Close()); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
