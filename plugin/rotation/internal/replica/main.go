// Command replica is rotation alone, without anything that renders: the tests
// of e2e say what was rendered, as lines of the audit trail on standard input,
// and read events and counts from standard output, one line of JSON each. The
// line "stats" asks for counts. It ends with its input or with SIGTERM.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/rotation"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// line is one line of the output.
type line struct {
	Event *audit.Event    `json:"event,omitempty"`
	Stats *rotation.Stats `json:"stats,omitempty"`
}

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, input io.Reader, output io.Writer) error {
	flags := flag.NewFlagSet("replica", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	address := flags.String("vault", "", "Vault's address")
	token := flags.String("token-file", "", "a file with a Vault token")
	interval := flags.Duration("interval", time.Second, "as rotation.interval")
	rate := flags.Float64("rate", 100, "as rotation.rate")
	spread := flags.Float64("spread", 100, "as rotation.spread")
	maxAge := flags.Duration("max-age", 0, "as rotation.maxAge")
	policies := flags.String("policies", "", "a file with the digest of each environment's policies, in JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	kubernetes, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := vault.New(vault.Config{Address: *address, Roles: []vault.Role{{Name: "reader", Method: vault.Token, TokenFile: *token}}})
	if err != nil {
		return err
	}
	sources := rotation.Sources{Vault: client, Role: func(rotation.Secret) (string, bool) { return "reader", true }}
	if *policies != "" {
		sources.Digests, sources.Settle = func() map[string]string { return digests(*policies) }, time.Second
	}
	said := &speaker{to: json.NewEncoder(output)}
	log := logrus.New()
	log.SetFormatter(&logrus.JSONFormatter{})
	index := rotation.NewIndex(0)
	r, err := rotation.New(rotation.Config{
		Kubernetes: kubernetes, Namespace: "argocd", Identity: fmt.Sprint("replica-", os.Getpid()), Interval: *interval,
		Rate: *rate, Spread: *spread, MaxAge: *maxAge, Log: log,
		Record: func(_ context.Context, event audit.Event) error { return said.say(line{Event: &event}) },
	}, index, sources)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { r.Run(ctx) })
	err = index.Rebuild(events(input, func() error {
		stats := r.Stats()
		return said.say(line{Stats: &stats})
	}))
	stop()
	group.Wait()
	return err
}

// digests reads a file that is replaced as a whole. Without one no environment
// has policies.
func digests(path string) map[string]string {
	content, err := os.ReadFile(path)
	read := map[string]string{}
	if err == nil {
		_ = json.Unmarshal(content, &read)
	}
	return read
}

// events reads the trail as it comes, and answers questions for counts.
func events(input io.Reader, stats func() error) iter.Seq2[audit.Event, error] {
	return func(yield func(audit.Event, error) bool) {
		scanner := bufio.NewScanner(input)
		for scanner.Scan() {
			if scanner.Text() == "stats" {
				if err := stats(); err != nil {
					yield(audit.Event{}, err)
					return
				}
				continue
			}
			var event audit.Event
			err := json.Unmarshal(scanner.Bytes(), &event)
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// speaker writes one line at a time.
type speaker struct {
	mu sync.Mutex
	to *json.Encoder
}

func (s *speaker) say(what line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Encode(what)
}
