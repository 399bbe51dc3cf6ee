package source_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
)

// remote answers range requests from memory and notes them. It can lie.
type remote struct {
	content []byte
	mu      sync.Mutex
	asked   []string
	cut     int // bytes that each answer lacks
	fail    error
	change  bool
}

func (r *remote) Fetch(_ context.Context, off, n int64) (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, fmt.Sprintf("%d+%d", off, n))
	if r.fail != nil {
		return nil, r.fail
	}
	part := bytes.Clone(r.content[off : off+n])
	if r.change {
		part[0] ^= byte(len(r.asked))
	}
	// Single bytes at a time: answers of a network come in pieces of any size.
	return io.NopCloser(io.MultiReader(bytes.NewReader(part[:1]), bytes.NewReader(part[1:len(part)-r.cut]))), nil
}

func pattern(n int) []byte {
	out := make([]byte, n)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range out {
		out[i] = byte(rnd.Uint32())
	}
	return out
}

func TestRangesReadWhatIsThere(t *testing.T) {
	for _, size := range []int{1, 100, source.BlockSize, source.BlockSize + 1, 1 << 20, 1<<20 + 1, 3<<20 + 17} {
		content := pattern(size)
		r := source.NewRanges(t.Context(), &remote{content: content}, int64(size))
		rnd := rand.New(rand.NewPCG(3, uint64(size)))
		for range 50 {
			off := rnd.IntN(size)
			buf := make([]byte, rnd.IntN(200_000))
			n, err := r.ReadAt(buf, int64(off))
			want := content[off:min(size, off+len(buf))]
			if !bytes.Equal(buf[:n], want) {
				t.Fatalf("size %d: %d bytes at %d are not those of the file", size, len(buf), off)
			}
			if short := off+len(buf) > size; short != errors.Is(err, io.EOF) || !short && err != nil {
				t.Fatalf("size %d: %d bytes at %d: error %v", size, len(buf), off, err)
			}
		}
		if _, err := r.ReadAt(make([]byte, 1), int64(size)); !errors.Is(err, io.EOF) {
			t.Errorf("size %d: reading at the end: %v, want EOF", size, err)
		}
		if _, err := r.ReadAt(make([]byte, 1), -1); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("size %d: a negative offset must be an error of its own, got %v", size, err)
		}
	}
}

func TestRangesNeedFewRequests(t *testing.T) {
	const size = 64 << 20
	tests := []struct {
		name     string
		size     int64
		read     func(r *source.Ranges)
		requests int64
		bytes    int64
	}{
		{"a small file comes in one request", 1 << 20, func(r *source.Ranges) {
			_, _ = r.ReadAt(make([]byte, 10), 0)
			_, _ = r.ReadAt(make([]byte, 10), 1<<20-10)
		}, 1, 1 << 20},
		{"head and tail are one request each", size, func(r *source.Ranges) {
			f := &source.File{Reader: r}
			_, _ = f.Head()
			_, _ = f.Tail()
			_, _ = f.ReadAt(make([]byte, 100), 40)
			_, _ = f.ReadAt(make([]byte, 100), size-100)
		}, 2, 3 * source.BlockSize},
		{"reading on doubles what is fetched", size, func(r *source.Ranges) {
			buf := make([]byte, 1000)
			for off := int64(0); off < size; off += 1000 {
				_, _ = r.ReadAt(buf, off)
			}
		}, 22, size},
		{"a block that is there is not fetched again", size, func(r *source.Ranges) {
			for range 10 {
				_, _ = r.ReadAt(make([]byte, 100), 5<<20)
			}
		}, 1, source.BlockSize},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := source.NewRanges(t.Context(), &remote{content: make([]byte, tt.size)}, tt.size)
			tt.read(r)
			if requests, got := r.Cost(); requests != tt.requests || got != tt.bytes {
				t.Errorf("%d requests and %d bytes, want %d and %d", requests, got, tt.requests, tt.bytes)
			}
		})
	}
}

func TestRangesRememberTheHashOfEachBlock(t *testing.T) {
	content := pattern(2<<20 + 5)
	r := source.NewRanges(t.Context(), &remote{content: content}, int64(len(content)))
	if _, err := r.ReadAt(make([]byte, 10), 100); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAt(make([]byte, 3), 2<<20+1); err != nil {
		t.Fatal(err)
	}
	got := r.Blocks()
	want := []finding.Block{sum(content, 0, source.BlockSize), sum(content, 2<<20, 5)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// sum is what is to be remembered of n bytes at off.
func sum(content []byte, off, n int64) finding.Block {
	s := sha256.Sum256(content[off : off+n])
	return finding.Block{Offset: off, Size: n, SHA256: hex.EncodeToString(s[:])}
}

func TestRangesRememberAWholeFileInFewPieces(t *testing.T) {
	content := pattern(9<<20 + 5)
	r := source.NewRanges(t.Context(), &remote{content: content}, int64(len(content)))
	for off := int64(0); off < int64(len(content)); off += 1 << 20 {
		if _, err := r.ReadAt(make([]byte, min(1<<20, int64(len(content))-off)), off); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.ReadAt(make([]byte, 10), 100); err != nil { // again, which adds nothing
		t.Fatal(err)
	}
	want := []finding.Block{sum(content, 0, 4<<20), sum(content, 4<<20, 4<<20), sum(content, 8<<20, 1<<20+5)}
	if diff := cmp.Diff(want, r.Blocks()); diff != "" {
		t.Error(diff)
	}
}

func TestRangesDoNotTakeAFaultForTheEnd(t *testing.T) {
	const size = 2 << 20
	for name, far := range map[string]*remote{
		"an answer that is cut":     {content: make([]byte, size), cut: 10},
		"a fetch that ends early":   {content: make([]byte, size), fail: io.ErrUnexpectedEOF},
		"a connection that is shut": {content: make([]byte, size), fail: io.EOF},
	} {
		_, err := source.NewRanges(t.Context(), far, size).ReadAt(make([]byte, 10), 0)
		if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s gives %v; a scanner would take the file for truncated", name, err)
		}
	}
}

func TestRangesNoticeThatAFileChanged(t *testing.T) {
	const size = 40 << 20
	far := &remote{content: make([]byte, size), change: true}
	r := source.NewRanges(t.Context(), far, size)
	var err error
	for off := int64(0); off < size && err == nil; off += 1 << 20 { // so that the first block falls out of memory
		_, err = r.ReadAt(make([]byte, 1<<20), off)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err = r.ReadAt(make([]byte, 10), 0); !errors.Is(err, source.ErrChanged) {
		t.Errorf("error %v, want ErrChanged", err)
	}
}

func TestRangesAreSafeForConcurrentUse(t *testing.T) {
	content := pattern(8 << 20)
	far := &remote{content: content}
	r := source.NewRanges(t.Context(), far, int64(len(content)))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			buf := make([]byte, 1000)
			for j := range 64 {
				off := (i*977 + j*131_071) % (len(content) - 1000)
				if _, err := r.ReadAt(buf, int64(off)); err != nil || !bytes.Equal(buf, content[off:off+1000]) {
					t.Errorf("read at %d: wrong bytes or %v", off, err)
				}
			}
		})
	}
	wg.Wait()
	if _, got := r.Cost(); got > int64(len(content)) {
		t.Errorf("%d bytes fetched of a file of %d: some block came twice", got, len(content))
	}
}
