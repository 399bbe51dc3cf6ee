// Package pystring decodes the escapes of Python's string literals (Python's reference, "String and Bytes literals"), as its
// compiler does and the codec unicode-escape, through which Jinja sends the literals of templates.
package pystring

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Unescape decodes the escapes of a string literal, or of a bytes literal, in which each escape is one byte and characters have
// no names. What is no escape stays.
func Unescape(s string, isBytes bool) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		n, text := escapeAt(s[i:], isBytes)
		b.WriteString(text)
		i += n
	}
	return b.String()
}

// escapeAt decodes the escape that s begins with: its length and what it stands for. In bytes each is one byte.
func escapeAt(s string, isBytes bool) (n int, text string) {
	char := func(v uint64) string {
		if isBytes {
			return string([]byte{byte(v)})
		}
		return string(rune(v))
	}
	if i := strings.IndexByte("\n\\'\"abfnrtv", s[1]); i >= 0 {
		return 2, []string{"", `\`, "'", `"`, "\a", "\b", "\f", "\n", "\r", "\t", "\v"}[i]
	}
	switch c := s[1]; {
	case c == '\r':
		if len(s) > 2 && s[2] == '\n' {
			return 3, ""
		}
		return 2, ""
	case c >= '0' && c <= '7':
		n = 2
		for n < 4 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		if v, err := strconv.ParseUint(s[1:n], 8, 32); err == nil {
			return n, char(v)
		}
	case c == 'x' || !isBytes && (c == 'u' || c == 'U'):
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		if len(s) >= 2+digits {
			if v, err := strconv.ParseUint(s[2:2+digits], 16, 32); err == nil && v <= utf8.MaxRune {
				return 2 + digits, char(v)
			}
		}
	case c == 'N' && !isBytes && len(s) > 2 && s[2] == '{':
		if end := strings.IndexByte(s, '}'); end > 0 {
			return end + 1, named(s[3:end])
		}
	}
	return 2, s[:2]
}

// named returns the character that Unicode calls so, as far as names of attributes are made of them; the replacement
// character for all others.
func named(name string) string {
	name = strings.ToUpper(name)
	if letter, ok := strings.CutPrefix(name, "LATIN SMALL LETTER "); ok && len(letter) == 1 {
		return strings.ToLower(letter)
	}
	if letter, ok := strings.CutPrefix(name, "LATIN CAPITAL LETTER "); ok && len(letter) == 1 {
		return letter
	}
	switch name {
	case "LOW LINE", "SPACING UNDERSCORE", "UNDERSCORE":
		return "_"
	case "FULL STOP":
		return "."
	case "SPACE":
		return " "
	case "LEFT CURLY BRACKET":
		return "{"
	case "RIGHT CURLY BRACKET":
		return "}"
	case "PERCENT SIGN":
		return "%"
	}
	if i := strings.Index("ZERO ONE  TWO  THREEFOUR FIVE SIX  SEVENEIGHTNINE ", strings.TrimPrefix(name, "DIGIT ")); i >= 0 && i%5 == 0 && strings.HasPrefix(name, "DIGIT ") {
		return strconv.Itoa(i / 5)
	}
	return string(utf8.RuneError)
}
