// Package hub speaks to the Hugging Face Hub as its client.
package hub

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"modelgate/internal/blob"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/upstream"
)

var errTodo = errors.New("not written yet")

// ErrUnreachable is wrapped when the Hub gave no answer and nothing is remembered that would do instead.
var ErrUnreachable = upstream.ErrUnreachable

// Token is a client's or the gate's own access token, without "Bearer ". It never shows itself.
type Token string

func (t Token) String() string {
	if t == "" {
		return ""
	}
	return "[token]"
}

// Repo is a repository of the Hub.
type Repo struct {
	Kind model.Kind
	ID   string // "org/name" or "name"
}

// Error is a refusal of the Hub's own, to be passed on as it is.
type Error struct {
	Status  int
	Code    string // X-Error-Code: RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo or ""
	Message string
	// Header holds those of X-Error-Code, X-Error-Message, X-Request-Id, X-Repo-Commit, Retry-After, RateLimit,
	// RateLimit-Policy, WWW-Authenticate, Content-Type that came.
	Header http.Header
}

func (e *Error) Error() string { return e.Message }

// Memory remembers small facts over restarts: what is immutable is asked once, ever.
type Memory interface {
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	Put(ctx context.Context, key string, value []byte) error
}

// Config says where the Hub is.
type Config struct {
	Upstream      *upstream.Client
	Endpoint      string
	Token         Token         // speaks for clients that send none
	RedirectHosts []string      // patterns of CDN hosts
	BranchTTL     time.Duration // 0 is a minute
	Stale         time.Duration // 0 is a day
	Memory        Memory        // nil is in-process
	Log           zerolog.Logger
}

// Client speaks to one Hub. Methods take the caller's token; "" is the gate's own.
type Client struct{}

// New returns a Client.
func New(cfg Config) (*Client, error) { return nil, errTodo }

// Revision is what a branch, tag, ref or commit stands for.
type Revision struct {
	Repo   Repo   // canonical: differs from the one asked for if it was renamed
	Commit string // 40 hex digits
	// Private is set if not everybody may read the repository: it is private, gated, or nothing is known of it.
	Private bool
	// Stale is set if the Hub could not be reached and this is the last known commit.
	Stale bool
}

// Resolve tells which commit a revision stands for.
func (c *Client) Resolve(ctx context.Context, tok Token, repo Repo, rev string) (Revision, error) {
	return Revision{}, errTodo
}

// FileInfo is what HEAD of a file needs.
type FileInfo struct {
	model.File
	LFS         bool
	ETag        string // without quotes: git SHA-1 of small files, SHA-256 of LFS files
	ContentType string // "" if not known
	Disposition string // "" if not known
}

// Stat tells of one file.
func (c *Client) Stat(ctx context.Context, tok Token, repo Repo, commit, path string) (FileInfo, error) {
	return FileInfo{}, errTodo
}

// Files lists all files of a commit.
func (c *Client) Files(ctx context.Context, tok Token, repo Repo, commit string) ([]model.File, error) {
	return nil, errTodo
}

// Open opens a file from an offset: n bytes, or all that follow if n is negative.
func (c *Client) Open(ctx context.Context, tok Token, repo Repo, commit, path string, off, n int64) (io.ReadCloser, error) {
	return nil, errTodo
}

// Metadata tells of licence, organization and visibility.
func (c *Client) Metadata(ctx context.Context, tok Token, repo Repo, commit string) (model.Metadata, error) {
	return model.Metadata{}, errTodo
}

// Authorize tells whether the token may read a repository: nil if it may, an *Error as the Hub gives it if not. Public
// repositories cost no request; an acceptance is remembered for five minutes. Path may be "".
func (c *Client) Authorize(ctx context.Context, tok Token, repo Repo, commit, path string) error {
	return errTodo
}

// Forward sends any API request with the caller's own headers and token, less those that are between two hops, and returns the answer
// as it is: its body is decoded if it was compressed. The caller closes the body. Redirects are followed within the Hub's API only.
func (c *Client) Forward(ctx context.Context, r *http.Request, pathAndQuery string) (*http.Response, error) {
	return nil, errTodo
}

// Origin is a version on the Hub as the gate scans it.
type Origin struct {
	Client *Client
	Token  Token
	Repo   Repo
	Commit string
	Blobs  *blob.Store // nil: everything by range
}

// Files lists the files.
func (o *Origin) Files(ctx context.Context) ([]model.File, error) {
	return o.Client.Files(ctx, o.Token, o.Repo, o.Commit)
}

// Open opens one of the files.
func (o *Origin) Open(ctx context.Context, f model.File) (source.Content, error) {
	return nil, errTodo
}

// Metadata tells what rules need to know.
func (o *Origin) Metadata(ctx context.Context) (model.Metadata, error) {
	return o.Client.Metadata(ctx, o.Token, o.Repo, o.Commit)
}
