package remote

import (
	"context"
	"io"
	"net/http"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

const (
	// maxPack bounds one commit's files as they are sent.
	maxPack = 32 << 20
	// maxReferences bounds the list of branches and tags, which comes first.
	maxReferences = 16 << 20
)

// clone is a bundle in a Git repository, of which it takes one commit, without
// history and submodules. It talks to the server through go-git's transport and
// keeps all in memory.
type clone struct {
	source Source
	cache  cache
	used   credentials
}

func (c *clone) resolve(ctx context.Context) (string, error) {
	var commit string
	err := c.connect(ctx, func(_ transport.UploadPackSession, advertised *packp.AdvRefs) error {
		found, ok := advertised.References["refs/heads/"+c.source.Branch]
		if !ok {
			return refuse("correct the branch", "the repository has no branch %q", c.source.Branch)
		}
		commit = found.String()
		return nil
	})
	return commit, err
}

func (c *clone) fetch(ctx context.Context, commit string) (map[string][]byte, error) {
	if pack, ok := c.cache.get(commit, maxPack); ok {
		if found, err := unpack(pack, commit, c.source.Path); err == nil {
			return found.byAt, nil
		}
	}
	if err := c.cache.mayFetch(); err != nil {
		return nil, c.source.failed(err, c.used)
	}
	var pack []byte
	err := c.connect(ctx, func(session transport.UploadPackSession, advertised *packp.AdvRefs) error {
		var err error
		pack, err = ask(ctx, session, advertised, commit)
		return err
	})
	if err != nil {
		return nil, err
	}
	found, err := unpack(pack, commit, c.source.Path)
	if err != nil {
		return nil, c.source.failed(err, c.used)
	}
	c.cache.put(commit, pack)
	return found.byAt, nil
}

// connect opens a session, in which the server says first what it has.
func (c *clone) connect(ctx context.Context, use func(transport.UploadPackSession, *packp.AdvRefs) error) error {
	err := c.session(ctx, use)
	if err != nil {
		return c.source.failed(err, c.used)
	}
	return nil
}

func (c *clone) session(ctx context.Context, use func(transport.UploadPackSession, *packp.AdvRefs) error) error {
	client, err := c.source.client(maxPack + maxReferences)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if c.used, err = c.source.credentials(); err != nil {
		return err
	}
	endpoint, err := transport.NewEndpoint(c.source.Git)
	if err != nil {
		return err
	}
	session, err := githttp.NewClient(client).NewUploadPackSession(endpoint, c.used.forGit())
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	advertised, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return err
	}
	return use(session, advertised)
}

func (c credentials) forGit() transport.AuthMethod {
	switch {
	case c.token != "":
		return &githttp.TokenAuth{Token: c.token}
	case c.password != "":
		return &githttp.BasicAuth{Username: c.username, Password: c.password}
	default:
		return anonymous{}
	}
}

// anonymous logs in as nobody. go-git takes it for a login, where nil would have
// it look for one in the address.
type anonymous struct{}

func (anonymous) Name() string          { return "anonymous" }
func (anonymous) String() string        { return "anonymous" }
func (anonymous) SetAuth(*http.Request) {}

// ask has the server send one commit.
func ask(ctx context.Context, session transport.UploadPackSession, advertised *packp.AdvRefs, commit string) ([]byte, error) {
	wanted := plumbing.NewHash(commit)
	can := advertised.Capabilities
	if !can.Supports(capability.AllowReachableSHA1InWant) && !can.Supports(capability.AllowTipSHA1InWant) && !tip(advertised, wanted) {
		return nil, refuse("set uploadpack.allowReachableSHA1InWant on the server, or name the newest commit of a branch",
			"the server gives no commits but the newest of each branch")
	}
	request := packp.NewUploadPackRequestFromCapabilities(can)
	request.Wants = []plumbing.Hash{wanted}
	if !can.Supports(capability.Shallow) {
		return nil, refuse("serve it with a Git that can", "the server gives no commit without its history")
	}
	request.Depth = packp.DepthCommits(1)
	if err := request.Capabilities.Set(capability.Shallow); err != nil {
		return nil, err
	}
	if can.Supports(capability.Filter) {
		// Files that would be refused need not be sent.
		request.Filter = packp.FilterBlobLimit(maxFileBytes+1, packp.BlobLimitPrefixNone)
		if err := request.Capabilities.Set(capability.Filter); err != nil {
			return nil, err
		}
	}
	answer, err := session.UploadPack(ctx, request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Close() }()
	var stream io.Reader = answer
	switch {
	case request.Capabilities.Supports(capability.Sideband64k):
		stream = sideband.NewDemuxer(sideband.Sideband64k, answer)
	case request.Capabilities.Supports(capability.Sideband):
		stream = sideband.NewDemuxer(sideband.Sideband, answer)
	}
	pack, err := io.ReadAll(io.LimitReader(stream, maxPack+1))
	if err == nil && len(pack) > maxPack {
		err = errTooMuch
	}
	return pack, err
}

func tip(advertised *packp.AdvRefs, wanted plumbing.Hash) bool {
	for _, commit := range advertised.References {
		if commit == wanted {
			return true
		}
	}
	return false
}
