package numpy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// value is a Python literal: string, integer, bool, nothing, tuple, list or dict.
type value any

type (
	integer int64
	nothing struct{}
	tuple   []value
	list    []value
	dict    []pair
	pair    struct{ key, value value }
)

// parser reads the literals that ast.literal_eval takes, except numbers that are no integers, bytes and sets: no header has
// any.
type parser struct {
	s     string
	pos   int
	depth int
}

// parseLiteral reads a text that is one literal.
func parseLiteral(s string) (value, error) {
	p := &parser{s: s}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(p.s) {
		return nil, fmt.Errorf("something follows at %d", p.pos)
	}
	return v, nil
}

// space skips blanks, line ends, continued lines and comments.
func (p *parser) space() {
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; {
		case strings.IndexByte(" \t\r\n\f", c) >= 0:
			p.pos++
		case c == '\\' && strings.HasPrefix(p.s[p.pos:], "\\\n"):
			p.pos += 2
		case c == '#':
			if i := strings.IndexByte(p.s[p.pos:], '\n'); i >= 0 {
				p.pos += i
			} else {
				p.pos = len(p.s)
			}
		default:
			return
		}
	}
}

// peek is the next byte that is no space, 0 at the end.
func (p *parser) peek() byte {
	if p.space(); p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

func (p *parser) value() (value, error) {
	const deepest = 64
	if p.depth++; p.depth > deepest {
		return nil, errors.New("nested too deep")
	}
	defer func() { p.depth-- }()
	switch c := p.peek(); {
	case c == '{':
		return p.dict()
	case c == '(':
		return p.tuple()
	case c == '[':
		items, _, err := p.items(']')
		return list(items), err
	case p.stringAhead():
		return p.strings()
	case c >= '0' && c <= '9' || c == '-' || c == '+':
		return p.integer()
	}
	return p.word()
}

// items reads values up to a closing bracket, and tells whether there was a comma.
func (p *parser) items(end byte) (items []value, comma bool, err error) {
	p.pos++
	for {
		if p.peek() == end {
			p.pos++
			return items, comma, nil
		}
		v, err := p.value()
		if err != nil {
			return nil, false, err
		}
		items = append(items, v)
		switch p.peek() {
		case ',':
			comma = true
			p.pos++
		case end:
		default:
			return nil, false, fmt.Errorf("no comma at %d", p.pos)
		}
	}
}

// tuple reads a tuple, or a value in brackets.
func (p *parser) tuple() (value, error) {
	items, comma, err := p.items(')')
	if err == nil && len(items) == 1 && !comma {
		return items[0], nil
	}
	return tuple(items), err
}

func (p *parser) dict() (value, error) {
	p.pos++
	d := dict{}
	for {
		if p.peek() == '}' {
			p.pos++
			return d, nil
		}
		key, err := p.value()
		if err != nil {
			return nil, err
		}
		if p.peek() != ':' {
			return nil, fmt.Errorf("no colon at %d", p.pos)
		}
		p.pos++
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		d = append(d, pair{key, v})
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
		default:
			return nil, fmt.Errorf("no comma at %d", p.pos)
		}
	}
}

// integer reads digits in any base, with signs and underscores, and the L that Python 2 wrote.
func (p *parser) integer() (value, error) {
	start := p.pos
	for p.pos < len(p.s) && strings.IndexByte("+-_", p.s[p.pos]) >= 0 || p.pos < len(p.s) && isAlnum(p.s[p.pos]) {
		p.pos++
	}
	text := strings.TrimSuffix(p.s[start:p.pos], "L")
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return nil, fmt.Errorf("no integer at %d", start)
	}
	return integer(n), nil
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func (p *parser) word() (value, error) {
	start := p.pos
	for p.pos < len(p.s) && (isAlnum(p.s[p.pos]) || p.s[p.pos] == '_') {
		p.pos++
	}
	switch p.s[start:p.pos] {
	case "True":
		return true, nil
	case "False":
		return false, nil
	case "None":
		return nothing{}, nil
	}
	return nil, fmt.Errorf("no literal at %d", start)
}

// stringAhead tells whether a string begins here, with its prefix if it has one.
func (p *parser) stringAhead() bool {
	rest := p.s[p.pos:]
	for _, prefix := range []string{"", "u", "U", "r", "R"} {
		if r, ok := strings.CutPrefix(rest, prefix); ok && (strings.HasPrefix(r, "'") || strings.HasPrefix(r, `"`)) {
			return true
		}
	}
	return false
}

// strings reads a string, and those that follow it directly, which Python joins.
func (p *parser) strings() (value, error) {
	var b strings.Builder
	for p.space(); p.stringAhead(); p.space() {
		s, err := p.str()
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (p *parser) str() (string, error) {
	start := p.pos
	raw := p.s[p.pos]|0x20 == 'r'
	if isAlnum(p.s[p.pos]) {
		p.pos++
	}
	quote := p.s[p.pos : p.pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(p.s[p.pos:], triple) {
		quote = triple
	}
	p.pos += len(quote)
	var b strings.Builder
	for p.pos < len(p.s) {
		rest := p.s[p.pos:]
		switch {
		case strings.HasPrefix(rest, quote):
			p.pos += len(quote)
			return b.String(), nil
		case rest[0] == '\\' && !raw && len(rest) > 1:
			if err := p.escape(&b); err != nil {
				return "", err
			}
		case rest[0] == '\\' && len(rest) > 1: // raw: the backslash stays and protects what follows
			b.WriteString(rest[:2])
			p.pos += 2
		default:
			b.WriteByte(rest[0])
			p.pos++
		}
	}
	return "", fmt.Errorf("the string at %d does not end", start)
}

// escape decodes what follows a backslash.
func (p *parser) escape(b *strings.Builder) error {
	c := p.s[p.pos+1]
	p.pos += 2
	if i := strings.IndexByte(`abfnrtv\'"`, c); i >= 0 {
		b.WriteByte("\a\b\f\n\r\t\v\\'\""[i])
		return nil
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	switch {
	case c == '\n':
		return nil
	case digits > 0:
		if p.pos+digits > len(p.s) {
			return errors.New("an escape breaks off")
		}
		n, err := strconv.ParseUint(p.s[p.pos:p.pos+digits], 16, 32)
		if err != nil || n > utf8.MaxRune {
			return fmt.Errorf("no escape at %d", p.pos-2)
		}
		p.pos += digits
		b.WriteRune(rune(n))
	case c == 'N':
		return fmt.Errorf("an escape by name at %d", p.pos-2)
	case c >= '0' && c <= '7':
		end := p.pos
		for end < len(p.s) && end < p.pos+2 && p.s[end] >= '0' && p.s[end] <= '7' {
			end++
		}
		n, err := strconv.ParseUint(p.s[p.pos-1:end], 8, 16)
		if err != nil {
			return err
		}
		p.pos = end
		b.WriteRune(rune(n))
	default:
		b.WriteByte('\\')
		b.WriteByte(c)
	}
	return nil
}
