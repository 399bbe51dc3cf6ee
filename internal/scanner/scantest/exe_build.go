package scantest

import (
	"encoding/binary"
)

// ELF is the head of an ELF file for x86-64 of the given type (2 program, 3 shared), with an interpreter or not.
func ELF(kind, machine uint16, interpreter bool) []byte {
	le := binary.LittleEndian
	h := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	le.PutUint16(h[16:], kind)
	le.PutUint16(h[18:], machine)
	le.PutUint64(h[32:], 64)
	le.PutUint16(h[54:], 56)
	le.PutUint16(h[56:], 2)
	segments := make([]byte, 112)
	le.PutUint32(segments, 1)
	le.PutUint32(segments[56:], 1)
	if interpreter {
		le.PutUint32(segments[56:], 3)
	}
	return append(h, segments...)
}

// PE is the head of a Windows program, or of a library.
func PE(library bool) []byte {
	h := append([]byte("MZ"), make([]byte, 126)...)
	binary.LittleEndian.PutUint32(h[60:], 128)
	h = append(h, "PE\x00\x00"...)
	h = append(h, make([]byte, 40)...)
	if library {
		binary.LittleEndian.PutUint16(h[150:], 0x2000)
	}
	return h
}

// MachO is the head of a file of macOS for arm64 of the given type (2 program, 6 library).
func MachO(kind uint32) []byte {
	le := binary.LittleEndian
	h := le.AppendUint32(nil, 0xfeedfacf)
	h = le.AppendUint32(h, 0x0100000c)
	h = le.AppendUint32(h, 0)
	return append(le.AppendUint32(h, kind), make([]byte, 32)...)
}
