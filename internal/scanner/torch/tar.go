package torch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/tarview"
	"modelgate/internal/threat"
)

// ProbeTar accepts the tar archives of torch.save before version 0.1.2.
func ProbeTar(f *source.File) (bool, error) { return tarview.IsTorch(f) }

// ScanTar scans such an archive. Its loader ignored weights_only in releases before the fix of CVE-2025-32434, so its
// pickles are judged like any others.
func ScanTar(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("pytorch_v0_1_1")
	return tarview.Scan(ctx, f, s, func(e *tarview.Entry, bytes source.Reader) error {
		switch path.Clean(e.Name) {
		case "tensors":
			return legacy(ctx, s, e.Name, bytes, tensorGap)
		case "storages":
			return legacy(ctx, s, e.Name, bytes, storageGap)
		}
		_, err := s.Member(ctx, source.Member{Name: e.Name, Bytes: bytes, Family: source.FamilyTorch})
		return err
	})
}

// gap tells how many raw bytes follow a pickle, which named the given globals.
type gap func(c *source.Cursor, names []string) (int64, error)

// legacy scans a member that is a row of pickles with raw bytes behind each but the first, which is their number, and the
// last, which lists the views of storages. If the row cannot be followed, the rest is scanned as one stream.
func legacy(ctx context.Context, s source.Sink, name string, r source.Reader, raw gap) error {
	c, err := source.NewCursor(r, 0, binary.LittleEndian)
	if err != nil {
		return err
	}
	for n := 0; c.Remaining() > 0; n++ {
		start := c.Offset()
		names, err := pickleEnd(c)
		if err == nil {
			err = member(ctx, s, name, n, r, start, c.Offset())
		}
		if err == nil && n > 0 && c.Remaining() > 0 {
			var skip int64
			if skip, err = raw(c, names); err == nil {
				err = c.Skip(skip)
			}
		}
		var bad *source.Malformed
		if errors.As(err, &bad) {
			f := finding.New(threat.MGFMT400, bad.Offset, "The row of pickles and tensors breaks off: "+bad.Reason+".")
			f.Role, f.Evidence = finding.RoleStructure, source.Evidence(name)
			s.Find(f)
			size, err := r.Size()
			if err != nil {
				return err
			}
			return member(ctx, s, name, n, r, start, size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func member(ctx context.Context, s source.Sink, name string, n int, r source.Reader, from, to int64) error {
	_, err := s.Member(ctx, source.Member{
		Name: fmt.Sprintf("%s#%d", name, n), Bytes: source.Section(r, from, to-from), Family: source.FamilyTorch,
	})
	return err
}

// tensorGap reads what describes a tensor behind its pickle: number of dimensions i32, 4 bytes unused, sizes i64 each,
// strides i64 each, offset i64.
func tensorGap(c *source.Cursor, _ []string) (int64, error) {
	at := c.Offset()
	dims, err := c.U32()
	if err != nil {
		return 0, err
	}
	if dims > 64 {
		return 0, source.Malformedf(at, "%d dimensions", dims)
	}
	return 4 + 8*(2*int64(dims)+1), nil
}

// storageGap reads what follows a storage's pickle: number of elements i64, elements of the type that the pickle names.
func storageGap(c *source.Cursor, names []string) (int64, error) {
	at := c.Offset()
	n, err := c.U64()
	if err != nil {
		return 0, err
	}
	size := uint64(0)
	for _, name := range names {
		if s := elementSize(name); s > 0 {
			size = s
		}
	}
	if size == 0 {
		return 0, source.Malformedf(at, "a storage of no known type")
	}
	if n > uint64(c.Remaining())/size {
		return 0, source.Malformedf(at, "a storage of %d elements in %d bytes", n, c.Remaining())
	}
	return int64(n * size), nil
}

// elementSize is the size in bytes of a storage class's elements, 0 for what is none.
func elementSize(class string) uint64 {
	class = class[strings.LastIndexAny(class, ". ")+1:]
	switch class {
	case "DoubleStorage", "LongStorage":
		return 8
	case "FloatStorage", "IntStorage":
		return 4
	case "HalfStorage", "ShortStorage":
		return 2
	case "CharStorage", "ByteStorage":
		return 1
	}
	return 0
}
