package tesseract

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"modelgate/internal/scanner/source"
)

// Of a part nobody knows where it ends but by where the next one begins. The last part of a file has none behind it, so it is held to what
// it says of itself:
//
//	characters     a line with their number, and as many lines
//	dictionaries   i16 42, i32, i32 number of edges, edges of 8 bytes (src/dict/dawg.cpp)
//	version        a text that may have any length, so that a file without the last bytes of it cannot be told from a whole one
//
// The others are not read.

// dictionaries are the parts that are graphs of words.
var dictionaries = map[int]bool{6: true, 7: true, 8: true, 9: true, 14: true, 15: true, 18: true, 19: true, 20: true}

// maxCharacters is the longest list of characters that is counted, in bytes.
const maxCharacters = 16 << 20

// end checks that the last part is all there.
func end(f *source.File, p part) error {
	switch {
	case dictionaries[p.kind]:
		return edges(f, p)
	case p.kind == partCharacters || p.kind == partOwnCharacters:
		return characters(f, p)
	}
	return nil
}

// edges checks the length of a dictionary, in whichever byte order it is one.
func edges(f *source.File, p part) error {
	const header, edge, magic = 10, 8, 42
	if p.size < header {
		return source.Malformedf(p.at, "a dictionary of %d bytes", p.size)
	}
	var b [header]byte
	if _, err := f.ReadAt(b[:], p.at); err != nil {
		return err
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint16(b[:]) != magic {
			continue
		}
		if want := header + edge*int64(order.Uint32(b[6:])); want != p.size {
			return source.Malformedf(p.at, "a dictionary of %d bytes where %d are", want, p.size)
		}
	}
	return nil
}

// characters checks that a list has as many lines as it says.
func characters(f *source.File, p part) error {
	if p.size > maxCharacters {
		return source.Malformedf(p.at, "characters of %d bytes", p.size)
	}
	text := make([]byte, p.size)
	if n, err := f.ReadAt(text, p.at); err != nil && int64(n) < p.size {
		return err
	}
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	count, err := strconv.Atoi(string(bytes.TrimSpace(first)))
	if err != nil {
		return source.Malformedf(p.at, "characters without their number")
	}
	if lines := bytes.Count(rest, []byte("\n")); lines < count {
		return source.Malformedf(p.at, "%d characters where %d are said to be", lines, count)
	}
	return nil
}
