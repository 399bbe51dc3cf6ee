package gguf

import (
	"context"
	"encoding/binary"

	"modelgate/internal/scanner/source"
)

// The forms of ggml before GGUF, by their magic as a number: numbers, a vocabulary and tensors, in an order that every program has of its
// own (whisper.cpp still writes the first one). What a loader makes of them are numbers, texts and tensors, whatever the order.
const (
	magicGGML = 0x67676d6c
	magicGGMF = 0x67676d66 // with a version, and scores in the vocabulary
	magicGGJT = 0x67676a74 // with tensors that are aligned
)

// leastGGML is how many bytes the shortest header has.
const leastGGML = 16

// ProbeGGML accepts files with one of the magics of old, and a number that may follow it: the length of a name, a version, or how many words
// there are.
func ProbeGGML(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < leastGGML {
		return false, err
	}
	next := binary.LittleEndian.Uint32(head[4:])
	switch binary.LittleEndian.Uint32(head) {
	case magicGGML:
		return next > 0 && next < maxCount, nil
	case magicGGMF, magicGGJT:
		return next > 0 && next < 16, nil
	}
	return false, nil
}

// ScanGGML states the name: nothing in the file is code, and only the program that it is written for knows where a part begins.
func ScanGGML(_ context.Context, _ *source.File, s source.Sink) error {
	s.Format("ggml")
	s.Opaque()
	return nil
}
