package torch

import (
	"modelgate/internal/scanner/source"
)

// argument is how an opcode of the pickle protocol gives its argument.
type argument byte

const (
	none  argument = iota
	one            // 1 byte
	two            // 2 bytes
	four           // 4 bytes
	eight          // 8 bytes
	line           // up to a newline
	lines          // two lines
	text1          // length of 1 byte, then bytes
	text4          // length of 4 bytes, then bytes
	text8          // length of 8 bytes, then bytes
	stop
	unknown
)

// maxLine is the longest line or string that is read; longer strings are skipped.
const maxLine = 1 << 16

// argumentOf says how long an opcode is. Nothing here knows what it does: only where a pickle ends is asked, the pickle
// itself is for package pickle.
func argumentOf(op byte) argument {
	switch op {
	case '.':
		return stop
	case 'K', 'h', 'q', 0x80, 0x82:
		return one
	case 'M', 0x83:
		return two
	case 'J', 'j', 'r', 0x84:
		return four
	case 'G', 0x95:
		return eight
	case 'F', 'I', 'L', 'P', 'S', 'V', 'g', 'p':
		return line
	case 'c', 'i':
		return lines
	case 'U', 'C', 0x8a, 0x8c:
		return text1
	case 'T', 'X', 'B', 0x8b:
		return text4
	case 0x8d, 0x8e, 0x96:
		return text8
	case '(', '0', '1', '2', 'N', 'Q', 'R', 'a', 'b', 'd', '}', 'e', 'l', ']', 'o', 's', 't', ')', 'u',
		0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x97, 0x98:
		return none
	}
	return unknown
}

// pickleEnd moves a cursor behind the STOP of the pickle that it stands on, and returns the short strings and globals that
// occur in it.
func pickleEnd(c *source.Cursor) ([]string, error) {
	const maxNames = 1000
	var names []string
	keep := func(s string) {
		if len(names) < maxNames {
			names = append(names, s)
		}
	}
	for {
		at := c.Offset()
		op, err := c.U8()
		if err != nil {
			return nil, err
		}
		switch argumentOf(op) {
		case none:
		case one:
			err = c.Skip(1)
		case two:
			err = c.Skip(2)
		case four:
			err = c.Skip(4)
		case eight:
			err = c.Skip(8)
		case line:
			_, err = readLine(c)
		case lines:
			var module, name string
			if module, err = readLine(c); err == nil {
				name, err = readLine(c)
			}
			keep(module + " " + name)
		case text1, text4, text8:
			var s string
			s, err = readText(c, argumentOf(op))
			keep(s)
		case stop:
			return names, nil
		default:
			err = source.Malformedf(at, "unknown opcode %#02x", op)
		}
		if err != nil {
			return nil, err
		}
	}
}

func readLine(c *source.Cursor) (string, error) {
	at := c.Offset()
	var b []byte
	for len(b) < maxLine {
		ch, err := c.U8()
		if err != nil {
			return "", err
		}
		if ch == '\n' {
			return string(b), nil
		}
		b = append(b, ch)
	}
	return "", source.Malformedf(at, "a line of more than %d bytes", maxLine)
}

// readText reads a string with a length in front, and returns it if it is short.
func readText(c *source.Cursor, form argument) (string, error) {
	var n uint64
	var err error
	switch form {
	case text1:
		var v uint8
		v, err = c.U8()
		n = uint64(v)
	case text4:
		var v uint32
		v, err = c.U32()
		n = uint64(v)
	default:
		n, err = c.U64()
	}
	if err != nil {
		return "", err
	}
	if n > 256 {
		if n > uint64(c.Remaining()) {
			return "", source.Malformedf(c.Offset(), "a string of %d bytes in %d", n, c.Remaining())
		}
		return "", c.Skip(int64(n))
	}
	b, err := c.Bytes(n, 256)
	return string(b), err
}
