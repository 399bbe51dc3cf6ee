package jsontree

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
)

func parse(text string) (Node, error) { return ParseFile(source.Bytes(text), 1<<30) }

func TestDocument(t *testing.T) {
	n, err := parse("\xef\xbb\xbf {\"a\": [1, -2.5e3, NaN, \"x\\u00e9\\ud83d\\ude00\", {\"b\": null}], \"a\": true} \n")
	if err != nil {
		t.Fatal(err)
	}
	members := slices.Collect(n.Members())
	if len(members) != 2 || members[0].Twice || !members[1].Twice || !n.Get("a").Is(Bool) || len(n.All("a")) != 2 {
		t.Fatalf("members: %+v", members)
	}
	list := members[0].Value
	items := slices.Collect(list.Items())
	if list.Len() != 5 || items[3].Content() != "xé😀" || items[3].At() != 27 || !items[4].Get("b").Is(Null) {
		t.Errorf("list: %+v, string %q at %d", list, items[3].Content(), items[3].At())
	}
	if v, ok := items[0].Int(); v != 1 || !ok {
		t.Errorf("number: %d, %v", v, ok)
	}
	if _, ok := items[1].Int(); ok {
		t.Error("a fraction is an integer")
	}
	var absent Node
	if !absent.Get("x").IsNone() || absent.Str("x") != "" || absent.All("x") != nil || absent.Is(Null) || absent.At() != 0 || !absent.IsEmpty() {
		t.Error("an absent node has something")
	}
}

func TestLongListsAreCounted(t *testing.T) {
	n, err := parse("[" + strings.Repeat("0.5,", 3_000_000) + `"end"]`)
	if err != nil {
		t.Fatal(err)
	}
	items := slices.Collect(n.Items())
	if n.Len() != 3_000_001 || len(items) != maxScalars+1 || items[maxScalars].Content() != "end" {
		t.Errorf("%d values, %d kept", n.Len(), len(items))
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
	if _, err := parse("[" + strings.Repeat("[],", 4<<20) + "[]]"); !errors.Is(err, source.ErrBudget) {
		t.Errorf("too many values: %v", err)
	}
}

func TestKeysThatStandTwice(t *testing.T) {
	var text strings.Builder
	for i := range 3000 { // of which some are longer than what is shared
		fmt.Fprintf(&text, `"%0*d":{"":0,"%[2]d":0,"":1},`, 1+i%200, i%1000)
	}
	n, err := parse("{" + strings.TrimSuffix(text.String(), ",") + "}")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for m := range n.Members() {
		if m.Twice != seen[m.Key] {
			t.Errorf("%q at %d: twice is %v", m.Key, m.At, m.Twice)
		}
		seen[m.Key] = true
		inner := slices.Collect(m.Value.Members())
		if len(inner) != 3 || inner[0].Twice || inner[1].Twice || !inner[2].Twice {
			t.Fatalf("%q: %+v", m.Key, inner)
		}
	}
}

// TestATreeTakesLittle parses what has nothing but small values, and what an honest graph looks like.
func TestATreeTakesLittle(t *testing.T) {
	const size = 10 << 20
	graph := `{"name":"StatefulPartitionedCall/model/layer_%d/Conv2D","op":"Conv2D","input":["a","b"],"attr":{"T":{"type":"DT_FLOAT"},"strides":{"list":{"i":["1","1"]}}}},`
	for name, element := range map[string]string{"empty lists": "[],", "empty objects": "{},", "small objects": `{"a":0},`, "keys": `{"k%d":0},`, "a graph": graph} {
		var text strings.Builder
		for i := 0; text.Len() < size; i++ {
			text.WriteString(strings.Replace(element, "%d", strconv.Itoa(i), 1))
		}
		content := "[" + text.String() + "0]"
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := parse(content)
		runtime.ReadMemStats(&after)
		if err != nil && (name == "a graph" || !errors.Is(err, source.ErrBudget)) {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 2*(size+spare) {
			t.Errorf("%s: %d MiB are allocated", name, used>>20)
		}
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
