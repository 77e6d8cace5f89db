package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// tools are the programs that the scenarios run.
type tools struct {
	botorate string // built from this checkout
	python   string // with the packages of requirements.txt
	moto     string
	aws      string // AWS CLI v2
	clients  string // folder of our client scripts
	dir      string // removed at the end
}

// prepare installs what is missing and builds botorate. It is the only step that uses the network.
func prepare(ctx context.Context) (*tools, error) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return nil, fmt.Errorf("network namespaces need Linux and root")
	}
	if _, err := os.Stat(filepath.Join("interop", "requirements.txt")); err != nil {
		return nil, fmt.Errorf("run it from the root of the checkout: %w", err)
	}
	if err := installPackages(ctx, map[string]string{"ip": "iproute2", "dnsmasq": "dnsmasq-base", "/usr/bin/aws": "awscli"}); err != nil {
		return nil, err
	}
	venv, err := installPython(ctx, filepath.Join("interop", "requirements.txt"))
	if err != nil {
		return nil, err
	}
	clients, err := filepath.Abs(filepath.Join("interop", "clients"))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "botorate-interop-")
	if err != nil {
		return nil, err
	}
	t := &tools{
		botorate: filepath.Join(dir, "botorate"),
		python:   filepath.Join(venv, "bin", "python"),
		moto:     filepath.Join(venv, "bin", "moto_server"),
		aws:      "/usr/bin/aws",
		clients:  clients,
		dir:      dir,
	}
	if err := do(ctx, "go", "build", "-o", t.botorate, "./cmd/botorate"); err != nil {
		t.remove()
		return nil, err
	}
	return t, nil
}

func (t *tools) remove() { _ = os.RemoveAll(t.dir) }

// installPackages installs the Debian package of each program that is missing.
func installPackages(ctx context.Context, packages map[string]string) error {
	var missing []string
	for program, pkg := range packages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := do(ctx, "apt-get", "update", "-q"); err != nil {
		return err
	}
	return do(ctx, "apt-get", append([]string{"install", "-q", "-y", "--no-install-recommends"}, missing...)...)
}

// installPython returns a virtual environment with these requirements, kept between runs for as long as the file is the same.
func installPython(ctx context.Context, requirements string) (string, error) {
	data, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	venv, err := filepath.Abs(filepath.Join(".cache", fmt.Sprintf("interop-%.6x", sha256.Sum256(data))))
	if err != nil {
		return "", err
	}
	done := filepath.Join(venv, "installed")
	if _, err := os.Stat(done); err == nil {
		return venv, nil
	}
	if err := do(ctx, "python3", "-m", "venv", "--clear", venv); err != nil {
		return "", err
	}
	if err := do(ctx, filepath.Join(venv, "bin", "pip"), "install", "-q", "--disable-pip-version-check", "-r", requirements); err != nil {
		return "", err
	}
	return venv, os.WriteFile(done, nil, 0o600)
}

// do runs a command of the preparation and shows what it prints.
func do(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %v: %w", name, args, err)
	}
	return nil
}
