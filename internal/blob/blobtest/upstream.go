package blobtest

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"

	"modelgate/internal/blob"
	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// Noise is content of which no two places are alike. Another seed is other content.
func Noise(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// WantOf names content by its SHA-256.
func WantOf(content []byte) blob.Want {
	sum := sha256.Sum256(content)
	return blob.Want{Digest: model.Digest(model.SHA256 + ":" + hex.EncodeToString(sum[:])), Size: int64(len(content))}
}

// GitWantOf names content as git does.
func GitWantOf(content []byte) blob.Want {
	sum := sha1.New()
	_, _ = fmt.Fprintf(sum, "blob %d\x00", len(content))
	_, _ = sum.Write(content)
	return blob.Want{Digest: model.Digest(model.GitSHA + ":" + hex.EncodeToString(sum.Sum(nil))), Size: int64(len(content))}
}

// BlockOf is a block of content as a scanner that was given it remembers it.
func BlockOf(content []byte, off, n int64) finding.Block {
	sum := sha256.Sum256(content[off : off+n])
	return finding.Block{Offset: off, Size: n, SHA256: hex.EncodeToString(sum[:])}
}

// ErrCut is the error of a stream that is cut.
var ErrCut = errors.New("connection was cut")

// Upstream is a source of one blob that can misbehave.
type Upstream struct {
	Content []byte
	// Cuts are the offsets at which streams end, each once and in this order; with Clean they end as if they were complete.
	Cuts  []int
	Clean bool
	// Refusal is what opening answers, if set.
	Refusal error
	// Gate lets bytes through up to the highest offset received from it, if set; closed, it lets all through.
	Gate chan int

	mu     sync.Mutex
	opens  []int64
	passed int
	open   bool
}

// Opens are the offsets at which streams were opened so far.
func (u *Upstream) Opens() []int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]int64(nil), u.opens...)
}

// Open is a blob.Opener.
func (u *Upstream) Open(ctx context.Context, off int64) (io.ReadCloser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.opens = append(u.opens, off)
	if u.Refusal != nil {
		return nil, u.Refusal
	}
	end, err := len(u.Content), io.EOF
	if len(u.Cuts) > 0 {
		end, u.Cuts = u.Cuts[0], u.Cuts[1:]
		if !u.Clean {
			err = ErrCut
		}
	}
	return &stream{ctx: ctx, u: u, r: bytes.NewReader(u.Content[min(int(off), end):end]), off: int(off), end: err}, nil
}

type stream struct {
	ctx context.Context
	u   *Upstream
	r   *bytes.Reader
	off int
	end error
}

func (s *stream) Read(p []byte) (int, error) {
	if s.u.Gate != nil && s.r.Len() > 0 {
		allowed, err := s.u.await(s.ctx, s.off)
		if err != nil {
			return 0, err
		}
		p = p[:min(len(p), allowed-s.off)]
	}
	n, err := s.r.Read(p)
	s.off += n
	if errors.Is(err, io.EOF) {
		err = s.end
	}
	return n, err
}

// Close implements io.Closer.
func (s *stream) Close() error { return nil }

// await waits until bytes after off may pass and tells up to where.
func (u *Upstream) await(ctx context.Context, off int) (int, error) {
	u.mu.Lock()
	passed, open := u.passed, u.open
	u.mu.Unlock()
	for !open && off >= passed {
		select {
		case n, more := <-u.Gate:
			passed, open = max(passed, n), !more
			u.mu.Lock()
			u.passed, u.open = max(u.passed, passed), u.open || open
			u.mu.Unlock()
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if open {
		return len(u.Content), nil
	}
	return min(passed, len(u.Content)), nil
}
