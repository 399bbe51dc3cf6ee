package python

import (
	"strings"

	"modelgate/internal/scanner/source/pystring"
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
		l.tokens = append(l.tokens, token{kind: tokFormat, at: l.base + int64(at), format: &format{parts}})
		return nil
	}
	end := l.closing(quote)
	if end < 0 {
		return &syntaxError{at: l.base + int64(at), reason: "a string does not end"}
	}
	text := l.text[l.pos:end]
	l.pos = end + len(quote)
	kind := tokString
	if strings.Contains(prefix, "b") {
		kind = tokBytes
	}
	if !raw {
		text = pystring.Unescape(text, kind == tokBytes)
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
				text = pystring.Unescape(text, false)
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
