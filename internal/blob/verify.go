package blob

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// wanted is a Want that was checked: its digest is well formed, its blocks are sorted and lie within the size.
type wanted struct {
	Want
	fingerprint uint64 // of the blocks; 0 if there are none
}

// prepare checks a Want. Blocks are not changed in place.
func prepare(w Want) (wanted, error) {
	digest, err := model.ParseDigest(string(w.Digest))
	if err != nil {
		return wanted{}, err
	}
	w.Digest = digest
	if w.Size < 0 {
		return wanted{}, fmt.Errorf("size of %d bytes", w.Size)
	}
	if len(w.Blocks) == 0 {
		return wanted{Want: w}, nil
	}
	w.Blocks = slices.Clone(w.Blocks)
	slices.SortFunc(w.Blocks, func(a, b finding.Block) int { return int(min(1, max(-1, a.Offset-b.Offset))) })
	sum, end := fnv.New64a(), int64(0)
	for _, b := range w.Blocks {
		if b.Offset < end || b.Size <= 0 || b.Offset > w.Size-b.Size {
			return wanted{}, fmt.Errorf("a scanner was given %d bytes at %d of %d: %w", b.Size, b.Offset, w.Size, ErrMismatch)
		}
		end = b.Offset + b.Size
		_, _ = io.WriteString(sum, strconv.FormatInt(b.Offset, 36)+","+strconv.FormatInt(b.Size, 36)+","+b.SHA256+";")
	}
	return wanted{Want: w, fingerprint: max(1, sum.Sum64())}, nil
}

// verifier holds bytes that pass from front to back to what was asked for.
type verifier struct {
	want   wanted
	whole  hash.Hash
	off    int64     // of the next byte
	next   int       // index of the block that is passing or comes next
	passed hash.Hash // of the block that is passing; nil between blocks
}

func newVerifier(w wanted) *verifier {
	v := &verifier{want: w, whole: sha256.New()}
	if w.Digest.Algorithm() == model.GitSHA {
		v.whole = sha1.New()
		_, _ = fmt.Fprintf(v.whole, "blob %d\x00", w.Size)
	}
	return v
}

// Write takes the next bytes. An error wraps ErrMismatch.
func (v *verifier) Write(p []byte) (int, error) {
	_, _ = v.whole.Write(p)
	n := len(p)
	for len(p) > 0 && v.next < len(v.want.Blocks) {
		b := v.want.Blocks[v.next]
		if v.off < b.Offset {
			skip := min(int64(len(p)), b.Offset-v.off)
			v.off, p = v.off+skip, p[skip:]
			continue
		}
		if v.passed == nil {
			v.passed = sha256.New()
		}
		take := min(int64(len(p)), b.Offset+b.Size-v.off)
		_, _ = v.passed.Write(p[:take])
		v.off, p = v.off+take, p[take:]
		if v.off < b.Offset+b.Size {
			continue
		}
		if err := compareBlock(b, v.passed); err != nil {
			return n, err
		}
		v.next, v.passed = v.next+1, nil
	}
	v.off += int64(len(p))
	return n, nil
}

// cleared is up to where bytes can be given out as far as blocks go: not those of a block that has not passed whole.
func (v *verifier) cleared() int64 {
	if v.passed != nil {
		return v.want.Blocks[v.next].Offset
	}
	return v.off
}

// finish says whether all of it was what was asked for. An error wraps ErrMismatch.
func (v *verifier) finish() error {
	if v.off != v.want.Size {
		return fmt.Errorf("%d bytes, want %d: %w", v.off, v.want.Size, ErrMismatch)
	}
	if got := hex.EncodeToString(v.whole.Sum(nil)); got != v.want.Digest.Hex() {
		return fmt.Errorf("%s is %s: %w", v.want.Digest.Algorithm(), got, ErrMismatch)
	}
	return nil
}

// compareBlock says whether a block is what a scanner was given.
func compareBlock(b finding.Block, sum hash.Hash) error {
	if !strings.EqualFold(b.SHA256, hex.EncodeToString(sum.Sum(nil))) {
		return fmt.Errorf("a scanner was given other bytes at %d: %w", b.Offset, ErrMismatch)
	}
	return nil
}

// checkBlocks looks for the blocks in bytes that lie whole on disk.
func checkBlocks(r io.ReaderAt, blocks []finding.Block) error {
	for _, b := range blocks {
		sum := sha256.New()
		n, err := io.Copy(sum, io.NewSectionReader(r, b.Offset, b.Size))
		if err != nil {
			return fmt.Errorf("read block at %d: %w", b.Offset, err)
		}
		if n != b.Size {
			return fmt.Errorf("block at %d has %d bytes, want %d: %w", b.Offset, n, b.Size, ErrMismatch)
		}
		if err := compareBlock(b, sum); err != nil {
			return err
		}
	}
	return nil
}
