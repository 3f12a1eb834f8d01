package main

import "github.com/spf13/cobra"

func newAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Ask the audit trail, and make reports of it",
	}
	cmd.AddCommand(newAuditQueryCommand(), newAuditReportCommand())
	return cmd
}
