package scantest

import (
	"encoding/binary"
	"strings"
)

// NPY writes an array with the given header text and elements, as version 1 of the format.
func NPY(header string, elements []byte) []byte {
	text := header + strings.Repeat(" ", (64-(10+len(header)+1)%64)%64) + "\n"
	out := append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), byte(len(text)>>8))
	return append(append(out, text...), elements...)
}

// NPYVersion writes an array of version 2 or 3, whose header has a length of four bytes.
func NPYVersion(major byte, header string, elements []byte) []byte {
	out := append([]byte("\x93NUMPY"), major, 0)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(header)))
	return append(append(out, header...), elements...)
}

// NPYHeader is a header as NumPy writes it, for a dtype and a shape in Python's spelling.
func NPYHeader(descr, shape string) string {
	return "{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }"
}
