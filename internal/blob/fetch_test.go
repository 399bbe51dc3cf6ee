package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

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

func TestHugeFetchThatHasHardlyBegunEndsWithItsReaders(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
	_, want := noise(10, 1)
	want.Size = 5 << 30
	ended := make(chan struct{})
	c, err := s.Get(t.Context(), want, func(ctx context.Context, _ int64) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 1000)), readerFunc(func([]byte) (int, error) {
			<-ctx.Done()
			close(ended)
			return 0, ctx.Err()
		}))), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	s.fetching.Wait()
	if len(s.flights) != 0 || s.orphans != 0 || s.index.used != 0 {
		t.Errorf("%d flights, %d orphans, %d bytes", len(s.flights), s.orphans, s.index.used)
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
