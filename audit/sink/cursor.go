package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// maxCursor bounds the file of a cursor, which has about a hundred bytes.
const maxCursor = 4 << 10

// cursor is how far a sink has come. The digest of the line tells a trail that
// was replaced from the one that the cursor was made for.
type cursor struct {
	// Seq is the last line that was acknowledged, 0 for none.
	Seq uint64 `json:"seq"`
	// Line is the SHA-256 of that line's JSON, in hexadecimal.
	Line string `json:"line,omitempty"`
}

func cursorAt(line audit.Line) cursor {
	return cursor{Seq: line.Seq, Line: digest(line)}
}

func digest(line audit.Line) string {
	sum := sha256.Sum256(line.JSON)
	return hex.EncodeToString(sum[:])
}

// cursorFile keeps a cursor in NAME.cursor beside the trail.
type cursorFile struct{ path string }

// load returns the stored cursor, and found is false where none was stored yet.
func (f cursorFile) load() (c cursor, found bool, err error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return cursor{}, false, nil
	}
	if err != nil {
		return cursor{}, false, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxCursor))
	if err != nil {
		return cursor{}, false, err
	}
	if err := json.Unmarshal(content, &c); err != nil {
		return cursor{}, false, err
	}
	return c, true, nil
}

// store replaces the file in one step, so that a crash leaves the old cursor or
// the new one. The cursor never gets ahead of what was acknowledged; one that a
// loss of power takes back only causes lines to be sent again, so that the
// directory is not synced.
func (f cursorFile) store(c cursor) error {
	content, err := json.Marshal(c)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path)+"-*")
	if err != nil {
		return err
	}
	_, err = file.Write(append(content, '\n'))
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
