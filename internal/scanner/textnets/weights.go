package textnets

import (
	"context"
	"encoding/binary"
	"path"
	"strings"

	"modelgate/internal/scanner/source"
)

// leastWeights is the size in bytes from which a file is taken for the weights of a net: the smallest nets of Darknet have more.
const leastWeights = 1 << 16

// ProbeWeights accepts the weights of Darknet, which have no magic: a version (major 0, minor 1 or 2, a small revision), how many pictures
// were seen (32 bits up to version 0.1, then 64), and floats to the end. That is little, so the name must say the same. (Darknet,
// src/parser.c, load_weights_upto.)
func ProbeWeights(f *source.File) (bool, error) {
	if !strings.EqualFold(path.Ext(f.Path), ".weights") {
		return false, nil
	}
	head, err := f.Head()
	if err != nil || len(head) < 20 {
		return false, err
	}
	size, err := f.Size()
	if err != nil || size < leastWeights {
		return false, err
	}
	major, minor, revision := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	return major == 0 && (minor == 1 || minor == 2) && revision <= 5 && size%4 == 0, nil
}

// ScanWeights states that the rest of the file is numbers, which no loader takes for anything else.
func ScanWeights(_ context.Context, _ *source.File, s source.Sink) error {
	s.Format("darknet")
	s.Opaque()
	return nil
}
