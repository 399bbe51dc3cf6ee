package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// noise is content that no two places have in common and that hardly compresses.
func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// opener counts how often a stream was opened.
type opener struct {
	content []byte
	opened  int
	end     error // after the content, instead of io.EOF
}

func (o *opener) open() (io.ReadCloser, error) {
	o.opened++
	var r io.Reader = bytes.NewReader(o.content)
	if o.end != nil {
		r = io.MultiReader(r, failing{o.end})
	}
	return io.NopCloser(r), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestStreamCountsRepeatedBytesOnce(t *testing.T) {
	o := &opener{content: noise(40 << 20)}
	budget := NewBudget(Limits{Inflated: 1 << 40, BombRatio: 2, BombThreshold: 1}, 20<<20) // 40 MiB of 20 MiB: ratio 2
	s := NewStream(o.open, budget)
	if n, err := s.Size(); n != 40<<20 || err != nil {
		t.Fatalf("Size() = %d, %v", n, err)
	}
	buf := make([]byte, 1<<20)
	for range 3 { // each round goes back behind both decoders
		for _, off := range []int64{0, 20 << 20, 10 << 20, 39 << 20} {
			if _, err := s.ReadAt(buf, off); err != nil {
				t.Fatalf("read at %d: %v", off, err)
			}
			if !bytes.Equal(buf, o.content[off:off+1<<20]) {
				t.Fatalf("wrong bytes at %d", off)
			}
		}
	}
	if o.opened < 4 || o.opened > 9 {
		t.Errorf("opened %d times", o.opened)
	}
	if got := budget.Inflated(); got < 100<<20 || got > 400<<20 {
		t.Errorf("%d bytes inflated in all", got)
	}
}

// TestMembersOfAStreamCostAFewPasses reads a stream as an archive in it is scanned: of each member the head, the end, and then
// all of it.
func TestMembersOfAStreamCostAFewPasses(t *testing.T) {
	const members, each = 12, 5 << 20
	o := &opener{content: noise(members * each)}
	budget := NewBudget(Limits{Inflated: 1 << 40, BombRatio: 1 << 40}, 1)
	s := NewStream(o.open, budget)
	if _, err := s.Size(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	read := func(off int64) {
		if _, err := s.ReadAt(buf, off); err != nil || !bytes.Equal(buf, o.content[off:off+int64(len(buf))]) {
			t.Fatalf("read at %d: %v", off, err)
		}
	}
	for m := range int64(members) {
		start := m * each
		read(start)
		read(start + each - int64(len(buf)))
		for off := int64(0); off < each; off += int64(len(buf)) {
			read(start + off)
		}
	}
	t.Logf("%d passes, %.1f times the stream", o.opened, float64(budget.Inflated())/(members*each))
	if got, most := budget.Inflated(), int64(4*members*each); got > most {
		t.Errorf("%d bytes inflated of a stream of %d, in %d passes", got, members*each, o.opened)
	}
}

func TestStreamSpendsTheBudget(t *testing.T) {
	o := &opener{content: noise(1 << 20)}
	for why, row := range map[string]struct {
		limits Limits
		want   error
	}{
		"a bomb":         {Limits{Inflated: 1 << 40, BombRatio: 10, BombThreshold: 1 << 10}, ErrBomb},
		"a spent budget": {Limits{Inflated: 1 << 10, BombRatio: 1 << 40}, ErrBudget},
	} {
		s := NewStream(o.open, NewBudget(row.limits, 10))
		if _, err := s.Size(); !errors.Is(err, row.want) {
			t.Errorf("%s: Size gives %v", why, err)
		}
		if _, err := s.ReadAt(make([]byte, 2<<20), 0); !errors.Is(err, row.want) {
			t.Errorf("%s: ReadAt gives %v", why, err)
		}
	}
}

func TestBytesBeforeTheBreakAreKept(t *testing.T) {
	broken := errors.New("bad checksum")
	for why, row := range map[string]struct {
		n    int
		end  error
		want error
	}{
		"a clean end":                         {100, nil, nil},
		"a clean end at a piece's border":     {streamPiece, nil, nil},
		"a decoder's error":                   {100, broken, broken},
		"a decoder's error at a border":       {streamPiece, broken, broken},
		"a truncated stream":                  {100, io.ErrUnexpectedEOF, io.ErrUnexpectedEOF},
		"a truncated stream at a border":      {streamPiece, io.ErrUnexpectedEOF, io.ErrUnexpectedEOF},
		"a stream that breaks off at its top": {0, broken, broken},
		"an empty stream":                     {0, nil, nil},
	} {
		o := &opener{content: noise(row.n), end: row.end}
		s := NewStream(o.open, NewBudget(DefaultLimits(), 1<<20))
		if err := s.Err(); err != nil {
			t.Errorf("%s: Err before the end is %v", why, err)
		}
		buf := make([]byte, row.n+10)
		n, err := s.ReadAt(buf, 0)
		if n != row.n || !errors.Is(err, io.EOF) || !bytes.Equal(buf[:n], o.content) {
			t.Errorf("%s: ReadAt = %d, %v", why, n, err)
		}
		if err := s.Err(); !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
			t.Errorf("%s: Err is %v, want %v", why, err, row.want)
		}
	}
}

func TestDecoderPanicsAreErrors(t *testing.T) {
	for why, s := range map[string]*Stream{
		"when opened": NewStream(func() (io.ReadCloser, error) { panic("x") }, NewBudget(DefaultLimits(), 1)),
		"when read": Decode(Bytes("x"), 0, 1, func(*Forward) (io.Reader, error) { return panicking{}, nil },
			NewBudget(DefaultLimits(), 1)),
	} {
		if n, err := s.Size(); n != 0 || err != nil {
			t.Errorf("%s: Size() = %d, %v", why, n, err)
		}
		if err := s.Err(); !errors.Is(err, ErrPanic) {
			t.Errorf("%s: Err is %v", why, err)
		}
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("x") }

func TestDecoderThatNeverGoesOnIsStopped(t *testing.T) {
	s := NewStream(func() (io.ReadCloser, error) { return io.NopCloser(failing{nil}), nil }, NewBudget(DefaultLimits(), 1))
	if _, err := s.Size(); err != nil {
		t.Error(err)
	}
	if err := s.Err(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("Err is %v", err)
	}
}

func gunzip(f *Forward) (io.Reader, error) {
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return z, nil
}

func zipped(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(content)
	_ = z.Close()
	return b.Bytes()
}

func TestDecodeTellsWhereItStopped(t *testing.T) {
	packed := zipped(noise(3 << 20))
	data := append(append([]byte("prefix"), packed...), "and a tail"...)
	s := Decode(Bytes(data), 6, int64(len(data)-6), gunzip, NewBudget(DefaultLimits(), int64(len(data))))
	if n, err := s.Size(); n != 3<<20 || err != nil || s.Err() != nil {
		t.Fatalf("Size() = %d, %v, Err %v", n, err, s.Err())
	}
	if got, want := s.Consumed(), int64(6+len(packed)); got != want {
		t.Errorf("Consumed() = %d, want %d", got, want)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 10)
	if _, err := s.ReadAt(buf, 1<<20); err != nil || !bytes.Equal(buf, noise(3 << 20)[1<<20:][:10]) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestErrorsOfTheReaderAreNotMalformedData(t *testing.T) {
	packed := zipped(noise(3 << 20))
	s := Decode(erring{Bytes(packed), 1 << 20}, 0, int64(len(packed)), gunzip, NewBudget(DefaultLimits(), 1<<20))
	if _, err := s.Size(); !errors.Is(err, errNetwork) {
		t.Errorf("Size gives %v", err)
	}
	if s.Err() != nil {
		t.Errorf("Err is %v", s.Err())
	}
}

func TestForwardTakesNoMoreThanItsPart(t *testing.T) {
	f := NewForward(Bytes("0123456789"), 2, 5)
	if b, err := f.ReadByte(); b != '2' || err != nil || f.Offset() != 3 {
		t.Errorf("%c, %v, at %d", b, err, f.Offset())
	}
	rest, err := io.ReadAll(f)
	if string(rest) != "3456" || err != nil || f.Offset() != 7 {
		t.Errorf("%q, %v, at %d", rest, err, f.Offset())
	}
	long := NewForward(Bytes("01"), 1, 100)
	if rest, err := io.ReadAll(long); string(rest) != "1" || err != nil {
		t.Errorf("a part longer than the file: %q, %v", rest, err)
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte{1, 200, 3, 255, 0})
	content := noise(20 << 20)
	f.Fuzz(func(t *testing.T, ops []byte) {
		o := &opener{content: content}
		s := NewStream(o.open, NewBudget(Limits{Inflated: 1 << 50, BombRatio: 1 << 40}, 1))
		for _, op := range ops[:min(len(ops), 6)] {
			off := int64(op) * (80 << 10)
			buf := make([]byte, 100<<10)
			n, err := s.ReadAt(buf, off)
			if err != nil && !errors.Is(err, io.EOF) || n != int(min(int64(len(buf)), int64(len(content))-off)) || !bytes.Equal(buf[:n], content[off:off+int64(n)]) {
				t.Fatalf("ReadAt(%d) = %d, %v", off, n, err)
			}
		}
	})
}
