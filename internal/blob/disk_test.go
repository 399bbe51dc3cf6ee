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
	"sync/atomic"
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

func TestBlocksAreLookedForInBlobsOnDisk(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
	content, want := noise(300_000, 1)
	var opens atomic.Int64
	fetchAll(t, s, want, from(content, &opens))
	block := func(b []byte) []finding.Block {
		sum := sha256.Sum256(b[1000:2000])
		return []finding.Block{{Offset: 1000, Size: 1000, SHA256: hex.EncodeToString(sum[:])}}
	}
	other, _ := noise(300_000, 2)
	for range 2 {
		want.Blocks = block(content)
		if got := fetchAll(t, s, want, from(content, &opens)); !bytes.Equal(got, content) {
			t.Error("wrong bytes")
		}
		want.Blocks = block(other)
		if _, err := s.Get(t.Context(), want, from(content, &opens)); !errors.Is(err, ErrMismatch) {
			t.Errorf("other bytes than a scanner was given: %v", err)
		}
	}
	if opens.Load() != 1 || !s.Has(want.Digest, want.Size) {
		t.Errorf("%d fetches", opens.Load())
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

func (refusal) Error() string   { return "no" }
func (refusal) Permanent() bool { return true }
