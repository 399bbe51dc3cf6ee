package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ErrRange is wrapped when the answer to a range is not that range.
var ErrRange = errors.New("not the range that was asked for")

// ContentRange reads "bytes first-last/total"; total is -1 if it is "*" (RFC 9110, 14.4).
func ContentRange(value string) (first, last, total int64, err error) {
	bad := fmt.Errorf("range header %q: %w", value, ErrRange)
	unit, rest, ok := strings.Cut(value, " ")
	span, size, ok2 := strings.Cut(rest, "/")
	from, to, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 || !strings.EqualFold(unit, "bytes") {
		return 0, 0, 0, bad
	}
	total = -1
	for _, part := range []struct {
		text string
		into *int64
	}{{from, &first}, {to, &last}, {size, &total}} {
		if part.into == &total && part.text == "*" {
			continue
		}
		n, err := strconv.ParseUint(part.text, 10, 63)
		if err != nil {
			return 0, 0, 0, bad
		}
		*part.into = int64(n)
	}
	if last < first || total >= 0 && last >= total {
		return 0, 0, 0, bad
	}
	return first, last, total, nil
}

// OpenRange opens n bytes from off.
type OpenRange func(ctx context.Context, off, n int64) (io.ReadCloser, error)

// resumeTries is how often a range that is cut is gone on with.
const resumeTries = 4

// Resume opens a range that survives being cut: it goes on where it was, a few times, after a pause. It ends in an error if fewer than
// n bytes can be had. Name is what errors call the thing. All that is opened is opened under ctx.
func Resume(ctx context.Context, name string, off, n int64, open OpenRange) (io.ReadCloser, error) {
	b := &resumed{ctx: ctx, name: name, open: open, off: off, left: n}
	if n == 0 {
		return b, nil
	}
	var err error
	if b.body, err = open(ctx, off, n); err != nil {
		return nil, err
	}
	return b, nil
}

type resumed struct {
	ctx   context.Context
	name  string
	open  OpenRange
	off   int64
	left  int64
	body  io.ReadCloser
	fails int
}

// Read implements io.Reader.
func (b *resumed) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for idle := 0; b.left > 0; {
		if b.body == nil {
			var err error
			if b.body, err = b.open(b.ctx, b.off, b.left); err != nil {
				return 0, err
			}
		}
		n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
		b.off, b.left = b.off+int64(n), b.left-int64(n)
		if n > 0 {
			return n, nil
		}
		if idle++; err == nil && idle < 100 {
			continue
		}
		if errors.Is(err, io.EOF) || err == nil {
			err = io.ErrUnexpectedEOF
		}
		if err := b.cut(err); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// cut notes that the body broke, and returns an error if that happens too often.
func (b *resumed) cut(err error) error {
	_ = b.Close()
	if b.fails++; b.fails >= resumeTries || b.ctx.Err() != nil {
		return fmt.Errorf("range of %s ends %d bytes early: %w", b.name, b.left, err)
	}
	return sleep(b.ctx, time.Duration(b.fails)*100*time.Millisecond)
}

// Close implements io.Closer.
func (b *resumed) Close() error {
	if b.body == nil {
		return nil
	}
	err := b.body.Close()
	b.body = nil
	return err
}
