package python

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// str reads a string behind its prefix.
func (l *lexer) str(prefix string, at int) error {
	quote := l.text[l.pos : l.pos+1]
	if strings.HasPrefix(l.text[l.pos:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	l.pos += len(quote)
	raw := strings.Contains(prefix, "r")
	if strings.ContainsAny(prefix, "ft") {
		l.fields++
		defer func() { l.fields-- }()
		if l.fields > maxFields {
			return l.fault("f-strings nested too deeply")
		}
		parts, err := l.format(quote, raw, false)
		if err != nil {
			return err
		}
		l.pos += len(quote)
		l.tokens = append(l.tokens, token{kind: tokFormat, at: l.base + int64(at), parts: parts})
		return nil
	}
	end := l.closing(quote)
	if end < 0 {
		return &syntaxError{l.base + int64(at), "a string does not end"}
	}
	text := l.text[l.pos:end]
	l.pos = end + len(quote)
	kind := tokString
	if strings.Contains(prefix, "b") {
		kind = tokBytes
	}
	if !raw {
		text = unescape(text, kind == tokBytes)
	}
	l.add(kind, text, at)
	return nil
}

// closing returns where the string that begins at pos ends, or -1.
func (l *lexer) closing(quote string) int {
	for i := l.pos; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '\\':
			i++
		case (c == '\n' || c == '\r') && len(quote) == 1:
			return -1
		case c == quote[0] && strings.HasPrefix(l.text[i:], quote):
			return i
		}
	}
	return -1
}

// format reads literals and fields up to the closing quote, which it leaves, or in the specification of a field to the brace.
func (l *lexer) format(quote string, raw, spec bool) ([]part, error) {
	var parts []part
	start := l.pos
	flush := func(end int) {
		if text := l.text[start:end]; text != "" {
			if !raw {
				text = unescape(text, false)
			}
			parts = append(parts, part{text: text})
		}
	}
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case strings.HasPrefix(rest, quote), spec && rest[0] == '}':
			flush(l.pos)
			return parts, nil
		case !raw && strings.HasPrefix(rest, `\N{`):
			l.pos += 3
		case rest[0] == '\\' && len(rest) > 1 && rest[1] != '{' && rest[1] != '}':
			l.pos += 2
		case (rest[0] == '\n' || rest[0] == '\r') && len(quote) == 1 && !spec:
			return parts, l.fault("a string does not end")
		case strings.HasPrefix(rest, "{{") && !spec, strings.HasPrefix(rest, "}}"):
			flush(l.pos + 1)
			l.pos += 2
			start = l.pos
		case rest[0] == '{':
			flush(l.pos)
			l.pos++
			field, err := l.field(quote, raw)
			if err != nil {
				return parts, err
			}
			parts = append(parts, field)
			start = l.pos
		default:
			l.pos++
		}
	}
	return parts, l.fault("a string does not end")
}

// field reads the expression of a field, its conversion and its specification, and the closing brace.
func (l *lexer) field(quote string, raw bool) (part, error) {
	outer, depth := l.tokens, l.depth
	l.tokens, l.depth = nil, 1
	var p part
	err := func() error {
		for l.pos < len(l.text) {
			rest := l.text[l.pos:]
			switch {
			case l.depth == 1 && (rest[0] == '}' || rest[0] == ':' || rest[0] == '!' && !strings.HasPrefix(rest, "!=")):
				return nil
			case strings.HasPrefix(rest, quote) && !l.nested(quote):
				return l.fault("a field does not end")
			case rest[0] == '#':
				l.skipComment()
			case l.skipBreak():
			default:
				if err := l.token(); err != nil {
					return err
				}
			}
		}
		return l.fault("a field does not end")
	}()
	p.tokens = append([]token{}, l.tokens...)
	l.tokens, l.depth = outer, depth
	if err != nil {
		return p, err
	}
	if l.text[l.pos] == '!' {
		for l.pos < len(l.text) && l.text[l.pos] != ':' && l.text[l.pos] != '}' {
			l.pos++
		}
	}
	if l.pos < len(l.text) && l.text[l.pos] == ':' {
		l.pos++
		if l.fields++; l.fields > maxFields {
			return p, l.fault("f-strings nested too deeply")
		}
		p.spec, err = l.format(quote, raw, true)
		if l.fields--; err != nil {
			return p, err
		}
	}
	if l.pos >= len(l.text) || l.text[l.pos] != '}' {
		return p, l.fault("a field does not end")
	}
	l.pos++
	return p, nil
}

// nested tells whether a quote inside of a field begins a string there, which Python allows since 3.12: its other end must
// come before the end of the line.
func (l *lexer) nested(quote string) bool {
	rest := l.text[l.pos+len(quote):]
	line := rest
	if i := strings.IndexByte(rest, '\n'); i >= 0 && len(quote) == 1 {
		line = rest[:i]
	}
	return strings.Contains(line, quote)
}

// unescape decodes the escapes of a literal. What is no escape stays.
func unescape(s string, isBytes bool) string {
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

// named returns the character that Unicode calls so, as far as identifiers are made of them; the replacement character for
// all others.
func named(name string) string {
	name = strings.ToUpper(name)
	if letter, ok := strings.CutPrefix(name, "LATIN SMALL LETTER "); ok && len(letter) == 1 {
		return strings.ToLower(letter)
	}
	if letter, ok := strings.CutPrefix(name, "LATIN CAPITAL LETTER "); ok && len(letter) == 1 {
		return letter
	}
	switch name {
	case "LOW LINE":
		return "_"
	case "FULL STOP":
		return "."
	case "SPACE":
		return " "
	}
	return string(utf8.RuneError)
}
