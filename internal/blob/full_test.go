package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// smallDisk has room for so many bytes that are written.
func smallDisk(room *atomic.Int64) disk {
	d := osDisk()
	d.create = func(dir, pattern string) (*os.File, error) {
		if room.Load() <= 0 {
			return nil, &os.PathError{Op: "open", Path: dir, Err: syscall.ENOSPC}
		}
		return os.CreateTemp(dir, pattern)
	}
	d.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
		n := int(min(int64(len(p)), max(0, room.Load())))
		room.Add(-int64(n))
		if written, err := f.WriteAt(p[:n], off); err != nil {
			return written, err
		}
		if n < len(p) {
			return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
		}
		return n, nil
	}
	return d
}

func TestFullDiskIsPassedBy(t *testing.T) {
	content, want := noise(1<<20, 1)
	wrong := slices.Clone(content)
	wrong[1<<20-1] ^= 1
	for why, room := range map[string]int64{
		"no file can be made": 0, "one byte": 1, "half of it": 1 << 19,
		"all but some of what is withheld": 1<<20 - 100, "all but what is withheld": 1<<20 - Withheld, "all but a byte": 1<<20 - 1,
	} {
		t.Run(why, func(t *testing.T) {
			var left atomic.Int64
			left.Store(room)
			dir := t.TempDir()
			s := mustOpen(t, Config{Dir: dir}, smallDisk(&left))
			var opens atomic.Int64
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					c, err := s.Get(context.Background(), want, from(content, &opens))
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(c)
					if err != nil || !bytes.Equal(got, content) {
						t.Errorf("%d bytes, %v", len(got), err)
					}
					buf := make([]byte, 1000)
					for _, off := range []int64{0, 1<<20 - 1000, 1 << 19} {
						if _, err := c.ReadAt(buf, off); err != nil || !bytes.Equal(buf, content[off:off+1000]) {
							t.Errorf("again at %d: %v", off, err)
						}
					}
					if err := c.Wait(context.Background()); !errors.Is(err, ErrNoSpace) {
						t.Errorf("Wait gives %v", err)
					}
					_ = c.Close()
				})
			}
			group.Wait()
			s.fetching.Wait()
			if names := filesBelow(t, dir); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}

			left.Store(room)
			c, err := s.Get(context.Background(), want, from(wrong, &opens))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got, err := io.ReadAll(c); !errors.Is(err, ErrMismatch) || len(got) > 1<<20-Withheld {
					t.Errorf("wrong bytes: %d, %v", len(got), err)
				}
			}
			_ = c.Close()

			left.Store(1 << 30)
			fetchAll(t, s, want, from(content, &opens))
			if !s.Has(want.Digest, want.Size) {
				t.Error("not kept when there is space again")
			}
		})
	}
}

func TestFullDiskMakesRoom(t *testing.T) {
	old, oldWant := noise(1<<20, 1)
	content, want := noise(1<<20, 2)
	var room, opens atomic.Int64
	room.Store(1<<20 + 1<<19)
	d := smallDisk(&room)
	s := mustOpen(t, Config{Dir: t.TempDir()}, d)
	fetchAll(t, s, oldWant, from(old, &opens))
	write := s.disk.writeAt
	s.disk.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
		if !s.Has(oldWant.Digest, oldWant.Size) && room.Load() < 1<<20 {
			room.Store(1 << 20) // it was removed
		}
		return write(f, p, off)
	}
	if got := fetchAll(t, s, want, from(content, &opens)); !bytes.Equal(got, content) {
		t.Error("wrong bytes")
	}
	if s.Has(oldWant.Digest, oldWant.Size) || !s.Has(want.Digest, want.Size) {
		t.Error("the old blob did not make room for the new one")
	}
	if opens.Load() != 2 {
		t.Errorf("%d fetches", opens.Load())
	}
}

func TestBlobThatCannotBePutInPlaceIsStillServed(t *testing.T) {
	d := osDisk()
	d.rename = func(string, string) error { return syscall.EIO }
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir}, d)
	content, want := noise(1<<20, 1)
	var opens atomic.Int64
	if got := fetchAll(t, s, want, from(content, &opens)); !bytes.Equal(got, content) {
		t.Error("wrong bytes")
	}
	if names := filesBelow(t, dir); len(names) > 0 || s.Has(want.Digest, want.Size) || s.index.used != 0 {
		t.Errorf("left behind: %v", names)
	}
}
