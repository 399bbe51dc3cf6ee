package paddle

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Parameters of an inference model (paddle/fluid/framework/lod_tensor.cc and tensor_util.cc) are tensors one behind the other:
//
//	u32 0, u64 number of levels, levels (u64 size, bytes), u32 0, i32 size, TensorDesc: 1 type, 2 dimensions, bytes
const (
	maxDesc   = 1 << 10
	maxLevels = 64
)

// ProbeParams accepts files that begin with a tensor of version 0 and a description that can be one.
func ProbeParams(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 24 {
		return false, err
	}
	le := binary.LittleEndian
	n := le.Uint32(head[16:])
	return le.Uint64(head) == 0 && le.Uint64(head[8:]) == 0 && n >= 2 && n <= maxDesc && head[20] == 1<<3 && widthOf(uint64(head[21])) > 0, nil
}

// ScanParams goes from tensor to tensor.
func ScanParams(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("paddle")
	in, err := source.NewCursor(f, 0, binary.LittleEndian)
	if err != nil {
		return err
	}
	for in.Remaining() > 0 {
		at := in.Offset()
		ok, err := tensor(in)
		if err != nil {
			return err
		}
		if ok {
			continue
		}
		size := in.Remaining() + in.Offset() - at
		found := finding.New(threat.MGFMT402, at, fmt.Sprintf("%d bytes follow the last tensor.", size))
		found.Role = finding.RoleStructure
		s.Find(found)
		_, err = s.Member(ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", at), Bytes: source.Section(f, at, size), Prose: true})
		return err
	}
	return nil
}

// tensor reads the header of a tensor and goes past its bytes. It is none if its versions are not 0.
func tensor(in *source.Cursor) (ok bool, err error) {
	if in.Remaining() < 20 {
		return false, nil
	}
	version, err := in.U32()
	if err != nil || version != 0 {
		return false, err
	}
	levels, err := in.U64()
	if err != nil || levels > maxLevels {
		return false, err
	}
	for range levels {
		n, err := in.U64()
		if err != nil {
			return false, err
		}
		if n > uint64(in.Remaining()) {
			return false, source.Malformedf(in.Offset()-8, "a level of %d bytes", n)
		}
		if err := in.Skip(int64(n)); err != nil {
			return false, err
		}
	}
	if version, err = in.U32(); err != nil || version != 0 {
		return false, err
	}
	n, err := in.U32()
	if err != nil {
		return false, err
	}
	desc, err := in.Bytes(uint64(n), maxDesc)
	if err != nil {
		return false, err
	}
	size, good := sizeOf(desc)
	if !good {
		return false, source.Malformedf(in.Offset()-int64(n), "a description that is none of a tensor")
	}
	return true, in.Skip(int64(size))
}

// sizeOf returns how many bytes a tensor has by its description.
func sizeOf(desc []byte) (size uint64, ok bool) {
	size = 0
	elements := uint64(1)
	multiply := func(d uint64) bool {
		over, product := bits.Mul64(elements, d)
		elements = product
		return over == 0 && product < 1<<62
	}
	for len(desc) > 0 {
		num, typ, n := protowire.ConsumeTag(desc)
		if n < 0 {
			return 0, false
		}
		desc = desc[n:]
		switch {
		case typ == protowire.VarintType && (num == 1 || num == 2):
			v, n := protowire.ConsumeVarint(desc)
			if n < 0 {
				return 0, false
			}
			if desc = desc[n:]; num == 1 {
				size = widthOf(v)
			} else if !multiply(v) {
				return 0, false
			}
		case typ == protowire.BytesType && num == 2: // packed
			packed, n := protowire.ConsumeBytes(desc)
			if n < 0 {
				return 0, false
			}
			desc = desc[n:]
			for len(packed) > 0 {
				v, n := protowire.ConsumeVarint(packed)
				if n < 0 || !multiply(v) {
					return 0, false
				}
				packed = packed[n:]
			}
		default:
			return 0, false
		}
	}
	over, total := bits.Mul64(elements, size)
	return total, size > 0 && over == 0 && total < 1<<62
}

// widthOf is the size of a type in bytes (framework.proto, VarType.Type), 0 if it is none of a tensor.
func widthOf(kind uint64) uint64 {
	switch kind {
	case 0, 20, 21, 32, 33:
		return 1
	case 1, 4, 22:
		return 2
	case 2, 5:
		return 4
	case 3, 6, 19, 23:
		return 8
	case 24:
		return 16
	}
	return 0
}
