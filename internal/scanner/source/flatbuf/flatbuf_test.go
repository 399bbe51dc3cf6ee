package flatbuf

import (
	"encoding/binary"
	"errors"
	"testing"

	"modelgate/internal/scanner/source"
)

// words writes little-endian integers of 32 bits.
func words(v ...uint32) []byte {
	var b []byte
	for _, w := range v {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// sample is a buffer whose root has a number, a string, a vector of one table, and an absent field.
//
//	0: root at 20, "TEST"; 8: vtable of 12 bytes; 20: root table; …
func sample() []byte {
	b := words(20)
	b = append(b, "TEST"...)
	for _, v := range []uint16{12, 16, 4, 8, 12, 0} { // vtable at 8: its size, the table's, number, string, vector, absent
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = append(b, words(12, 42, 8, 12)...) // table at 20: back to 8, number, string at 28+8, vector at 32+12
	b = append(b, words(3)...)             // 36: string
	b = append(b, "abc\x00"...)            // 40
	b = append(b, words(1, 8)...)          // 44: vector of one, element at 48 leads to 56
	b = append(b, 4, 0, 4, 0)              // 52: vtable without fields
	return append(b, words(4)...)          // 56: table back to 52
}

func open(t testing.TB, b []byte) *Buffer {
	t.Helper()
	buf, err := New(source.Bytes(b))
	if err != nil {
		t.Fatal(err)
	}
	return buf
}

func TestFieldsOfATable(t *testing.T) {
	root, err := open(t, sample()).Root()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := root.U32(0, 7); n != 42 || err != nil {
		t.Errorf("number: %d, %v", n, err)
	}
	if s, err := root.Text(1); s != "abc" || err != nil {
		t.Errorf("string: %q, %v", s, err)
	}
	v, err := root.Vector(2, 4)
	if v.Len != 1 || err != nil {
		t.Fatalf("vector: %d, %v", v.Len, err)
	}
	inner, err := v.Table(0)
	if !inner.Present() || inner.Fields() != 0 || err != nil {
		t.Errorf("inner table: %+v, %v", inner, err)
	}
	for _, absent := range []int{3, 4, 1000} {
		if n, err := root.U32(absent, 7); n != 7 || err != nil || root.Has(absent) {
			t.Errorf("absent field %d: %d, %v", absent, n, err)
		}
		if s, err := root.Text(absent); s != "" || err != nil {
			t.Errorf("absent string %d: %q, %v", absent, s, err)
		}
	}
	if _, err := v.Table(1); err == nil {
		t.Error("an element beyond the vector is read")
	}
}

func TestHostileBuffers(t *testing.T) {
	set := func(at int, v uint32) []byte {
		b := sample()
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	for name, b := range map[string][]byte{
		"a root beyond the end":          set(0, 1<<31),
		"a vtable before the buffer":     set(20, 100),
		"a vtable beyond the end":        set(20, 0xffffff00),
		"a vtable of 65535 bytes":        set(8, 16<<16|0xffff),
		"a table larger than the buffer": set(8, 0xffff<<16|12),
		"a string beyond the end":        set(28, 1<<30),
		"a string of four billion bytes": set(36, 0xffffffff),
		"a vector of a billion tables":   set(44, 1<<30),
		"an element that leads out":      set(48, 0xfffffff0),
		"an offset of zero":              set(32, 0),
		"nothing":                        {},
		"an identifier alone":            sample()[:8],
	} {
		err := func() error {
			root, err := open(t, b).Root()
			if err != nil {
				return err
			}
			if _, err := root.Text(1); err != nil {
				return err
			}
			v, err := root.Vector(2, 4)
			if err != nil {
				return err
			}
			_, err = v.Table(0)
			return err
		}()
		var malformed *source.Malformed
		if !errors.As(err, &malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzTables(f *testing.F) {
	f.Add(sample())
	f.Fuzz(func(t *testing.T, b []byte) {
		buf := open(t, b)
		root, err := buf.Root()
		visited := 0
		var visit func(Table, int)
		visit = func(t Table, depth int) {
			if visited++; visited > 10_000 || depth > 20 {
				return
			}
			for i := range min(t.Fields(), 64) {
				_, _ = t.U64(i, 0)
				_, _ = t.Text(i)
				if inner, err := t.Table(i); err == nil && inner.Present() {
					visit(inner, depth+1)
				}
				if v, err := t.Vector(i, 4); err == nil {
					for j := range min(v.Len, 16) {
						_, _ = v.U32(j)
						if inner, err := v.Table(j); err == nil {
							visit(inner, depth+1)
						}
					}
				}
			}
		}
		if err == nil {
			visit(root, 0)
		}
		var malformed *source.Malformed
		if err != nil && !errors.As(err, &malformed) {
			t.Fatal(err)
		}
	})
}
