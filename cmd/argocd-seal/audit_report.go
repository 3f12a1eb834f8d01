package main

import "github.com/spf13/cobra"

func newAuditReportCommand() *cobra.Command { return &cobra.Command{Use: "report"} }
