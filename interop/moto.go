package main

import (
	"context"
	"fmt"
	"strings"
)

// motoAddr is where moto listens in a world.
const motoAddr = "127.0.0.1:5001"

// An accessKey signs what moto verifies.
type accessKey struct{ id, secret string }

// env is the environment of a client with this key.
func (k accessKey) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + k.id, "AWS_SECRET_ACCESS_KEY=" + k.secret}
}

// upstream are the arguments of a stand-in that knows the key, too, and hands to moto what it does not answer itself.
func (k accessKey) upstream() []string {
	return []string{"--upstream", "http://" + motoAddr, "--key", k.id + ":" + k.secret}
}

// startMoto starts an emulator that verifies signatures, and returns the key that it knows.
func (w *world) startMoto(ctx context.Context) (accessKey, error) {
	// The first four calls pass unverified: they make the user whose key signs all others.
	_, err := w.start(ctx, []string{"INITIAL_NO_AUTH_ACTION_COUNT=4"}, w.in("main", "bin", "moto_server"), "-H", "127.0.0.1", "-p", "5001")
	if err != nil {
		return accessKey{}, err
	}
	if err := w.listening(ctx, motoAddr); err != nil {
		return accessKey{}, err
	}
	cmd := w.command(ctx, nil, w.python("main"), w.script("python", "moto_key.py"), "http://"+motoAddr)
	out, err := cmd.Output()
	if err != nil {
		return accessKey{}, fmt.Errorf("make a user in moto: %w", err)
	}
	id, secret, ok := strings.Cut(strings.TrimSpace(string(out)), ":")
	if !ok {
		return accessKey{}, fmt.Errorf("make a user in moto: it printed %q", out)
	}
	return accessKey{id, secret}, nil
}
