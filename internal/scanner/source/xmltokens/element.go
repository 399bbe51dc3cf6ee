package xmltokens

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
)

// tag is a start tag that is being read.
type tag struct {
	token  Token
	name   []byte // of the element
	key    []byte // of the attribute that is being read
	keyAt  int64
	value  []byte
	quote  byte // in which the value stands, 0 outside of one
	equals bool // behind the "=" of an attribute
	named  bool // behind the name of the element
	size   int  // of all values
	count  int  // of attributes
}

// start reads a start tag, whose first byte is given.
func (r *Reader) start(first byte) (Token, error) {
	g := tag{token: Token{Kind: Start}}
	last := byte(0)
	for c := first; ; {
		if c == '>' && g.quote == 0 {
			break
		}
		if err := g.add(c, r.in.at-1); err != nil {
			return g.token, err
		}
		last = c
		var err error
		if c, err = r.in.ReadByte(); err != nil {
			g.token.Name = string(g.name)
			return g.token, err
		}
	}
	g.finish()
	g.token.Name = string(g.name)
	g.token.Empty = last == '/'
	return g.token, r.open(g.token)
}

// add takes one byte of the tag.
func (g *tag) add(c byte, at int64) error {
	blank := c <= ' '
	switch {
	case g.quote != 0:
		if c == g.quote {
			g.quote = 0
			g.finish()
		} else {
			g.keep(c)
		}
	case c == '"' || c == '\'':
		g.quote, g.named = c, true
	case !g.named:
		if blank || c == '/' && len(g.name) > 0 {
			g.named = true
		} else if len(g.name) < maxName {
			g.name = append(g.name, c)
		}
	case c == '=':
		if g.count++; g.count > maxAttributes {
			return fmt.Errorf("an element of more than %d attributes: %w", maxAttributes, source.ErrBudget)
		}
		g.equals = true
	case g.equals && !blank: // a value without quotes
		g.keep(c)
	case g.equals:
		if len(g.value) > 0 {
			g.finish()
		}
	case !blank && len(g.key) < maxName:
		if len(g.key) == 0 {
			g.keyAt = at
		}
		g.key = append(g.key, c)
	}
	return nil
}

// keep adds a byte to the value, within the bounds.
func (g *tag) keep(c byte) {
	if len(g.value) < maxValue && g.size < maxElement {
		g.value = append(g.value, c)
		g.size++
	}
}

// finish ends an attribute.
func (g *tag) finish() {
	if key := bytes.TrimRight(g.key, "/"); g.equals && len(key) > 0 {
		g.token.Attributes = append(g.token.Attributes, Attribute{Name: string(key), Value: Unescape(string(g.value)), At: g.keyAt})
	}
	g.key, g.value, g.equals = g.key[:0], g.value[:0], false
}

// predefined are the entities of XML itself (section 4.6).
func predefined(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	return 0, false
}

// Unescape replaces references to characters and to the predefined entities. Others stay as they are.
func Unescape(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "&")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, _, ended := strings.Cut(rest[:min(len(rest), maxReference)], ";")
		r, known := reference(name)
		if !ended || !known {
			b.WriteByte('&')
			s = rest
			continue
		}
		b.WriteRune(r)
		s = rest[len(name)+1:]
	}
}

// maxReference is the longest reference that is looked at, in bytes.
const maxReference = 16

// reference is the character that a reference stands for.
func reference(name string) (rune, bool) {
	digits, numeric := strings.CutPrefix(name, "#")
	if !numeric {
		return predefined(name)
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, false
	}
	return rune(n), true
}
