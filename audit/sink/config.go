package sink

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/loopback"
)

// The values that hold where a configuration leaves them out.
const (
	DefaultBatch    = 500
	DefaultLinger   = time.Second
	DefaultTimeout  = 30 * time.Second
	DefaultTag      = "argocd-seal.audit"
	DefaultFacility = "local0"
)

// The ways to write lines into the body of a webhook.
const (
	FormatNDJSON = "ndjson"
	FormatJSON   = "json"
)

// Config says where one sink sends lines. Exactly one of Fluent, Syslog and
// Webhook is set; [Config.Problems] says what else must hold.
type Config struct {
	// Name is that of the cursor's file.
	Name string
	// Fluent and Syslog are host:port, Webhook is a URL.
	Fluent, Syslog, Webhook string
	// Insecure allows plain text, to loopback addresses only.
	Insecure bool
	// CAFile, ClientCertFile and ClientKeyFile are PEM; without CAFile the
	// system's authorities are trusted. They and the files below are read at each
	// connection.
	CAFile, ClientCertFile, ClientKeyFile string
	// ServerName is the name in the receiver's certificate where it is not the
	// address's.
	ServerName string
	// TokenFile holds a bearer token, for a webhook.
	TokenFile string
	// Username and PasswordFile are for a webhook or for Fluent.
	Username, PasswordFile string
	// SharedKeyFile holds the shared key of Fluent's handshake.
	SharedKeyFile string
	// Tag is Fluent's.
	Tag string
	// Facility is syslog's, one of [Facilities].
	Facility string
	// Format is a webhook's: ndjson or json.
	Format string
	// Batch is the most lines in one delivery, Linger how long one waits for more
	// lines, Timeout the most time until it is acknowledged. 0 means the default.
	Batch           int
	Linger, Timeout time.Duration
}

// Problem is what is wrong with one field of a [Config], by its name in
// plugin.yaml, and what to do about it.
type Problem struct{ Field, Message, Fix string }

var sinkName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Problems returns what is wrong with the configuration, nothing where it can
// work.
func (c Config) Problems() []Problem {
	var problems []Problem
	refuse := func(field, message, fix string) { problems = append(problems, Problem{field, message, fix}) }
	if !sinkName.MatchString(c.Name) {
		refuse("name", fmt.Sprintf("%q cannot be the name of a file", c.Name), "use small letters, digits and dashes, at most 63")
	}
	if c.Name == Stdout {
		refuse("name", "that is the name of what audit.stdout prints", "choose another name")
	}
	kinds := slices.DeleteFunc([]string{c.Fluent, c.Syslog, c.Webhook}, func(address string) bool { return address == "" })
	if len(kinds) != 1 {
		refuse("name", "the sink has no receiver, or more than one", "set one of fluent, syslog and webhook")
		return problems
	}
	if c.Webhook != "" {
		problems = append(problems, c.urlProblems()...)
	} else {
		problems = append(problems, c.addressProblems()...)
	}
	if (c.ClientCertFile == "") != (c.ClientKeyFile == "") {
		refuse("clientCertFile", "certificate and key belong together", "set both clientCertFile and clientKeyFile")
	}
	if c.Insecure && c.CAFile+c.ClientCertFile+c.ServerName != "" {
		refuse("insecure", "there are no certificates in plain text", "remove insecure, or what is said of certificates")
	}
	if (c.Username == "") != (c.PasswordFile == "") {
		refuse("username", "user and password belong together", "set both username and passwordFile")
	}
	if c.TokenFile != "" && c.Username != "" {
		refuse("tokenFile", "there is a token and a user", "remove one of the two")
	}
	return append(problems, c.strangers()...)
}

// strangers are fields that the chosen kind does not have: they would be
// believed to protect something.
func (c Config) strangers() []Problem {
	var problems []Problem
	for _, field := range []struct {
		name, value string
		belongs     bool
		kinds       string
	}{
		{"tokenFile", c.TokenFile, c.Webhook != "", "webhook"},
		{"format", c.Format, c.Webhook != "", "webhook"},
		{"username", c.Username, c.Syslog == "", "webhook and fluent"},
		{"sharedKeyFile", c.SharedKeyFile, c.Fluent != "", "fluent"},
		{"tag", c.Tag, c.Fluent != "", "fluent"},
		{"facility", c.Facility, c.Syslog != "", "syslog"},
	} {
		if field.value != "" && !field.belongs {
			problems = append(problems, Problem{field.name, "it is of " + field.kinds + " only", "remove it"})
		}
	}
	if c.Fluent != "" && c.Username != "" && c.SharedKeyFile == "" {
		problems = append(problems, Problem{"username", "a Fluent receiver asks for users only where there is a shared key", "set sharedKeyFile"})
	}
	return problems
}

func (c Config) addressProblems() []Problem {
	field, address := "syslog", c.Syslog
	if c.Fluent != "" {
		field, address = "fluent", c.Fluent
	}
	host, port, err := net.SplitHostPort(address)
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || number == 0 || host == "" {
		return []Problem{{field, fmt.Sprintf("%q is not an address", address), "write it as host:port"}}
	}
	if c.Insecure && !loopback.Host(host) {
		return []Problem{{"insecure", "plain text is taken for loopback addresses only", "give the receiver a certificate and remove insecure"}}
	}
	return nil
}

func (c Config) urlProblems() []Problem {
	address, err := url.Parse(c.Webhook)
	switch {
	case err != nil || address.Hostname() == "" || address.User != nil || address.Fragment != "":
		return []Problem{{"webhook", "it is not a URL without credentials", "write it as https://host/path"}}
	case address.Scheme == "https" && c.Insecure:
		return []Problem{{"insecure", "the URL says https", "remove insecure"}}
	case address.Scheme == "https":
		return nil
	case address.Scheme == "http" && c.Insecure && loopback.Host(address.Hostname()):
		return nil
	}
	return []Problem{{"webhook", "only https is taken, and with insecure: true http for loopback addresses", "write it as https://host/path"}}
}

func (c Config) withDefaults() Config {
	if c.Batch == 0 {
		c.Batch = DefaultBatch
	}
	if c.Linger == 0 {
		c.Linger = DefaultLinger
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Tag == "" {
		c.Tag = DefaultTag
	}
	if c.Facility == "" {
		c.Facility = DefaultFacility
	}
	return c
}

// sender returns what sends to the receiver, and its kind.
func (c Config) sender(instance string) (sender Sender, kind string) {
	c = c.withDefaults()
	at := endpoint{
		address: c.Fluent + c.Syslog, plain: c.Insecure,
		caFile: c.CAFile, certFile: c.ClientCertFile, keyFile: c.ClientKeyFile, server: c.ServerName,
	}
	switch {
	case c.Fluent != "":
		return &fluent{at: at, tag: c.Tag, instance: instance, keyFile: c.SharedKeyFile, username: c.Username, passwordFile: c.PasswordFile}, "fluent"
	case c.Syslog != "":
		return newSyslog(at, c.Facility, instance), "syslog"
	}
	return newWebhook(c, at, instance), "webhook"
}
