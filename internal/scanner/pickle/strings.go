package pickle

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// strings executes the opcodes of text and bytes that are not in step.
func (m *machine) strings(op byte, arg []byte) {
	switch op {
	case opShortBinString:
		m.in.pos++
		m.text(uint64(arg[0]), false)
	case opBinString:
		m.in.pos += 4
		n := binary.LittleEndian.Uint32(arg)
		if int32(n) < 0 {
			m.fail("a string has a negative length")
			return
		}
		m.text(uint64(n), false)
	case opBinUnicode8:
		m.in.pos += 8
		m.text(binary.LittleEndian.Uint64(arg), true)
	case opUnicode, opString:
		m.quoted(op)
	case opShortBinBytes:
		m.in.pos++
		m.bytes(uint64(arg[0]), kBytes)
	case opBinBytes:
		m.in.pos += 4
		m.bytes(uint64(binary.LittleEndian.Uint32(arg)), kBytes)
	case opBinBytes8:
		m.in.pos += 8
		m.bytes(binary.LittleEndian.Uint64(arg), kBytes)
	case opByteArray8:
		m.in.pos += 8
		m.bytes(binary.LittleEndian.Uint64(arg), kByteArray)
	case opNextBuffer:
		m.push(makeValue(kBuffer, 0))
	case opReadOnlyBuffer:
		m.need(1)
	default:
		m.fail("unknown opcode")
	}
}

// text pushes the string of n bytes at the position. BINUNICODE is UTF-8 that may hold surrogates; BINSTRING is ASCII unless
// the loader says otherwise, and what is not is kept as it is: Python 2 wrote bytes by it, so it may hold what bytes may.
func (m *machine) text(n uint64, unicode bool) {
	if m.frameEnd > 0 {
		if m.claim(n); m.state != running {
			return
		}
	}
	at := m.in.offset()
	if n > maxText {
		m.sniff(at, n, unicode)
		if m.state == running && m.skip(n) {
			m.push(m.longText(span{at, int64(n), false}))
		}
		return
	}
	if n >= shortestText {
		if m.sniff(at, n, unicode); m.state != running {
			return
		}
	}
	raw, ok := m.take(int(n))
	if !ok {
		return
	}
	if payload, ok := m.texts.put(raw); ok {
		m.push(makeValue(kText, payload))
		return
	}
	m.push(makeValue(kFarText, uint64(at)<<textBits|n))
}

// span is a part of the stream: the content of a string, as it is or as a line with the escapes of UNICODE.
type span struct {
	offset, size int64
	escaped      bool
}

// mostLong is how many long strings are remembered by their place.
const mostLong = 64 << 10

// longText is the value of a string that is too long to be a name.
func (m *machine) longText(s span) value {
	if len(m.longs) >= mostLong {
		return makeValue(kLongText, payloadMask)
	}
	m.longs = append(m.longs, s)
	return makeValue(kLongText, uint64(len(m.longs)-1))
}

// bytes pushes the bytes object of n bytes at the position.
func (m *machine) bytes(n uint64, k kind) {
	if m.claim(n); m.state != running {
		return
	}
	at := m.in.offset()
	v := makeValue(k, uint64(at)<<textBits|min(n, maxText))
	if n >= shortestBytes {
		index, taken := m.sniff(at, n, false)
		if m.state != running {
			return
		}
		if taken {
			v = makeValue(kNested, uint64(index))
		}
	}
	if m.skip(n) {
		m.push(v)
	}
}

// quoted executes UNICODE and STRING, whose argument is a line with escapes.
func (m *machine) quoted(op byte) {
	if m.claimLine(); m.state != running {
		return
	}
	at := m.in.offset()
	raw, whole, ok := m.line()
	if !ok {
		return
	}
	length := m.in.offset() - 1 - at
	var decoded []byte
	if op == opUnicode {
		decoded = rawUnicode(raw)
	} else {
		inner, ok := unquote(raw, whole)
		if !ok {
			m.fail("a string is not quoted")
			return
		}
		decoded = unescape(inner)
		at, length = at+1, max(0, length-2)
	}
	if length >= shortestText {
		// The line is read already: the buffer keeps what is behind the position, so look there.
		if m.sniffLine(at, uint64(length), decoded, bytes.Equal(decoded, raw) || op == opString); m.state != running {
			return
		}
	}
	if whole && len(decoded) <= maxText {
		if payload, ok := m.texts.put(decoded); ok {
			m.push(makeValue(kText, payload))
			return
		}
		m.push(unknown)
		return
	}
	m.push(m.longText(span{at, length, op == opUnicode}))
}

// rawUnicode decodes Python's raw-unicode-escape: Latin-1 with \uXXXX and \UXXXXXXXX.
func rawUnicode(raw []byte) []byte {
	if !bytes.ContainsFunc(raw, func(r rune) bool { return r == '\\' || r >= utf8.RuneSelf }) {
		return raw
	}
	out := make([]byte, 0, len(raw)+16)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' || i+1 >= len(raw) {
			out = utf8.AppendRune(out, rune(c))
			continue
		}
		i++
		digits := map[byte]int{'u': 4, 'U': 8}[raw[i]]
		r, ok := hexRune(raw[i+1:], digits)
		if !ok {
			out = append(out, '\\')
			out = utf8.AppendRune(out, rune(raw[i]))
			continue
		}
		out = utf8.AppendRune(out, r)
		i += digits
	}
	return out
}

// hexRune reads n hexadecimal digits; n of 0 is never ok.
func hexRune(s []byte, n int) (rune, bool) {
	if n == 0 || len(s) < n {
		return 0, false
	}
	var r rune
	for _, c := range s[:n] {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	default:
		return 0, false
	}
}

// unquote strips the quotes of a STRING, and the blanks behind them that old loaders tolerate. Of a line that was cut only
// the quote in front can be asked for.
func unquote(raw []byte, whole bool) ([]byte, bool) {
	raw = bytes.TrimRight(raw, " \t\r\v\f")
	if len(raw) == 0 || (raw[0] != '\'' && raw[0] != '"') {
		return nil, false
	}
	if !whole {
		return raw[1:], true
	}
	if len(raw) < 2 || raw[len(raw)-1] != raw[0] {
		return nil, false
	}
	return raw[1 : len(raw)-1], true
}

// unescape decodes the escapes of a Python bytes literal.
func unescape(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 >= len(raw) {
			out = append(out, raw[i])
			continue
		}
		c, n := escape(raw[i+1:])
		if n == 0 {
			out = append(out, '\\')
			continue
		}
		if n > 0 {
			out = append(out, c)
		}
		i += max(n, -n)
	}
	return out
}

// escape reads what follows a backslash: the byte that it stands for and how much of s that takes. No escape takes 0; one
// that stands for nothing takes a negative length.
func escape(s []byte) (c byte, n int) {
	switch s[0] {
	case '\n':
		return 0, -1
	case '\\', '\'', '"':
		return s[0], 1
	case 'a', 'b', 'f', 'n', 'r', 't', 'v':
		return map[byte]byte{'a': 7, 'b': 8, 'f': 12, 'n': 10, 'r': 13, 't': 9, 'v': 11}[s[0]], 1
	case 'x':
		if r, ok := hexRune(s[1:], 2); ok {
			return byte(r), 3
		}
		return 0, 0
	}
	v := 0
	for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
		v = v<<3 | int(s[n]-'0')
		n++
	}
	return byte(v), n
}
