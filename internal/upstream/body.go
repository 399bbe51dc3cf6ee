package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrStalled is wrapped when a body stopped coming.
var ErrStalled = errors.New("upstream stalled")

// body is the body of an answer that must not stall. Only the time counts that is spent in Read: a slow reader is not upstream's
// fault.
type body struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
	bytes  prometheus.Counter
}

func newBody(ctx context.Context, cancel context.CancelCauseFunc, rc io.ReadCloser, limit time.Duration, bytes prometheus.Counter) *body {
	b := &body{ReadCloser: rc, ctx: ctx, cancel: cancel, limit: limit, bytes: bytes}
	b.timer = time.AfterFunc(limit, func() { cancel(fmt.Errorf("nothing came for %s: %w", limit, ErrStalled)) })
	b.timer.Stop()
	return b
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	b.bytes.Add(float64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
