package worker

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// TestEveryFieldOfARequestTravels fails when render.Request or something in it
// gets a field that the protocol does not carry. Whose request it is stays here.
func TestEveryFieldOfARequestTravels(t *testing.T) {
	var req render.Request
	fill(t, reflect.ValueOf(&req).Elem(), "Request")
	req.Source = source.NewTree()
	req.Source.Add("a/b.yaml", []byte("x"))
	req.Source.Add("a/empty.yaml", nil)
	req.Source.AddDir("c/d")

	var wire bytes.Buffer
	if err := writeRequest(&wire, req); err != nil {
		t.Fatal(err)
	}
	got, err := readRequest(&wire)
	if err != nil {
		t.Fatal(err)
	}
	if got.Tenant != "" {
		t.Errorf("a worker is told that it renders for %s", got.Tenant)
	}
	req.Tenant = ""
	if diff := cmp.Diff(req, got, cmpopts.IgnoreFields(render.Request{}, "Source")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, list := range []func(*source.Tree) []string{
		func(tree *source.Tree) []string { return tree.Files(".") },
		func(tree *source.Tree) []string { return tree.Dirs(".") },
	} {
		if diff := cmp.Diff(list(req.Source), list(got.Source)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// fill gives every field a value that is not its zero value.
func fill(t *testing.T, value reflect.Value, path string) {
	t.Helper()
	switch value.Kind() {
	case reflect.String:
		value.SetString(path)
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int, reflect.Int64:
		value.SetInt(int64(len(path)))
	case reflect.Slice:
		item := reflect.New(value.Type().Elem()).Elem()
		fill(t, item, path+"[]")
		value.Set(reflect.Append(value, item))
	case reflect.Map:
		key, item := reflect.New(value.Type().Key()).Elem(), reflect.New(value.Type().Elem()).Elem()
		fill(t, key, path+".key")
		fill(t, item, path+".value")
		value.Set(reflect.MakeMap(value.Type()))
		value.SetMapIndex(key, item)
	case reflect.Struct:
		for i := range value.NumField() {
			fill(t, value.Field(i), path+"."+value.Type().Field(i).Name)
		}
	case reflect.Pointer:
		if value.Type() != reflect.TypeFor[*source.Tree]() {
			item := reflect.New(value.Type().Elem())
			fill(t, item.Elem(), path)
			value.Set(item)
		}
	default:
		t.Fatalf("%s is a %s: teach this test and the protocol about it", path, value.Kind())
	}
}

func TestFramesAreBounded(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 3<<20)
	var whole bytes.Buffer
	if err := writeFrame(&whole, frameObject, large); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		wire  []byte
		limit int64
		want  error
	}{
		{"whole", whole.Bytes(), 3 << 20, nil},
		{"too long", whole.Bytes(), 3<<20 - 1, errFrame},
		{"cut short", whole.Bytes()[:2<<20], 3 << 20, io.ErrUnexpectedEOF},
		{"cut in a short payload", []byte("O\x00\x00\x00\x05abc"), 3 << 20, io.ErrUnexpectedEOF},
		{"cut in the header", []byte("O\x00"), 3 << 20, io.ErrUnexpectedEOF},
		{"no payload", []byte("O\x00\x00\x00\x05"), 3 << 20, io.ErrUnexpectedEOF},
		{"nothing", nil, 3 << 20, io.EOF},
		{"another kind", []byte("Z\x00\x00\x00\x00"), 3 << 20, errFrame},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, payload, err := readFrame(bytes.NewReader(test.wire), only(frameObject, test.limit))
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if test.want == nil && !bytes.Equal(payload, large) {
				t.Error("another payload")
			}
		})
	}
}

func TestNodesAreCountedOutsideOfStrings(t *testing.T) {
	for text, want := range map[string]int{
		`1`:                            1,
		`{"a":1,"b":2}`:                3,
		`[[],[1,2,3]]`:                 7,
		`{"a,[{":"b\",[{\\","c":"\\"}`: 3,
	} {
		if got := countNodes([]byte(text)); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
}

// FuzzReceive feeds the parent what a hostile worker might send: it must
// neither panic nor take more than it was promised.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(frame(frameObject, "{}\n{\"a\":1}") + frame(frameDone, `{"kind":"helm","objects":1,"warnings":0,"faults":0}`)))
	f.Add([]byte(frame(frameFault, `{"code":"E_YAML","message":"x"}`) + frame(frameDone, `{"objects":0,"warnings":0,"faults":1}`)))
	f.Add([]byte("O\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		const limit = 1 << 16
		result, err := receive(bytes.NewReader(wire), limit)
		if err != nil && result.Objects != nil {
			t.Error("objects beside an error")
		}
		total := 0
		for _, object := range result.Objects {
			line, err := object.AppendJSON(nil)
			if err != nil {
				t.Fatal(err)
			}
			total += len(line)
		}
		// Escapes of one byte become six at most.
		if total > 6*limit {
			t.Errorf("%d bytes of objects", total)
		}
	})
}

// frame returns the bytes of a frame.
func frame(kind frameKind, payload string) string {
	var b strings.Builder
	if err := writeFrame(&b, kind, []byte(payload)); err != nil {
		panic(err)
	}
	return b.String()
}
