// Package torch7 scans objects of Torch7 as torch.save writes them (torch7/File.lua), and Lua where such an object is expected.
//
//	object   = 0 | 1 number | 2 string | 3 index [table] | 4 index [class] | 5 boolean | 6 function | 7 index [function] | 8 index [function]
//	string   = length, bytes               table = count, { key object, value object }
//	class    = version string "V n", name string, content; before versions the name alone
//	function = string of byte code, object of its upvalues
//	content  = of a tensor: dimensions, sizes, strides, offset, storage object; of a storage: count, elements;
//	           of tds.Hash and tds.Vec: two counts, objects; of all others: one object
//
// An index that was seen stands for the object that it was seen with. Numbers are little-endian (integers of 32 bits, lengths of storages
// and tensors of 64, on some systems 32, floats of 64) or, in the text form, decimal. torch.load calls a class's read, and turns functions
// into what the program may call: their byte code is trusted, so a model with a function is one with code.
package torch7

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Types of objects.
const (
	typeNil      = 0
	typeNumber   = 1
	typeString   = 2
	typeTable    = 3
	typeClass    = 4
	typeBoolean  = 5
	typeFunction = 6
	typeLegacy   = 7
	typeRecur    = 8
)

// Bounds of one file: indices that are remembered, bytes of a name that is kept, classes and functions that are told.
const (
	maxIndices = 8 << 20
	maxName    = 512
	maxTold    = 256
)

// Probe accepts the binary form: a type, an index, and what a table, a class or a function begins with.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 16 {
		return false, err
	}
	u32 := func(at int) uint32 {
		if len(head) < at+4 {
			return 0
		}
		return binary.LittleEndian.Uint32(head[at:])
	}
	kind, index, length := u32(0), u32(4), u32(8)
	if kind == typeFunction { // which has no index
		return index > 4 && len(head) > 12 && string(head[8:10]) == "\x1bL", nil
	}
	if index == 0 || index > 1<<20 {
		return false, nil
	}
	switch kind {
	case typeTable: // its size, then a key, which is a number or a string
		whole := len(head) >= 24 && binary.LittleEndian.Uint64(head[16:]) != 0 && binary.LittleEndian.Uint16(head[16:]) == 0
		return length > 0 && length < 1<<20 && (u32(12) == typeNumber && whole || u32(12) == typeString && printable(head, 16)), nil
	case typeClass: // its version, then its name
		return length == 3 && len(head) > 19 && string(head[12:14]) == "V " && printable(head, 15), nil
	case typeLegacy, typeRecur:
		return len(head) > 14 && string(head[12:14]) == "\x1bL", nil
	}
	return false, nil
}

// printable tells whether a string stands at an offset: its length, then letters.
func printable(b []byte, at int) bool {
	if len(b) < at+4 {
		return false
	}
	n := int64(binary.LittleEndian.Uint32(b[at:]))
	if n < 1 || n > 256 || int64(len(b)) < int64(at)+4+n {
		return false
	}
	for _, c := range b[at+4 : int64(at)+4+n] {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// ProbeText accepts the text form of a class or a table.
func ProbeText(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	lines := strings.SplitN(string(head[:min(len(head), 512)]), "\n", 8)
	if len(lines) < 5 {
		return false, nil
	}
	if !isCount(lines[1]) {
		return false, nil
	}
	switch lines[0] {
	case "3":
		return isCount(lines[2]) && (lines[3] == "1" || lines[3] == "2"), nil
	case "4":
		return len(lines) > 6 && lines[2] == "3" && strings.HasPrefix(lines[3], "V ") && strings.Contains(lines[5], "."), nil
	case "7", "8":
		return strings.HasPrefix(lines[3], "\x1bL"), nil
	}
	return false, nil
}

// isCount tells whether a line is a number of something.
func isCount(line string) bool {
	n, err := strconv.Atoi(line)
	return err == nil && n > 0
}

// Scan reads the binary form. Lengths have 64 bits; a file that makes no sense so is read with 32, as some systems write them, if it then
// makes sense to its last byte. What was read before the first fault counts in either case: a loader would have acted on it.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("torch")
	size, err := f.Size()
	if err != nil {
		return err
	}
	wide, err := readBinary(ctx, f, true)
	if err == nil {
		return wide.report(f, s)
	}
	wide.tell(s)
	var bad *source.Malformed
	if !errors.As(err, &bad) {
		return err
	}
	narrow, again := readBinary(ctx, f, false)
	if again != nil || narrow.in.Offset() != size {
		return err
	}
	narrow.tell(s)
	return nil
}

// readBinary reads the object with lengths of 64 bits or 32.
func readBinary(ctx context.Context, f *source.File, wide bool) (*reader, error) {
	c, err := source.NewCursor(f, 0, binary.LittleEndian)
	r := &reader{ctx: ctx, in: &binaryInput{Cursor: c, wide: wide}}
	if err == nil {
		err = r.read()
	}
	return r, err
}

// ScanText reads the text form.
func ScanText(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("torch")
	size, err := f.Size()
	if err != nil {
		return err
	}
	r := &reader{ctx: ctx, in: &textInput{source.NewForward(f, 0, size)}}
	if err := r.read(); err != nil {
		r.tell(s)
		if errors.Is(err, io.EOF) {
			return source.Malformedf(size, "the text ends within an object")
		}
		return err
	}
	return r.report(f, s)
}

// reader reads an object with all that is in it. The objects follow each other, so it is enough to know how many are still to come.
type reader struct {
	ctx     context.Context
	in      input
	seen    map[int64]bool
	pending int64
	found   []finding.Finding
	told    map[string]bool
	dropped int
}

// read reads the whole object.
func (r *reader) read() error {
	r.seen, r.told, r.pending = map[int64]bool{}, map[string]bool{}, 1
	for n := 0; r.pending > 0; n++ {
		if n%4096 == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		r.pending--
		if err := r.object(); err != nil {
			return err
		}
	}
	return nil
}

// object reads one object up to those that are in it.
func (r *reader) object() error {
	at := r.in.Offset()
	kind, err := r.in.integer()
	if err != nil {
		return err
	}
	switch kind {
	case typeNil:
		return nil
	case typeNumber:
		return r.in.number()
	case typeBoolean:
		_, err := r.in.integer()
		return err
	case typeString:
		_, err := r.text()
		return err
	case typeFunction:
		return r.function(at)
	case typeTable, typeClass, typeLegacy, typeRecur:
	default:
		return source.Malformedf(at, "an object of type %d", kind)
	}
	index, err := r.in.integer()
	if err != nil || r.seen[index] {
		return err
	}
	if len(r.seen) >= maxIndices {
		return fmt.Errorf("more than %d objects: %w", maxIndices, source.ErrBudget)
	}
	r.seen[index] = true
	switch kind {
	case typeTable:
		n, err := r.in.integer()
		if err == nil && (n < 0 || n > r.in.Remaining()) {
			err = source.Malformedf(at, "a table of %d entries", n)
		}
		r.pending += 2 * n
		return err
	case typeClass:
		return r.class(at)
	}
	return r.function(at)
}

// text reads a string: its length, then its bytes, of which the first are returned.
func (r *reader) text() (string, error) {
	n, err := r.in.integer()
	if err != nil {
		return "", err
	}
	if n < 0 || n > r.in.Remaining() {
		return "", source.Malformedf(r.in.Offset(), "a string of %d bytes, of which %d remain", n, r.in.Remaining())
	}
	return r.in.chars(n)
}

// function reads byte code, behind which an object with its upvalues stands.
func (r *reader) function(at int64) error {
	code, err := r.text()
	if err != nil {
		return err
	}
	r.pending++
	r.note(threat.MGLUA100, at, "function", code[:min(len(code), 16)], "The file holds a function of Lua; loading it turns its byte code into what the program may call.")
	return nil
}

// note keeps a finding, once for each name.
func (r *reader) note(id threat.ID, at int64, name, evidence, words string) {
	if r.told[name] {
		return
	}
	if len(r.told) >= maxTold {
		r.dropped++
		return
	}
	r.told[name] = true
	f := finding.New(id, at, words)
	f.Role, f.Module, f.Operator, f.Evidence = finding.RoleNew, "torch", name, source.Evidence(evidence)
	r.found = append(r.found, f)
}

// class reads the name of a class, and what of its content is no object.
func (r *reader) class(at int64) error {
	name, err := r.text()
	if err != nil {
		return err
	}
	if strings.HasPrefix(name, "V ") {
		if name, err = r.text(); err != nil {
			return err
		}
	}
	if size, ok := elementSize(name); ok {
		n, err := r.in.long()
		if err != nil {
			return err
		}
		return r.in.elements(n, size)
	}
	switch {
	case isTensor(name):
		r.pending++
		return r.shape(at)
	case name == "tds.Hash" || name == "tds.Vec":
		return r.container(at, name)
	case !isKnown(name):
		r.note(threat.MGOBJ101, at, name, name, "The file makes an object of a class that is none of Torch's own; its reader runs while the file is loaded.")
	}
	r.pending++
	return nil
}

// container reads the counts of a table that lies outside of Lua's memory.
func (r *reader) container(at int64, name string) error {
	n, err := r.in.integer()
	if err != nil {
		return err
	}
	if _, err := r.in.integer(); err != nil {
		return err
	}
	if n < 0 || n > r.in.Remaining() {
		return source.Malformedf(at, "a table of %d entries", n)
	}
	if name == "tds.Hash" {
		n *= 2
	}
	r.pending += n
	return nil
}

// shape reads the sizes of a tensor.
func (r *reader) shape(at int64) error {
	dims, err := r.in.integer()
	if err != nil {
		return err
	}
	const most = 64
	if dims < 0 || dims > most {
		return source.Malformedf(at, "a tensor of %d dimensions", dims)
	}
	for range 2*dims + 1 {
		if _, err := r.in.long(); err != nil {
			return err
		}
	}
	return nil
}

// tell hands on what was found.
func (r *reader) tell(s source.Sink) {
	for _, f := range r.found {
		s.Find(f)
	}
}

// report hands on what was found, and what follows the object, which torch.load does not read.
func (r *reader) report(f *source.File, s source.Sink) error {
	r.tell(s)
	size, err := f.Size()
	if err != nil {
		return err
	}
	end := r.in.Offset()
	if size-end < 4 {
		return nil
	}
	out, err := s.Member(r.ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", end), Bytes: source.Section(f, end, size-end), Prose: true})
	if err != nil {
		return err
	}
	what := "they are of no format that is known"
	if len(out.Formats) > 0 {
		what = "they are " + strings.Join(out.Formats, ", ")
	}
	found := finding.New(threat.MGFMT402, end, fmt.Sprintf("%d bytes follow the object, and %s.", size-end, what))
	found.Role = finding.RoleStructure
	s.Find(found)
	return nil
}
