package safetensors

import (
	"fmt"
	"math/bits"
	"strconv"

	"modelgate/internal/scanner/source"
)

// tensor reads the description of a tensor.
func (h *header) tensor(name string, at int64) error {
	h.once(h.names, name, at)
	var t tensor
	seen := map[uint64]struct{}{}
	err := h.lex.Object(func(key string, at int64) error {
		h.once(seen, key, at)
		switch key {
		case "dtype":
			return h.value(&t.dtype)
		case "shape":
			return h.numbers(&t.shape)
		case "data_offsets":
			return h.numbers(&t.offsets)
		}
		h.malformed(at, key, "A tensor has a field that the format doesn't.")
		return h.lex.Skip()
	})
	if err != nil {
		return err
	}
	if reason := t.check(); reason != "" {
		h.malformed(at, name, "A tensor %s.", reason)
	}
	if len(t.offsets) == 2 && t.offsets[0] <= t.offsets[1] {
		h.tensors = append(h.tensors, span{t.offsets[0], t.offsets[1], at})
	}
	return nil
}

// value reads a string.
func (h *header) value(out *string) error {
	first, err := h.lex.Next()
	if err != nil {
		return err
	}
	if first != '"' {
		return source.Malformedf(h.lex.Offset(), "a tensor's dtype is no string")
	}
	*out, err = h.lex.Text(true)
	return err
}

// numbers reads a list of integers that are not negative.
func (h *header) numbers(out *[]uint64) error {
	const most = 64 // dimensions; no library has more than 32
	return h.lex.List(func() error {
		at := h.lex.Offset()
		word, err := h.lex.Scalar()
		if err != nil {
			return err
		}
		v, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return source.Malformedf(at, "%.40s is no size or offset", word)
		}
		if len(*out) >= most {
			return source.Malformedf(at, "a list of a tensor has more than %d numbers", most)
		}
		*out = append(*out, v)
		return nil
	})
}

// tensor is the description of a tensor.
type tensor struct {
	dtype          string
	shape, offsets []uint64
}

// check completes "A tensor …" with what is wrong, or returns "".
func (t *tensor) check() string {
	width := dtypeBits(t.dtype)
	switch {
	case width == 0:
		return "has the unknown dtype " + source.Evidence(t.dtype)
	case len(t.offsets) != 2:
		return fmt.Sprintf("has %d offsets instead of 2", len(t.offsets))
	case t.offsets[0] > t.offsets[1]:
		return "ends before it begins"
	}
	total := width
	for _, n := range t.shape {
		hi, lo := bits.Mul64(total, n)
		if hi != 0 {
			return "has more elements than can be counted"
		}
		total = lo
	}
	if have := t.offsets[1] - t.offsets[0]; total%8 != 0 || total/8 != have {
		return fmt.Sprintf("of %d bits has %d bytes", total, have)
	}
	return ""
}

// dtypeBits is how many bits an element takes; 0 for unknown dtypes.
func dtypeBits(name string) uint64 {
	switch name {
	case "F4":
		return 4
	case "F6_E2M3", "F6_E3M2":
		return 6
	case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ":
		return 8
	case "I16", "U16", "F16", "BF16":
		return 16
	case "I32", "U32", "F32":
		return 32
	case "I64", "U64", "F64", "C64":
		return 64
	}
	return 0
}
