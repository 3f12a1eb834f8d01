// Command argocd-seal is an Argo CD config management plugin: see its README.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
