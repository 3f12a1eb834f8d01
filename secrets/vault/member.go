package vault

import (
	"encoding/json"
	"errors"
)

// The types of this file read the members of an answer that say what it is.
// encoding/json takes the last of two members with one name: an answer could
// then say both that it is a lease and that it is none, and count as none.

// lease is the identifier of a lease: the last one that is not empty.
type lease string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *lease) UnmarshalJSON(raw []byte) error {
	var id string
	if err := json.Unmarshal(raw, &id); err != nil {
		return err
	}
	if id != "" {
		*l = lease(id)
	}
	return nil
}

// said tells whether a member has ever been anything but empty.
type said bool

// UnmarshalJSON implements [json.Unmarshaler].
func (s *said) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case `null`, `false`, `""`:
	default:
		*s = true
	}
	return nil
}

// single is a member that may stand once only.
type single json.RawMessage

var errTwice = errors.New("a member stands twice")

// UnmarshalJSON implements [json.Unmarshaler].
func (s *single) UnmarshalJSON(raw []byte) error {
	if len(*s) > 0 {
		return errTwice
	}
	*s = append(*s, raw...)
	return nil
}
