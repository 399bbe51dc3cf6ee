package flatbuf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Bytes behind a buffer: how many are worth a look, and how many are too many to be alignment, or a field of a schema that is newer than the
// scanner's.
const (
	minBehind   = 4
	unaccounted = 16
)

// behindHead is how much of what follows is looked at for bytes that are no padding.
const behindHead = 1 << 10

// End is where the last of the tables and vectors ends that have been visited.
func (b *Buffer) End() int64 { return b.end }

// visit notes that n bytes at an offset belong to the buffer.
func (b *Buffer) visit(at, n int64) { b.end = max(b.end, at+n) }

// Behind scans what follows everything that has been visited, for schemas of which all was: a loader of something else may find its own
// file there. What is known is scanned and reported, and so is what is unknown and no padding.
func (b *Buffer) Behind(ctx context.Context, s source.Sink) error {
	rest := b.size - b.end
	if rest < minBehind {
		return nil
	}
	r := source.Section(b.r, b.end, rest)
	out, err := s.Member(ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", b.end), Bytes: r, Prose: true})
	if err != nil {
		return err
	}
	what := "they are " + strings.Join(out.Formats, ", ")
	if len(out.Formats) == 0 {
		head := make([]byte, min(rest, behindHead))
		if n, err := r.ReadAt(head, 0); err != nil && (!errors.Is(err, io.EOF) || n < len(head)) {
			return err
		}
		if rest < unaccounted || len(bytes.Trim(head, "\x00")) == 0 {
			return nil
		}
		what = "they are of no format that is known"
	}
	f := finding.New(threat.MGFMT402, b.end, fmt.Sprintf("%d bytes follow the model, and %s.", rest, what))
	f.Role = finding.RoleStructure
	s.Find(f)
	return nil
}

// Instead scans what stands where the root table should be, for a buffer that has none: the error that Root returned is returned again,
// unless the scan has one of our own.
func (b *Buffer) Instead(ctx context.Context, s source.Sink, root error) error {
	const header = 8 // root offset and identifier
	var bad *source.Malformed
	if !errors.As(root, &bad) || b.size <= header {
		return root
	}
	out, err := s.Member(ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", header), Bytes: source.Section(b.r, header, b.size-header), Prose: true})
	if err != nil {
		return err
	}
	if len(out.Formats) > 0 {
		f := finding.New(threat.MGFMT402, header, "The model has no root table, and what stands in its place is "+strings.Join(out.Formats, ", ")+".")
		f.Role = finding.RoleStructure
		s.Find(f)
	}
	return root
}
