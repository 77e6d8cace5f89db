package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/botorate/botorate/internal/daemon"
	"github.com/botorate/botorate/internal/learnt"
	"github.com/botorate/botorate/quota"
)

// runFlags are the flags of `botorate run`.
type runFlags struct {
	share  string
	limits []string
	config string
	report string
	record string
	learnt string
	hold   time.Duration
	name   string
	quiet  bool
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] [--] CMD [ARG…]",
		Short: "Run a command with its AWS calls paced",
		Long: `Run CMD with its AWS calls paced: each request waits for its turn, so that no more than your share of the
account's API limits is used. CMD signs its requests as ever; botorate needs no credentials and changes no byte.

CMD gets stdin, the terminal and signals as without botorate, and its exit code is passed on. Without a command of that
name the code is 127, and 126 if it can't be run; botorate's own errors are 1, and wrong usage is 2.

CMD comes to botorate through HTTPS_PROXY and the CA variables of its environment, merged with your own, and through
NODE_OPTIONS and JAVA_TOOL_OPTIONS. rclone before 1.68 fails when AWS_CA_BUNDLE is set; for it:
botorate run -- env -u AWS_CA_BUNDLE rclone …`,
		Example: `  botorate run -- aws ec2 describe-snapshots
  botorate run --share 80% -- python scan.py
  botorate run --limit ec2=100ms --limit 'iam:Get*=5/s,burst=10' -- scout aws
  botorate run --config botorate.yaml --report report.json -- terraform plan`,
		Args: command,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.StringVar(&f.share, "share", "", "use this `PART` of each quota, such as 80% (default 50%)")
	flags.StringArrayVar(&f.limits, "limit", nil, "pace `MATCH=RATE`, per account and Region: ec2, iam:Get* or * to 100ms, 10/s or 600/m[,burst=N]; repeatable")
	flags.StringVar(&f.config, "config", "", "read shares and limits from `FILE` (YAML); flags win")
	flags.StringVar(&f.report, "report", "", "write the summary as JSON to `FILE`")
	flags.StringVar(&f.learnt, "learnt", "", "remember in `FILE` what is found of limits that nobody published, or \"off\" (default: your state directory)")
	flags.StringVar(&f.record, "record", "", "write a trace of the attempts to `FILE`, to play again in botorate lab")
	flags.DurationVar(&f.hold, "hold", 0, "hold no request longer than this `DURATION`, such as 20s (default: what its client bears)")
	flags.StringVar(&f.name, "name", "", "call the run `NAME` in reports (default: CMD's)")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but errors")
	return cmd
}

// command refuses a command line without a command.
func command(_ *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] != "" {
		return nil
	}
	return &usageError{fmt.Errorf("no command to run"), "name one after --, such as: botorate run -- aws sts get-caller-identity"}
}

func (f *runFlags) run(cmd *cobra.Command, args []string) error {
	s, err := f.settings(cmd)
	if err != nil {
		return err
	}
	tenant, err := tenantName(s.Name, args[0])
	if err != nil {
		return err
	}
	policy, err := quota.NewPolicy(s.ToSettings())
	if err != nil {
		return err
	}
	c := &daemon.Command{
		Args: args, Environ: os.Environ(), Policy: policy, Rules: s.Rules, Tenant: tenant, Hold: s.Hold, DoNotIntercept: s.DoNotIntercept,
		Report: s.Report, Record: f.record, Learnt: learntFile(s.Learnt), Quiet: s.Quiet != nil && *s.Quiet,
		Stdin: cmd.InOrStdin(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(),
	}
	code, err := c.Run(cmd.Context())
	switch {
	case code != 0 && err != nil:
		tell(cmd.ErrOrStderr(), err)
		return codeError(code)
	case code != 0:
		return codeError(code)
	}
	return err
}

// learntFile returns where to remember what is learnt; nowhere for a user who has no home, such as a container's.
func learntFile(said string) string {
	switch said {
	case "off":
		return ""
	case "":
		path, _ := learnt.DefaultPath(os.Getenv)
		return path
	}
	return said
}

// maxName is the longest name of a run.
const maxName = 64

// tenantName returns what the run is called: it is a proxy's user name, too, which not every client can spell with any letter.
// A program's name is made to fit; one that the user chose must.
func tenantName(name, program string) (string, error) {
	if name == "" {
		name = strings.Map(tenantLetter, strings.TrimSuffix(filepath.Base(program), ".exe"))
		return cmp.Or(name[:min(len(name), maxName)], "run"), nil
	}
	if len(name) > maxName || strings.Map(tenantLetter, name) != name {
		return "", &usageError{fmt.Errorf("name %q: not a name", name), fmt.Sprintf("say up to %d letters, digits, dots, dashes and underscores", maxName)}
	}
	return name, nil
}

// tenantLetter replaces what a tenant's name can't have.
func tenantLetter(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("._-", r):
		return r
	}
	return '-'
}
