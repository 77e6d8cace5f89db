package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/botorate/botorate/internal/lab"
	"github.com/botorate/botorate/quota"
)

func newLab() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Compare ways of pacing in a simulated AWS, or play AWS on a TLS endpoint",
		Args:  knownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLabRun(), newLabCompare(), newLabList(), newLabServe())
	return cmd
}

func newLabServe() *cobra.Command {
	o := lab.Options{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Play one AWS account on a TLS endpoint",
		Long: `Play one AWS account on a TLS endpoint: it verifies signatures against invented credentials, and throttles by AWS's
published limits, or by those of a file, in each service's own words. It answers what a scan of snapshots asks, and hands
the rest to --upstream, such as moto. It runs until Ctrl-C.`,
		Example: `  botorate lab serve --snapshots 600 --log requests.jsonl
  botorate lab serve --listen 127.0.0.1:443 --upstream http://127.0.0.1:5000 --ca ca.pem`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			published, err := quota.NewPolicy(quota.Settings{Share: 1})
			if err != nil {
				return err
			}
			o.Quotas = published
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return lab.Serve(ctx, o, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:8443", "listen on `ADDRESS`; port 0 takes any free one")
	flags.IntVar(&o.Snapshots, "snapshots", 600, "own `N` EBS snapshots")
	flags.StringVar(&o.Limits, "limits", "", "throttle by the limits in `FILE` (YAML) before the published ones")
	flags.StringArrayVar(&o.Keys, "key", nil, "know the access key `ID:SECRET` too, such as one that the upstream made (repeatable)")
	flags.StringVar(&o.Upstream, "upstream", "", "hand what the stand-in doesn't answer to `URL`, such as http://127.0.0.1:5000")
	flags.StringVar(&o.Log, "log", "", "append a JSON line for each request to `FILE` (- for standard output)")
	flags.StringVar(&o.CA, "ca", "", "write the certificate that clients must trust to `FILE`")
	flags.DurationVar(&o.Latency, "latency", 0, "delay each answer by `D`, such as 20ms")
	return cmd
}

// untilSignal returns a context that ends with Ctrl-C or when the system asks us to end.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}
