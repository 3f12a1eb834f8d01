package quote

import (
	"strconv"
	"strings"
	"testing"
)

// dashes is a file whose last line opens a list for every two bytes.
func dashes(bytes int) string {
	return "a: b: c\n" + strings.Repeat("- ", bytes/2) + "x: y\n  below: it\nafter: it\n"
}

// A line that is longer than what is looked at, or nested too deep, has no
// structure: to find one takes time that grows with the square of its length.
func TestLinesWithoutStructure(t *testing.T) {
	for name, text := range map[string]string{
		"a long line": "a: b: c\nlong: " + strings.Repeat("x", maxLine) + "\n  below: it\nafter: it\n",
		"a deep line": dashes(4 * maxDepth), "a long and deep line": dashes(80 << 10),
	} {
		lines := outlineOf(text)
		if l := lines[1]; l.key >= 0 || l.path != "" || l.keys != nil || !l.inside {
			t.Errorf("%s has the path %.20q and the key %d", name, l.path, l.key)
		}
		if below := lines[2]; below.key >= 0 || !below.inside {
			t.Errorf("%s: what is below has the key %d", name, below.key)
		}
		if after := lines[3]; after.path != "after" || after.inside {
			t.Errorf("%s: the line behind it has the path %.20q", name, after.path)
		}
	}
	if lines := outlineOf(dashes(maxDepth)); lines[1].key < 0 {
		t.Error("a line that is not deep has no key")
	}
}

// The items behind a line without structure keep their number.
func TestItemsAroundALongLine(t *testing.T) {
	lines := outlineOf("list:\n- a: b\n- c: " + strings.Repeat("x", maxLine) + "\n- d: e\n")
	if lines[3].path != "list[2].d" {
		t.Errorf("got %q", lines[3].path)
	}
}

// However deep lines are nested, few levels stay open.
func TestFewLevelsStayOpen(t *testing.T) {
	o := &outline{scalar: -1}
	var text strings.Builder
	for level := range 10 * maxDepth {
		text.Reset()
		text.WriteString(strings.Repeat(" ", level) + "k:")
		o.read(text.String())
		if len(o.frames) > maxDepth+1 {
			t.Fatalf("%d levels are open", len(o.frames))
		}
	}
}

// BenchmarkOutline shows that twice the bytes take twice the time.
func BenchmarkOutline(b *testing.B) {
	for _, size := range []int{80 << 10, 160 << 10, 320 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			for b.Loop() {
				outlineOf(dashes(size))
			}
		})
	}
}
