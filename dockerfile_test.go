package image_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one line of a Dockerfile, with its continuation lines joined.
type instruction struct {
	name string
	// flags are the arguments that begin with "--", args the others.
	flags, args []string
	// text is everything behind the name.
	text string
}

// stage is one FROM and the instructions below it.
type stage struct {
	from, name   string
	instructions []instruction
}

func (s stage) all(name string) []instruction {
	var found []instruction
	for _, i := range s.instructions {
		if i.name == name {
			found = append(found, i)
		}
	}
	return found
}

// stages parses the Dockerfile. The arguments in front of the first FROM belong
// to no stage.
func stages(t *testing.T) []stage {
	t.Helper()
	content, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	comments := regexp.MustCompile(`(?m)^\s*#.*\n`)
	text := strings.ReplaceAll(comments.ReplaceAllString(string(content), ""), "\\\n", " ")
	var parsed []stage
	for _, line := range strings.Split(text, "\n") {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		i := instruction{name: strings.ToUpper(name), text: strings.TrimSpace(rest)}
		for _, word := range strings.Fields(rest) {
			if strings.HasPrefix(word, "--") && len(i.args) == 0 {
				i.flags = append(i.flags, word)
			} else {
				i.args = append(i.args, word)
			}
		}
		switch {
		case i.name == "FROM":
			s := stage{from: i.args[0]}
			if len(i.args) == 3 && strings.EqualFold(i.args[1], "AS") {
				s.name = i.args[2]
			}
			parsed = append(parsed, s)
		case len(parsed) > 0:
			last := &parsed[len(parsed)-1]
			last.instructions = append(last.instructions, i)
		}
	}
	if len(parsed) < 2 {
		t.Fatalf("found %d stages, want one that builds and one that ships", len(parsed))
	}
	return parsed
}

func final(t *testing.T) stage {
	t.Helper()
	parsed := stages(t)
	return parsed[len(parsed)-1]
}

// buildCommand returns the environment and the arguments of the go build in the
// Dockerfile, without "go".
func buildCommand(t *testing.T) (env, args []string) {
	t.Helper()
	for _, run := range stages(t)[0].all("RUN") {
		before, after, found := strings.Cut(run.text, "go build ")
		if !found {
			continue
		}
		// Quotes group words: only -ldflags has them.
		words := regexp.MustCompile(`"[^"]*"|\S+`).FindAllString("build "+after, -1)
		for i := range words {
			words[i] = strings.Trim(words[i], `"`)
		}
		return strings.Fields(before), words
	}
	t.Fatal("no RUN of the first stage has a go build")
	return nil, nil
}

func output(args []string) string {
	if at := slices.Index(args, "-o"); at >= 0 && at+1 < len(args) {
		return args[at+1]
	}
	return ""
}

// execForm parses ENTRYPOINT and CMD: the other form would need a shell.
func execForm(t *testing.T, s stage, name string) []string {
	t.Helper()
	found := s.all(name)
	if len(found) != 1 {
		t.Fatalf("the final stage has %d %s, want 1", len(found), name)
	}
	var words []string
	if err := json.Unmarshal([]byte(found[0].text), &words); err != nil {
		t.Fatalf("%s %s is not in exec form", name, found[0].text)
	}
	return words
}
