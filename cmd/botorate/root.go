package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/botorate/botorate/internal/config"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "botorate",
		Short: "Run any AWS tool within your share of the account's API limits",
		Long: `botorate runs any AWS tool, unmodified, as fast as your share of the account's API limits allows,
and leaves the rest to everyone else in the account.`,
		Example: `  botorate run -- aws ec2 describe-snapshots
  botorate run --share 80% -- python scan.py
  botorate demo`,
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
		Args:                  knownCommand,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newRun(), newLab(), newDemo(), newVersion())
	return root
}

// knownCommand refuses arguments of a command that has only subcommands.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		hint = fmt.Sprintf("did you mean `%s %s`?", cmd.CommandPath(), names[0])
	} else if cmd.Root() == cmd {
		hint += "; to run an AWS tool: botorate run -- " + args[0] + " …"
	}
	return &usageError{fmt.Errorf("unknown command %q", args[0]), hint}
}

// noArgs refuses arguments of a command that takes none.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{fmt.Errorf("%s takes no argument, got %q", cmd.CommandPath(), args[0]), fmt.Sprintf("see `%s --help`", cmd.CommandPath())}
}

// flagError says what is wrong with a flag, and which one is likely meant.
func flagError(cmd *cobra.Command, err error) error {
	hint := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
	if rest, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if name := config.Closest(rest, names); name != "" {
			hint = fmt.Sprintf("did you mean --%s?", name)
		}
	}
	return &usageError{err, hint}
}
