package tensorflow

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
)

// told writes the fields of a message that the schema has, one line each: number, and value or what is in it.
func told(f field, s *schema, indent string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%d", indent, f.num())
	for _, sp := range s.byNum {
		if sp.num != f.num() {
			continue
		}
		switch sp.kind {
		case number:
			fmt.Fprintf(&b, " %d\n", f.integer())
		case text:
			v, whole, err := f.str(16)
			fmt.Fprintf(&b, " %q %v\n", v, whole)
			return b.String(), err
		case message, table:
			b.WriteString("\n")
			err := f.walk(func(f field) error {
				if f.num() == 0 {
					return nil
				}
				line, err := told(f, sp.inner(), indent+" ")
				b.WriteString(line)
				return err
			})
			return b.String(), err
		}
	}
	return b.String(), nil
}

// graphOf reads a document of the text encoding as a GraphDef.
func graphOf(doc string) (string, error) {
	var b strings.Builder
	err := walkText(source.NewForward(source.Bytes(doc), 0, int64(len(doc))), "GraphDef", func(f field) error {
		if f.num() == 0 {
			return nil
		}
		line, err := told(f, schemas["GraphDef"], "")
		b.WriteString(line)
		return err
	})
	return b.String(), err
}

func TestTextEncoding(t *testing.T) {
	const calm = "1\n 1 \"a\" true\n 2 \"NoOp\" true\n"
	for name, row := range map[string]struct{ doc, want string }{
		"a message in braces":            {`node { name: "a" op: "NoOp" }`, calm},
		"a message behind a colon":       {`node: { name: "a" op: "NoOp" }`, calm},
		"a message in angle brackets":    {`node < name: "a" op: "NoOp" >`, calm},
		"separators":                     {`node { name: "a", op: "NoOp"; };`, calm},
		"quotes of both kinds":           {`node { name: 'a' op: 'NoOp' }`, calm},
		"adjacent strings":               {"node { name: 'a' op: 'No' # comment\n \"Op\" }", calm},
		"escapes of every kind":          {`node { name: "\x61" op: "\116\u006f\U0000004fp" }`, calm},
		"a list of messages":             {`node [{ name: "a" op: "NoOp" }]`, calm},
		"a list of strings":              {`node { name: "a" op: "NoOp" input: ["x", 'y'] }`, calm + " 3 \"x\" true\n 3 \"y\" true\n"},
		"fields that the schema lacks":   {`other { a: 1 b { c: "}" } [d.e]: <f: 2> } node { zip: [1, 2] name: "a" op: "NoOp" }`, calm},
		"a field of another form":        {`node { name { x: 1 } name: "a" op: "NoOp" attr: 3 }`, calm},
		"a string that is cut":           {`node { name: "abcdefghijklmnopqrstuvw" op: "NoOp" }`, "1\n 1 \"abcdefghijklmnop\" false\n 2 \"NoOp\" true\n"},
		"numbers and names of numbers":   {"node { attr { key: 'T' value { type: DT_STRING } } attr { key: 'b' value { b: true } } attr { key: 'i' value { i: -0x10 } } }", "1\n 5\n  1 \"T\" true\n  2\n   6 7\n 5\n  1 \"b\" true\n  2\n   5 1\n 5\n  1 \"i\" true\n  2\n   3 -16\n"},
		"a byte order mark and comments": {"\xef\xbb\xbf# node { name: 'x' }\nnode { name: 'a' op: 'NoOp' }", calm},
		"nothing":                        {" \n# nothing\n", ""},
	} {
		got, err := graphOf(row.doc)
		if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
	}
}

func TestTextThatBreaksTheEncoding(t *testing.T) {
	for name, doc := range map[string]string{
		"a message without end":      `node { name: "a"`,
		"a string without end":       `node { name: "a`,
		"a string over two lines":    "node { name: \"a\nb\" }",
		"an escape that is none":     `node { name: "\q" }`,
		"a number without colon":     `node { name "a" }`,
		"the wrong bracket":          `node { name: "a" >`,
		"a list without end":         `node [{}`,
		"a name that is none":        `node { = }`,
		"a zero":                     "node {\x00}",
		"messages a hundred deep":    strings.Repeat("a {", 200),
		"an extension without end":   "[" + strings.Repeat("a", 2*maxWord),
		"a word longer than any":     strings.Repeat("a", 2*maxWord),
		"a bracket behind the graph": `node {} }`,
	} {
		_, err := graphOf(doc)
		if !errors.As(err, new(*source.Malformed)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJSONEncoding(t *testing.T) {
	doc := `{"node": [{"name": "a", "op": "NoOp", "input": ["x", "y"], "unknown": {"a": 1},
		"attr": {"value": {"tensor": {"dtype": "DT_STRING", "tensorShape": {"dim": [{"size": "2"}]}, "stringVal": ["YQ==", "_-8"]}}, "n": {"i": 3}}}],
		"versions": {"producer": 716}, "library": 7}`
	tree, err := jsontree.Parse(source.NewForward(source.Bytes(doc), 0, int64(len(doc))))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	err = walkJSON(tree, schemas["GraphDef"], func(f field) error {
		line, err := told(f, schemas["GraphDef"], "")
		b.WriteString(line)
		return err
	})
	want := "1\n 1 \"a\" true\n 2 \"NoOp\" true\n 3 \"x\" true\n 3 \"y\" true\n" +
		" 5\n  1 \"value\" true\n  2\n   8\n    1 7\n    2\n     2\n      1 2\n    8 \"a\" true\n    8 \"\\xff\\xef\" true\n" +
		" 5\n  1 \"n\" true\n  2\n   3 3\n4\n 1 716\n"
	if diff := cmp.Diff(want, b.String()); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// TestSchema holds the table of messages to itself: every type that a field names is there, and no number stands twice.
func TestSchema(t *testing.T) {
	for name, s := range schemas {
		if len(s.byName) != len(s.byNum) || len(s.byName) == 0 {
			t.Errorf("%s has %d names and %d numbers", name, len(s.byName), len(s.byNum))
		}
		for fieldName, f := range s.byName {
			if f.num <= 0 || (f.kind == message || f.kind == table && f.of != "") && schemas[f.of] == nil || f.kind == table && entries[f.of] == nil {
				t.Errorf("%s.%s is %+v", name, fieldName, f)
			}
		}
	}
}

func TestStringsInTensorContent(t *testing.T) {
	for name, row := range map[string]struct {
		v       value
		content string
		want    []string
		more    bool
	}{
		"two strings":                         {value{dims: []int64{2}}, "\x03\x01abcd", []string{"abc", "d"}, false},
		"a scalar":                            {value{}, "\x0b/etc/passwd", []string{"/etc/passwd"}, false},
		"lengths that pass the end":           {value{dims: []int64{2}}, "\x03\x09abcd", []string{"abc"}, true},
		"more strings than bytes":             {value{dims: []int64{1 << 19}}, "\x01a", nil, true},
		"a shape that is none":                {value{dims: []int64{-1}}, "\x01a", nil, true},
		"sizes whose product passes a number": {value{dims: []int64{1 << 20, 1 << 20, 1 << 20, 1 << 20}}, "\x01a", nil, true},
	} {
		row.v.unpack([]byte(row.content))
		if diff := cmp.Diff(row.want, row.v.strings); diff != "" || row.v.more != row.more {
			t.Errorf("%s: more %v (-want +got)\n%s", name, row.v.more, diff)
		}
	}
}
