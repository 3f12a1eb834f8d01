package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

type event = audit.Event

// chain writes events as the lines of a trail: each with its number and the
// digest of the line before.
func chain(w io.Writer, events []event) error {
	prev := strings.Repeat("0", 2*sha256.Size)
	for i, e := range events {
		line, err := json.Marshal(struct {
			Seq  int    `json:"seq"`
			Prev string `json:"prev"`
			event
		}{i + 1, prev, e})
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		prev = digest(string(line))
	}
	return nil
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
