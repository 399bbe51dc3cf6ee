package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// FuzzDeflate holds the decoder to the standard library's: of a stream that is whole the same bytes come out, and it stops where that one
// stops, whatever it decoded before; of one that is broken neither says that it is whole.
func FuzzDeflate(f *testing.F) {
	f.Add(scantest.Deflated([]byte("some text some text")), []byte("and more"))
	f.Add(scantest.Deflated(bytes.Repeat([]byte{0, 1, 2}, 40<<10)), []byte{})
	f.Add([]byte{1, 3, 0, 0xfc, 0xff, 'a', 'b', 'c'}, []byte{0xff})
	f.Add([]byte{6, 7, 8}, []byte{})
	f.Fuzz(func(t *testing.T, packed, tail []byte) {
		content := append(bytes.Clone(packed), tail...)
		want, wantAt, wantErr := inflated(content, func(f *source.Forward) (io.Reader, error) { return flate.NewReader(f), nil })
		got, gotAt, gotErr := inflated(content, Deflate)
		switch {
		case (gotErr == nil) != (wantErr == nil):
			t.Fatalf("%v after %d bytes, the standard library %v after %d", gotErr, len(got), wantErr, len(want))
		case wantErr == nil && (!bytes.Equal(got, want) || gotAt != wantAt):
			t.Fatalf("%d bytes from %d, the standard library %d bytes from %d", len(got), gotAt, len(want), wantAt)
		}
	})
}

// inflated decodes up to 4 MiB.
func inflated(content []byte, decode Func) (out []byte, stopped int64, err error) {
	in := source.NewForward(source.Bytes(content), 0, int64(len(content)))
	r, err := decode(in)
	if err != nil {
		return nil, 0, err
	}
	out, err = io.ReadAll(io.LimitReader(r, 4<<20))
	if c, ok := r.(interface{ Close() }); ok {
		c.Close()
	}
	return out, in.Offset(), err
}

func TestDeflateIsNotReadBehindItsClose(t *testing.T) {
	packed := scantest.Deflated([]byte("some text"))
	r, err := Deflate(source.NewForward(source.Bytes(packed), 0, int64(len(packed))))
	if err != nil {
		t.Fatal(err)
	}
	closer, ok := r.(interface{ Close() })
	if !ok {
		t.Fatal("it cannot be closed")
	}
	closer.Close()
	closer.Close() // once more gives nothing back twice
	if n, err := r.Read(make([]byte, 10)); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%d bytes, %v", n, err)
	}
}
