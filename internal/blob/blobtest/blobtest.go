// Package blobtest is what every store of blobs must do, whatever it keeps them on.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"

	"modelgate/internal/blob"
	"modelgate/internal/finding"
)

// Content is what a store hands out.
type Content interface {
	io.ReadSeekCloser
	io.ReaderAt
	Size() (int64, error)
}

// Store is what is tested.
type Store interface {
	Get(ctx context.Context, want blob.Want, open blob.Opener) (Content, error)
}

// Run tests the stores that empty returns, each of which holds nothing.
func Run(t *testing.T, empty func(t *testing.T) Store) {
	for name, test := range map[string]func(*testing.T, Store){
		"what was fetched is given from the store":       keeps,
		"an empty blob needs no upstream":                takesNothing,
		"many callers share one fetch":                   shares,
		"readers follow along":                           follows,
		"wrong bytes are never complete":                 refusesWrongBytes,
		"other bytes than scanned are refused":           holdsToBlocks,
		"other bytes than scanned by one caller":         holdsToLaterBlocks,
		"what was scanned is compared before it's given": comparesFirst,
		"a cut is not noticed":                           resumes,
		"a refusal is passed on":                         passesRefusals,
		"a refusal is the caller's own":                  retriesWithOwnOpener,
		"callers may leave":                              outlivesCallers,
		"seeking and reading at a place":                 seeks,
	} {
		t.Run(name, func(t *testing.T) { test(t, empty(t)) })
	}
}

// get reads a blob whole.
func get(s Store, want blob.Want, open blob.Opener) ([]byte, error) {
	c, err := s.Get(context.Background(), want, open)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(c)
	return content, errors.Join(err, c.Close())
}

func mustGet(t *testing.T, s Store, want blob.Want, u *Upstream, content []byte) {
	t.Helper()
	got, err := get(s, want, u.Open)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, content) {
		t.Fatalf("got %d bytes that are not the %d wanted", len(got), len(content))
	}
}

func sizes() []int {
	return []int{1, blob.Withheld - 1, blob.Withheld, blob.Withheld + 1, 1 << 20, 3<<20 + 17}
}

func keeps(t *testing.T, s Store) {
	for _, size := range sizes() {
		content := Noise(size, 1)
		for _, want := range []blob.Want{WantOf(content), GitWantOf(content)} {
			u := &Upstream{Content: content}
			for range 3 {
				mustGet(t, s, want, u, content)
			}
			if opens := u.Opens(); !slices.Equal(opens, []int64{0}) {
				t.Errorf("%s of %d bytes was opened at %v", want.Digest, size, opens)
			}
		}
	}
}

func takesNothing(t *testing.T, s Store) {
	u := &Upstream{}
	for range 2 {
		mustGet(t, s, WantOf(nil), u, []byte{})
	}
	if opens := u.Opens(); len(opens) > 0 {
		t.Errorf("opened at %v", opens)
	}
	wrong := WantOf([]byte("x"))
	wrong.Size = 0
	if _, err := get(s, wrong, u.Open); !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("another digest gives %v", err)
	}
}

func shares(t *testing.T, s Store) {
	content := Noise(5<<20, 2)
	u := &Upstream{Content: content, Gate: make(chan int)}
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			got, err := get(s, WantOf(content), u.Open)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
		})
	}
	u.Gate <- 1 << 20
	close(u.Gate)
	group.Wait()
	if opens := u.Opens(); !slices.Equal(opens, []int64{0}) {
		t.Errorf("opened at %v", opens)
	}
}

func follows(t *testing.T, s Store) {
	content := Noise(1<<20, 3)
	u := &Upstream{Content: content, Gate: make(chan int, 10)}
	u.Gate <- 100
	c, err := s.Get(context.Background(), WantOf(content), u.Open)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	buf := make([]byte, 100)
	if _, err := io.ReadFull(c, buf); err != nil || !bytes.Equal(buf, content[:100]) {
		t.Fatalf("the first bytes: %v", err)
	}
	u.Gate <- 500_000
	if _, err := c.ReadAt(buf, 400_000); err != nil || !bytes.Equal(buf, content[400_000:400_100]) {
		t.Fatalf("bytes in the middle: %v", err)
	}
	// All but one byte is there: what is withheld stays so.
	u.Gate <- len(content) - 1
	ctx, cancel := context.WithCancel(context.Background())
	c2, err := s.Get(ctx, WantOf(content), u.Open)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c2.Close() }()
	last := int64(len(content) - blob.Withheld)
	if _, err := c2.ReadAt(buf, last-100); err != nil {
		t.Fatalf("the last bytes that are not withheld: %v", err)
	}
	cancel()
	if n, err := c2.ReadAt(buf, last); n > 0 || !errors.Is(err, context.Canceled) {
		t.Fatalf("withheld bytes: %d, %v", n, err)
	}
	close(u.Gate)
	if _, err := c.ReadAt(buf, last); err != nil || !bytes.Equal(buf, content[last:last+100]) {
		t.Fatalf("withheld bytes, after all have come: %v", err)
	}
}

func refusesWrongBytes(t *testing.T, s Store) {
	for _, size := range sizes() {
		content := Noise(size, 4)
		wrong := slices.Clone(content)
		wrong[0] ^= 1
		for _, want := range []blob.Want{WantOf(content), GitWantOf(content)} {
			got, err := get(s, want, (&Upstream{Content: wrong}).Open)
			if !errors.Is(err, blob.ErrMismatch) || len(got) > max(0, size-blob.Withheld) {
				t.Errorf("wrong bytes: %d of %d, %v", len(got), size, err)
			}
			mustGet(t, s, want, &Upstream{Content: content}, content)
		}
	}
}

func holdsToBlocks(t *testing.T, s Store) {
	content := Noise(1<<20, 5)
	scanned := slices.Clone(content)
	scanned[300_000] ^= 1
	last := int64(len(content) - 10)
	honest := []finding.Block{BlockOf(content, last, 10), BlockOf(content, 0, 64<<10), BlockOf(content, 64<<10, 64<<10)}
	evil := append(slices.Clone(honest), BlockOf(scanned, 256<<10, 64<<10))

	want := WantOf(content)
	want.Blocks = evil
	if got, err := get(s, want, (&Upstream{Content: content}).Open); !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("other bytes than scanned: %d, %v", len(got), err)
	}
	want.Blocks = honest
	mustGet(t, s, want, &Upstream{Content: content}, content)
	want.Blocks = evil
	u := &Upstream{Content: content}
	if _, err := get(s, want, u.Open); !errors.Is(err, blob.ErrMismatch) || len(u.Opens()) > 0 {
		t.Errorf("other bytes than scanned, from the store: %v", err)
	}
	want.Blocks = []finding.Block{{Offset: int64(len(content)) - 5, Size: 10}}
	if _, err := get(s, want, u.Open); !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("more bytes than there are were scanned: %v", err)
	}
}

// comparesFirst has readers by range ask for a block that a scanner was given, and for what stands before it.
func comparesFirst(t *testing.T, s Store) {
	content := Noise(1<<20, 13)
	for _, wrong := range []bool{true, false} {
		passing := slices.Clone(content)
		if wrong {
			passing[200_000] ^= 1
		}
		u := &Upstream{Content: passing, Gate: make(chan int, 1)}
		want := WantOf(content)
		want.Blocks = []finding.Block{BlockOf(content, 128<<10, 128<<10)}
		u.Gate <- 250_000 // in the middle of the block, behind the wrong byte
		ctx, cancel := context.WithCancel(context.Background())
		c, err := s.Get(ctx, want, u.Open)
		if err != nil {
			t.Fatal(err)
		}
		other, err := s.Get(context.Background(), want, u.Open)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1000)
		if n, err := c.ReadAt(buf, 128<<10-1000); n != 1000 || err != nil || !bytes.Equal(buf, content[128<<10-1000:128<<10]) {
			t.Errorf("what stands before the block: %d, %v", n, err)
		}
		cancel()
		if n, err := c.ReadAt(buf, 128<<10-500); n != 500 || !errors.Is(err, context.Canceled) {
			t.Errorf("a block that has not come whole: %d, %v", n, err)
		}
		close(u.Gate)
		_, err = other.ReadAt(buf, 128<<10)
		if errors.Is(err, blob.ErrMismatch) != wrong || !wrong && (err != nil || !bytes.Equal(buf, content[128<<10:128<<10+1000])) {
			t.Errorf("a block that is wrong (%v): %v", wrong, err)
		}
		_, _ = c.Close(), other.Close()
	}
}

// holdsToLaterBlocks has a caller join whose scanner was given other bytes than pass.
func holdsToLaterBlocks(t *testing.T, s Store) {
	for _, size := range []int{1000, 1 << 20} {
		content := Noise(size, 6)
		scanned := slices.Clone(content)
		scanned[5] ^= 1
		u := &Upstream{Content: content, Gate: make(chan int)}
		var group sync.WaitGroup
		group.Go(func() {
			if got, err := get(s, WantOf(content), u.Open); err != nil || !bytes.Equal(got, content) {
				t.Errorf("honest caller: %v", err)
			}
		})
		u.Gate <- 10 // a fetch is under way
		for _, row := range []struct {
			bytes []byte
			bad   bool
		}{{content, false}, {scanned, true}} {
			group.Go(func() {
				want := WantOf(content)
				want.Blocks = []finding.Block{BlockOf(row.bytes, 0, 100)}
				got, err := get(s, want, u.Open)
				if errors.Is(err, blob.ErrMismatch) != row.bad || row.bad && len(got) > max(0, size-blob.Withheld) || !row.bad && !bytes.Equal(got, content) {
					t.Errorf("caller whose scanner was given other bytes (%v): %d, %v", row.bad, len(got), err)
				}
			})
		}
		close(u.Gate)
		group.Wait()
	}
}

func resumes(t *testing.T, s Store) {
	for _, clean := range []bool{false, true} {
		content := Noise(2<<20, 7)
		if clean {
			content = Noise(2<<20, 8)
		}
		u := &Upstream{Content: content, Cuts: []int{1, 1, 100_000, 1 << 20, 2<<20 - 1}, Clean: clean}
		mustGet(t, s, WantOf(content), u, content)
		if got, want := u.Opens(), []int64{0, 1, 1, 100_000, 1 << 20, 2<<20 - 1}; !slices.Equal(got, want) {
			t.Errorf("opened at %v, want %v", got, want)
		}
	}
}

func passesRefusals(t *testing.T, s Store) {
	refusal := errors.New("no such file")
	u := &Upstream{Refusal: refusal}
	if _, err := get(s, WantOf(Noise(100, 9)), u.Open); !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if opens := u.Opens(); len(opens) != 1 {
		t.Errorf("opened at %v", opens)
	}
}

// retriesWithOwnOpener has one caller be refused what another is allowed.
func retriesWithOwnOpener(t *testing.T, s Store) {
	content := Noise(1000, 10)
	refusal := errors.New("not with this token")
	joined, opened := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_, err := get(s, WantOf(content), func(context.Context, int64) (io.ReadCloser, error) {
			close(opened)
			<-joined
			return nil, refusal
		})
		if !errors.Is(err, refusal) {
			t.Errorf("the first caller: %v", err)
		}
	})
	<-opened
	group.Go(func() {
		got, err := get(s, WantOf(content), (&Upstream{Content: content}).Open)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("the second caller: %v", err)
		}
	})
	close(joined)
	group.Wait()
}

func outlivesCallers(t *testing.T, s Store) {
	content := Noise(1<<20, 11)
	u := &Upstream{Content: content, Gate: make(chan int)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { u.Gate <- 100_000 }()
	c, err := s.Get(ctx, WantOf(content), u.Open)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	close(u.Gate)
	mustGet(t, s, WantOf(content), u, content)
	if opens := u.Opens(); !slices.Equal(opens, []int64{0}) {
		t.Errorf("opened at %v", opens)
	}
}

func seeks(t *testing.T, s Store) {
	content := Noise(200_000, 12)
	for _, what := range []string{"arriving", "on disk"} {
		c, err := s.Get(context.Background(), WantOf(content), (&Upstream{Content: content}).Open)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := c.Size(); n != int64(len(content)) || err != nil {
			t.Errorf("%s: Size() = %d, %v", what, n, err)
		}
		if n, err := c.Seek(-10, io.SeekEnd); n != int64(len(content)-10) || err != nil {
			t.Errorf("%s: Seek = %d, %v", what, n, err)
		}
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, content[len(content)-10:]) {
			t.Errorf("%s: the last bytes: %v", what, err)
		}
		if _, err := c.Seek(-1, io.SeekStart); err == nil {
			t.Errorf("%s: seek to before the start", what)
		}
		buf := make([]byte, 20)
		if n, err := c.ReadAt(buf, int64(len(content)-10)); n != 10 || !errors.Is(err, io.EOF) {
			t.Errorf("%s: read over the end: %d, %v", what, n, err)
		}
		if n, err := c.ReadAt(buf, int64(len(content))+10); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("%s: read behind the end: %d, %v", what, n, err)
		}
		if _, err := c.ReadAt(buf, -1); err == nil {
			t.Errorf("%s: read at a negative offset", what)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.ReadAt(buf, 0); err == nil {
			t.Errorf("%s: read after Close", what)
		}
	}
}
