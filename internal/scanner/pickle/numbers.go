package pickle

import (
	"bytes"
	"strconv"
	"strings"
)

// parseInt reads the argument of INT or LONG. INT takes the prefixes of Python's literals, and writes booleans as 00 and 01;
// LONG takes decimal digits with an L behind. whole is false if the text was cut, so that only its beginning is known.
func parseInt(text []byte, long, whole bool) (v value, ok bool) {
	if !whole {
		return vBig, len(text) > 0
	}
	if long {
		return anyBase(bytes.TrimSuffix(text, []byte{'L'}))
	}
	switch string(text) {
	case "00":
		return vFalse, true
	case "01":
		return vTrue, true
	}
	return anyBase(text)
}

// anyBase reads a number as Python's int(text, 0) does. C reads a few forms more, such as octal with a bare 0 in front, and
// those are taken too.
func anyBase(text []byte) (value, bool) {
	s, negative := signed(text)
	base := 10
	if len(s) > 1 && s[0] == '0' {
		switch s[1] {
		case 'x', 'X':
			base = 16
		case 'o', 'O':
			base = 8
		case 'b', 'B':
			base = 2
		}
		if base != 10 {
			s = strings.TrimPrefix(s[2:], "_")
		} else if strings.Trim(s, "0") != "" {
			base = 8
		}
	}
	return inBase(s, base, negative)
}

// decimal reads a number as Python's int(text, 10) does: blanks around it, a sign, single underscores between digits.
func decimal(text []byte) (value, bool) {
	s, negative := signed(text)
	return inBase(s, 10, negative)
}

// signed strips blanks and the sign.
func signed(text []byte) (digits string, negative bool) {
	s := strings.Trim(string(text), " \t\n\r\v\f")
	switch {
	case strings.HasPrefix(s, "-"):
		return s[1:], true
	case strings.HasPrefix(s, "+"):
		return s[1:], false
	default:
		return s, false
	}
}

func inBase(s string, base int, negative bool) (value, bool) {
	if s == "" || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") {
		return 0, false
	}
	plain := strings.ReplaceAll(s, "_", "")
	for i := range len(plain) {
		if !isDigit(plain[i], base) {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(plain, base, 64)
	if err != nil {
		return vBig, true // digits of its base, but too many
	}
	if negative {
		n = -n
	}
	return intValue(n), true
}

func isDigit(c byte, base int) bool {
	switch {
	case c >= '0' && c <= '9':
		return int(c-'0') < base
	case c >= 'a' && c <= 'f':
		return base == 16
	case c >= 'A' && c <= 'F':
		return base == 16
	default:
		return false
	}
}
