package scantest

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Safetensors writes a file with the given header, which is padded to a multiple of 8, and tensor bytes.
func Safetensors(header string, data []byte) []byte {
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), data...)
}

// SafetensorsHeader describes n tensors of the given number of bytes each.
func SafetensorsHeader(n, each int) string {
	var b strings.Builder
	b.WriteString(`{"__metadata__":{"format":"pt"}`)
	for i := range n {
		fmt.Fprintf(&b, `,"model.layers.%d.self_attn.q_proj.weight":{"dtype":"F32","shape":[%d],"data_offsets":[%d,%d]}`, i, each/4, i*each, (i+1)*each)
	}
	b.WriteString("}")
	return b.String()
}
