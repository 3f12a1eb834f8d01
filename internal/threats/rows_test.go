package threats

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// rows are the attacks and faults of docs/security.md by id: how many there are
// in each section.
var rows = expand(map[string]int{"K": 13, "B": 10, "V": 11, "R": 10, "S": 10, "H": 12, "Y": 11, "P": 9, "I": 11, "O": 9})

func expand(sections map[string]int) []string {
	ids := []string{"K5b"}
	for section, count := range sections {
		for number := range count {
			ids = append(ids, fmt.Sprint(section, number+1))
		}
	}
	slices.Sort(ids)
	return ids
}

// inapplicable are the rows that cannot be attacked here, and why. docs/security.md
// repeats them.
var inapplicable = map[string]string{}

// outcome of each row that ran: whether all of its tests passed.
var outcome = struct {
	sync.Mutex
	passed map[string]bool
}{passed: map[string]bool{}}

var rowOf = regexp.MustCompile(`^Test([KBVRSHYPIO][0-9]+b?)[A-Z]`)

// row notes how a test ends, under the id in its name. Every test of a row calls
// it first.
func row(t *testing.T) {
	t.Helper()
	match := rowOf.FindStringSubmatch(t.Name())
	if match == nil || !slices.Contains(rows, match[1]) {
		t.Fatalf("%s names no row", t.Name())
	}
	t.Cleanup(func() {
		outcome.Lock()
		defer outcome.Unlock()
		before, ran := outcome.passed[match[1]]
		if !t.Skipped() {
			outcome.passed[match[1]] = !t.Failed() && (before || !ran)
		}
	})
}

// TestMain ends a run of all tests with one line, and fails it where a row has no
// test.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	filter := flag.Lookup("test.run").Value.String()
	if filter != "" && filter != "." {
		os.Exit(code)
	}
	passed, failed := 0, []string{}
	for _, id := range rows {
		switch ok, ran := outcome.passed[id]; {
		case ok:
			passed++
		case ran || inapplicable[id] == "":
			failed = append(failed, id)
		}
	}
	applicable := passed + len(failed)
	fmt.Printf("%d rows: %d passed, %d failed, %d not applicable\n", len(rows), passed, len(failed), len(rows)-applicable)
	if len(failed) > 0 && os.Getenv("CI") != "" {
		fmt.Printf("failed, or without a test: %s\n", strings.Join(failed, " "))
		code = 1
	}
	os.Exit(code)
}

// TestInapplicableRowsAreExplained holds the list against docs/security.md.
func TestInapplicableRowsAreExplained(t *testing.T) {
	content, err := os.ReadFile("../../docs/security.md")
	must(t, err)
	for _, id := range slices.Sorted(maps.Keys(inapplicable)) {
		if !slices.Contains(rows, id) || !strings.Contains(string(content), inapplicable[id]) {
			t.Errorf("docs/security.md does not say of %s: %s", id, inapplicable[id])
		}
	}
}
