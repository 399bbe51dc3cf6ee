package pypackage

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"modelgate/internal/scanner/source/pytokens"
)

// judged are the functions that a call of is judged or decoded.
func judged() []string {
	var names []string
	for _, table := range []map[string]bool{starters, fetchers, executors} {
		names = slices.AppendSeq(names, maps.Keys(table))
	}
	names = slices.AppendSeq(names, maps.Keys(decoders))
	names = append(names, codecsDecode)
	for _, family := range starterFamilies {
		names = append(names, family+"vp")
	}
	return names
}

func TestEveryCallThatIsJudgedIsFollowed(t *testing.T) {
	for _, name := range judged() {
		module, _, _ := strings.Cut(name, ".")
		last := name[strings.LastIndexByte(name, '.')+1:]
		for _, text := range []string{
			name + "(x)",
			fmt.Sprintf("import %s as m\nm%s(x)", module, strings.TrimPrefix(name, module)),
			fmt.Sprintf("getattr(%s, '%s' + '%s')(x)", strings.TrimSuffix(name, "."+last), last[:1], last[1:]),
			fmt.Sprintf("__builtins__['%s'](x)", name),
		} {
			if tokens, _ := pytokens.Split(nil, text); !tells(tokens) {
				t.Errorf("%q is not followed", text)
			}
		}
	}
	for _, text := range []string{"print(1)", "a.get(b)", "x.decode('ascii')", "# exec(x)", "'subprocess'"} {
		if tokens, _ := pytokens.Split(nil, text); tells(tokens) {
			t.Errorf("%q is followed for nothing", text)
		}
	}
}

// FuzzTells holds that following a source of which nothing is told finds no call that is judged, and takes no layer off.
func FuzzTells(f *testing.F) {
	for _, name := range judged() {
		f.Add("import os\n" + name + "('x')\n")
	}
	f.Add("(__import__)('o' 's').system('x')")
	f.Add("from os import *\nＳystem(1)")
	f.Fuzz(func(t *testing.T, text string) {
		tokens, _ := pytokens.Split(nil, text)
		if tells(tokens) {
			return
		}
		c := follow(tokens, func(how string, v value) value {
			t.Fatalf("%s is taken off in %q", how, text)
			return v
		})
		for _, k := range c.calls {
			if starts(k.name) || fetches(k.name) || executors[k.name] || k.name == "marshal.loads" {
				t.Fatalf("%s is called in %q", k.name, text)
			}
		}
	})
}

// FuzzWords holds the search for many words to that for one after the other.
func FuzzWords(f *testing.F) {
	for _, sign := range allSigns {
		f.Add([]byte("  " + strings.ToUpper(strings.Join(sign.needs, " "))))
	}
	f.Add([]byte("cur"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, low := signWords.in(text), asciiLower(text)
		for i, sign := range allSigns {
			want := slices.ContainsFunc(sign.needs, func(word string) bool { return bytes.Contains(low, []byte(word)) })
			if has := got&(1<<i) != 0; has != want {
				t.Fatalf("a word of %q in %q: %v, want %v", sign.what, text, has, want)
			}
		}
	})
}
