package jinja

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"modelgate/internal/scanner/source/pystring"
)

// tokenKind tells tokens apart. Operators have their own text.
type tokenKind int

const (
	tokEnd   tokenKind = iota
	tokText            // template text outside of everything
	tokOpen            // {% or {{
	tokClose           // %} or }}
	tokName
	tokString
	tokNumber
	tokOp
)

// token is a piece of a template.
type token struct {
	kind tokenKind
	text string // of a string: what it stands for
	at   int64
}

// syntaxError says where a template breaks the grammar.
type syntaxError struct {
	at     int64
	reason string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at offset %d", e.reason, e.at) }

// maxTokens bounds the work on one template.
const maxTokens = 1 << 20

// lexer splits a template into tokens.
type lexer struct {
	text   string
	pos    int
	tokens []token
}

// lex returns the tokens of a template, and those before the fault if there is one.
func lex(text string) ([]token, error) {
	l := &lexer{text: text}
	for l.pos < len(l.text) {
		if err := l.outside(); err != nil {
			return l.tokens, err
		}
		if len(l.tokens) > maxTokens {
			return l.tokens, &syntaxError{int64(l.pos), "too many tokens"}
		}
	}
	return l.tokens, nil
}

func (l *lexer) add(kind tokenKind, text string, at int) {
	l.tokens = append(l.tokens, token{kind, text, int64(at)})
}

// outside reads text up to the next tag, and the tag.
func (l *lexer) outside() error {
	start := l.pos
	next := nextTag(l.text, start)
	if next < 0 {
		l.add(tokText, l.text[start:], start)
		l.pos = len(l.text)
		return nil
	}
	if next > start {
		l.add(tokText, l.text[start:next], start)
	}
	l.pos = next + 2
	switch l.text[next+1] {
	case '#':
		end := strings.Index(l.text[l.pos:], "#}")
		if end < 0 {
			l.pos = len(l.text)
			return &syntaxError{int64(next), "a comment does not end"}
		}
		l.pos += end + 2
		return nil
	case '%':
		if m := rawBlock.FindStringIndex(l.text[next:]); m != nil {
			return l.raw(next, next+m[1])
		}
	}
	open := l.text[next : next+2]
	l.add(tokOpen, open, next)
	if l.pos < len(l.text) && (l.text[l.pos] == '-' || l.text[l.pos] == '+') {
		l.pos++
	}
	return l.inside(map[string]string{"{%": "%}", "{{": "}}"}[open], next)
}

// nextTag returns where the next tag or comment begins, or -1.
func nextTag(text string, from int) int {
	for i := from; ; i++ {
		n := strings.IndexByte(text[i:], '{')
		if n < 0 || i+n+1 >= len(text) {
			return -1
		}
		i += n
		if c := text[i+1]; c == '{' || c == '%' || c == '#' {
			return i
		}
	}
}

var (
	rawBlock = regexp.MustCompile(`^\{%[-+]?\s*raw\s*-?%\}`)
	rawEnd   = regexp.MustCompile(`\{%[-+]?\s*endraw\s*[-+]?%\}`)
)

// raw reads a raw block, whose content is text.
func (l *lexer) raw(at, body int) error {
	end := rawEnd.FindStringIndex(l.text[body:])
	if end == nil {
		l.pos = len(l.text)
		return &syntaxError{int64(at), "a raw block does not end"}
	}
	l.add(tokText, l.text[body:body+end[0]], body)
	l.pos = body + end[1]
	return nil
}

// inside reads the tokens of a tag up to its end. The end marks nothing while a bracket is open.
func (l *lexer) inside(end string, at int) error {
	depth := 0
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		if c := rest[0]; c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v' {
			l.pos++
			continue
		}
		if depth == 0 {
			for _, sign := range []string{"", "-", "+"} {
				if strings.HasPrefix(rest, sign+end) {
					l.add(tokClose, end, l.pos)
					l.pos += len(sign) + len(end)
					return nil
				}
			}
		}
		before := len(l.tokens)
		if err := l.token(rest); err != nil {
			return err
		}
		if len(l.tokens) > before && l.tokens[before].kind == tokOp {
			switch l.tokens[before].text {
			case "(", "[", "{":
				depth++
			case ")", "]", "}":
				depth = max(0, depth-1)
			}
		}
		if len(l.tokens) > maxTokens {
			return &syntaxError{int64(l.pos), "too many tokens"}
		}
	}
	return &syntaxError{int64(at), "a tag does not end"}
}

// number matches Jinja's integers and floats.
var number = regexp.MustCompile(`^(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|\d(?:_?\d)*(?:(?:\.\d(?:_?\d)*)?[eE][+-]?\d(?:_?\d)*|\.\d(?:_?\d)*)?)`)

// operators are tried longest first.
var operators = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

// token reads one token inside a tag.
func (l *lexer) token(rest string) error {
	c, size := utf8.DecodeRuneInString(rest)
	switch {
	case c == '"' || c == '\'':
		return l.str(rest)
	case c >= '0' && c <= '9':
		text := number.FindString(rest)
		// In x.0.1 the lexer must not take 0.1 for a float.
		if n := len(l.tokens); n > 0 && l.tokens[n-1].kind == tokOp && l.tokens[n-1].text == "." {
			text, _, _ = strings.Cut(text, ".")
		}
		l.add(tokNumber, text, l.pos)
		l.pos += len(text)
		return nil
	case c == '_' || unicode.IsLetter(c):
		end := size
		for end < len(rest) {
			r, n := utf8.DecodeRuneInString(rest[end:])
			if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !unicode.Is(unicode.Mc, r) {
				break
			}
			end += n
		}
		l.add(tokName, rest[:end], l.pos)
		l.pos += end
		return nil
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.add(tokOp, op, l.pos)
			l.pos += len(op)
			return nil
		}
	}
	return &syntaxError{int64(l.pos), "a character that no token begins with"}
}

// str reads a string and decodes its escapes.
func (l *lexer) str(rest string) error {
	quote := rest[0]
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case quote:
			l.add(tokString, pystring.Unescape(rest[1:i], false), l.pos)
			l.pos += i + 1
			return nil
		}
	}
	return &syntaxError{int64(l.pos), "a string does not end"}
}
