// Package vault reads secrets from HashiCorp Vault's KV engines, and nothing
// else from anything else: it refuses other engines, leases and redirects.
//
// One [Client] serves the whole process. Each role of the configuration has one
// token, which is renewed while the process lives and revoked when it ends.
package vault

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/loopback"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// Config is how to reach Vault. It comes from plugin.yaml; nothing of it is read
// from the environment.
type Config struct {
	// Address is https://host:port. Plain http is taken for loopback addresses
	// only, since it would hand the token to the network.
	Address string
	// Namespace is Vault's namespace; empty for none.
	Namespace string
	// CACert is a PEM file; empty means the system's authorities.
	CACert string
	// ClientCert and ClientKey are PEM files for mutual TLS, read anew for each
	// handshake.
	ClientCert string
	ClientKey  string
	// ServerName is the name in Vault's certificate where it is not the address's.
	ServerName string
	Roles      []Role
	// Mounts are KV engines that need no look-up.
	Mounts []store.Mount
	// Timeout bounds one attempt; 0 means 5 s.
	Timeout time.Duration
	// RequestsPerSecond bounds what the process asks of Vault; 0 means 100.
	RequestsPerSecond float64
}

// The auth methods.
const (
	Kubernetes = "kubernetes"
	AppRole    = "approle"
	JWT        = "jwt"
	Userpass   = "userpass"
	Token      = "token"
)

// Role is one way to log in. Files are read at each login, so that what rotates
// them needs no restart.
type Role struct {
	// Name is what bindings call it.
	Name string
	// Method is one of the auth methods, and Mount where it is mounted, by
	// default its name.
	Method string
	Mount  string
	// Namespace overrides the configuration's.
	Namespace string
	// VaultRole is the role's name in Vault: kubernetes and jwt.
	VaultRole string
	// TokenFile holds a service account's token, a JWT, or a Vault token.
	TokenFile string
	// RoleID and SecretIDFile are for approle.
	RoleID       string
	SecretIDFile string
	// Username and PasswordFile are for userpass.
	Username     string
	PasswordFile string
}

const (
	defaultTimeout = 5 * time.Second
	defaultRate    = 100
	// burst is how many requests may go at once before the rate counts.
	burst = 200
	// maxAnswer bounds an answer in bytes. Vault refuses requests over 32 MiB,
	// and what Kubernetes takes as a Secret is 1 MiB.
	maxAnswer = 8 << 20
	// maxCredential bounds a token or password file in bytes.
	maxCredential = 64 << 10
)

// check reports everything that cannot work.
func (c *Config) check() error {
	var faults fault.List
	add := func(field, format string, args ...any) {
		faults = append(faults, fault.New(fault.Config, format, args...).At("", "vault."+field))
	}
	address, err := url.Parse(c.Address)
	switch {
	case err != nil || address.Host == "" || address.User != nil || address.RawQuery != "" || address.Fragment != "":
		add("address", "the address must be https://host:port")
	case address.Scheme == "http" && !loopback.Host(address.Hostname()):
		add("address", "plain http is taken for loopback addresses only: it hands the token to the network")
	case address.Scheme != "http" && address.Scheme != "https":
		add("address", "the address must be https://host:port")
	}
	if (c.ClientCert == "") != (c.ClientKey == "") {
		add("clientCert", "mutual TLS needs certificate and key")
	}
	names := map[string]bool{}
	for _, role := range c.Roles {
		if role.Name == "" || names[role.Name] {
			add("roles", "the role %q has no name or one that stands twice", role.Name)
		}
		names[role.Name] = true
		for _, problem := range role.problems() {
			add("roles["+role.Name+"]", "%s", problem)
		}
	}
	for _, mount := range c.Mounts {
		if mount.Path == "" || mount.Version != 1 && mount.Version != 2 {
			add("mounts", "the mount %q needs a path and the version 1 or 2", mount.Path)
		}
	}
	return faults.OrNil()
}

func (r *Role) problems() []string {
	needs := map[string]map[string]string{
		Kubernetes: {"role": r.VaultRole, "tokenFile": r.TokenFile},
		JWT:        {"role": r.VaultRole, "tokenFile": r.TokenFile},
		AppRole:    {"roleID": r.RoleID, "secretIDFile": r.SecretIDFile},
		Userpass:   {"username": r.Username, "passwordFile": r.PasswordFile},
		Token:      {"tokenFile": r.TokenFile},
	}
	fields, ok := needs[r.Method]
	if !ok {
		return []string{"the method must be kubernetes, approle, jwt, userpass or token"}
	}
	var problems []string
	for name, text := range fields {
		if text == "" {
			problems = append(problems, "the method "+r.Method+" needs "+name)
		}
	}
	for name, part := range map[string]string{"mount": r.Mount, "username": r.Username} {
		if part != "" && (path.Clean(part) != part || strings.HasPrefix(part, "/") || strings.HasPrefix(part, "..") || strings.ContainsAny(part, "?#% ")) {
			problems = append(problems, "the "+name+" is no clean path")
		}
	}
	slices.Sort(problems)
	return problems
}
