// Package pytokens splits Python source into tokens (Python's reference, "Lexical analysis"), for whoever looks for signs in sources that
// need not be well-formed: other versions of the language, templates, and what was made to confuse a reader. It builds no tree and never
// fails: what is no token is a token of kind [Bad], and reading goes on behind it.
//
// Comments, blanks and the line breaks inside of brackets make no tokens. Names are normalised (NFKC), as Python does, so that letters that
// look alike spell one name; values of strings are decoded. The fields of formatted strings are not looked into: their text is the value.
package pytokens

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"modelgate/internal/scanner/source/pystring"
)

// Kind tells tokens apart.
type Kind uint8

// The kinds of tokens.
const (
	Newline Kind = iota // the end of a logical line
	Name                // names and keywords
	Number
	String // Text is the value
	Bytes  // Text is the value
	Op
	Bad // Text is what no token begins with, or a string without an end
)

// Token is a piece of source.
type Token struct {
	Kind Kind
	Text string
	At   int // where it begins, in bytes
	End  int // where it ends
	// Depth is how many brackets are open around the token; an opening one is not around itself.
	Depth int
	// Indent is the column in which the logical line begins.
	Indent int
}

// Max is how many tokens a source may have. What lies behind the last of them is not looked at.
const Max = 1 << 19

// Split appends the tokens of a source to a list, which may be nil; whole is false if it has more than Max. It takes time in proportion to
// the length.
func Split(list []Token, text string) (tokens []Token, whole bool) {
	l := &lexer{text: text, fresh: true, tokens: list, most: len(list) + Max}
	l.pos = len(text) - len(strings.TrimPrefix(text, "\ufeff"))
	for l.pos < len(text) {
		if len(l.tokens) >= l.most {
			return l.tokens, false
		}
		l.next()
	}
	l.line(l.pos)
	return l.tokens, true
}

type lexer struct {
	text   string
	pos    int
	tokens []Token
	most   int // tokens there may be
	depth  int
	indent int
	fresh  bool // no token of the logical line was read
	// begun is where the physical line begins.
	begun int
}

// add takes the token that ends at pos.
func (l *lexer) add(kind Kind, text string, at int) {
	if l.fresh && kind != Newline {
		l.indent, l.fresh = at-l.begun, false
	}
	l.tokens = append(l.tokens, Token{Kind: kind, Text: text, At: at, End: l.pos, Depth: l.depth, Indent: l.indent})
}

// line ends a logical line.
func (l *lexer) line(at int) {
	if n := len(l.tokens); n > 0 && l.tokens[n-1].Kind != Newline {
		l.add(Newline, "", at)
	}
	l.fresh = true
}

// next reads a token, or what is none.
func (l *lexer) next() {
	at := l.pos
	switch c := l.text[at]; {
	case c == ' ' || c == '\t' || c == '\f':
		l.pos++
	case c == '\n' || c == '\r':
		l.pos++
		l.begun = l.pos
		if l.depth == 0 {
			l.line(at)
		}
	case c == '#':
		l.pos = at + lineLength(l.text[at:])
	case c == '\\' && at+1 < len(l.text) && (l.text[at+1] == '\n' || l.text[at+1] == '\r'):
		l.pos += 2
		if strings.HasPrefix(l.text[at+1:], "\r\n") {
			l.pos++
		}
		l.begun = l.pos
	case c == '"' || c == '\'':
		l.str("", at)
	case isDigit(c) || c == '.' && at+1 < len(l.text) && isDigit(l.text[at+1]):
		l.number()
	case c == '_' || isLetter(c) || c >= utf8.RuneSelf:
		l.word()
	default:
		l.operator()
	}
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// letter is the length of the first character of a text if names may have it, else 0.
func letter(text string) int {
	if c := text[0]; c < utf8.RuneSelf {
		if isLetter(c) || isDigit(c) || c == '_' {
			return 1
		}
		return 0
	}
	r, n := utf8.DecodeRuneInString(text)
	if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || unicode.Is(unicode.Pc, r) || unicode.Is(unicode.Nl, r) {
		return n
	}
	return 0
}

// lineLength is the length of the first line of a text, without its break.
func lineLength(text string) int {
	for i := range len(text) {
		if text[i] == '\n' || text[i] == '\r' {
			return i
		}
	}
	return len(text)
}

// number reads a number, as far as letters, digits and dots go.
func (l *lexer) number() {
	at := l.pos
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		if !isDigit(c) && !isLetter(c) && c != '.' && c != '_' {
			break
		}
		l.pos++
	}
	l.add(Number, l.text[at:l.pos], at)
}

// word reads a name, or the prefix of a string and the string.
func (l *lexer) word() {
	at, ascii := l.pos, true
	for l.pos < len(l.text) {
		n := letter(l.text[l.pos:])
		if n == 0 {
			break
		}
		ascii = ascii && n == 1
		l.pos += n
	}
	if l.pos == at {
		_, n := utf8.DecodeRuneInString(l.text[at:])
		l.pos += n
		l.add(Bad, l.text[at:l.pos], at)
		return
	}
	name := l.text[at:l.pos]
	if l.pos < len(l.text) && (l.text[l.pos] == '"' || l.text[l.pos] == '\'') && len(name) <= 2 {
		if prefix := strings.ToLower(name); strings.Trim(prefix, "rbuft") == "" {
			l.str(prefix, at)
			return
		}
	}
	if !ascii {
		name = norm.NFKC.String(name)
	}
	l.add(Name, name, at)
}

// str reads a string behind its prefix, which began at at. One without an end is bad as far as it goes.
func (l *lexer) str(prefix string, at int) {
	quote := l.text[l.pos : l.pos+1]
	if three := l.text[l.pos:min(l.pos+3, len(l.text))]; three == `"""` || three == "'''" {
		quote = three
	}
	from := l.pos + len(quote)
	end, ok := closing(l.text, from, quote)
	if !ok {
		l.pos = end
		l.add(Bad, l.text[at:l.pos], at)
		return
	}
	l.pos = end + len(quote)
	text, kind := l.text[from:end], String
	if strings.Contains(prefix, "b") {
		kind = Bytes
	}
	if !strings.Contains(prefix, "r") {
		text = pystring.Unescape(text, kind == Bytes)
	}
	l.add(kind, text, at)
	if i := strings.LastIndexByte(l.text[at:l.pos], '\n'); i >= 0 {
		l.begun = at + i + 1
	}
}

// closing returns where a string ends whose content begins at from; ok is false if that is the end of the line or of the text.
func closing(text string, from int, quote string) (end int, ok bool) {
	for i := from; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			if strings.HasPrefix(text[i+1:], "\r\n") {
				i++
			}
			i++
		case (c == '\n' || c == '\r') && len(quote) == 1:
			return i, false
		case c == quote[0] && strings.HasPrefix(text[i:], quote):
			return i, true
		}
	}
	return len(text), false
}

// operator reads an operator. Those of several characters that nobody asks for are taken in parts.
func (l *lexer) operator() {
	at := l.pos
	n := 1
	if at+1 < len(l.text) {
		n = operatorLength(l.text[at], l.text[at+1])
	}
	l.pos += n
	op := l.text[at:l.pos]
	switch op[0] {
	case '(', '[', '{':
		l.add(Op, op, at)
		l.depth++
	case ')', ']', '}':
		l.depth = max(0, l.depth-1)
		l.add(Op, op, at)
	case '+', '-', '*', '/', '%', '@', '&', '|', '^', '~', '<', '>', ',', ':', '.', ';', '=', '!':
		l.add(Op, op, at)
	default:
		l.add(Bad, op, at)
	}
}

// operatorLength is how many of two characters are one operator.
func operatorLength(a, b byte) int {
	switch {
	case b == '=' && (a == '=' || a == '!' || a == '<' || a == '>' || a == ':' || a == '+'), a == '-' && b == '>', a == '*' && b == '*':
		return 2
	default:
		return 1
	}
}
