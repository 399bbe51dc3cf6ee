package flatbuf

import (
	"encoding/binary"
	"errors"
	"testing"

	"modelgate/internal/scanner/source"
)

// TestNumbersAcrossPages reads numbers of every size around the border of two pages, and of pages that share a place.
func TestNumbersAcrossPages(t *testing.T) {
	content := make([]byte, (pages+2)*pageSize)
	for i := range content {
		content[i] = byte(i*7 + i/251)
	}
	b := open(t, content)
	for _, border := range []int64{pageSize, 2 * pageSize, pages * pageSize, (pages + 1) * pageSize, pageSize} {
		for at := border - 9; at < border+2; at++ {
			if got, err := b.u16(at); got != binary.LittleEndian.Uint16(content[at:]) || err != nil {
				t.Errorf("16 bits at %d: %x, %v", at, got, err)
			}
			if got, err := b.u32(at); got != binary.LittleEndian.Uint32(content[at:]) || err != nil {
				t.Errorf("32 bits at %d: %x, %v", at, got, err)
			}
			if p, err := b.number(at, 8); err != nil || binary.LittleEndian.Uint64(p) != binary.LittleEndian.Uint64(content[at:]) {
				t.Errorf("64 bits at %d: %x, %v", at, p, err)
			}
		}
	}
}

// short is a reader that has less than it states.
type short struct{ source.Bytes }

func (s short) Size() (int64, error) { return int64(len(s.Bytes)) + 10, nil }

func TestAFileThatIsShorterThanStated(t *testing.T) {
	b, err := New(short{make([]byte, 20)})
	if err != nil {
		t.Fatal(err)
	}
	var bad *source.Malformed
	for _, at := range []int64{24, 100, -1} {
		if _, err := b.u32(at); !errors.As(err, &bad) {
			t.Errorf("at %d: %v", at, err)
		}
	}
}
