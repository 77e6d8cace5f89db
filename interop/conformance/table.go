package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
)

const tableFile = "internal/wire/apis.txt"

// table generates package wire's table.
func table(ctx context.Context, py *python) (text []byte, version string, err error) {
	data, version, err := py.botocore(ctx)
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./internal/wire/gen", "-models", data, "-version", version)
	cmd.Stderr = os.Stderr
	if text, err = cmd.Output(); err != nil {
		err = fmt.Errorf("generate the table: %w", err)
	}
	return text, version, err
}

func writeTable(ctx context.Context, py *python) error {
	text, _, err := table(ctx, py)
	if err != nil {
		return err
	}
	return os.WriteFile(tableFile, text, 0o644)
}

// checkTable generates the table anew and compares it with the one in the repository.
func checkTable(ctx context.Context, py *python, stdout io.Writer) error {
	want, version, err := table(ctx, py)
	if err != nil {
		return err
	}
	got, err := os.ReadFile(tableFile)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s is not what botocore %s gives: run go generate ./internal/wire", tableFile, version)
	}
	fmt.Fprintf(stdout, "%s: the %d bytes that botocore %s gives\n", tableFile, len(got), version)
	return nil
}
