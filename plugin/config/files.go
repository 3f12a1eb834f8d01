package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// files names the files that are read where the configuration is put to use,
// and not again at each use: certificates, salts and authorities. Policies and
// waivers are looked at by the gate itself.
func (c *SealConfig) files() []string {
	named := []string{c.Vault.CAFile, c.Vault.ClientCertFile, c.Vault.ClientKeyFile}
	for _, environment := range c.Environments {
		sealed := environment.Injection.SealedSecret
		named = append(named, sealed.CertificateFile, sealed.SaltFile)
	}
	return append(named, c.imageFiles()...)
}

// Fingerprint changes when a file that the configuration depends on does: the
// file itself, certificates, salts and authorities. It is a SHA-256 of them all
// in hexadecimal, and tells nothing of their content. A file that is named and
// cannot be read counts as empty: what uses it says what is wrong.
func Fingerprint(file string, parsed *File) string {
	sum := sha256.New()
	for _, name := range append([]string{file}, parsed.Seal.files()...) {
		if name == "" {
			continue
		}
		var content bytes.Buffer
		if opened, err := os.Open(name); err == nil {
			_, _ = io.Copy(&content, io.LimitReader(opened, maxFileBytes))
			_ = opened.Close()
		}
		_, _ = fmt.Fprintf(sum, "%d %s\n%d\n", len(name), name, content.Len())
		_, _ = sum.Write(content.Bytes())
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// NeedsRestart names what differs between two configurations and is only read at
// the start of a process.
func NeedsRestart(before, after *File) []string {
	old, changed := before.Seal, after.Seal
	var named []string
	for _, part := range []struct {
		name          string
		before, after any
	}{
		{"the plugin's name, version or aliases", before.Sockets(), after.Sockets()},
		{"socket", old.Socket, changed.Socket},
		{"telemetry", old.Telemetry, changed.Telemetry},
		{"rotation", old.Rotation, changed.Rotation},
		{"audit", old.Audit, changed.Audit},
		{"rotation", old.Rotation, changed.Rotation},
		{"render.workers", old.Render.Workers, changed.Render.Workers},
		{"render.sandbox", old.Render.Sandbox, changed.Render.Sandbox},
		{"render.limits.outputBytes", old.Render.Limits.OutputBytes, changed.Render.Limits.OutputBytes},
	} {
		if fmt.Sprint(part.before) != fmt.Sprint(part.after) {
			named = append(named, part.name)
		}
	}
	return named
}
