package query

import "github.com/valyala/fastjson"

// The readers of values take null for a field that is not there, and note what
// is of another kind.

func (d *decoder) note(err error) {
	if err != nil {
		d.err = errKind
	}
}

func (d *decoder) object(v *fastjson.Value, field func(key []byte, v *fastjson.Value)) {
	object, err := v.Object()
	d.note(err)
	if err == nil {
		object.Visit(func(key []byte, v *fastjson.Value) {
			if v.Type() != fastjson.TypeNull {
				field(key, v)
			}
		})
	}
}

// number reads a count, which is never below 0.
func (d *decoder) number(v *fastjson.Value) int {
	n, err := v.Int()
	d.note(err)
	if n < 0 {
		d.err = errKind
	}
	return n
}

func (d *decoder) yes(v *fastjson.Value) bool {
	read, err := v.Bool()
	d.note(err)
	return read
}

// list reads each member of an array.
func list[T any](d *decoder, v *fastjson.Value, read func(*fastjson.Value) T) []T {
	values, err := v.Array()
	d.note(err)
	if len(values) == 0 {
		return nil
	}
	all := make([]T, len(values))
	for i, one := range values {
		all[i] = read(one)
	}
	return all
}

// own reads a text that no other event has.
func (d *decoder) own(v *fastjson.Value) string {
	text, err := v.StringBytes()
	d.note(err)
	return string(text)
}

// text reads a text that other events may have too.
func (d *decoder) text(v *fastjson.Value) string {
	text, err := v.StringBytes()
	d.note(err)
	if len(text) > maxSharedText {
		return string(text)
	}
	if shared, ok := d.texts[string(text)]; ok {
		return shared
	}
	if d.texts == nil || len(d.texts) >= maxShared {
		d.texts = make(map[string]string)
	}
	shared := string(text)
	d.texts[shared] = shared
	return shared
}
