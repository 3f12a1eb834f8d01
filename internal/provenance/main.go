// Command provenance says where a release comes from, in the form of SLSA v1: an
// in-toto statement about the files of a list of checksums, or the predicate
// alone, for an image whose digest cosign adds. CONTRIBUTING.md says what
// its parameters mean, and how to build the same again. It signs nothing.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
)

const (
	repository = "https://github.com/argocd-seal/argocd-seal-plugin"
	buildType  = repository + "/blob/main/CONTRIBUTING.md#release"
	predicate  = "https://slsa.dev/provenance/v1"
	// maxSums is the size in bytes of the largest list of checksums.
	maxSums = 1 << 20
)

// build is what the one who builds says of it.
type build struct {
	commit, ref, version, builder, invocation string
	// uncommitted is whether the tree had changes that no commit has.
	uncommitted bool
}

func main() {
	var b build
	flag.StringVar(&b.ref, "ref", "", "the Git reference that named it, such as refs/tags/v1.0.0; empty where there is none")
	flag.StringVar(&b.version, "version", "", "the version that the binaries print")
	flag.StringVar(&b.builder, "builder", "", "the URI of who builds: all that has this builder is trusted as much")
	flag.StringVar(&b.invocation, "invocation", "", "the URI of this run of the builder, if it has one")
	sums := flag.String("sums", "", "the list of checksums, as sha256sum writes it; empty prints the predicate alone")
	flag.Parse()
	err := b.ask(context.Background(), ".")
	if err == nil {
		err = run(os.Stdout, b, *sums)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "provenance:", err)
		os.Exit(1)
	}
}

// ask has Git say what is built: who calls cannot say it wrongly.
func (b *build) ask(ctx context.Context, dir string) error {
	head, err := exec.CommandContext(ctx, "git", "-C", dir, "rev-parse", "HEAD").Output()
	if err != nil {
		return fmt.Errorf("git rev-parse: %w", err)
	}
	changes, err := exec.CommandContext(ctx, "git", "-C", dir, "status", "--porcelain").Output()
	if err != nil {
		return fmt.Errorf("git status: %w", err)
	}
	b.commit, b.uncommitted = strings.TrimSpace(string(head)), len(changes) > 0
	return nil
}

func run(out io.Writer, b build, sums string) error {
	described, err := b.provenance()
	if err != nil {
		return err
	}
	if sums == "" {
		return write(out, described)
	}
	content, err := bounded.ReadFile(sums, maxSums)
	if err != nil {
		return err
	}
	subjects, err := parse(content)
	if err != nil {
		return fmt.Errorf("%s: %w", sums, err)
	}
	fields, err := protojson.Marshal(described)
	if err != nil {
		return err
	}
	statement := &intoto.Statement{Type: intoto.StatementTypeUri, Subject: subjects, PredicateType: predicate, Predicate: &structpb.Struct{}}
	if err := protojson.Unmarshal(fields, statement.Predicate); err != nil {
		return err
	}
	if err := statement.Validate(); err != nil {
		return err
	}
	return write(out, statement)
}

var (
	commit = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sum    = regexp.MustCompile(`^([0-9a-f]{64}) [ *]([^/\s]+)$`)
)

// provenance is the predicate. It has no time in it, so that the same build says the
// same twice.
func (b build) provenance() (*provenance.Provenance, error) {
	if !commit.MatchString(b.commit) {
		return nil, errors.New("there is no commit")
	}
	if b.builder == "" || b.version == "" {
		return nil, errors.New("-builder and -version are needed")
	}
	source := "git+" + repository
	if b.ref != "" {
		source += "@" + b.ref
	}
	external, err := structpb.NewStruct(map[string]any{"source": source, "version": b.version, "configuration": ".goreleaser.yaml"})
	if err != nil {
		return nil, err
	}
	internal, err := structpb.NewStruct(map[string]any{"go": runtime.Version(), "uncommittedChanges": b.uncommitted})
	if err != nil {
		return nil, err
	}
	described := &provenance.Provenance{
		BuildDefinition: &provenance.BuildDefinition{
			BuildType: buildType, ExternalParameters: external, InternalParameters: internal,
			ResolvedDependencies: []*intoto.ResourceDescriptor{{Uri: source, Digest: map[string]string{"gitCommit": b.commit}}},
		},
		RunDetails: &provenance.RunDetails{Builder: &provenance.Builder{Id: b.builder}},
	}
	if b.invocation != "" {
		described.RunDetails.Metadata = &provenance.BuildMetadata{InvocationId: b.invocation}
	}
	return described, described.Validate()
}

// parse reads a list of checksums. A line that is none is an error: a file that
// is left out would have no provenance, and nobody would notice.
func parse(sums []byte) ([]*intoto.ResourceDescriptor, error) {
	var subjects []*intoto.ResourceDescriptor
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(sums))
	for lines.Scan() {
		match := sum.FindStringSubmatch(lines.Text())
		if match == nil || seen[match[2]] {
			return nil, fmt.Errorf("line %d is no checksum of a file of its own", len(subjects)+1)
		}
		seen[match[2]] = true
		subjects = append(subjects, &intoto.ResourceDescriptor{Name: match[2], Digest: map[string]string{"sha256": match[1]}})
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(subjects) == 0 {
		return nil, errors.New("there is no checksum")
	}
	return subjects, nil
}

// write prints a message as JSON. protojson's own white space differs from one
// build to the next, on purpose.
func write(out io.Writer, message proto.Message) error {
	content, err := protojson.Marshal(message)
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, content, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, indented.String())
	return err
}
