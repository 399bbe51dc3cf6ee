package python

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"modelgate/internal/scanner/source"
)

// tokenKind tells tokens apart. Operators and keywords have their own text.
type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokNewline
	tokIndent
	tokDedent
	tokName
	tokNumber
	tokString // text is the value
	tokBytes  // text is the value
	tokFormat // parts of an f-string
	tokOp
)

// token is a piece of source.
type token struct {
	text   string
	at     int64
	format *format // of an f-string
	kind   tokenKind
}

// format is what an f-string is made of.
type format struct{ parts []part }

// part is a literal or a field of an f-string.
type part struct {
	text   string
	tokens []token // of the field's expression; nil for a literal
	spec   []part
}

// syntaxError says where source breaks the grammar.
type syntaxError struct {
	at     int64
	reason string
	spent  bool // it breaks no rule but a bound of ours
}

// Unwrap makes what is too large source.ErrBudget.
func (e *syntaxError) Unwrap() error {
	if e.spent {
		return source.ErrBudget
	}
	return nil
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at offset %d", e.reason, e.at) }

// Bounds of lexing.
const (
	maxTokens      = 1 << 18 // that are looked ahead of what is parsed, of 40 bytes
	maxFieldTokens = 1 << 16 // in the fields of one f-string
	maxIndents     = 500
	maxFields      = 20   // nesting of f-strings
	chunk          = 1024 // tokens
)

// lexer splits source into tokens, by the rules of "Lexical analysis" in the reference of Python 3: some of them at a time, so that
// those of a long source are never all there.
type lexer struct {
	text    string
	pos     int
	base    int64 // offset of the text within the file
	tokens  []token
	indents []int
	depth   int // open brackets
	fields  int // f-strings around
	count   int // tokens in fields of the outermost f-string
	inLine  bool
	last    tokenKind
	done    bool
	err     error // the fault that ended it
}

func newLexer(text string) *lexer {
	return &lexer{text: text, indents: []int{0}, pos: len(text) - len(strings.TrimPrefix(text, "\ufeff"))}
}

// more appends a line of tokens, or a chunk of a long one. It tells whether there may be others.
func (l *lexer) more() bool {
	if l.done {
		return false
	}
	before := len(l.tokens)
	if before > maxTokens {
		l.err = l.spent("too many tokens that belong together")
		l.finish()
		return true
	}
	if l.err = l.lines(before + chunk); len(l.tokens) > before {
		l.last = l.tokens[len(l.tokens)-1].kind
	}
	if l.err != nil || l.pos >= len(l.text) {
		l.finish()
	}
	return true
}

// finish ends the line and the blocks that are open.
func (l *lexer) finish() {
	l.done = true
	if l.last != tokNewline && l.last != tokEnd {
		l.add(tokNewline, "", l.pos)
	}
	for range l.indents[1:] {
		l.add(tokDedent, "", l.pos)
	}
}

// forget drops the first tokens.
func (l *lexer) forget(n int) {
	kept := copy(l.tokens, l.tokens[n:])
	clear(l.tokens[kept:])
	l.tokens = l.tokens[:kept]
}

func (l *lexer) add(kind tokenKind, text string, at int) {
	l.tokens = append(l.tokens, token{kind: kind, text: text, at: l.base + int64(at)})
}

func (l *lexer) fault(reason string) error {
	return &syntaxError{at: l.base + int64(l.pos), reason: reason}
}

func (l *lexer) spent(reason string) error {
	return &syntaxError{at: l.base + int64(l.pos), reason: reason, spent: true}
}

// lines reads logical lines, until there are so many tokens.
func (l *lexer) lines(most int) error {
	for l.pos < len(l.text) && len(l.tokens) < most {
		if !l.inLine {
			blank, err := l.indentation()
			if err != nil {
				return err
			}
			if blank {
				continue
			}
		}
		if err := l.line(most); err != nil {
			return err
		}
	}
	return nil
}

// indentation reads the white space at the start of a line. Blank lines and comments are skipped.
func (l *lexer) indentation() (blank bool, err error) {
	width := 0
	for l.pos < len(l.text) {
		switch l.text[l.pos] {
		case ' ':
			width++
		case '\t':
			width = (width/8 + 1) * 8
		case '\f':
			width = 0
		default:
			return l.indented(width)
		}
		l.pos++
	}
	return true, nil
}

// indented compares an indentation with those around.
func (l *lexer) indented(width int) (blank bool, err error) {
	switch l.text[l.pos] {
	case '#', '\n', '\r':
		l.skipComment()
		l.skipBreak()
		return true, nil
	}
	top := l.indents[len(l.indents)-1]
	switch {
	case width > top:
		if len(l.indents) >= maxIndents {
			return false, l.fault("indented too deeply")
		}
		l.indents = append(l.indents, width)
		l.add(tokIndent, "", l.pos)
	case width < top:
		for width < l.indents[len(l.indents)-1] {
			l.indents = l.indents[:len(l.indents)-1]
			l.add(tokDedent, "", l.pos)
		}
		if width != l.indents[len(l.indents)-1] {
			return false, l.fault("an indentation that matches none around it")
		}
	}
	return false, nil
}

func (l *lexer) skipComment() {
	if l.pos < len(l.text) && l.text[l.pos] == '#' {
		if n := strings.IndexAny(l.text[l.pos:], "\r\n"); n >= 0 {
			l.pos += n
		} else {
			l.pos = len(l.text)
		}
	}
}

// skipBreak goes past a line break in any of its three forms.
func (l *lexer) skipBreak() bool {
	switch {
	case strings.HasPrefix(l.text[l.pos:], "\r\n"):
		l.pos += 2
	case l.pos < len(l.text) && (l.text[l.pos] == '\n' || l.text[l.pos] == '\r'):
		l.pos++
	default:
		return false
	}
	return true
}

// line reads the tokens of a logical line, until there are so many.
func (l *lexer) line(most int) error {
	l.inLine = true
	for l.pos < len(l.text) {
		if len(l.tokens) >= most {
			return nil
		}
		l.skipComment()
		at := l.pos
		if l.skipBreak() {
			if l.depth == 0 {
				l.inLine = false
				l.add(tokNewline, "", at)
				return nil
			}
			continue
		}
		if l.pos >= len(l.text) {
			break
		}
		if err := l.token(); err != nil {
			return err
		}
	}
	if l.depth > 0 {
		return l.fault("a bracket is not closed")
	}
	return nil
}

// operators are tried longest first.
var operators = []string{
	"**=", "//=", ">>=", "<<=", "...", "!=", "->", ":=", "**", "//", ">>", "<<", "<=", ">=", "==", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
	"@=", "+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<", ">", "(", ")", "[", "]", "{", "}", ",", ":", ".", ";", "=", "<>", "!",
}

// token reads one token, or white space.
func (l *lexer) token() error {
	if l.fields == 0 {
		l.count = 0
	} else if l.count++; l.count > maxFieldTokens {
		return l.spent("too many tokens in an f-string")
	}
	rest := l.text[l.pos:]
	c, size := utf8.DecodeRuneInString(rest)
	switch {
	case c == ' ' || c == '\t' || c == '\f':
		l.pos++
		return nil
	case c == '\\':
		l.pos++
		if !l.skipBreak() {
			return l.fault("a backslash that continues no line")
		}
		return nil
	case c >= '0' && c <= '9' || c == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		l.number(rest)
		return nil
	case c == '"' || c == '\'':
		return l.str("", l.pos)
	case c == '_' || unicode.IsLetter(c) || c >= utf8.RuneSelf && c != utf8.RuneError:
		return l.word(rest, size)
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.operator(op)
			return nil
		}
	}
	return l.fault("a character that no token begins with")
}

func (l *lexer) operator(op string) {
	switch op {
	case "(", "[", "{":
		l.depth++
	case ")", "]", "}":
		l.depth = max(0, l.depth-1)
	}
	l.add(tokOp, op, l.pos)
	l.pos += len(op)
}

// number reads a number in any base, as far as letters, digits, dots and signs of exponents go.
func (l *lexer) number(rest string) {
	n, fraction := 0, false
	hex := len(rest) > 1 && rest[0] == '0' && strings.ContainsRune("xX", rune(rest[1]))
	for n < len(rest) {
		c := rest[n]
		sign := (c == '+' || c == '-') && n > 0 && !hex && (rest[n-1] == 'e' || rest[n-1] == 'E') && n+1 < len(rest) && rest[n+1] >= '0' && rest[n+1] <= '9'
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !sign && !letter && (c < '0' || c > '9') && c != '.' && c != '_' {
			break
		}
		// "1if x else 2" is a number and a keyword.
		if letter && !hex && !strings.ContainsRune("eEjJlLbBoOxX", rune(c)) {
			break
		}
		if letter && !hex && (c == 'e' || c == 'E') && (n+1 >= len(rest) || !strings.ContainsRune("0123456789+-_", rune(rest[n+1]))) {
			break
		}
		if c == '.' && fraction {
			break
		}
		fraction = fraction || c == '.' || !hex && letter && c|0x20 == 'e'
		n++
	}
	l.add(tokNumber, rest[:n], l.pos)
	l.pos += n
}

// word reads a name, a keyword or the prefix of a string. Names are normalised as Python does.
func (l *lexer) word(rest string, size int) error {
	end, ascii := size, size == 1
	for end < len(rest) {
		r, n := utf8.DecodeRuneInString(rest[end:])
		if r == utf8.RuneError || r != '_' && r < utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		if r >= utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !unicode.Is(unicode.Pc, r) &&
			!unicode.Is(unicode.Nl, r) {
			break
		}
		ascii = ascii && n == 1
		end += n
	}
	name, at := rest[:end], l.pos
	if end < len(rest) && (rest[end] == '"' || rest[end] == '\'') && len(name) <= 2 {
		if prefix := strings.ToLower(name); strings.Trim(prefix, "rbuft") == "" {
			l.pos += end
			return l.str(prefix, at)
		}
	}
	if !ascii {
		name = norm.NFKC.String(name)
	}
	l.add(tokName, name, at)
	l.pos += end
	return nil
}
