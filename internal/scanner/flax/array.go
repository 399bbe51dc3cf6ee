package flax

import (
	"errors"
	"io"
	"math/bits"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/msgpack"
)

// maxRank is the most dimensions that NumPy knows.
const maxRank = 64

// array checks an array: its shape, its dtype, and that there are as many bytes as they ask for.
func (t *tree) array(key string, v msgpack.Value) error {
	r, err := msgpack.New(t.file, v.Offset, v.Size)
	if err != nil {
		return err
	}
	elements, dtype, data, err := header(r)
	var malformed *source.Malformed
	if errors.As(err, &malformed) {
		t.malformed(v.At, "An array cannot be read: %s.", malformed.Reason)
		return t.inside(key, v, t.in.Content(v))
	}
	if err != nil {
		return err
	}
	width, known := itemBits(dtype)
	switch {
	case !known:
		t.malformed(v.At, "An array has the dtype %s, which NumPy and JAX do not have.", source.Evidence(dtype))
		return t.inside(key, v, r.Content(data))
	case !fits(elements, width, data.Size):
		t.malformed(v.At, "An array has %d bytes, which %d elements of %s do not.", data.Size, elements, source.Evidence(dtype))
	case r.Left() > 0:
		t.malformed(v.At, "%d bytes follow an array.", r.Left())
	}
	if width == 8 {
		return t.sniff(key, v, r.Content(data))
	}
	return nil
}

// header reads shape, dtype and bytes of an array.
func header(r *msgpack.Reader) (elements uint64, dtype string, data msgpack.Value, err error) {
	list, err := r.Next()
	if err != nil {
		return 0, "", data, err
	}
	if list.Kind != msgpack.Array || list.Count != 3 {
		return 0, "", data, source.Malformedf(list.At, "it is no list of shape, dtype and bytes")
	}
	shape, err := r.Next()
	if err != nil {
		return 0, "", data, err
	}
	if shape.Kind != msgpack.Array || shape.Count > maxRank {
		return 0, "", data, source.Malformedf(shape.At, "its shape is no list of at most %d numbers", maxRank)
	}
	elements = 1
	for range shape.Count {
		n, err := r.Next()
		if err != nil {
			return 0, "", data, err
		}
		over, product := bits.Mul64(elements, uint64(n.Int))
		if n.Kind != msgpack.Int || n.Int < 0 || over > 0 {
			return 0, "", data, source.Malformedf(n.At, "its shape has a number that cannot be")
		}
		elements = product
	}
	name, err := r.Next()
	if err != nil {
		return 0, "", data, err
	}
	if dtype, err = r.Text(name, maxKey); err != nil {
		return 0, "", data, err
	}
	if data, err = r.Next(); err != nil {
		return 0, "", data, err
	}
	if name.Kind != msgpack.String && name.Kind != msgpack.Binary || data.Kind != msgpack.String && data.Kind != msgpack.Binary {
		return 0, "", data, source.Malformedf(list.At, "its dtype or its data is no string")
	}
	return elements, dtype, data, nil
}

// itemBits returns the width of an element of a dtype, by the names of NumPy and ml_dtypes. Elements of less than a byte take one.
func itemBits(dtype string) (int, bool) {
	switch {
	case strings.HasPrefix(dtype, "float8_"), strings.HasPrefix(dtype, "float4_"), strings.HasPrefix(dtype, "float6_"):
		return 8, true
	case dtype == "bfloat16":
		return 16, true
	}
	for width, names := range map[int]string{
		8:   "bool bool_ int8 uint8 int4 uint4 int2 uint2 int1 uint1 bytes8",
		16:  "int16 uint16 float16",
		32:  "int32 uint32 float32",
		64:  "int64 uint64 float64 complex64",
		128: "complex128 float128 longdouble",
		256: "complex256",
	} {
		for name := range strings.FieldsSeq(names) {
			if name == dtype {
				return width, true
			}
		}
	}
	for _, prefix := range []string{"str", "bytes", "void", "datetime64", "timedelta64"} {
		if rest, ok := strings.CutPrefix(dtype, prefix); ok {
			return textBits(prefix, rest)
		}
	}
	return 0, false
}

// textBits returns the width of dtypes whose name tells it: str32, bytes8, void16, datetime64[ns].
func textBits(prefix, rest string) (int, bool) {
	if strings.HasSuffix(prefix, "64") {
		return 64, rest == "" || rest[0] == '['
	}
	width := 0
	for _, c := range rest {
		if c < '0' || c > '9' || width > 1<<30 {
			return 0, false
		}
		width = 10*width + int(c-'0')
	}
	return width, width%8 == 0
}

// fits tells whether elements of a width in bits have exactly so many bytes.
func fits(elements uint64, width int, size int64) bool {
	over, total := bits.Mul64(elements, uint64(width/8))
	return over == 0 && total == uint64(size)
}

// sniff looks at the beginning of an array of bytes, which may be anything, and scans it if it begins as a format that can carry
// code.
func (t *tree) sniff(key string, v msgpack.Value, content source.Reader) error {
	head := make([]byte, 8)
	n, err := content.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	begin := string(head[:n])
	for _, magic := range []string{"\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05", "PK\x03\x04", "\x7fELF", "#!/", "\x89HDF", "GGUF", "\x93NUMPY", "MZ"} {
		if strings.HasPrefix(begin, magic) {
			return t.inside(key, v, content)
		}
	}
	return nil
}
