package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const dir = "interop/conformance"

// A python is an interpreter that has the packages of requirements.txt.
type python struct{ program string }

// newPython makes a virtual environment, kept between runs for as long as requirements.txt is the same.
func newPython(ctx context.Context) (*python, error) {
	requirements := filepath.Join(dir, "requirements.txt")
	data, err := os.ReadFile(requirements)
	if err != nil {
		return nil, fmt.Errorf("run it from the root of the checkout: %w", err)
	}
	venv, err := filepath.Abs(filepath.Join(".cache", fmt.Sprintf("conformance-%.6x", sha256.Sum256(data))))
	if err != nil {
		return nil, err
	}
	py := &python{program: filepath.Join(venv, "bin", "python")}
	done := filepath.Join(venv, "installed")
	if _, err := os.Stat(done); err == nil {
		return py, nil
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", venv},
		{py.program, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
	}
	return py, os.WriteFile(done, nil, 0o600)
}

// lines runs a script of this directory with input and gives each line that it prints, an object in JSON, to take.
func (p *python) lines(ctx context.Context, input io.Reader, take func(line []byte) error, script string, args ...string) error {
	cmd := exec.CommandContext(ctx, p.program, append([]string{filepath.Join(dir, script)}, args...)...)
	cmd.Stdin, cmd.Stderr = input, os.Stderr
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", script, err)
	}
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 4<<20)
	var taken error
	for scanner.Scan() && taken == nil {
		taken = take(scanner.Bytes())
	}
	if taken == nil {
		taken = scanner.Err()
	}
	_, _ = io.Copy(io.Discard, out) // so that it can end
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", script, err)
	}
	return taken
}

// botocore returns where botocore's models are, and its version.
func (p *python) botocore(ctx context.Context) (data, version string, err error) {
	out, err := exec.CommandContext(ctx, p.program, "-c", "import botocore, json; print(json.dumps([botocore.__path__[0], botocore.__version__]))").Output()
	if err != nil {
		return "", "", fmt.Errorf("import botocore: %w", err)
	}
	var got [2]string
	if err := json.Unmarshal(out, &got); err != nil {
		return "", "", err
	}
	return filepath.Join(got[0], "data"), got[1], nil
}
