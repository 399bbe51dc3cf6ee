package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

func TestWantsAreChecked(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()}, osDisk())
	for _, want := range []Want{
		{},
		{Digest: "sha256:../../../etc/passwd", Size: 1},
		{Digest: "md5:00", Size: 1},
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
