// Package tesseract scans the trained data of the OCR engine Tesseract (*.traineddata).
//
// A file is a container without names (tesseract-ocr/tesseract, src/ccutil/tessdatamanager.cpp), in the byte order of its writer:
//
//	i32 number of parts; i64 offset of each, -1 if it is absent; the parts, one behind the other
//	parts: 0 settings, 1 characters, 2 ambiguities, 3 to 5 shapes, 6 to 10 dictionaries, 11 and 12 of an old engine, 13 shapes,
//	  14 and 15 dictionaries, 16 weights, 17 recurrent network, 18 to 20 dictionaries, 21 characters, 22 codes, 23 version
//
// All parts are tables and weights but the settings, lines of a parameter and its value. They are applied while the engine starts, and
// there are parameters that make it write files, read others and start its viewer.
package tesseract

import (
	"context"
	"encoding/binary"
	"fmt"

	"modelgate/internal/scanner/source"
)

// maxParts is how many parts the engine knows. It reads nothing of what a file has beyond them, so such a file is none.
const maxParts = 24

// Parts by their number.
const (
	partSettings      = 0
	partCharacters    = 1
	partNetwork       = 17
	partOwnCharacters = 21 // of the network
)

// part is one that is there.
type part struct {
	kind     int
	at, size int64
}

// partsOf reads the table in front of the parts; nil if it is none. Old readers go by the offsets, and current ones read part after part, so
// that offsets that leave a gap or lead back lead them to different places.
func partsOf(head []byte, size int64) []part {
	if len(head) < 4 {
		return nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint32(head) > maxParts {
		order = binary.BigEndian
	}
	count := int64(order.Uint32(head))
	begin := 4 + 8*count
	if count == 0 || count > maxParts || begin > int64(len(head)) {
		return nil
	}
	var parts []part
	useful := false
	for kind := range int(count) {
		at := int64(order.Uint64(head[4+8*kind:]))
		if at == -1 {
			continue
		}
		if n := len(parts); n > 0 {
			parts[n-1].size = at - parts[n-1].at
			begin = parts[n-1].at
		} else if at != begin {
			return nil
		}
		if at < begin || at > size {
			return nil
		}
		parts = append(parts, part{kind: kind, at: at, size: size - at})
		useful = useful || kind == partCharacters || kind == partNetwork
	}
	if !useful {
		return nil
	}
	return parts
}

// Probe accepts files whose table leads from part to part, and which have a network, or characters to know by their shapes.
func Probe(f *source.File) (bool, error) {
	parts, err := read(f)
	return parts != nil, err
}

func read(f *source.File) ([]part, error) {
	head, err := f.Head()
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	return partsOf(head, size), nil
}

// Scan judges the settings, and hands the other parts on: a table that is a model of another kind is none.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("tesseract")
	parts, err := read(f)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.size == 0 {
			continue
		}
		if p.kind == partSettings {
			err = settings(f, p, s)
		} else {
			_, err = s.Member(ctx, source.Member{Name: fmt.Sprintf("#part%d@%d", p.kind, p.at), Bytes: source.Section(f, p.at, p.size), Prose: true})
		}
		if err != nil {
			return err
		}
	}
	return end(f, parts[len(parts)-1])
}
