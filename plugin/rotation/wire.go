package rotation

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"unique"
)

const (
	// maxWire bounds a shard as it is stored, in bytes. Kubernetes takes 256 KiB of
	// annotations for one object.
	maxWire = 240 << 10
	// maxUnpacked bounds a shard as it is read.
	maxUnpacked = 32 << 20
	wireVersion = 1
	// maxTime bounds times, in milliseconds before and after 1970: 35,000 years.
	maxTime = 1 << 50
)

// wire is the form of a shard in its Lease: JSON with tables for what many
// renders have in common, then gzip, then base64. Another form needs another
// annotation: replicas of two releases run side by side while one replaces the
// other.
type wire struct {
	Version int `json:"v"`
	// Base is what times count from.
	Base    int64       `json:"base"`
	Secrets [][3]string `json:"secrets,omitempty"`
	Texts   []string    `json:"texts,omitempty"`
	Apps    []wireApp   `json:"apps"`
}

// wireApp has for each render a row: source, revision, environment, bundle,
// bundle asked for, began, asked at (0 for never), then for each use three
// numbers: secret, version, version asked for.
type wireApp struct {
	Name string    `json:"n"`
	Rows [][]int64 `json:"r"`
}

const rowHead = 7

var errWire = errors.New("the shared index has another form")

// encoder gives each text and secret a number.
type encoder struct {
	wire
	texts   map[text]int64
	secrets map[unique.Handle[Secret]]int64
}

func (e *encoder) text(of text) int64 {
	at, ok := e.texts[of]
	if !ok {
		at = int64(len(e.Texts))
		e.texts[of], e.Texts = at, append(e.Texts, of.Value())
	}
	return at
}

func (e *encoder) secret(of unique.Handle[Secret]) int64 {
	at, ok := e.secrets[of]
	if !ok {
		at = int64(len(e.Secrets))
		secret := of.Value()
		e.secrets[of], e.Secrets = at, append(e.Secrets, [3]string{secret.Binding, secret.Mount, secret.Path})
	}
	return at
}

func (e *encoder) row(one render) []int64 {
	row := []int64{
		int64(one.source), int64(one.revision), e.text(one.environment), e.text(one.bundle), e.text(one.askedBundle), one.began - e.Base, 0,
	}
	if one.askedAt > 0 {
		row[6] = one.askedAt - e.Base + 1
	}
	for _, u := range one.uses {
		row = append(row, e.secret(u.secret), int64(u.version), int64(u.asked))
	}
	return row
}

// encode packs a table. Where it is too large for a Lease, those applications are
// dropped from it that were not rendered for the longest time; dropped is how
// many.
func encode(t table) (packed string, dropped int) {
	for {
		if packed = pack(t); len(packed) <= maxWire || len(t) == 0 {
			return packed, dropped
		}
		names := byAge(t)
		for _, app := range names[:(len(names)+7)/8] {
			delete(t, app)
			dropped++
		}
	}
}

// earliest is the first time in a table, and 0 for an empty one. A refresh, which
// has the time 0 where none was asked for, comes before the render that it leads
// to.
func earliest(t table) int64 {
	if len(t) == 0 {
		return 0
	}
	first := int64(math.MaxInt64)
	for _, renders := range t {
		for _, one := range renders {
			first = min(first, one.began)
			if one.askedAt > 0 {
				first = min(first, one.askedAt)
			}
		}
	}
	return first
}

func pack(t table) string {
	e := encoder{texts: map[text]int64{}, secrets: map[unique.Handle[Secret]]int64{}}
	e.Version, e.Base = wireVersion, earliest(t)
	for _, app := range slices.Sorted(maps.Keys(t)) {
		packed := wireApp{Name: app}
		for _, one := range t[app] {
			packed.Rows = append(packed.Rows, e.row(one))
		}
		e.Apps = append(e.Apps, packed)
	}
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	// Neither writing to memory nor encoding these types fails.
	_ = json.NewEncoder(writer).Encode(e.wire)
	_ = writer.Close()
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// decode reads a table. It comes from outside, so that all is checked.
func decode(packed string) (table, error) {
	t := table{}
	if packed == "" {
		return t, nil
	}
	raw, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return nil, errWire
	}
	reader, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, errWire
	}
	content, err := io.ReadAll(io.LimitReader(reader, maxUnpacked+1))
	var w wire
	if err != nil || len(content) > maxUnpacked || json.Unmarshal(content, &w) != nil || w.Version != wireVersion ||
		w.Base < -maxTime || w.Base > maxTime {
		return nil, errWire
	}
	secrets := make([]unique.Handle[Secret], len(w.Secrets))
	for i, parts := range w.Secrets {
		secret := Secret{parts[0], parts[1], parts[2]}
		if !secret.valid() {
			return nil, errWire
		}
		secrets[i] = unique.Make(secret)
	}
	texts := make([]text, len(w.Texts))
	for i, one := range w.Texts {
		texts[i] = unique.Make(one)
	}
	for _, app := range w.Apps {
		if _, _, ok := parseApp(app.Name); !ok {
			return nil, errWire
		}
		for _, row := range app.Rows {
			one, err := unrow(row, w.Base, texts, secrets)
			if err != nil {
				return nil, err
			}
			t.add(app.Name, one)
		}
	}
	return t, nil
}

func unrow(row []int64, base int64, texts []text, secrets []unique.Handle[Secret]) (render, error) {
	if len(row) < rowHead || (len(row)-rowHead)%3 != 0 {
		return render{}, errWire
	}
	for i, bound := range []int64{1 << 32, 1 << 32, int64(len(texts)), int64(len(texts)), int64(len(texts)), maxTime, maxTime} {
		if row[i] < 0 || row[i] >= bound {
			return render{}, errWire
		}
	}
	one := render{
		source: uint32(row[0]), revision: uint32(row[1]), environment: texts[row[2]], bundle: texts[row[3]], askedBundle: texts[row[4]],
		began: base + row[5],
	}
	if row[6] > 0 {
		one.askedAt = base + row[6] - 1
	}
	if max(one.began, one.askedAt) > maxTime {
		return render{}, errWire
	}
	for rest := row[rowHead:]; len(rest) > 0; rest = rest[3:] {
		if rest[0] < 0 || rest[0] >= int64(len(secrets)) || rest[1] < 0 || rest[2] < 0 || max(rest[1], rest[2]) > 1<<31-1 {
			return render{}, errWire
		}
		one.uses = append(one.uses, use{secrets[rest[0]], int32(rest[1]), int32(rest[2])})
	}
	return one, nil
}

// sameRenders tells whether two lists say the same, but for when exactly: that
// an application was rendered again with the same outcome is not news.
func sameRenders(a, b []render) bool {
	const day = 24 * 60 * 60 * 1000
	if len(a) != len(b) {
		return false
	}
	for _, one := range a {
		at := slices.IndexFunc(b, one.same)
		if at < 0 {
			return false
		}
		other := b[at]
		if one.environment != other.environment || one.bundle != other.bundle || one.askedBundle != other.askedBundle ||
			one.askedAt != other.askedAt || max(one.began-other.began, other.began-one.began) > day || !sameUses(one.uses, other.uses) {
			return false
		}
	}
	return true
}

func sameUses(a, b []use) bool {
	order := func(x, y use) int {
		return cmp.Or(cmp.Compare(x.secret.Value().Logical(), y.secret.Value().Logical()), cmp.Compare(x.secret.Value().Binding, y.secret.Value().Binding))
	}
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}
