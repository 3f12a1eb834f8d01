package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"mvdan.cc/sh/v3/syntax"
)

// programs are what a guide's commands may call, besides argocd-seal, make and
// what every shell has.
var programs = []string{
	"argocd", "awk", "base64", "cat", "chmod", "cp", "curl", "cut", "date", "docker", "git", "go", "grep", "head", "helm", "kubectl", "kubeseal", "mkdir", "mv",
	"openssl", "promtool", "rm", "sed", "sort", "tail", "tr", "umask", "uniq", "vault", "wc", "xargs", "zcat",
}

// shells are the words that the shell itself knows.
var shells = []string{"cd", "echo", "exit", "export", "printf", "read", "set", "test", "true", "umask", "wait"}

var shellBlock = regexp.MustCompile("(?ms)^( *)```(?:sh|shell)\n(.*?)^ *```$")

// TestGuidesShowCommandsThatExist parses every command of every guide: its shell
// syntax, and for argocd-seal and make whether there is such a command, with such
// flags and as many arguments. Many of them are run by other tests as well.
func TestGuidesShowCommandsThatExist(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var guides []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/runbooks/*.md", "../../examples/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		guides = append(guides, found...)
	}
	seen := map[string]int{}
	for _, guide := range guides {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range shellBlock.FindAllStringSubmatchIndex(string(text), -1) {
			line := 2 + strings.Count(string(text[:match[0]]), "\n")
			script := strings.ReplaceAll("\n"+string(text[match[4]:match[5]]), "\n"+string(text[match[2]:match[3]]), "\n")[1:]
			file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
			if err != nil {
				t.Errorf("%s:%d: %v", guide, line, err)
				continue
			}
			syntax.Walk(file, func(node syntax.Node) bool {
				if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
					words := literals(call.Args)
					seen[words[0]]++
					if err := callable(words, string(makefile)); err != nil {
						t.Errorf("%s:%d: %s: %v", guide, line+int(call.Pos().Line())-1, strings.Join(words, " "), err)
					}
				}
				return true
			})
		}
	}
	if seen["argocd-seal"] < 60 || seen["make"] < 10 {
		t.Errorf("found %d commands of argocd-seal and %d of make", seen["argocd-seal"], seen["make"])
	}
}

// literals gives each word as it would be without its quotes. What the shell puts
// in stands as X, which is a word for flags and arguments.
func literals(args []*syntax.Word) (words []string) {
	for _, arg := range args {
		var text strings.Builder
		syntax.Walk(arg, func(node syntax.Node) bool {
			switch part := node.(type) {
			case *syntax.Lit:
				text.WriteString(part.Value)
			case *syntax.SglQuoted:
				text.WriteString(part.Value)
			case *syntax.ParamExp, *syntax.CmdSubst, *syntax.ProcSubst:
				text.WriteString("X")
				return false
			}
			return true
		})
		words = append(words, text.String())
	}
	return words
}

func callable(words []string, makefile string) error {
	switch name := filepath.Base(words[0]); {
	case name == "argocd-seal":
		return accepted(words[1:])
	case name == "make":
		for _, target := range words[1:] {
			if !strings.Contains(target, "=") && !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(target)+`:`).MatchString(makefile) {
				return fmt.Errorf("the Makefile has no target %s", target)
			}
		}
		return nil
	case slices.Contains(programs, name), slices.Contains(shells, name):
		return nil
	default:
		return errors.New("this program is not among those that a guide may call")
	}
}

// accepted parses a command line as argocd-seal would, without running it.
func accepted(args []string) error {
	cmd, rest, err := newRootCommand().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil && !errors.Is(err, pflag.ErrHelp) {
		return err
	}
	if !cmd.Runnable() && !strings.Contains(strings.Join(args, " "), "--help") {
		return errors.New("this needs a subcommand")
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}
