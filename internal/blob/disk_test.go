package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

func noise(n int, seed byte) ([]byte, Want) {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	sum := sha256.Sum256(b)
	return b, Want{Digest: model.Digest(model.SHA256 + ":" + hex.EncodeToString(sum[:])), Size: int64(n)}
}

// from is an opener of content that counts.
func from(content []byte, opens *atomic.Int64) Opener {
	return func(_ context.Context, off int64) (io.ReadCloser, error) {
		opens.Add(1)
		return io.NopCloser(bytes.NewReader(content[off:])), nil
	}
}

func mustOpen(t *testing.T, cfg Config, d disk) *Store {
	t.Helper()
	s, err := open(cfg, d, func(int) time.Duration { return time.Millisecond })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// fetchAll gets a blob and waits until the store has settled it.
func fetchAll(t *testing.T, s *Store, want Want, open Opener) []byte {
	t.Helper()
	c, err := s.Get(context.Background(), want, open)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	s.fetching.Wait()
	return got
}

// filesBelow lists the files of a directory.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestLeastRecentlyUsedBlobsMakeRoom(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir, MaxBytes: 2500}, osDisk())
	var opens atomic.Int64
	var wants []Want
	var contents [][]byte
	for i := range 3 {
		content, want := noise(1000, byte(i))
		contents, wants = append(contents, content), append(wants, want)
	}
	fetchAll(t, s, wants[0], from(contents[0], &opens))
	fetchAll(t, s, wants[1], from(contents[1], &opens))
	fetchAll(t, s, wants[0], from(contents[0], &opens)) // used again
	fetchAll(t, s, wants[2], from(contents[2], &opens))
	for i, has := range []bool{true, false, true} {
		if s.Has(wants[i].Digest, 1000) != has {
			t.Errorf("blob %d: Has is %v", i, !has)
		}
	}
	if n := len(filesBelow(t, dir)); n != 2 || opens.Load() != 3 {
		t.Errorf("%d files, %d fetches", n, opens.Load())
	}

	held, err := s.Get(context.Background(), wants[0], from(contents[0], &opens))
	if err != nil {
		t.Fatal(err)
	}
	big, bigWant := noise(2400, 9)
	fetchAll(t, s, bigWant, from(big, &opens))
	if !s.Has(wants[0].Digest, 1000) {
		t.Error("a blob that is open was removed")
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if s.index.used > 2500 {
		t.Errorf("%d bytes are kept", s.index.used)
	}

	huge, hugeWant := noise(5000, 10)
	if got := fetchAll(t, s, hugeWant, from(huge, &opens)); !bytes.Equal(got, huge) {
		t.Error("a blob that is larger than everything that may be kept")
	}
	if s.index.used != 1000 || !s.Has(wants[0].Digest, 1000) || s.Has(hugeWant.Digest, 5000) {
		t.Errorf("%d bytes are kept: what can't be kept made others go", s.index.used)
	}
}

func TestUseIsRememberedOverARestart(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir}, osDisk())
	var opens atomic.Int64
	var wants []Want
	for i := range 3 {
		content, want := noise(1000, byte(i))
		fetchAll(t, s, want, from(content, &opens))
		wants = append(wants, want)
		old := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(s.path(want.Digest), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(context.Background(), wants[0], nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store: %v", err)
	}
	s = mustOpen(t, Config{Dir: dir}, osDisk())
	content, _ := noise(1000, 0)
	fetchAll(t, s, wants[0], from(content, &opens)) // the oldest, used again
	if opens.Load() != 3 {
		t.Error("a blob was fetched again after a restart")
	}
	s = mustOpen(t, Config{Dir: dir, MaxBytes: 2000}, osDisk())
	for i, has := range []bool{true, false, true} {
		if s.Has(wants[i].Digest, 1000) != has {
			t.Errorf("blob %d: Has is %v", i, !has)
		}
	}
}

func TestWhatACrashLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	content, want := noise(1000, 1)
	half := filepath.Join(dir, "tmp", "half")
	stray := filepath.Join(dir, "sha256", "zz", "README")
	for _, name := range []string{half, stray} {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content[:500], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, Config{Dir: dir}, osDisk())
	var opens atomic.Int64
	fetchAll(t, s, want, from(content, &opens))
	if got, want := filesBelow(t, dir), []string{"sha256/" + want.Digest.Hex()[:2] + "/" + want.Digest.Hex(), "sha256/zz/README"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestDamagedBlobsAreFetchedAgain(t *testing.T) {
	for why, damage := range map[string]func(name string) error{
		"cut off":   func(name string) error { return os.Truncate(name, 10) },
		"too long":  func(name string) error { return os.Truncate(name, 2000) },
		"gone":      os.Remove,
		"no file":   func(name string) error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o750)) },
		"unchanged": func(string) error { return nil },
	} {
		t.Run(why, func(t *testing.T) {
			s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
			content, want := noise(1000, 1)
			var opens atomic.Int64
			fetchAll(t, s, want, from(content, &opens))
			if err := damage(s.path(want.Digest)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got := fetchAll(t, s, want, from(content, &opens)); !bytes.Equal(got, content) {
					t.Error("wrong bytes")
				}
			}
			expect := int64(2)
			if why == "unchanged" {
				expect = 1
			}
			if opens.Load() != expect {
				t.Errorf("%d fetches", opens.Load())
			}
		})
	}
}

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

func TestFewFetchesGoOnWithoutReaders(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
	release := make(chan struct{})
	var cancelled atomic.Int64
	for i := range maxOrphans + 3 {
		content, want := noise(1<<20, byte(i))
		c, err := s.Get(context.Background(), want, func(ctx context.Context, off int64) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(content[:1000]), readerFunc(func([]byte) (int, error) {
				select {
				case <-release:
				case <-ctx.Done():
					cancelled.Add(1)
					return 0, ctx.Err()
				}
				return 0, io.EOF
			}), bytes.NewReader(content[1000:]))), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for cancelled.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	s.fetching.Wait()
	if cancelled.Load() != 3 || s.orphans != 0 || len(s.flights) != 0 || s.index.used != maxOrphans<<20 {
		t.Errorf("%d cancelled, %d orphans, %d flights, %d bytes", cancelled.Load(), s.orphans, len(s.flights), s.index.used)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestCloseEndsFetches(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir}, osDisk())
	content, want := noise(1<<20, 1)
	c, err := s.Get(context.Background(), want, func(ctx context.Context, off int64) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(content[off:1000]), readerFunc(func([]byte) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}))), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); len(got) > 1000 || !errors.Is(err, ErrClosed) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_ = c.Close()
	if names := filesBelow(t, dir); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestHopelessUpstreamIsGivenUp(t *testing.T) {
	content, want := noise(1<<20, 1)
	denied := refusal{}
	for why, row := range map[string]struct {
		next  func(off int64) (io.ReadCloser, error)
		opens int64
		err   error
	}{
		"no byte more comes": {func(int64) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(nil)), nil }, 1 + maxFailures - 1, io.ErrUnexpectedEOF},
		"a refusal for good": {func(int64) (io.ReadCloser, error) { return nil, denied }, 2, denied},
		"a refusal for now":  {func(int64) (io.ReadCloser, error) { return nil, syscall.ECONNREFUSED }, maxFailures, syscall.ECONNREFUSED},
		"a byte comes each time": {func(off int64) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content[off : off+1])), nil
		}, maxFailures, io.ErrUnexpectedEOF},
		"reads that do nothing": {func(int64) (io.ReadCloser, error) {
			return io.NopCloser(readerFunc(func([]byte) (int, error) { return 0, nil })), nil
		}, maxFailures, io.ErrNoProgress},
	} {
		t.Run(why, func(t *testing.T) {
			s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
			var opens atomic.Int64
			c, err := s.Get(context.Background(), want, func(_ context.Context, off int64) (io.ReadCloser, error) {
				if opens.Add(1) == 1 {
					return io.NopCloser(bytes.NewReader(content[:1000])), nil
				}
				return row.next(off)
			})
			if err == nil {
				_, err = io.ReadAll(c)
				_ = c.Close()
			}
			s.fetching.Wait()
			if !errors.Is(err, row.err) || opens.Load() != row.opens {
				t.Errorf("opened %d times, want %d: %v", opens.Load(), row.opens, err)
			}
		})
	}
}

type refusal struct{}

func (refusal) Error() string   { return "no" }
func (refusal) Permanent() bool { return true }

func TestWantsAreChecked(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
	for _, want := range []Want{
		{}, {Digest: "sha256:../../../etc/passwd", Size: 1}, {Digest: "md5:00", Size: 1},
		{Digest: model.Digest("git:0123456789012345678901234567890123456789"), Size: -1},
	} {
		if _, err := s.Get(context.Background(), want, nil); err == nil {
			t.Errorf("%+v was taken", want)
		}
	}
}

// FuzzVerifier cuts content and blocks in every way: honest bytes pass, and a flipped bit never does.
func FuzzVerifier(f *testing.F) {
	f.Add([]byte("some content"), uint16(3), uint16(4), uint8(2), uint16(5))
	f.Add([]byte(""), uint16(0), uint16(0), uint8(1), uint16(0))
	f.Add(bytes.Repeat([]byte("x"), 300), uint16(299), uint16(1), uint8(255), uint16(299))
	f.Fuzz(func(t *testing.T, content []byte, off, n uint16, step uint8, flip uint16) {
		sum := sha256.Sum256(content)
		want := Want{Digest: model.Digest("sha256:" + hex.EncodeToString(sum[:])), Size: int64(len(content))}
		start := min(int(off), len(content))
		end := min(start+int(n), len(content))
		inBlock := false
		if end > start {
			part := sha256.Sum256(content[start:end])
			want.Blocks = append(want.Blocks, finding.Block{Offset: int64(start), Size: int64(end - start), SHA256: hex.EncodeToString(part[:])})
		}
		pass := func(b []byte) (blocks, whole error) {
			w, err := prepare(want)
			if err != nil {
				t.Fatal(err)
			}
			v := newVerifier(w)
			for len(b) > 0 {
				k := min(len(b), max(1, int(step)))
				if _, err := v.Write(b[:k]); err != nil {
					return err, nil
				}
				b = b[k:]
			}
			return nil, v.finish()
		}
		if blocks, whole := pass(content); blocks != nil || whole != nil {
			t.Fatalf("honest bytes: %v, %v", blocks, whole)
		}
		if len(content) == 0 {
			return
		}
		wrong := slices.Clone(content)
		at := int(flip) % len(wrong)
		wrong[at] ^= 1
		inBlock = at >= start && at < end
		blocks, whole := pass(wrong)
		if !errors.Is(errors.Join(blocks, whole), ErrMismatch) || (blocks != nil) != inBlock {
			t.Fatalf("a flipped bit at %d: %v, %v", at, blocks, whole)
		}
		if blocks, whole := pass(content[:len(content)-1]); !errors.Is(errors.Join(blocks, whole), ErrMismatch) {
			t.Fatalf("too few bytes: %v, %v", blocks, whole)
		}
	})
}
