package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// terraformProgram is the machine's Terraform, or else OpenTofu, which is built from source.
func (t *tools) terraformProgram() (client, program string) {
	if program, err := exec.LookPath("terraform"); err == nil {
		return "Terraform", program
	}
	return "OpenTofu", t.in("tofu", "tofu")
}

// terraformNeeds is what must be installed for it.
func terraformNeeds() []string {
	if _, err := exec.LookPath("terraform"); err == nil {
		return nil
	}
	return []string{"tofu"}
}

const tofuModule = "github.com/opentofu/opentofu@v1.12.6"

// buildTofu builds OpenTofu, whose go.mod has replacements, in its own folder of the module cache.
func buildTofu(ctx context.Context, _ *tools, dir string) error {
	if err := do(ctx, "", nil, "go", "mod", "download", tofuModule); err != nil {
		return err
	}
	cache, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return err
	}
	source := filepath.Join(strings.TrimSpace(string(cache)), filepath.FromSlash(tofuModule))
	return do(ctx, source, nil, "go", "build", "-ldflags=-s -w", "-o", dir, "./cmd/tofu")
}

// terraform keeps a state with a lock in S3: init, plan, apply, and a second plan that finds nothing to do. It has no AWS
// provider: that one can't be had here.
func terraform(ctx context.Context, w *world) ([]row, error) {
	key, err := w.startMoto(ctx)
	if err != nil {
		return nil, err
	}
	client, program := w.terraformProgram()
	version, err := w.command(ctx, nil, program, "version").Output()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, pacing := range []string{"unpaced", "--share 50%"} {
		r := row{client: client, version: firstVersion(string(version)), pacing: pacing}
		var run []string
		if pacing != "unpaced" {
			run = w.botorateRun()
		}
		seen, took, err := w.terraformOnce(ctx, key, program, fmt.Sprintf("terraform-state-%d", len(rows)), run)
		r.requests, r.throttled, r.invalid, r.took = seen.requests, seen.throttled, seen.invalid, took
		rows = append(rows, r)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", pacing, err)
		}
	}
	return rows, nil
}

func (w *world) terraformOnce(ctx context.Context, key accessKey, program, bucket string, run []string) (seen row, took time.Duration, err error) {
	aws, err := w.serveAWS(ctx, key.upstream()...)
	if err != nil {
		return seen, 0, err
	}
	defer aws.stop()
	if err := w.client(ctx, nil, key.env(), aws2, "s3", "mb", "s3://"+bucket); err != nil {
		return seen, 0, err
	}
	dir := filepath.Join(w.dir, bucket)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return seen, 0, err
	}
	config, err := os.ReadFile(w.script("main.tf"))
	if err != nil {
		return seen, 0, err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), config, 0o600); err != nil {
		return seen, 0, err
	}
	before, err := w.logged()
	if err != nil {
		return seen, 0, err
	}
	script := `cd "$DIR" && "$TF" init -input=false -backend-config=bucket="$BUCKET" && "$TF" plan -input=false && ` +
		`"$TF" apply -input=false -auto-approve && "$TF" plan -input=false -detailed-exitcode && "$TF" state list | grep -qx terraform_data.example`
	began := time.Now()
	err = w.client(ctx, nil, append(key.env(), "DIR="+dir, "TF="+program, "BUCKET="+bucket), append(run, "sh", "-ec", script)...)
	took = time.Since(began)
	if err != nil {
		return seen, took, err
	}
	if seen, err = w.logged(); err != nil {
		return seen, took, err
	}
	seen.requests -= before.requests
	switch {
	case seen.invalid != 0 || seen.requests == 0:
		err = errors.New("want requests, and signatures that verify")
	case run != nil:
		err = w.allThroughBotorate(seen.requests)
	}
	return seen, took, err
}
