// Package source gives format scanners their bytes and takes what they say. A scanner gets random access within bounds, not
// a stream: a hundred gigabytes of tensors cost a few reads of a header. The same scanner runs over memory, a file, ranges
// of an HTTP resource or an inflating stream without knowing which it is.
//
// A scanner never trusts a length: [Cursor] checks each against the bytes that remain, [Budget] bounds what all
// scanners of a version may inflate and unpack together. Hostile input is a finding, not an error: a scanner returns
// [Malformed] and the engine turns it into one.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"modelgate/internal/finding"
	"modelgate/internal/threat"
)

// Reader is bounded random access to bytes. ReadAt follows io.ReaderAt: it returns io.EOF only when fewer than len(p) bytes
// are left. Size is exact; for inflating streams its first call may cost one pass over the stream.
type Reader interface {
	io.ReaderAt
	Size() (int64, error)
}

// Content is an open file: what an origin hands out, to be closed by whoever asked for it.
type Content interface {
	Reader
	io.Closer
}

// Family says for whose loader a nested stream is meant, as the container around it knows. It decides which ids pickle
// findings carry and which names are harmless.
type Family string

// Families of nested streams.
const (
	FamilyNone        Family = ""
	FamilyTorch       Family = "torch"
	FamilyTorchScript Family = "torchscript"
	FamilyJoblib      Family = "joblib"
	FamilyNumPy       Family = "numpy"
	FamilyGGUF        Family = "gguf"
	// FamilyHDF5 is a value or a dataset of an HDF5 file.
	FamilyHDF5 Family = "hdf5"
	// FamilyKeras is JSON that is a configuration of Keras, by whatever keys.
	FamilyKeras Family = "keras"
	// FamilyNotebook is the code of a notebook, which people run cell by cell.
	FamilyNotebook Family = "notebook"
	// FamilyPackage is everything in a Python package: files that its installer puts into place, whatever they are.
	FamilyPackage Family = "package"
	// FamilyTemplate is a Jinja template that a file names as one: a chat template of a configuration.
	FamilyTemplate Family = "template"
)

// File is what a scanner is given: bytes, and what the engine knows of their place.
type File struct {
	Reader
	// Path is the file's path within the version. Hints may be taken from it only where the specification of a format
	// gives names a meaning; formats are recognised by content.
	Path   string
	Family Family
	// Project is the Python project, in the normal form of its name, of which the file is a part; "" if that is not certain.
	Project string
	// Installed says that the file lies where an installer has put it, and not in a distribution file.
	Installed bool
	Budget    *Budget

	head   []byte
	tail   []byte
	tailAt int64 // offset of tail, 0 until it was read
	views  map[any]any
}

// ReadAt implements io.ReaderAt. What Head and Tail have read is not read again.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off >= 0 && off+int64(len(p)) <= int64(len(f.head)) {
		return copy(p, f.head[off:]), nil
	}
	if off >= f.tailAt && f.tailAt > 0 && off+int64(len(p)) <= f.tailAt+int64(len(f.tail)) {
		return copy(p, f.tail[off-f.tailAt:]), nil
	}
	return f.Reader.ReadAt(p, off)
}

// View returns what an earlier call with the same key built from the file, or else what build makes of it now. It is the
// place where a probe leaves what it parsed, so that the scan that follows does not read it again. Errors are not kept.
// A key is a value of a type of the caller's own. Like Head, View is for one goroutine at a time.
func (f *File) View(key any, build func() (any, error)) (any, error) {
	if v, ok := f.views[key]; ok {
		return v, nil
	}
	v, err := build()
	if err != nil {
		return nil, err
	}
	if f.views == nil {
		f.views = map[any]any{}
	}
	f.views[key] = v
	return v, nil
}

// HeadSize and TailSize are how many bytes Head and Tail return at most. A tail holds the end record of a ZIP archive with
// the longest comment.
const (
	HeadSize = 64 << 10
	TailSize = 64<<10 + 22
)

// Head returns the first HeadSize bytes, fewer only if the file is shorter. The caller must not change them.
func (f *File) Head() ([]byte, error) {
	if f.head == nil {
		head, err := readUpTo(f.Reader, 0, HeadSize)
		if err != nil {
			return nil, fmt.Errorf("read head of %s: %w", f.Path, err)
		}
		f.head = head
	}
	return f.head, nil
}

// Tail returns the last TailSize bytes, fewer only if the file is shorter. The caller must not change them.
func (f *File) Tail() ([]byte, error) {
	if f.tail == nil {
		size, err := f.Size()
		if err != nil {
			return nil, fmt.Errorf("size of %s: %w", f.Path, err)
		}
		if size <= HeadSize {
			return f.Head()
		}
		start := max(0, size-TailSize)
		tail := make([]byte, size-start) // in one piece, which is one request where bytes are far away
		n, err := f.Reader.ReadAt(tail, start)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read tail of %s: %w", f.Path, err)
		}
		f.tail, f.tailAt = tail[:n:n], start
	}
	return f.tail, nil
}

// Text returns the whole file, for formats that are text. More than limit bytes are ErrBudget.
func (f *File) Text(limit int64) (string, error) {
	size, err := f.Size()
	if err != nil {
		return "", fmt.Errorf("size of %s: %w", f.Path, err)
	}
	if size > limit {
		return "", fmt.Errorf("a text of %d bytes: %w", size, ErrBudget)
	}
	text, err := readUpTo(f.Reader, 0, size)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", f.Path, err)
	}
	if int64(len(text)) < size {
		return "", Malformedf(int64(len(text)), "the file ends before its stated size")
	}
	return string(text), nil
}

// readUpTo reads n bytes at off, or what there is of them. Most members of archives are small, so it begins with a small buffer.
func readUpTo(r io.ReaderAt, off, n int64) ([]byte, error) {
	const small = 4 << 10
	buf := make([]byte, min(n, small))
	got, err := r.ReadAt(buf, off)
	if err == nil && got == len(buf) && n > small {
		all := make([]byte, n)
		copy(all, buf)
		buf = all
		got, err = r.ReadAt(buf[small:], off+small)
		got += small
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf[:got:got], nil
}

// Sink takes what a scanner sees. The engine implements it, stamps findings with member path and format, and keeps depth,
// budgets and limits.
type Sink interface {
	// Format states a machine name under which the bytes are known, in addition to those stated before.
	Format(name string)
	// Find adds a finding. Level, severity and member may be left to the engine when made with finding.New.
	Find(f finding.Finding)
	// Refer states that a loader of these bytes would open something else.
	Refer(r finding.Reference)
	// Opaque states that a region is left which no host loader interprets.
	Opaque()
	// Storage states that a pickle names an out-of-line tensor by a persistent id. The engine hands the storages of a member
	// to whoever handed it the member, in Outcome.
	Storage(st Storage)
	// Member hands nested bytes back to the engine, which recognises and scans them. The error is of our own
	// infrastructure or budget only, and is to be returned at once.
	Member(ctx context.Context, m Member) (Outcome, error)
}

// Member is a stream inside another: an archive's entry, a pickle in a checkpoint, bytes in a pickle.
type Member struct {
	Name   string // as the container spells it; the engine escapes it
	Bytes  Reader
	Family Family
	// Prose marks bytes that merely might be something, such as a string constant: no finding is made of them if
	// nothing recognises them.
	Prose bool
	// Amend says how a finding in the member, or in what is nested in it, is to be taken at its place in the container: as another one or,
	// if keep is false, as none. It may be nil, which is what the container around it says.
	Amend func(f finding.Finding) (as finding.Finding, keep bool)
}

// Outcome is what the engine says of a member.
type Outcome struct {
	Level   threat.Level
	Formats []string
	// Storages are the out-of-line tensors that pickles in the member name by persistent ids.
	Storages []Storage
}

// Storage is a tensor storage that a PyTorch pickle refers to: member data/<Key> of Size bytes.
type Storage struct {
	Key  string
	Size int64
}

// Malformed is the error of bytes that break the rules of the format they claim. The engine makes a MG-FMT-400 finding of
// it; io.EOF and io.ErrUnexpectedEOF from a scanner are taken as Malformed too.
type Malformed struct {
	Offset int64
	Reason string
}

func (m *Malformed) Error() string {
	return fmt.Sprintf("malformed at offset %d: %s", m.Offset, m.Reason)
}

// Malformedf returns a Malformed error.
func Malformedf(offset int64, format string, args ...any) error {
	return &Malformed{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// Bytes is a Reader over memory.
type Bytes []byte

// ReadAt implements io.ReaderAt.
func (b Bytes) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Size implements Reader.
func (b Bytes) Size() (int64, error) { return int64(len(b)), nil }

// OnDisk is a Reader over an open file.
type OnDisk struct {
	*os.File
	size int64
}

// Open opens a regular file for reading. Directories, devices, pipes and sockets are refused.
func Open(name string) (*OnDisk, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not make us wait for its writer
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &OnDisk{File: f, size: info.Size()}, nil
}

// Size implements Reader.
func (d *OnDisk) Size() (int64, error) { return d.size, nil }

// Section is the part of r that starts at off and is n bytes long. Reads beyond it end in io.EOF even if r goes on.
func Section(r Reader, off, n int64) Reader {
	if s, ok := r.(section); ok { // keep chains flat, so that depth costs nothing
		if off > s.n {
			off = s.n
		}
		return section{r: s.r, off: s.off + off, n: min(n, s.n-off)}
	}
	return section{r: r, off: off, n: n}
}

type section struct {
	r      Reader
	off, n int64
}

func (s section) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= s.n {
		return 0, io.EOF
	}
	short := int64(len(p)) > s.n-off
	if short {
		p = p[:s.n-off]
	}
	n, err := s.r.ReadAt(p, s.off+off)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

func (s section) Size() (int64, error) { return s.n, nil }
