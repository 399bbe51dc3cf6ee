package python

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// judged scans a source as setup.py.
func judged(text string) (*scantest.Recorder, error) {
	f := scantest.NewFile([]byte(text))
	f.Path = "setup.py"
	rec := &scantest.Recorder{}
	return rec, Scan(context.Background(), f, rec)
}

// TestLargeTables reads sources of megabytes as programs write them: of their constants some are kept, and nothing is found in them.
func TestLargeTables(t *testing.T) {
	for name, text := range map[string]string{
		"numbers":          "TABLE = [" + strings.Repeat("0x12ab, ", 700_000) + "]\ndef get(i):\n    return TABLE[i]\n",
		"texts":            "TABLE = (" + strings.Repeat("'a word',\n", 500_000) + ")\ndef get(i):\n    return ''.join(TABLE[i:])\n",
		"rows":             "TABLE = [" + strings.Repeat("(17, 'name', 0.5),\n", 250_000) + "]\n",
		"keys with values": "TABLE = {" + strings.Repeat("'a name': 17,\n", 350_000) + "}\ndef get(i):\n    return TABLE[i]\n",
		"one text":         "DATA = '" + strings.Repeat("a word ", 700_000) + "'\nimport json\na = json.loads(DATA)\n",
		"bytes":            "DATA = (" + strings.Repeat("b'\\x00\\x01\\x02\\x03'\n", 40_000) + ")\n",
	} {
		rec, err := judged(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, f := range rec.Findings {
			if f.Level >= threat.Suspicious {
				t.Errorf("%s: %s %s %s", name, f.Threat, f.Description, f.Evidence)
			}
		}
	}
}

// TestConstantsThatAreNotKept makes calls of constants that stand behind more than are kept: what they are is not known, and said so.
func TestConstantsThatAreNotKept(t *testing.T) {
	many := strings.Repeat("1,", maxConstants+10)
	for name, text := range map[string]string{
		"code from a list":         "a = [" + many + "'import os', 'os.system(1)']\nexec(a[-1])\n",
		"code from a joined list":  "a = [" + many + "]\nb = ['import os\\n', 'os.system(1)']\nexec(''.join(b))\n",
		"code from numbers":        "a = [" + many + "]\nb = [112, 97, 115, 115]\nexec(bytes(b))\n",
		"code from a dict":         "a = [" + many + "]\nb = {'a': 'import os'}\nexec(b['a'])\n",
		"a module from a list":     "a = [" + many + "]\nb = ['os', 'system']\ngetattr(__import__(b[0]), b[1])('id')\n",
		"code from a long text":    "exec('import os\\nos.system(1)" + strings.Repeat(" ", 5<<20) + "')\n",
		"an attribute from a list": "import os\na = [" + many + "]\nb = ['system']\ngetattr(os, b[0])('id')\n",
	} {
		rec, err := judged(text)
		found := false
		for _, f := range rec.Findings {
			found = found || f.Level >= threat.Suspicious
		}
		if err != nil || !found {
			t.Errorf("%s: %v, %v", name, err, rec.Findings)
		}
	}
}

// TestTooComplex gives up sources that are larger than any that people or programs write, and says that they were not read to the end.
func TestTooComplex(t *testing.T) {
	for name, text := range map[string]string{
		"statements":                strings.Repeat("f(a)\n", 2_000_000),
		"lists in a list":           "a = [" + strings.Repeat("[],", 3_000_000) + "]\n",
		"fields of a text":          "a = f'" + strings.Repeat("{a}", 1_000_000) + "'\n",
		"a condition without end":   "a = [b for c in d if " + strings.Repeat("a+(b if c else d)+", 400_000) + "e]\n",
		"a parenthesis without end": "with (" + strings.Repeat("a,", 1_000_000) + "b): pass\n",
	} {
		if _, err := judged(text); !errors.Is(err, source.ErrBudget) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLongStatements reads what stands behind a statement of many tokens, which are not all there at once.
func TestLongStatements(t *testing.T) {
	for _, n := range []int{chunk - 3, chunk - 2, chunk - 1, chunk, chunk + 1, 5 * chunk} {
		for name, text := range map[string]string{
			"a list":          fmt.Sprintf("a = [%s]\n", strings.Repeat("b, ", n/2)),
			"a choice":        fmt.Sprintf("a = b if [%s] else c\n", strings.Repeat("b, ", n/2)),
			"a comprehension": fmt.Sprintf("a = [b for c in d if [%s]]\n", strings.Repeat("b, ", n/2)),
			"managers":        fmt.Sprintf("with (%sb as c):\n    pass\n", strings.Repeat("b as c, ", n/4)),
			"a match":         fmt.Sprintf("match [%s]:\n    case [a, *b] if a:\n        pass\n", strings.Repeat("b, ", n/2)),
			"blocks":          strings.Repeat("if a:\n    b\nelse:\n    c\n", n/12),
			"names":           strings.Repeat("a;", n/2) + "\n",
		} {
			rec, err := judged(text + "import os\nos.system('id')\n")
			if err != nil || len(rec.Findings) != 1 || rec.Findings[0].Threat != threat.MGPY100 || rec.Findings[0].Offset != int64(len(text)+len("import os\nos.")) {
				t.Errorf("%s of %d tokens: %v, %+v", name, n, err, rec.Findings)
			}
		}
	}
}
