package jsontree

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
)

func parse(text string) (*Node, error) { return ParseFile(source.Bytes(text), 1<<30) }

func TestDocument(t *testing.T) {
	n, err := parse("\xef\xbb\xbf {\"a\": [1, -2.5e3, NaN, \"x\\u00e9\\ud83d\\ude00\", {\"b\": null}], \"a\": true} \n")
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Members) != 2 || n.Members[0].Twice || !n.Members[1].Twice || !n.Get("a").Is(Bool) || len(n.All("a")) != 2 {
		t.Fatalf("members: %+v", n.Members)
	}
	list := n.Members[0].Value
	if list.Len != 5 || list.Items[3].Content() != "xé😀" || list.Items[3].At != 27 || !list.Items[4].Get("b").Is(Null) {
		t.Errorf("list: %+v, string %q at %d", list, list.Items[3].Content(), list.Items[3].At)
	}
	if v, ok := list.Items[0].Int(); v != 1 || !ok {
		t.Errorf("number: %d, %v", v, ok)
	}
	if _, ok := list.Items[1].Int(); ok {
		t.Error("a fraction is an integer")
	}
	var absent *Node
	if absent.Get("x") != nil || absent.Str("x") != "" || absent.All("x") != nil || absent.Is(Null) {
		t.Error("an absent node has something")
	}
}

func TestLongListsAreCounted(t *testing.T) {
	n, err := parse("[" + strings.Repeat("0.5,", 3_000_000) + `"end"]`)
	if err != nil {
		t.Fatal(err)
	}
	if n.Len != 3_000_001 || len(n.Items) != maxScalars+1 || n.Items[maxScalars].Content() != "end" {
		t.Errorf("%d values, %d kept", n.Len, len(n.Items))
	}
}

func TestBrokenDocuments(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                  "",
		"a key without value":      `{"a"}`,
		"a comma too many":         `[1,]`,
		"two documents":            `{} {}`,
		"a string that never ends": `"abc`,
		"an escape that is none":   `"\x41"`,
		"a word":                   `[yes]`,
		"a control character":      "\"a\nb\"",
		"a bracket of the other":   `[1}`,
		"nested too deep":          strings.Repeat("[", 1000),
		"Python's quotes":          `{'a': 1}`,
	} {
		_, err := parse(text)
		var malformed *source.Malformed
		if !errors.As(err, &malformed) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
	n, err := parse(`{"class_name": "Lambda", "config": {"x": "evil", `)
	if err == nil || n.Str("class_name") != "Lambda" || n.Get("config").Str("x") != "evil" {
		t.Errorf("what precedes the break is lost: %+v, %v", n, err)
	}
	if _, err := parse("[" + strings.Repeat("[],", maxNodes) + "[]]"); !errors.Is(err, source.ErrBudget) {
		t.Errorf("too many values: %v", err)
	}
}

// FuzzParse holds the parser to encoding/json: what that accepts, this does too.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a": [1, "b", null]}`, `"\ud83d\ude00"`, `[1e5]`, `{"a": {"a": {}}}`, `{"a":1,"a":2}`, `tru`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parse(text)
		if json.Valid([]byte(text)) && strings.Count(text, "[")+strings.Count(text, "{") < 400 && len(text) < 1<<16 && err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var v any
		if err == nil && utf8.ValidString(text) && json.Unmarshal([]byte(text), &v) == nil {
			if s, ok := v.(string); ok && n.Content() != s {
				t.Fatalf("%q is %q, not %q", text, n.Content(), s)
			}
		}
	})
}
