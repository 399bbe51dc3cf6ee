package gguf

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/bits"
	"sort"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// span is the place of a tensor's bytes, counted from the start of the data. Its length is 0 if the type's is not known.
type span struct {
	from, to uint64
	at       int64 // of the description
}

// tensors reads the descriptions of n tensors and checks that their bytes lie in the file, apart from each other and with
// nothing behind them.
func (r *reader) tensors(n uint64) error {
	names := make(map[uint64]struct{}, min(n, 1<<16))
	spans := make([]span, 0, min(n, 1<<16))
	for range n {
		at := r.Offset()
		name, err := r.text(maxKey)
		if err != nil {
			return err
		}
		sum := maphash.String(r.seed, name)
		if _, twice := names[sum]; twice {
			find(r.s, threat.MGFMT400, at, name, "Two tensors have the same name.")
		}
		names[sum] = struct{}{}
		s, known, err := r.tensor(at, name)
		if err != nil {
			return err
		}
		if known {
			spans = append(spans, s)
		}
	}
	if n == 0 {
		return r.behind(0)
	}
	end, complete := r.place(spans)
	if !complete || uint64(len(spans)) < n {
		return nil // where the data ends cannot be told; what is wrong was said
	}
	return r.behind(end)
}

// tensor reads a description behind its name: dimensions, sizes, type, offset.
func (r *reader) tensor(at int64, name string) (s span, known bool, err error) {
	dims, err := r.U32()
	if err != nil {
		return s, false, err
	}
	if dims > maxDims {
		return s, false, source.Malformedf(at, "a tensor of %d dimensions", dims)
	}
	elements := uint64(1)
	row := uint64(1)
	for i := range dims {
		size, err := r.count()
		if err != nil {
			return s, false, err
		}
		hi, lo := bits.Mul64(elements, size)
		if hi != 0 || lo > 1<<62 {
			return s, false, source.Malformedf(at, "a tensor of more elements than can be counted")
		}
		if elements = lo; i == 0 {
			row = size
		}
	}
	kind, err := r.U32()
	if err != nil {
		return s, false, err
	}
	offset, err := r.U64()
	if err != nil {
		return s, false, err
	}
	if offset%r.alignment != 0 {
		find(r.s, threat.MGFMT400, at, name, "A tensor's offset of %d is no multiple of the alignment, %d.", offset, r.alignment)
	}
	block, size, ok := typeSize(kind)
	if !ok {
		find(r.s, threat.MGFMT400, at, name, "A tensor is of the unknown type %d.", kind)
		return s, false, nil
	}
	if size == 0 {
		return s, false, nil
	}
	if row%block != 0 {
		find(r.s, threat.MGFMT400, at, name, "A tensor's rows of %d elements are no whole blocks of %d.", row, block)
		return s, false, nil
	}
	hi, length := bits.Mul64(elements/block, size)
	end, carry := bits.Add64(offset, length, 0)
	if hi != 0 || carry != 0 || end > 1<<62 {
		return s, false, source.Malformedf(at, "a tensor that ends beyond what can be counted")
	}
	return span{offset, end, at}, true, nil
}

// place checks that tensors lie in the file and apart, and returns where the last one ends.
func (r *reader) place(spans []span) (end uint64, ok bool) {
	have := uint64(0)
	if start := r.dataStart(); start < r.Offset()+r.Remaining() {
		have = uint64(r.Offset() + r.Remaining() - start)
	}
	sort.Slice(spans, func(i, j int) bool { return spans[i].from < spans[j].from })
	for _, s := range spans {
		if s.to > have {
			find(r.s, threat.MGFMT400, s.at, "", "A tensor ends at %d, the file has %d bytes for tensors.", s.to, have)
			return 0, false
		}
		if s.from < end && s.to > s.from {
			find(r.s, threat.MGFMT400, s.at, "", "A tensor at %d overlaps another.", s.from)
		}
		if s.from >= end+r.alignment {
			find(r.s, threat.MGFMT400, s.at, "", "There is a hole of %d bytes in front of a tensor at %d.", s.from-end, s.from)
		}
		end = max(end, s.to)
	}
	return end, true
}

// maxPadding is how many zero bytes behind the last tensor are padding, whatever the alignment.
const maxPadding = 4096

// dataStart is where the tensors' bytes begin: the end of the descriptions, aligned.
func (r *reader) dataStart() int64 {
	a := int64(r.alignment)
	return (r.Offset() + a - 1) / a * a
}

// behind scans what follows the last tensor, which ends at the given offset of the data. Padding of zeros is silent.
func (r *reader) behind(end uint64) error {
	size := r.Offset() + r.Remaining()
	from := r.Offset()
	if end > 0 {
		from = r.dataStart() + int64(end)
	}
	n := size - from
	if n <= 0 {
		return nil
	}
	if n <= max(maxPadding, int64(r.alignment)) {
		b := make([]byte, n)
		if _, err := r.f.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if isPadding(b) {
			return nil
		}
	}
	find(r.s, threat.MGFMT402, from, "", "%d bytes follow the last tensor.", n)
	_, err := r.s.Member(r.ctx, source.Member{
		Name: fmt.Sprintf("#bytes@%d", from), Bytes: source.Section(r.f, from, n), Family: r.f.Family, Prose: true,
	})
	return err
}

func isPadding(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// typeSize tells how many elements of a ggml type make a block, and how many bytes a block has; 0 bytes for types that
// are known to exist and whose size is not.
func typeSize(kind uint32) (block, size uint64, ok bool) {
	t, ok := ggmlTypes[kind]
	return t[0], t[1], ok
}

// ggmlTypes are the types of ggml.h and gguf-py's constants, removed ones included.
var ggmlTypes = map[uint32][2]uint64{
	0:  {1, 4},     // F32
	1:  {1, 2},     // F16
	2:  {32, 18},   // Q4_0
	3:  {32, 20},   // Q4_1
	4:  {32, 0},    // Q4_2, removed
	5:  {32, 0},    // Q4_3, removed
	6:  {32, 22},   // Q5_0
	7:  {32, 24},   // Q5_1
	8:  {32, 34},   // Q8_0
	9:  {32, 0},    // Q8_1, which is for computing only
	10: {256, 84},  // Q2_K
	11: {256, 110}, // Q3_K
	12: {256, 144}, // Q4_K
	13: {256, 176}, // Q5_K
	14: {256, 210}, // Q6_K
	15: {256, 292}, // Q8_K
	16: {256, 66},  // IQ2_XXS
	17: {256, 74},  // IQ2_XS
	18: {256, 98},  // IQ3_XXS
	19: {256, 50},  // IQ1_S
	20: {32, 18},   // IQ4_NL
	21: {256, 110}, // IQ3_S
	22: {256, 82},  // IQ2_S
	23: {256, 136}, // IQ4_XS
	24: {1, 1},     // I8
	25: {1, 2},     // I16
	26: {1, 4},     // I32
	27: {1, 8},     // I64
	28: {1, 8},     // F64
	29: {256, 56},  // IQ1_M
	30: {1, 2},     // BF16
	31: {32, 18},   // Q4_0_4_4, removed
	32: {32, 18},   // Q4_0_4_8, removed
	33: {32, 18},   // Q4_0_8_8, removed
	34: {256, 54},  // TQ1_0
	35: {256, 66},  // TQ2_0
	36: {32, 18},   // IQ4_NL_4_4, removed
	37: {32, 18},   // IQ4_NL_4_8, removed
	38: {32, 18},   // IQ4_NL_8_8, removed
	39: {32, 17},   // MXFP4
	40: {64, 36},   // NVFP4
	41: {128, 18},  // Q1_0
	42: {1, 0},     // Q2_0
}
