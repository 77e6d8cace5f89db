package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/botorate/botorate/internal/demo"
	"github.com/botorate/botorate/quota"
)

func newDemo() *cobra.Command {
	var share string
	var snapshots int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what botorate is for, in a minute, without AWS",
		Long: `Scan an account of 600 snapshots twice, first unpaced, then through botorate, while a neighbour in the same account
calls the same action 20 times every 5 seconds. The account is a stand-in in this process, which throttles by AWS's
published limits; TLS, signatures, the AWS SDK for Go and its retries are real. Nothing leaves this machine.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			part, err := quota.ParseShare(share)
			if err != nil {
				return usage(err)
			}
			if snapshots < 1 {
				return &usageError{fmt.Errorf("--snapshots %d: nothing to scan", snapshots), "say how many, such as 600"}
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			err = demo.Show(ctx, demo.Options{Share: part, Snapshots: snapshots}, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if ctx.Err() != nil {
				return errors.New("the demo was interrupted")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&share, "share", "80%", "let botorate use this `PART` of the limit")
	cmd.Flags().IntVar(&snapshots, "snapshots", 600, "own `N` snapshots")
	return cmd
}
