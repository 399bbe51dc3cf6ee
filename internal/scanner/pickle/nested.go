package pickle

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/pycode"
	"modelgate/internal/threat"
)

// nested is a bytes or str object that was handed to the engine.
type nested struct {
	level threat.Level
	known bool // some format recognised it
}

// Bounds of what is looked at: shorter strings hold nothing, heads suffice to recognise, and so many are handed on.
const (
	shortestText  = 16
	shortestBytes = 8
	shortestCoded = 32
	sniffHead     = 512
	mostNested    = 10_000
)

// sniff looks at the head of a string of n bytes and hands it to the engine if it looks like something that a loader could
// act on. It tells under which index of scanner.nested it was taken.
func (m *machine) sniff(at int64, n uint64, text bool) (index int, taken bool) {
	whole, err := m.in.fill(int(min(n, sniffHead)))
	if err != nil {
		m.abort(err)
		return 0, false
	}
	if !whole {
		return 0, false
	}
	head := m.in.buf[m.in.pos:]
	return m.sniffHead(at, n, head[:min(n, sniffHead)], text)
}

// sniffLine does the same for a line that was read already; plain tells whether its bytes in the stream are its content.
func (m *machine) sniffLine(at int64, n uint64, content []byte, plain bool) {
	if plain {
		m.sniffHead(at, n, content[:min(len(content), sniffHead)], true)
		return
	}
	if looksLike(content, true) {
		m.hand(at, "#text", source.Bytes(bytes.Clone(content)))
	}
}

func (m *machine) sniffHead(at int64, n uint64, head []byte, text bool) (index int, taken bool) {
	size := int64(min(n, 1<<62))
	if !text && zlibHeader(head) { // see zlibbed, which costs more than other looks
		if m.zlibs++; m.zlibs > mostNested {
			m.spent(at, "more than 10,000 strings that begin like zlib streams")
			return 0, false
		}
	}
	if (!text || ascii(head)) && looksLike(head, text) { // other texts are no bytes as they stand: see latin1
		return m.hand(at, "#bytes", source.Section(m.f, at, size))
	}
	if !text {
		m.code(at, size, head)
	}
	if n < shortestCoded || m.state != running {
		return 0, false
	}
	name, decode := coded(head)
	if decode == nil {
		return 0, false
	}
	m.codedCode(at, size, decode)
	if m.state != running {
		return 0, false
	}
	return m.hand(at, name, source.Decode(m.f, at, size, decode, m.f.Budget))
}

// codedCode judges marshalled code in base64 or hexadecimal.
func (m *machine) codedCode(at, size int64, decode func(*source.Forward) (io.Reader, error)) {
	if size > mostCode {
		return
	}
	r, err := decode(source.NewForward(m.f, at, size))
	if err != nil {
		return
	}
	data := make([]byte, size) // more than comes out
	n, _ := io.ReadFull(r, data)
	if !pycode.LooksLike(data[:n]) {
		return
	}
	if c, err := pycode.Parse(data[:n]); err == nil {
		v, _ := judgeCode(c)
		m.codeFound(at, "text", v)
	}
}

// hand gives nested bytes to the engine.
func (m *machine) hand(at int64, name string, r source.Reader) (index int, taken bool) {
	if len(m.nested) >= mostNested {
		m.spent(at, "more than 10,000 nested streams")
		return 0, false
	}
	out, err := m.sink.Member(m.in.ctx, source.Member{
		Name: fmt.Sprintf("%s@%d", name, at), Bytes: r, Family: m.f.Family, Prose: true,
	})
	if c, ok := r.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	if err != nil {
		m.abort(err)
		return 0, false
	}
	m.nested = append(m.nested, nested{out.Level, len(out.Formats) > 0})
	return len(m.nested) - 1, true
}

// magics are beginnings of formats that a loader could act on.
var magics = []string{
	"PK\x03\x04", "\x1f\x8b\x08", "BZh", "\xfd7zXZ\x00", "\x5d\x00\x00\x80\x00", "\x04\x22\x4d\x18", "\x28\xb5\x2f\xfd",
	"7z\xbc\xaf\x27\x1c", "\x93NUMPY", "\x7fELF", "\x89HDF\r\n\x1a\n", "Rar!\x1a\x07",
}

// looksLike tells whether the head of a string looks like a pickle, or like a container or program.
func looksLike(head []byte, text bool) bool {
	for _, magic := range magics {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	if text && bytes.IndexByte(head, '\n') < 0 {
		return false
	}
	return probe(head, len(head) < sniffHead) || (!text && zlibbed(head))
}

// ascii tells whether a text has no characters that are encoded as several bytes.
func ascii(text []byte) bool {
	return !bytes.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// zlibHeader tells whether a string begins with the two bytes of a zlib stream.
func zlibHeader(head []byte) bool {
	return len(head) >= 8 && head[0] == 0x78 && (int(head[0])<<8|int(head[1]))%31 == 0
}

// zlibbed tells whether the head is a zlib stream of something: two bytes of magic are met by chance too often.
func zlibbed(head []byte) bool {
	if !zlibHeader(head) {
		return false
	}
	r, err := zlib.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	var buf [256]byte
	n, _ := io.ReadFull(r, buf[:]) // it breaks off where the head does
	out := buf[:n]
	for _, magic := range magics {
		if bytes.HasPrefix(out, []byte(magic)) {
			return true
		}
	}
	return probe(out, n < len(buf))
}

// coded recognises base64 and hexadecimal text of something, and returns the decoder.
func coded(head []byte) (name string, decode func(*source.Forward) (io.Reader, error)) {
	if digits(head, isHex) {
		raw := make([]byte, len(head)/2)
		if _, err := hex.Decode(raw, head[:len(head)&^1]); err == nil && decodedLike(raw) {
			return "#hex", func(f *source.Forward) (io.Reader, error) { return hex.NewDecoder(f), nil }
		}
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		if !digits(head, isBase64) {
			return "", nil
		}
		clean := bytes.TrimRight(bytes.ReplaceAll(bytes.ReplaceAll(head, []byte("\n"), nil), []byte("\r"), nil), "=")
		raw := make([]byte, len(clean))
		n, _ := enc.Decode(raw, clean[:len(clean)&^3]) // what precedes an error is decoded
		if n > 0 && decodedLike(raw[:n]) {
			return "#base64", func(f *source.Forward) (io.Reader, error) { return base64.NewDecoder(enc, f), nil }
		}
	}
	return "", nil
}

func decodedLike(raw []byte) bool { return looksLike(raw, false) || pycode.LooksLike(raw) }

// digits tells whether the first shortestCoded bytes are all of one alphabet.
func digits(head []byte, in func(byte) bool) bool {
	for _, c := range head[:min(len(head), shortestCoded)] {
		if !in(c) {
			return false
		}
	}
	return len(head) >= shortestCoded
}

func isHex(c byte) bool {
	_, ok := hexDigit(c)
	return ok
}

func isBase64(c byte) bool {
	switch {
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		return true
	case c == '+', c == '/', c == '-', c == '_', c == '=', c == '\n', c == '\r':
		return true
	default:
		return false
	}
}
