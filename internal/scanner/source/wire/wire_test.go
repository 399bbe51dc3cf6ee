package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/scanner/source"
)

// sized is a reader that says it has more bytes than it may give.
type sized struct {
	source.Bytes
	size int64
	read int64
}

func (s *sized) Size() (int64, error) { return s.size, nil }

func (s *sized) ReadAt(p []byte, off int64) (int, error) {
	s.read += int64(len(p))
	if off >= int64(len(s.Bytes)) { // a hole of zeros
		clear(p)
		return len(p), nil
	}
	return copy(p, s.Bytes[off:]), nil
}

func walker(t testing.TB, b []byte) (*Walker, Message) {
	t.Helper()
	w, err := New(source.Bytes(b))
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.Whole()
	if err != nil {
		t.Fatal(err)
	}
	return w, m
}

func field(num protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), content)
}

func TestWalkReadsNestedMessages(t *testing.T) {
	inner := append(field(1, []byte("name")), field(3, []byte{1, 0x96, 1})...)
	b := append(field(7, inner), protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 300)...)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 5, protowire.Fixed32Type), 0x3f800000)
	b = protowire.AppendTag(b, 9, protowire.StartGroupType)
	b = append(b, field(1, []byte("in a group"))...)
	b = protowire.AppendTag(b, 9, protowire.EndGroupType)
	b = append(b, field(8, []byte("last"))...)
	w, m := walker(t, b)
	var got []string
	err := w.Walk(m, func(f Field) error {
		switch f.Num {
		case 7:
			return f.Walk(func(f Field) error {
				if f.Num == 3 {
					numbers, err := f.Packed(10)
					if !cmp.Equal(numbers, []uint64{1, 150}) {
						t.Errorf("packed: %v", numbers)
					}
					return err
				}
				text, err := f.Text(100)
				got = append(got, text)
				return err
			})
		case 2:
			if f.Int() != 300 {
				t.Errorf("varint: %d", f.Int())
			}
		case 5:
			if f.Float() != 1 {
				t.Errorf("float: %v", f.Float())
			}
		case 8:
			text, err := f.Text(100)
			got = append(got, text)
			return err
		default:
			t.Errorf("field %d", f.Num)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"name", "last"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWalkRefusesWhatIsNoMessage(t *testing.T) {
	deep := []byte{}
	for range 200 {
		deep = field(1, deep)
	}
	groups := []byte(strings.Repeat("\x0b", 10_000))
	for name, b := range map[string][]byte{
		"a length beyond the end":                  {0x0a, 0x7f, 1, 2},
		"a length of nearly 2^64":                  {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"field number 0":                           {0x02, 0x01, 1},
		"type 6":                                   {0x0e, 0x01},
		"a number that never ends":                 []byte(strings.Repeat("\xff", 20)),
		"a number cut off":                         {0x08, 0x80},
		"four bytes of which two are there":        {0x0d, 1, 2},
		"a group that ends as another":             {0x0b, 0x14},
		"the end of a group that never began":      {0x0c},
		"groups without end":                       groups,
		"messages nested more than 100 deep":       deep,
		"a field of the outer message in an inner": {0x0a, 0x02, 0x0d, 1, 0, 0, 0},
	} {
		w, m := walker(t, b)
		var descend func(Field) error
		descend = func(f Field) error {
			if f.IsBytes() {
				return f.Walk(descend)
			}
			return nil
		}
		var malformed *source.Malformed
		if err := w.Walk(m, descend); !errors.As(err, &malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWalkPassesOverPayloads(t *testing.T) {
	const payload = 1 << 30
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), payload)
	r := &sized{Bytes: b, size: int64(len(b)) + payload}
	w, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	m, _ := w.Whole()
	if err := w.Walk(m, func(f Field) error {
		seen++
		if _, err := f.Bytes(1 << 20); err == nil {
			t.Error("a field of a gigabyte is read")
		}
		return nil
	}); err != nil || seen != 1 {
		t.Fatal(err, seen)
	}
	if r.read > 1<<20 {
		t.Errorf("%d bytes are read", r.read)
	}
}

func FuzzWalk(f *testing.F) {
	f.Add(field(7, append(field(1, []byte("name")), 0x10, 0x96, 1)))
	f.Add([]byte{0x0b, 0x0a, 1, 2, 0x0c})
	f.Add([]byte{0x0a, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		w, m := walker(t, b)
		n := 0
		var visit func(Field) error
		visit = func(f Field) error {
			n++
			if f.Offset < 0 || f.Size < 0 || f.Offset+f.Size > int64(len(b)) {
				t.Fatalf("field %d lies at %d+%d of %d", f.Num, f.Offset, f.Size, len(b))
			}
			if f.IsBytes() && f.Num%2 == 0 {
				if content, err := f.Bytes(1 << 20); err == nil && int64(len(content)) != f.Size {
					t.Fatal("short content")
				}
			} else if f.IsBytes() {
				var malformed *source.Malformed
				if err := f.Walk(visit); err != nil && !errors.As(err, &malformed) {
					t.Fatal(err)
				}
			}
			return nil
		}
		var malformed *source.Malformed
		if err := w.Walk(m, visit); err != nil && !errors.As(err, &malformed) {
			t.Fatal(err)
		}
	})
}
