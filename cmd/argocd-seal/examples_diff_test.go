package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// host stands for the part of a code host that keeps comments: it lists, adds and
// changes them, for those who log in, as the documentation of GitHub and GitLab
// says of theirs.
type host struct {
	t *testing.T
	*httptest.Server
	mu       sync.Mutex
	comments []comment
	requests []string
}

type comment struct {
	ID   int    `json:"id"`
	Body string `json:"body"`
}

// somebodyElse is a comment that speaks of the marker and does not begin with it.
const somebodyElse = "Looks good. <!-- argocd-seal diff -->"

// newHost serves the comments at a path.
func newHost(t *testing.T, path, change, header, token string) *host {
	h := &host{t: t, comments: []comment{{ID: 1, Body: somebodyElse}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { h.answer(w, h.comments) })
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		h.comments = append(h.comments, comment{ID: len(h.comments) + 1, Body: h.body(r)})
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc(change, func(w http.ResponseWriter, r *http.Request) {
		for i := range h.comments {
			if fmt.Sprint(h.comments[i].ID) == r.PathValue("id") {
				h.comments[i].Body = h.body(r)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	})
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.requests = append(h.requests, r.Method)
		if r.Header.Get(header) != token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

// kept returns the comments, and what was asked for so far.
func (h *host) kept() ([]comment, []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.comments), slices.Clone(h.requests)
}

func (h *host) answer(w http.ResponseWriter, value any) {
	if err := json.NewEncoder(w).Encode(value); err != nil {
		h.t.Error(err)
	}
}

func (h *host) body(r *http.Request) string {
	var sent struct{ Body string }
	content, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(content, &sent)
	}
	if err != nil {
		h.t.Error(err)
	}
	return sent.Body
}

// diffRepository has a branch main and a merge of a branch with it checked out.
func diffRepository(t *testing.T, environ []string) (dir, base string) {
	t.Helper()
	dir = pipelineRepository(t, false)
	for _, command := range []string{
		"rm -rf .git && git init -q -b main && git config user.name a && git config user.email a@example.com && git add -A && git commit -qm one",
		"git switch -qc change && sed -i s/web:1.2/web:1.3/ apps/web/pod.yaml && git commit -qam change",
		"git switch -q main && echo more > README.md && git add README.md && git commit -qm meanwhile && git merge -q --no-ff -m merge change",
	} {
		if code, output := shell(t, dir, environ, command); code != 0 {
			t.Fatal(output)
		}
	}
	code, base := shell(t, dir, environ, "git merge-base HEAD^1 HEAD^2")
	if code != 0 {
		t.Fatal(base)
	}
	return dir, strings.TrimSpace(base)
}

// TestDiffPipelines runs the commands of both pipelines twice against a host that
// has a comment of somebody else's: there must be one comment of theirs, kept up
// to date.
func TestDiffPipelines(t *testing.T) {
	for _, program := range []string{"git", "curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(program + " is not installed")
		}
	}
	t.Run("github", func(t *testing.T) {
		h := newHost(t, "/repos/shop/deploy/issues/7/comments", "PATCH /repos/shop/deploy/issues/comments/{id}", "Authorization", "Bearer token-of-the-job")
		runDiffPipeline(t, h, "github-actions.yml", func(dir, _ string) []string {
			return []string{"GITHUB_API_URL=" + h.URL, "GITHUB_REPOSITORY=shop/deploy", "TOKEN=token-of-the-job", "NUMBER=7", "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary.md")}
		}, "summary.md")
	})
	t.Run("gitlab", func(t *testing.T) {
		h := newHost(t, "/projects/3/merge_requests/7/notes", "PUT /projects/3/merge_requests/7/notes/{id}", "Private-Token", "token-of-the-project")
		runDiffPipeline(t, h, "gitlab-ci.yml", func(_, base string) []string {
			return []string{"CI_API_V4_URL=" + h.URL, "CI_PROJECT_ID=3", "CI_MERGE_REQUEST_IID=7", "SEAL_DIFF_TOKEN=token-of-the-project", "CI_MERGE_REQUEST_DIFF_BASE_SHA=" + base}
		}, "argocd-seal.html")
	})
}

func runDiffPipeline(t *testing.T, h *host, file string, variables func(dir, base string) []string, also string) {
	t.Helper()
	environ := installed(t)
	dir, base := diffRepository(t, environ)
	environ = append(environ, variables(dir, base)...)
	content, err := os.ReadFile(examples + "/ci/diff/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for round := 1; round <= 2; round++ {
		for _, command := range pipelineFiles[file](t, content) {
			if code, output := shell(t, dir, environ, command); code != exitOK || strings.Contains(output, "token-of") {
				t.Fatalf("%s exits with %d:\n%s", command, code, output)
			}
		}
		comments, _ := h.kept()
		if len(comments) != 2 || comments[0].Body != somebodyElse {
			t.Fatalf("after round %d the comments are %+v", round, comments)
		}
		if got, want := comments[1].Body, fmt.Sprintf("web&#58;1&#46;%d", round+2); !strings.HasPrefix(got, "<!-- argocd-seal diff -->\n") || !strings.Contains(got, want) {
			t.Errorf("the comment of round %d lacks %q:\n%s", round, want, got)
		}
		if text, err := os.ReadFile(filepath.Join(dir, also)); err != nil || !strings.Contains(string(text), "1 of 1 application differs") {
			t.Errorf("%s is not written: %v", also, err)
		}
		if code, output := shell(t, dir, environ, "sed -i s/web:1.3/web:1.4/ apps/web/pod.yaml && git add apps && git commit -q --amend --no-edit"); code != 0 {
			t.Fatal(output)
		}
	}
	_, requests := h.kept()
	if got := strings.Join(requests, " "); !regexp.MustCompile(`^GET POST GET (PATCH|PUT)$`).MatchString(got) {
		t.Errorf("the host was asked %s", got)
	}
}

// TestTheDiffWorkflowHasLeastRights holds it to what the other one is held to.
func TestTheDiffWorkflowHasLeastRights(t *testing.T) {
	content, err := os.ReadFile(examples + "/ci/diff/github-actions.yml")
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		Permissions map[string]string
		Jobs        map[string]struct{ Permissions map[string]string }
	}
	decode(t, content, &workflow)
	rights := workflow.Jobs["diff"].Permissions
	if workflow.Permissions == nil || len(workflow.Permissions) > 0 || len(rights) != 2 || rights["contents"] != "read" || rights["pull-requests"] != "write" {
		t.Errorf("the workflow has the rights %v, its job %v", workflow.Permissions, rights)
	}
	for _, line := range regexp.MustCompile(`uses: .*`).FindAllString(string(content), -1) {
		if !regexp.MustCompile(`^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`).MatchString(line) {
			t.Errorf("%q is not pinned", line)
		}
	}
	if run := regexp.MustCompile(`(?s)run: [^$]*\$\{\{`).FindString(string(content)); strings.Contains(run, "github.") {
		t.Errorf("%q puts an expression into a shell", run)
	}
}
