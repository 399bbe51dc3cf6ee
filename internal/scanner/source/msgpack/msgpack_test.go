package msgpack_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/msgpack"
)

func read(t testing.TB, b []byte) (*msgpack.Reader, []msgpack.Value, error) {
	t.Helper()
	r, err := msgpack.New(source.Bytes(b), 0, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out []msgpack.Value
	for r.Left() > 0 {
		v, err := r.Next()
		if err != nil {
			return r, out, err
		}
		out = append(out, v)
	}
	return r, out, nil
}

func TestValues(t *testing.T) {
	for name, c := range map[string]struct {
		bytes string
		want  msgpack.Value
	}{
		"a small integer":            {"\x07", msgpack.Value{Kind: msgpack.Int, Int: 7}},
		"a small negative integer":   {"\xff", msgpack.Value{Kind: msgpack.Int, Int: -1}},
		"a signed integer":           {"\xd1\xff\xfe", msgpack.Value{Kind: msgpack.Int, Int: -2}},
		"an unsigned integer":        {"\xcd\xff\xfe", msgpack.Value{Kind: msgpack.Int, Int: 0xfffe}},
		"a string":                   {"\xa2hi", msgpack.Value{Kind: msgpack.String, Size: 2}},
		"a long string":              {"\xd9\x02hi", msgpack.Value{Kind: msgpack.String, Size: 2}},
		"bytes":                      {"\xc5\x00\x01x", msgpack.Value{Kind: msgpack.Binary, Size: 1}},
		"a float":                    {"\xcb12345678", msgpack.Value{Kind: msgpack.Float}},
		"an extension":               {"\xc7\x02\xfehi", msgpack.Value{Kind: msgpack.Extension, Type: -2, Size: 2}},
		"an extension of fixed size": {"\xd5\x01hi", msgpack.Value{Kind: msgpack.Extension, Type: 1, Size: 2}},
		"true":                       {"\xc3", msgpack.Value{Kind: msgpack.Bool, Int: 1}},
		"nil":                        {"\xc0", msgpack.Value{}},
	} {
		r, got, err := read(t, []byte(c.bytes))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		c.want.Offset = got[0].Offset
		if diff := cmp.Diff(c.want, got[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if text, err := r.Text(got[0], 1); err != nil || int64(len(text)) != min(1, c.want.Size) {
			t.Errorf("%s: content %q, %v", name, text, err)
		}
	}
}

func TestContainers(t *testing.T) {
	b := []byte("\x82\xa1a\x92\x01\x02\xa1b\xdc\x00\x01\xc0\x05")
	r, err := msgpack.New(source.Bytes(b), 0, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.Next()
	if err != nil || v.Kind != msgpack.Map || v.Count != 2 {
		t.Fatalf("%+v, %v", v, err)
	}
	if err := r.Skip(v); err != nil || r.Left() != 1 {
		t.Errorf("%d bytes left, %v", r.Left(), err)
	}
}

func TestLengthsThatLie(t *testing.T) {
	for name, s := range map[string]string{
		"a string beyond the end":           "\xdb\x00\x00\x00\x09hi",
		"an array of four thousand million": "\xdd\xff\xff\xff\xff\x01",
		"a map of more than there is":       "\x84\x01\x02",
		"a tag that means nothing":          "\xc1",
		"a number that breaks off":          "\xcf\x01\x02",
		"an extension without a type":       "\xc7\x00",
	} {
		_, _, err := read(t, []byte(s))
		var malformed *source.Malformed
		if !errors.As(err, &malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, s := range []string{"\x82\xa1a\x92\x01\x02\xa1b\xc7\x02\x01hi", "\xdd\xff\xff\xff\xff\x01", "\x91\x91\x91\x91\xc0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, values, err := read(t, b)
		if len(values) > len(b) {
			t.Fatalf("%d values in %d bytes", len(values), len(b))
		}
		if err == nil && r.Offset() != int64(len(b)) {
			t.Fatalf("ended at %d of %d", r.Offset(), len(b))
		}
	})
}
