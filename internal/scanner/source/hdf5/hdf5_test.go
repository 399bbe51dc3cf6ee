package hdf5_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/hdf5"
)

func TestChecksum(t *testing.T) {
	// The first is from the comments of lookup3.c, of which the second variable is 0; the others guard the three lengths of its last step.
	for text, want := range map[string]uint32{"": 0xdeadbeef, "Four score and seven years ago": 0x17770551} {
		if got := hdf5.Checksum([]byte(text)); got != want {
			t.Errorf("Checksum(%q) = %#x, want %#x", text, got, want)
		}
	}
}

func TestTheSuperblockIsWhereTheLibraryLooks(t *testing.T) {
	file := scantest.BuildHDF5(scantest.HDF5{})
	for at, want := range map[int]int64{0: 0, 8: -1, 256: -1, 512: 512, 1024: 1024, 1536: -1, 2048: 2048, 3072: -1, 1 << 16: 1 << 16, 3 << 15: -1} {
		got, err := hdf5.Find(source.Bytes(append(make([]byte, at), file...)), 1<<20)
		if err != nil || got != want {
			t.Errorf("a superblock at %d is found at %d, %v", at, got, err)
		}
	}
	if got, err := hdf5.Find(source.Bytes(append(make([]byte, 2048), file...)), 1024); err != nil || got != -1 {
		t.Errorf("a superblock behind the limit is found at %d, %v", got, err)
	}
}

// seeds are the files that the library wrote, and the evil ones.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	names, err := filepath.Glob("../../testdata/real/hdf5/*/*.h5")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d fixtures, %v", len(names), err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			if g.Name == "hdf5" && len(c.Bytes) < 100_000 && !strings.HasSuffix(c.Path, ".keras") {
				out = append(out, c.Bytes)
			}
		}
	}
	return out
}

// counter counts what is read.
type counter struct {
	source.Bytes
	bytes, reads int64
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	c.bytes += int64(len(p))
	c.reads++
	return c.Bytes.ReadAt(p, off)
}

// everything reads all that a file has, as far as it can be read.
func everything(r source.Reader) error {
	at, err := hdf5.Find(r, 1<<20)
	if err != nil || at < 0 {
		return err
	}
	f, err := hdf5.Open(r, at)
	if err != nil {
		return err
	}
	seen := map[uint64]bool{}
	todo := []uint64{f.Super.Root, f.Super.Extension}
	for len(todo) > 0 {
		addr := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[addr] {
			continue
		}
		seen[addr] = true
		o, err := f.Object(addr)
		if errors.Is(err, source.ErrBudget) {
			return err
		}
		err = f.Attributes(o, func(a hdf5.Attribute) error {
			return f.Values(a.Type, a.Data, a.Off, 1000, func(hdf5.Value) error { return nil })
		})
		if errors.Is(err, source.ErrBudget) {
			return err
		}
		err = f.Links(o, func(l hdf5.Link) error {
			if l.Kind == hdf5.LinkHard {
				todo = append(todo, l.Addr)
			}
			return nil
		})
		if errors.Is(err, source.ErrBudget) {
			return err
		}
		if !o.IsDataset() {
			continue
		}
		ds, err := f.Dataset(o)
		if errors.Is(err, source.ErrBudget) {
			return err
		}
		if _, _, err := f.Data(ds, 1<<20); errors.Is(err, source.ErrBudget) {
			return err
		}
	}
	return nil
}

// bounded reads a file and holds the reader to what it promises: errors are of the bytes, and work and memory are linear in the
// size of the file.
func bounded(t *testing.T, content []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := &counter{Bytes: content}
	err := everything(c)
	runtime.ReadMemStats(&after)
	var bad *source.Malformed
	if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
		t.Errorf("an error that is not of the bytes: %v", err)
	}
	size := int64(len(content))
	if most := 8<<20 + 8*size; c.bytes > most || c.reads*64 > most {
		t.Errorf("%d bytes in %d reads of a file of %d", c.bytes, c.reads, size)
	}
	if most := uint64(256<<20 + 256*size); after.TotalAlloc-before.TotalAlloc > most {
		t.Errorf("%d bytes of memory for a file of %d", after.TotalAlloc-before.TotalAlloc, size)
	}
}

func TestWorkAndMemoryAreBounded(t *testing.T) {
	for _, content := range seeds(t) {
		bounded(t, content)
	}
}

// TestCutFilesAreRead reads every fixture cut in many places.
func TestCutFilesAreRead(t *testing.T) {
	for _, content := range seeds(t) {
		for i := range 20 {
			bounded(t, content[:len(content)*i/20])
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, content := range seeds(f) {
		if len(content) < 30_000 {
			f.Add(content)
		}
	}
	f.Fuzz(bounded)
}

// TestALargeFileIsReadByItsMetadata reads a file of a terabyte.
func TestALargeFileIsReadByItsMetadata(t *testing.T) {
	s := scantest.SparseHDF5(1<<40, 100)
	size, err := s.Size()
	if err != nil {
		t.Fatal(err)
	}
	r := source.NewRanges(context.Background(), s, size)
	if err := everything(r); err != nil {
		t.Fatal(err)
	}
	if _, bytes := r.Cost(); bytes > 100*2*source.BlockSize+4*source.BlockSize {
		t.Errorf("%d bytes of %d were read", bytes, size)
	}
}
