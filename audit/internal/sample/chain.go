package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
)

type event = audit.Event

// within is how many lines may follow a checkpoint.
const within = 100

// key signs the sample and nothing else: whoever reads this can make it.
func key() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("argocd-seal: the sample trail"))
	return ed25519.NewKeyFromSeed(seed[:])
}

// publicKey returns what the sample is proved with, in PEM.
func publicKey() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key().Public())
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// writer writes events as the lines of a trail.
type writer struct {
	lines  []byte
	header chain.Header
	signer *chain.Signer
	// unsigned counts the lines behind the last checkpoint.
	unsigned int
}

// trail returns the lines of events, with checkpoints where the plugin has them:
// behind the first event of a process and the last, and at intervals.
func trail(events []event) ([]byte, error) {
	w := &writer{header: chain.Header{Seq: 1}, signer: chain.NewSigner(key())}
	for i, e := range events {
		if err := w.add(e); err != nil {
			return nil, err
		}
		if e.Type == audit.Start || e.Type == audit.Stop || w.unsigned == within || i == len(events)-1 {
			if err := w.checkpoint(e); err != nil {
				return nil, err
			}
		}
	}
	return w.lines, nil
}

func (w *writer) add(e event) error {
	encoded, err := chain.Encode(e)
	if err != nil {
		return err
	}
	w.line(chain.Append(nil, w.header, encoded))
	w.unsigned++
	return nil
}

func (w *writer) checkpoint(last event) error {
	e := event{Version: audit.Version, Time: last.Time.Add(time.Millisecond), Type: audit.Checkpoint, Instance: last.Instance, Outcome: "OK"}
	line, err := w.signer.AppendCheckpoint(nil, w.header, e, within)
	if err != nil {
		return err
	}
	w.line(line)
	w.unsigned = 0
	return nil
}

func (w *writer) line(line []byte) {
	w.lines = append(append(w.lines, line...), '\n')
	w.header = chain.Header{Seq: w.header.Seq + 1, Prev: chain.Hash(line)}
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
