// Package hdf5 reads the metadata of HDF5 files (HDF5 File Format Specification, versions 1 to 3): what groups, links, attributes,
// datasets and storages a file names. It is written for files that lie: it allocates nothing that the file cannot back, follows no
// structure twice, and its work is linear in the size of the file.
//
//	user block      anything, 0 bytes or 512, 1024, 2048 …
//	superblock      "\x89HDF\r\n\x1a\n", version 0 to 3, sizes of addresses and lengths, end of the file, root group
//	object header   a list of messages, in one chunk and its continuations: version 1, or "OHDR" and "OCHK" of version 2
//	group           links as messages; or in a B-tree ("TREE", "SNOD") with their names in a local heap ("HEAP"); or in a
//	                fractal heap ("FRHP", "FHIB", "FHDB") under a v2 B-tree ("BTHD", "BTIN", "BTLF")
//	attribute       a message, or in a fractal heap as above; variable-length values lie in global heaps ("GCOL")
//	dataset         messages for type, space, filters, layout and external files; its bytes in the header, in one piece, in chunks
//	                (under a v1 B-tree, or one of five other indexes), in other files, or in other datasets
//
// All integers are little-endian. Addresses count from the superblock. Bytes that break these rules are [source.Malformed] where
// nothing more can be read, and an entry of [File.Faults] where reading goes on.
package hdf5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"modelgate/internal/scanner/source"
)

// Signature begins a superblock.
const Signature = "\x89HDF\r\n\x1a\n"

// Bounds of what is believed.
const (
	maxBlock    = 32 << 20 // bytes of one structure that is held in memory
	maxParts    = 1 << 20  // nodes of a tree, chunks of a header
	maxFaults   = 64       // that are kept of one file
	spareWork   = 4 << 20  // bytes of metadata that even the smallest file may have read ...
	workPerByte = 4        // ... and how many for each of its bytes, since structures may be shared ...
	maxWork     = 1 << 30  // ... up to this
)

// Undefined is the address of what does not exist, whatever the size of addresses.
const Undefined = math.MaxUint64

// File is an open file. It is for one goroutine at a time.
type File struct {
	Super Superblock
	// Faults are what breaks the rules without making the rest unreadable, at most 64.
	Faults []Fault

	r      source.Reader
	size   int64 // of r
	work   int64 // bytes of metadata read so far
	limit  int64
	heaps  globalHeaps
	types  map[uint64]*Object // of committed datatypes
	shared *sharedTable       // nil until it is needed
}

// Fault is something that breaks the rules, or that readers see differently.
type Fault struct {
	Offset        int64 // in the stream
	Reason        string
	Contradiction bool
}

// Find returns the offset of the superblock, as the library looks for it: at 0, then at 512 and its doubles, up to limit bytes
// into the file. It is -1 if there is none.
func Find(r source.Reader, limit int64) (int64, error) {
	size, err := r.Size()
	if err != nil {
		return -1, fmt.Errorf("size: %w", err)
	}
	var b [len(Signature)]byte
	for at := int64(0); at <= limit && at+int64(len(b)) <= size; at = max(512, 2*at) {
		n, err := r.ReadAt(b[:], at)
		if err != nil && (n < len(b) || !errors.Is(err, io.EOF)) {
			return -1, fmt.Errorf("look for a superblock: %w", err)
		}
		if string(b[:]) == Signature {
			return at, nil
		}
	}
	return -1, nil
}

// Open reads the superblock at an offset that Find returned.
func Open(r source.Reader, at int64) (*File, error) {
	size, err := r.Size()
	if err != nil {
		return nil, fmt.Errorf("size: %w", err)
	}
	f := &File{r: r, size: size, types: map[uint64]*Object{}}
	f.limit = spareWork + min(maxWork, workPerByte*(size-at))
	f.Super.At = at
	if err := f.superblock(); err != nil {
		return nil, err
	}
	return f, nil
}

// Offset is where an address lies in the stream.
func (f *File) Offset(addr uint64) int64 {
	if addr > uint64(math.MaxInt64-f.Super.At) {
		return math.MaxInt64
	}
	return f.Super.At + int64(addr)
}

// fault notes what breaks the rules.
func (f *File) fault(off int64, format string, args ...any) {
	if len(f.Faults) < maxFaults {
		f.Faults = append(f.Faults, Fault{Offset: off, Reason: fmt.Sprintf(format, args...)})
	}
}

// contradict notes what readers see differently.
func (f *File) contradict(off int64, reason string) {
	if len(f.Faults) < maxFaults {
		f.Faults = append(f.Faults, Fault{Offset: off, Reason: reason, Contradiction: true})
	}
}

// addresses are those of the parts of one structure, so that none is read twice: a cycle ends there.
type addresses map[uint64]struct{}

// add notes an address. It is an error if it was noted before, or if there are too many.
func (f *File) add(seen addresses, what string, addr uint64) error {
	if _, again := seen[addr]; again {
		return source.Malformedf(f.Offset(addr), "%s has two parents, or is its own", what)
	}
	if len(seen) >= maxParts {
		return fmt.Errorf("more than %d parts of a structure: %w", maxParts, source.ErrBudget)
	}
	seen[addr] = struct{}{}
	return nil
}

// spend takes n bytes from what may be read of metadata.
func (f *File) spend(n uint64) error {
	const each = 64 // a structure costs more than its bytes
	if f.work += int64(min(n, maxWork)) + each; f.work > f.limit {
		return fmt.Errorf("%d bytes of metadata in a file of %d: %w", f.work, f.size, source.ErrBudget)
	}
	return nil
}

// block reads n bytes at an address into memory of their own.
func (f *File) block(addr, n uint64) ([]byte, error) {
	off, err := f.within(addr, n)
	if err != nil {
		return nil, err
	}
	if n > maxBlock {
		return nil, fmt.Errorf("a structure of %d bytes: %w", n, source.ErrBudget)
	}
	if err := f.spend(n); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if got, err := f.r.ReadAt(b, off); err != nil && (got < len(b) || !errors.Is(err, io.EOF)) {
		if errors.Is(err, io.EOF) {
			return nil, source.Malformedf(off, "the file ends before its stated size")
		}
		return nil, fmt.Errorf("read %d bytes at %d: %w", n, off, err)
	}
	return b, nil
}

// within checks that the file has n bytes at an address, and returns their offset in the stream.
func (f *File) within(addr, n uint64) (int64, error) {
	have := uint64(f.size - f.Super.At)
	if addr > have || n > have-addr {
		if addr == Undefined {
			return 0, source.Malformedf(f.Super.At, "an address that is needed is undefined")
		}
		return 0, source.Malformedf(min(f.Offset(addr), f.size), "%d bytes at address %d, which is beyond the end of the file", n, addr)
	}
	return f.Offset(addr), nil
}

// section is the part of the stream at an address, for content that is handed on. n is cut to what there is.
func (f *File) section(addr, n uint64) (source.Reader, error) {
	off, err := f.within(addr, 0)
	if err != nil {
		return nil, err
	}
	return source.Section(f.r, off, int64(min(n, uint64(f.size-off)))), nil
}

// decoder reads what block returned. The first fault stays, and everything after it is zero.
type decoder struct {
	f   *File
	b   []byte
	off int64 // in the stream, of b[0]
	at  int
	err error
}

func (f *File) decode(b []byte, off int64) *decoder { return &decoder{f: f, b: b, off: off} }

// here is the offset in the stream of what is read next.
func (d *decoder) here() int64 { return d.off + int64(d.at) }

// left is how many bytes remain.
func (d *decoder) left() int { return len(d.b) - d.at }

// fail notes the first fault.
func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = source.Malformedf(d.here(), format, args...)
	}
}

// take returns the next n bytes.
func (d *decoder) take(n uint64) []byte {
	if d.err == nil && n > uint64(d.left()) {
		d.fail("%d bytes wanted, %d remain", n, d.left())
	}
	if d.err != nil {
		return nil
	}
	out := d.b[d.at : d.at+int(n) : d.at+int(n)]
	d.at += int(n)
	return out
}

func (d *decoder) skip(n uint64) { d.take(n) }

// num reads an integer of n bytes, 1 to 8; longer ones must fit into 8.
func (d *decoder) num(n int) uint64 {
	b := d.take(uint64(max(n, 0)))
	var v uint64
	for i := len(b) - 1; i >= 0; i-- {
		if v > math.MaxUint64>>8 {
			d.fail("an integer of %d bytes that no file can hold", n)
			return 0
		}
		v = v<<8 | uint64(b[i])
	}
	return v
}

func (d *decoder) u8() uint8 { return uint8(d.num(1)) }

func (d *decoder) u16() uint16 {
	if b := d.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 { return d.num(8) }

// addr reads an address; all ones are Undefined.
func (d *decoder) addr() uint64 {
	b := d.take(uint64(d.f.Super.AddrSize))
	if b == nil {
		return 0
	}
	ones := true
	for _, c := range b {
		ones = ones && c == 0xff
	}
	if ones {
		return Undefined
	}
	d.at -= len(b)
	return d.num(len(b))
}

// length reads a length.
func (d *decoder) length() uint64 { return d.num(d.f.Super.LengthSize) }

// text reads up to a NUL, and past it.
func (d *decoder) text() string {
	for i := d.at; i < len(d.b) && d.err == nil; i++ {
		if d.b[i] == 0 {
			s := string(d.b[d.at:i])
			d.at = i + 1
			return s
		}
	}
	d.fail("a text without end")
	return ""
}

// magic reads a signature of four bytes.
func (d *decoder) magic(want string) {
	if got := d.take(4); d.err == nil && string(got) != want {
		d.at -= 4
		d.fail("%s expected, found %q", want, got)
	}
}

// version reads a version number of one byte that must lie in the range.
func (d *decoder) version(what string, least, most uint8) uint8 {
	v := d.u8()
	if d.err == nil && (v < least || v > most) {
		d.at--
		d.fail("version %d of %s is not known", v, what)
	}
	return v
}

// sum reads the checksum of everything before it in the block. A wrong one is a fault, not an error: the library refuses to read
// on, others do not.
func (d *decoder) sum(what string) {
	at, here := d.at, d.here()
	want := d.u32()
	if d.err == nil && Checksum(d.b[:at]) != want {
		d.f.fault(here, "the checksum of %s is wrong", what)
	}
}
