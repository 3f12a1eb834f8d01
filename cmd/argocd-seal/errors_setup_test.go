package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	seccomp "github.com/elastic/go-seccomp-bpf"

	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
)

// linksOut makes a symbolic link, which the text of an example cannot hold.
func (r reached) linksOut() string {
	if err := os.Symlink("/etc/hostname", "app/settings.yaml"); err != nil {
		r.Fatal(err)
	}
	return r.command()
}

// latin1 writes bytes that are not UTF-8, which a page of documentation cannot
// show.
func (r reached) latin1() string {
	write(r.T, "app/web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  color: gr\xfcn\n", 0o600)
	return r.command()
}

// sealingCertificate is found before an example changes the directory.
var sealingCertificate, _ = filepath.Abs("../../secrets/seal/testdata/cert.pem")

// pinned gives the example a certificate, whose fingerprint is not the pinned one.
func (r reached) pinned() string {
	certificate, err := os.ReadFile(sealingCertificate)
	if err != nil {
		r.Fatal(err)
	}
	write(r.T, "sealing.pem", string(certificate), 0o600)
	write(r.T, "salt", string(randomBytes(32)), 0o400)
	return r.command()
}

// refused gives the example the file with the password that it would log in with.
func (r reached) refused() string {
	write(r.T, "password", "an example\n", 0o600)
	return r.command()
}

// database has the real Vault say of a mount that it is one of the database
// engine, which the Vault of the tests does not have.
func (r reached) database() string {
	server := vaulttest.Start(r.T)
	gateway := vaulttest.Before(r.T, server)
	gateway.Set(func(w http.ResponseWriter, q *http.Request, real []byte) bool {
		if !strings.HasPrefix(q.URL.Path, "/v1/sys/internal/ui/mounts/") {
			return false
		}
		_, _ = w.Write([]byte(strings.NewReplacer(`"type":"kv"`, `"type":"database"`).Replace(string(real))))
		return true
	})
	password := server.User(r.T, "errors", `path "kv/data/*" { capabilities = ["read"] }`, "1h")
	settings, err := os.ReadFile("plugin.yaml")
	if err != nil {
		r.Fatal(err)
	}
	there := strings.NewReplacer("https://vault.example.com", gateway.URL, "method: kubernetes, vaultRole: argocd, tokenFile: token", "method: userpass, username: errors, passwordFile: "+password)
	write(r.T, "plugin.yaml", there.Replace(string(settings)), 0o600)
	return r.command()
}

// withoutLandlock is a program that runs another one under a kernel as of before
// Linux 5.13: its system calls for Landlock are not there.
func withoutLandlock() {
	filter := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionErrno | seccomp.Action(syscall.ENOSYS), Names: []string{"landlock_create_ruleset"}}},
	}}
	if err := seccomp.LoadFilter(filter); err != nil {
		panic(err)
	}
	panic(syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
}

func (r reached) oldKernel() string {
	return r.below("without-landlock \"$(command -v argocd-seal)\"")
}

// noDescriptors runs the command where only a few files can be open.
func (r reached) noDescriptors() string {
	return r.below("ulimit -n 10; argocd-seal")
}

// below runs the example's command in a process of its own, behind something that
// takes a right from it. Its output is that of a pipe.
func (r reached) below(before string) string {
	environ := installed(r.T)
	bin := strings.Split(strings.TrimPrefix(environ[len(environ)-1], "PATH="), string(os.PathListSeparator))[0]
	if err := os.Link(filepath.Join(bin, "argocd-seal"), filepath.Join(bin, "without-landlock")); err != nil {
		r.Fatal(err)
	}
	cmd := exec.CommandContext(r.Context(), "bash", "-c", before+" "+strings.TrimPrefix(r.Command, "argocd-seal "))
	cmd.Env = environ
	output, err := cmd.CombinedOutput()
	if err == nil {
		r.Error("the command does not fail")
	}
	return logLines.ReplaceAllString(string(output), "...\n")
}

// noKey makes an empty trail, for which no key is there.
func (r reached) noKey() string {
	if err := os.Mkdir("trail", 0o700); err != nil {
		r.Fatal(err)
	}
	return r.command()
}
