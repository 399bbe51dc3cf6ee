package pytokens_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/source/pytokens"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"names, operators and the end of the line", "a = b.c(1)\n", "a = b . c ( 1 ) ;"},
		{"a comment is no token", "a # exec(b)\n# c\nd", "a ; d ;"},
		{"a line break in brackets is none", "f(\n a,\n)\n", "f ( a , ) ;"},
		{"a backslash joins lines", "a = \\\r\n b\n", "a = b ;"},
		{"escapes are decoded", `'\x65\145ec'`, `"eeec" ;`},
		{"raw strings have none", `r'\x65'`, `"\\x65" ;`},
		{"bytes", `b'\xff'`, `b"\xff" ;`},
		{"three quotes hold line breaks", "'''a\n'b'''", `"a\n'b" ;`},
		{"a string without an end ends with its line", "a('b\nc\n", "a ( !\"'b\" c"},
		{"letters that look alike spell one name", "ｅxec", "exec ;"},
		{"numbers of all kinds", "0x1f 1_000 .5e3", "0x1f 1_000 .5e3 ;"},
		{"a character that is none", "a ? b", "a !\"?\" b ;"},
	} {
		tokens, whole := pytokens.Split(nil, c.text)
		var got []string
		for _, k := range tokens {
			switch k.Kind {
			case pytokens.Newline:
				got = append(got, ";")
			case pytokens.String:
				got = append(got, fmt.Sprintf("%q", k.Text))
			case pytokens.Bytes:
				got = append(got, fmt.Sprintf("b%q", k.Text))
			case pytokens.Bad:
				got = append(got, fmt.Sprintf("!%q", k.Text))
			default:
				got = append(got, k.Text)
			}
		}
		if c.name == "a string without an end ends with its line" { // the bracket stays open to the end
			got = got[:len(got)-1]
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" || !whole {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestIndentTellsTheTopLevel(t *testing.T) {
	tokens, _ := pytokens.Split(nil, "def f():\n    a = '''\n'''; b\nc\n")
	indents := map[string]int{}
	for _, k := range tokens {
		if k.Kind == pytokens.Name {
			indents[k.Text] = k.Indent
		}
	}
	if diff := cmp.Diff(map[string]int{"def": 0, "f": 0, "a": 4, "b": 4, "c": 0}, indents); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyTokens(t *testing.T) {
	tokens, whole := pytokens.Split(nil, strings.Repeat("a ", pytokens.Max+1))
	if whole || len(tokens) != pytokens.Max {
		t.Errorf("%d tokens, whole %v", len(tokens), whole)
	}
}

// FuzzSplit holds tokens to following each other, and everything between two of them to being a blank, a comment or a line break.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"", "a = b'c' # d\n", "'''", "f'{x!r}'", "(((\n\\\n", "ｅ\u202e\x00\xff", "'\\\r\n'", "\\", "\ufeffa"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens, whole := pytokens.Split(nil, text)
		at := 0
		for _, k := range append(tokens, pytokens.Token{At: len(text), End: len(text)}) {
			if k.At < at || k.End < k.At || k.End > len(text) {
				t.Fatalf("token %+v behind %d in %d bytes", k, at, len(text))
			}
			if whole && !blank(text[at:k.At]) {
				t.Fatalf("%q is no token", text[at:k.At])
			}
			at = k.End
		}
	})
}

// blank tells whether a text has nothing but blanks, breaks and comments.
func blank(text string) bool {
	text = strings.TrimPrefix(text, "\ufeff")
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		code, _, _ := strings.Cut(line, "#")
		if strings.Trim(code, " \t\f\\") != "" {
			return false
		}
	}
	return true
}
