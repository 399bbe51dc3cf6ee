// Package numpy scans arrays that NumPy saves: single ones (npy) and archives of them (npz).
//
// An array (NEP 1, numpy.lib.format) is a header and the elements:
//
//	"\x93NUMPY", major u8, minor u8, length u16 (u32 from version 2 on), header, padded with blanks to 64 bytes
//	header: a Python literal {'descr': dtype, 'fortran_order': bool, 'shape': (n, …), }
//
// Elements are raw numbers, except that a dtype with objects in it, however deep, makes numpy.load unpickle what follows
// (CVE-2019-6446). So all depends on the dtype, which is parsed here as Python would, escapes included: it is data, and
// nothing of it is evaluated. Several arrays may follow each other in one file.
package numpy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// Limits of a file: NumPy refuses longer headers itself.
const (
	maxHeader = 10_000 // bytes
	maxArrays = 100_000
)

const magic = "\x93NUMPY"

// Probe accepts files that begin with an array.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	return err == nil && strings.HasPrefix(string(head[:min(len(head), len(magic))]), magic), err
}

// Scan checks each array and hands pickled elements on.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	at := int64(0)
	for n := 0; at < size; n++ {
		if n >= maxArrays {
			return fmt.Errorf("more than %d arrays: %w", maxArrays, source.ErrBudget)
		}
		var begins [len(magic)]byte
		got, err := f.ReadAt(begins[:min(int64(len(begins)), size-at)], at)
		if got < len(begins) || string(begins[:]) != magic {
			if fault := faultOf(err, got, int(min(int64(len(begins)), size-at))); fault != nil {
				return fault
			}
			return behind(ctx, f, s, at, size)
		}
		a := &array{ctx: ctx, f: f, s: s, at: at, size: size}
		if at, err = a.scan(); err != nil {
			return err
		}
	}
	return nil
}

// faultOf returns an error of the reader, unless it says that the end was reached.
func faultOf(err error, got, want int) error {
	if err != nil && got < want && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// behind scans what follows the last array.
func behind(ctx context.Context, f *source.File, s source.Sink, from, size int64) error {
	found := finding.New(threat.MGFMT402, from, fmt.Sprintf("%d bytes follow the array.", size-from))
	found.Role = finding.RoleStructure
	s.Find(found)
	return rest(ctx, f, s, from, size, true)
}

// rest hands everything from an offset on to the engine.
func rest(ctx context.Context, f *source.File, s source.Sink, from, size int64, prose bool) error {
	_, err := s.Member(ctx, source.Member{
		Name: fmt.Sprintf("#bytes@%d", from), Bytes: source.Section(f, from, size-from), Family: source.FamilyNumPy, Prose: prose,
	})
	return err
}

// array is the scan of one array that begins at an offset of the file.
type array struct {
	ctx  context.Context
	f    *source.File
	s    source.Sink
	at   int64
	size int64 // of the file
}

// find states that the array breaks the rules of its format.
func (a *array) find(at int64, evidence, format string, args ...any) {
	f := finding.New(threat.MGFMT400, at, fmt.Sprintf(format, args...))
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(evidence)
	a.s.Find(f)
}

// scan returns where the array ends.
func (a *array) scan() (int64, error) {
	a.s.Format("numpy")
	c, err := source.NewCursor(a.f, a.at+int64(len(magic)), binary.LittleEndian)
	if err != nil {
		return 0, err
	}
	text, err := a.header(c)
	if err != nil {
		return 0, err
	}
	start := c.Offset()
	h, reason := parseHeader(text)
	if reason != "" {
		a.find(a.at, text, "The header %s.", reason)
		return a.size, rest(a.ctx, a.f, a.s, start, a.size, false)
	}
	switch h.dtype.kind {
	case kindObject:
		a.s.Format("numpy_pickle")
		_, err := a.s.Member(a.ctx, source.Member{Name: "#pickle", Bytes: source.Section(a.f, start, a.size-start), Family: source.FamilyNumPy})
		return a.size, err
	case kindUnknown:
		a.find(a.at, text, "The header has a dtype that NumPy does not write.")
		return a.size, rest(a.ctx, a.f, a.s, start, a.size, true)
	}
	length, ok := h.length()
	if !ok || length > uint64(a.size-start) {
		a.find(a.at, text, "The array's elements take more than the %d bytes that follow.", a.size-start)
		return a.size, rest(a.ctx, a.f, a.s, start, a.size, true)
	}
	return start + int64(length), nil
}

// header reads version, length and text of a header.
func (a *array) header(c *source.Cursor) (string, error) {
	major, err := c.U8()
	if err != nil {
		return "", err
	}
	minor, err := c.U8()
	if err != nil {
		return "", err
	}
	if major < 1 || major > 3 || minor != 0 {
		a.find(a.at, "", "Version %d.%d of the format does not exist.", major, minor)
	}
	var n uint64
	if major == 1 {
		v, err := c.U16()
		if err != nil {
			return "", err
		}
		n = uint64(v)
	} else {
		v, err := c.U32()
		if err != nil {
			return "", err
		}
		n = uint64(v)
	}
	if n > maxHeader {
		a.find(a.at, "", "A header of %d bytes is longer than NumPy reads.", n)
	}
	const most = 1 << 20
	b, err := c.Bytes(n, most)
	if err != nil {
		return "", err
	}
	if major < 3 {
		return latin1(b), nil
	}
	return string(b), nil
}

// latin1 decodes the headers of versions 1 and 2.
func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// header is what a header says.
type header struct {
	dtype dtype
	shape []uint64
}

// length is how many bytes the elements take; not ok if that is beyond counting.
func (h *header) length() (uint64, bool) {
	total := h.dtype.size
	for _, n := range h.shape {
		hi, lo := bits.Mul64(total, n)
		if hi != 0 {
			return 0, false
		}
		total = lo
	}
	return total, total < 1<<62
}

// parseHeader reads the dictionary; reason completes "The header …" if it is not what NumPy writes.
func parseHeader(text string) (h header, reason string) {
	v, err := parseLiteral(text)
	if err != nil {
		return h, "is no Python literal: " + err.Error()
	}
	d, ok := v.(dict)
	if !ok {
		return h, "is no dictionary"
	}
	fields := map[string]value{}
	for _, kv := range d {
		key, ok := kv.key.(string)
		if !ok {
			return h, "has a key that is no string"
		}
		if _, twice := fields[key]; twice {
			return h, "has the key " + source.Evidence(key) + " twice"
		}
		fields[key] = kv.value
	}
	if _, ok := fields["fortran_order"].(bool); !ok || len(fields) != 3 {
		return h, "has not the keys descr, fortran_order and shape alone"
	}
	shape, ok := fields["shape"].(tuple)
	if !ok {
		return h, "has a shape that is no tuple"
	}
	for _, n := range shape {
		size, ok := n.(integer)
		if !ok || size < 0 {
			return h, "has a shape of something else than sizes"
		}
		h.shape = append(h.shape, uint64(size))
	}
	descr, ok := fields["descr"]
	if !ok {
		return h, "has no dtype"
	}
	h.dtype = parseDtype(descr, 0)
	return h, ""
}

// ProbeNPZ accepts ZIP archives of arrays.
func ProbeNPZ(f *source.File) (bool, error) {
	kind, err := zipview.KindOf(f)
	return kind == zipview.NumPy, err
}

// ScanNPZ scans every member. numpy.load takes "a" and "a.npy" for the same array.
func ScanNPZ(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("numpy_zip")
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return err
	}
	names := map[string]bool{}
	for _, e := range view.Entries {
		names[e.Name()] = true
	}
	for _, e := range view.Entries {
		if bare, ok := strings.CutSuffix(e.Name(), ".npy"); ok && names[bare] {
			found := finding.New(threat.MGFMT403, -1, "Two members are the same array to NumPy, with and without the suffix.")
			found.Role, found.Evidence = finding.RoleStructure, source.Evidence(e.Name())
			s.Find(found)
		}
	}
	return zipview.Scan(ctx, f, s, zipview.Plan{Family: func(*zipview.Entry) source.Family { return source.FamilyNumPy }})
}
