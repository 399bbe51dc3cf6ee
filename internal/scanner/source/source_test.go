package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// erring fails every read at or beyond from.
type erring struct {
	Bytes
	from int64
}

var errNetwork = errors.New("network is down")

func (e erring) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > e.from {
		return 0, errNetwork
	}
	return e.Bytes.ReadAt(p, off)
}

func TestReadersFollowReaderAt(t *testing.T) {
	content := []byte("0123456789")
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	disk, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	padded := Bytes("xx0123456789yy")
	readers := map[string]Reader{
		"bytes":                  Bytes(content),
		"a file":                 disk,
		"a section":              Section(padded, 2, 10),
		"a section of a section": Section(Section(padded, 1, 12), 1, 10),
		"a stream": NewStream(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content)), nil
		}, NewBudget(DefaultLimits(), 10)),
	}
	for name, r := range readers {
		t.Run(name, func(t *testing.T) {
			if n, err := r.Size(); n != 10 || err != nil {
				t.Errorf("Size() = %d, %v", n, err)
			}
			for _, row := range []struct {
				off  int64
				n    int
				want string
				err  error
			}{
				{0, 10, "0123456789", nil},
				{3, 4, "3456", nil},
				{8, 4, "89", io.EOF},
				{10, 1, "", io.EOF},
				{99, 1, "", io.EOF},
				{0, 3, "012", nil},
			} {
				buf := make([]byte, row.n)
				n, err := r.ReadAt(buf, row.off)
				if full := n == row.n && errors.Is(err, io.EOF); full {
					err = nil // io.ReaderAt allows either
				}
				if string(buf[:n]) != row.want || !errors.Is(err, row.err) {
					t.Errorf("ReadAt(%d bytes, %d) = %q, %v; want %q, %v", row.n, row.off, buf[:n], err, row.want, row.err)
				}
			}
			if _, err := r.ReadAt(make([]byte, 1), -1); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("a negative offset gives %v", err)
			}
		})
	}
}

func TestSectionsDoNotReachBeyondTheirs(t *testing.T) {
	inner := Section(Bytes("0123456789"), 2, 4) // 2345
	for _, row := range []struct {
		why    string
		off, n int64
		want   string
	}{
		{"a section longer than the one around it", 1, 99, "345"},
		{"a section that begins at the end", 4, 5, ""},
		{"a section that begins behind the end", 7, 5, ""},
		{"an empty section", 1, 0, ""},
	} {
		s := Section(inner, row.off, row.n)
		size, err := s.Size()
		if err != nil || size != int64(len(row.want)) {
			t.Errorf("%s: Size() = %d, %v", row.why, size, err)
		}
		buf := make([]byte, 20)
		n, err := s.ReadAt(buf, 0)
		if string(buf[:n]) != row.want || !errors.Is(err, io.EOF) {
			t.Errorf("%s: ReadAt = %q, %v", row.why, buf[:n], err)
		}
	}
}

func TestOpenRefusesWhatIsNoRegularFile(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestHeadAndTail(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 16<<10) // 256 KiB
	f := &File{Reader: Bytes(big)}
	head, err := f.Head()
	if err != nil || !bytes.Equal(head, big[:HeadSize]) {
		t.Errorf("Head: %d bytes, %v", len(head), err)
	}
	tail, err := f.Tail()
	if err != nil || !bytes.Equal(tail, big[len(big)-TailSize:]) {
		t.Errorf("Tail: %d bytes, %v", len(tail), err)
	}
	small := &File{Reader: Bytes("abc")}
	if tail, err := small.Tail(); string(tail) != "abc" || err != nil {
		t.Errorf("Tail of a small file: %q, %v", tail, err)
	}
	broken := &File{Reader: erring{Bytes: big}, Path: "x"}
	if _, err := broken.Head(); !errors.Is(err, errNetwork) {
		t.Errorf("Head of a broken file: %v", err)
	}
}

func TestViewBuildsOnce(t *testing.T) {
	type key struct{}
	f, built := &File{}, 0
	build := func() (any, error) {
		if built++; built == 1 {
			return nil, errNetwork
		}
		return built, nil
	}
	if _, err := f.View(key{}, build); !errors.Is(err, errNetwork) {
		t.Errorf("the error of build: %v", err)
	}
	for range 3 {
		if v, err := f.View(key{}, build); v != 2 || err != nil {
			t.Errorf("View = %v, %v", v, err)
		}
	}
}

func TestCursorChecksLengthsBeforeItAllocates(t *testing.T) {
	data := Bytes{1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c'}
	c, err := NewCursor(data, 0, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	u8, e1 := c.U8()
	u16, e2 := c.U16()
	u32, e3 := c.U32()
	u64, e4 := c.U64()
	if err := errors.Join(e1, e2, e3, e4); err != nil || u8 != 1 || u16 != 2 || u32 != 3 || u64 != 4 {
		t.Fatalf("%d %d %d %d, %v", u8, u16, u32, u64, err)
	}
	for why, n := range map[string]uint64{"one byte too many": 4, "all bits set": ^uint64(0), "2^63": 1 << 63} {
		if _, err := c.Bytes(n, 1<<40); !isMalformed(err) {
			t.Errorf("%s: %v", why, err)
		}
	}
	if _, err := c.Bytes(3, 2); !isMalformed(err) {
		t.Errorf("over the limit: %v", err)
	}
	for _, n := range []int64{-1, 4, 1 << 62} {
		if err := c.Skip(n); !isMalformed(err) {
			t.Errorf("Skip(%d): %v", n, err)
		}
	}
	if b, err := c.Bytes(3, 3); string(b) != "abc" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := c.U8(); !isMalformed(err) || c.Remaining() != 0 || c.Offset() != 18 {
		t.Errorf("at the end: %v, %d left, at %d", err, c.Remaining(), c.Offset())
	}
	if _, err := c.U64(); !isMalformed(err) {
		t.Errorf("beyond the end: %v", err)
	}
}

func isMalformed(err error) bool {
	var m *Malformed
	return errors.As(err, &m)
}

func TestCursorKeepsErrorsOfTheReaderApart(t *testing.T) {
	c, err := NewCursor(erring{Bytes: make(Bytes, 10)}, 0, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.U8(); !errors.Is(err, errNetwork) || isMalformed(err) {
		t.Errorf("%v", err)
	}
}

// sizes records how much was read at once.
type sizes struct {
	Bytes
	got []int
}

func (s *sizes) ReadAt(p []byte, off int64) (int, error) {
	s.got = append(s.got, len(p))
	return s.Bytes.ReadAt(p, off)
}

func TestCursorReadsAheadOnlyWhileSequential(t *testing.T) {
	r := &sizes{Bytes: make(Bytes, 4<<20)}
	c, err := NewCursor(r, 0, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	for range 1 << 17 {
		if _, err := c.U64(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Skip(2 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := c.U8(); err != nil {
		t.Fatal(err)
	}
	want := []int{64 << 10, 128 << 10, 256 << 10, 512 << 10, 512 << 10, 64 << 10}
	if diff := cmp.Diff(want, r.got); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
}

func TestBudget(t *testing.T) {
	b := NewBudget(Limits{Entries: 2, Inflated: 1000, BombRatio: 10, BombThreshold: 100}, 5)
	if err := errors.Join(b.Inflate(50), b.Repeat(200)); err != nil {
		t.Errorf("repeated bytes are no bomb: %v", err)
	}
	if err := b.Inflate(10); err != nil {
		t.Errorf("below the threshold: %v", err)
	}
	if err := b.Inflate(50); !errors.Is(err, ErrBomb) {
		t.Errorf("110 fresh bytes of 5: %v", err)
	}
	if err := b.Repeat(800); !errors.Is(err, ErrBudget) {
		t.Errorf("1,110 bytes in all: %v", err)
	}
	if b.Inflated() != 1060 {
		t.Errorf("Inflated() = %d", b.Inflated())
	}
	if err := errors.Join(b.Entry(), b.Entry()); err != nil {
		t.Errorf("two members: %v", err)
	}
	if err := b.Entry(); !errors.Is(err, ErrBudget) {
		t.Errorf("a third member: %v", err)
	}
}

func TestMalformedSaysWhere(t *testing.T) {
	err := Malformedf(7, "%d bytes", 3)
	if got := err.Error(); got != "malformed at offset 7: 3 bytes" {
		t.Error(got)
	}
}

func TestEvidenceIsFitToBeShown(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"plain/имя", "plain/имя"},
		{"a\x00\x1b[31m\n\xff\"", `a\x00\x1b[31m\n\xff\"`},
		{strings.Repeat("é", 200), strings.Repeat("é", 126) + "…"},
		{strings.Repeat("a", 257), strings.Repeat("a", 253) + "…"},
		{strings.Repeat("a", 256), strings.Repeat("a", 256)},
	} {
		got := Evidence(row.in)
		if row.in[0] == 'a' && len(got) > 256 || got != row.want && !strings.HasPrefix(row.in, "é") {
			t.Errorf("Evidence(%.20q) = %q", row.in, got)
		}
		if len(got) > 256 {
			t.Errorf("Evidence(%.20q) has %d bytes", row.in, len(got))
		}
	}
}
