// Package blob keeps bytes by their digest on disk and hands them to any number of readers while they are still arriving.
package blob

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// ErrMismatch is wrapped when upstream's bytes are not those that were asked for. Nothing of them is kept.
var ErrMismatch = errors.New("bytes are not those that were asked for")

var errTodo = errors.New("not written yet")

// Config says where blobs are kept and how many.
type Config struct {
	Dir string
	// MaxBytes bounds what is kept; 0 is unlimited. Blobs that are open stay and may exceed it for a while.
	MaxBytes   int64
	Log        zerolog.Logger
	Registerer prometheus.Registerer // nil: no metrics
}

// Want names the bytes asked for.
type Want struct {
	Digest model.Digest
	Size   int64
	// Blocks are ranges that a scanner was given before, and must be found in the bytes again.
	Blocks []finding.Block
}

// Opener opens the bytes upstream from the given offset to their end. It is called again where the last stream was cut. Its
// context is not the caller's of Get: a fetch outlives its callers. An error with a method Permanent() bool that returns true is
// not tried again.
type Opener func(ctx context.Context, off int64) (io.ReadCloser, error)

// Store is a directory of blobs. All methods may be called at the same time.
type Store struct{}

// Open opens the store.
func Open(cfg Config) (*Store, error) { return nil, errTodo }

// Close ends every fetch and waits for it.
func (s *Store) Close() error { return errTodo }

// Has tells whether a blob is on disk whole, so that Get needs no upstream.
func (s *Store) Has(d model.Digest, size int64) bool { return false }

// Get returns the bytes: from disk, or by one fetch from upstream that every caller shares. It returns as soon as the first byte is
// there or upstream has refused. Reads of the Content wait for bytes that have not arrived yet, as long as ctx lives.
func (s *Store) Get(ctx context.Context, want Want, open Opener) (*Content, error) {
	return nil, errTodo
}

// Content is an open blob, possibly still arriving. Read and Seek are for one goroutine, ReadAt for any number.
type Content struct{}

// File is the file itself if the blob is whole, for http.ServeContent to send it without copying; nil while it is arriving. It must
// not be closed or used after Close.
func (c *Content) File() *os.File { return nil }

// Wait waits until the blob is whole and verified.
func (c *Content) Wait(ctx context.Context) error { return errTodo }

// Size is the blob's size.
func (c *Content) Size() (int64, error) { return 0, errTodo }

// Read implements io.Reader.
func (c *Content) Read(p []byte) (int, error) { return 0, errTodo }

// Seek implements io.Seeker.
func (c *Content) Seek(off int64, whence int) (int64, error) { return 0, errTodo }

// ReadAt implements io.ReaderAt.
func (c *Content) ReadAt(p []byte, off int64) (int, error) { return 0, errTodo }

// Close lets go of the blob. A fetch goes on without its readers.
func (c *Content) Close() error { return errTodo }
