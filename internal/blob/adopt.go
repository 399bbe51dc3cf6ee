package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"modelgate/internal/model"
)

// ErrTooLarge is wrapped when more bytes come than are taken.
var ErrTooLarge = errors.New("more bytes than are taken")

// adoptBuffer is how much is written and hashed at once.
const adoptBuffer = 1 << 20

// Adopt keeps bytes whose digest nobody knows before they are here, and tells it. More than limit bytes are not taken. An error wraps
// ErrTooLarge, ErrNoSpace, or what r returned.
func (s *Store) Adopt(ctx context.Context, r io.Reader, limit int64) (d model.Digest, size int64, err error) {
	file, err := s.disk.create(temporary(s.dir), "new-*")
	if err != nil {
		return "", 0, fmt.Errorf("adopt blob: %w: %w", ErrNoSpace, err)
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(file.Name()) // it is gone if it was kept
	}()
	sum, buf := sha256.New(), make([]byte, adoptBuffer)
	for ended := false; !ended; {
		if err := ctx.Err(); err != nil {
			return "", 0, fmt.Errorf("adopt blob: %w", err)
		}
		n, err := io.ReadFull(r, buf)
		ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return "", 0, fmt.Errorf("adopt blob: %w", err)
		}
		if size+int64(n) > limit {
			return "", 0, fmt.Errorf("adopt blob: %w", ErrTooLarge)
		}
		if err := s.append(file, buf[:n], size); err != nil {
			return "", 0, fmt.Errorf("adopt blob: %w: %w", ErrNoSpace, err)
		}
		_, _ = sum.Write(buf[:n])
		size += int64(n)
		s.metrics.fetched.Add(float64(n))
	}
	d = model.Digest(model.SHA256 + ":" + hex.EncodeToString(sum.Sum(nil)))
	return d, size, s.place(file, d, size)
}

// append writes to the end of a file, for which blobs may have to go.
func (s *Store) append(file *os.File, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := s.disk.writeAt(file, p, off)
		p, off = p[n:], off+int64(n)
		if err == nil {
			continue
		}
		s.mu.Lock()
		freed := int64(0)
		if full(err) {
			freed = s.evict(int64(len(p)))
		}
		s.mu.Unlock()
		if freed == 0 {
			return err
		}
	}
	return nil
}

// place makes a file that is complete a blob.
func (s *Store) place(file *os.File, d model.Digest, size int64) error {
	s.mu.Lock()
	fits, known := s.index.fits(size), s.index.get(d) != nil
	s.mu.Unlock()
	if known {
		return nil
	}
	if !fits {
		return fmt.Errorf("adopt blob of %d bytes: %w", size, ErrNoSpace)
	}
	to := s.path(d)
	err := errors.Join(file.Sync(), os.MkdirAll(filepath.Dir(to), 0o750))
	if err == nil {
		err = s.disk.rename(file.Name(), to)
	}
	if err != nil {
		return fmt.Errorf("keep blob: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index.add(&entry{digest: d, size: size, touched: time.Now()})
	s.makeRoom(0)
	return nil
}
