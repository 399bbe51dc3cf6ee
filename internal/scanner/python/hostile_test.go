package python

import (
	"errors"
	"strings"
	"testing"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// TestLongSources scans sources of ten megabytes that repeat one thing, most of them on one line: a step that takes longer the
// more stands before it would not end.
func TestLongSources(t *testing.T) {
	const size = 10 << 20
	fill := func(head, part, tail string) string {
		return head + strings.Repeat(part, (size-len(head)-len(tail))/len(part)) + tail
	}
	for name, text := range map[string]string{
		"a string":                     fill("x = '", "a", "'\n"),
		"a string in three quotes":     fill("x = '''", "a'\n", "'''\n"),
		"a comment":                    fill("#", " os.system", "\n"),
		"a list of numbers":            fill("x = [", "1,", "]\n"),
		"a list of strings":            fill("x = [", "'a',", "]\n"),
		"a dict":                       fill("x = {", "1:2,", "}\n"),
		"names":                        fill("x = (", "a,", ")\n"),
		"strings side by side":         fill("x = (", "'a' ", ")\n"),
		"statements on one line":       fill("", "x=1;", "\n"),
		"statements":                   fill("", "x = 1\n", ""),
		"continued lines":              fill("x = 1", "\\\n", "\n"),
		"blank lines":                  fill("", "\n", ""),
		"calls of one function":        fill("def f(a): return a\n", "f('a')\n", ""),
		"functions":                    fill("", "def f(): pass\n", ""),
		"classes of classes":           fill("class A: pass\n", "class A(A): pass\n", "A()\n"),
		"objects that call themselves": fill("class A: pass\na = A()\n", "a = a.b()\n", ""),
		"imports":                      fill("", "import os\n", ""),
		"fields":                       fill("x = f'", "{a}", "'\n"),
		"decorators":                   fill("", "@a\n", "def f(): pass\n"),
		"bases":                        fill("class A(", "B,", "B): pass\n"),
		"parameters":                   fill("def f(", "a,", "a): pass\n"),
		"patterns":                     fill("match a:\n", "  case a: pass\n", ""),
		"a shift of values":            fill("", "a=b;b=c;c=a.d;", "\n"),
		"carriage returns":             fill("", "x=1\r", ""),
		"form feeds":                   fill("", "\f", "\n"),
		"open brackets":                fill("x = ", "(", ""),
		"quotes":                       fill("", "'", ""),
		"backslashes":                  fill("x = '", "\\\\", "'\n"),
		"tabs":                         fill("", "\t", "x\n"),
	} {
		rec, err := judged(text)
		if err != nil && !errors.Is(err, source.ErrBudget) {
			t.Errorf("%s: %v", name, err)
		}
		for _, f := range rec.Findings {
			if f.Level > threat.Suspicious {
				t.Errorf("%s: %v", name, f)
			}
		}
	}
}
