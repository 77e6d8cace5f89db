package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/botorate/botorate/internal/config"
	"github.com/botorate/botorate/quota"
)

// settings returns what the config file and the flags say together. Flags win.
func (f *runFlags) settings(cmd *cobra.Command) (config.File, error) {
	flags, err := f.said(cmd)
	if err != nil {
		return config.File{}, usage(err)
	}
	if f.config == "" {
		return flags, nil
	}
	file, err := config.Load(f.config)
	if err != nil {
		return config.File{}, fmt.Errorf("read config: %w", f.configHint(err))
	}
	return file.With(flags), nil
}

// configHint says what to do about a config file that can't be read.
func (f *runFlags) configHint(err error) error {
	pe, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return err
	}
	plain := fmt.Errorf("%s: %w", pe.Path, pe.Err)
	switch info, statErr := os.Stat(f.config); {
	case statErr == nil && info.IsDir():
		return &hintError{fmt.Errorf("%s: is a folder", pe.Path), "name the YAML file in it"}
	case errors.Is(err, fs.ErrNotExist):
		return &hintError{plain, "name the file with --config, or leave the flag out: a share of 50 % is the default"}
	case errors.Is(err, fs.ErrPermission):
		return &hintError{plain, "let the user who runs botorate read it"}
	}
	return plain
}

// said returns what the flags say.
func (f *runFlags) said(cmd *cobra.Command) (config.File, error) {
	out := config.File{Hold: f.hold, Name: f.name, Report: f.report, Learnt: f.learnt}
	if cmd.Flags().Changed("quiet") {
		out.Quiet = &f.quiet
	}
	if cmd.Flags().Changed("hold") && (f.hold <= 0 || f.hold > config.MaxHold) {
		return out, &usageError{
			fmt.Errorf("--hold %v: out of range", f.hold),
			fmt.Sprintf("say more than nothing and at most %.0fm: AWS refuses a signature soon after", config.MaxHold.Minutes()),
		}
	}
	if cmd.Flags().Changed("share") {
		share, err := quota.ParseShare(f.share)
		if err != nil {
			return out, err
		}
		out.Share = share
	}
	for _, limit := range f.limits {
		rule, err := quota.ParseLimit(limit, "--limit "+limit)
		if err != nil {
			return out, fmt.Errorf("--limit %s: %w", limit, err)
		}
		out.Rules = append(out.Rules, rule)
	}
	return out, nil
}
