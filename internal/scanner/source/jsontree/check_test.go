package jsontree

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"modelgate/internal/scanner/source"
)

func check(text string) (twice []string, err error) {
	err = Check(source.NewForward(source.Bytes(text), 0, int64(len(text))), 50, func(key string, _ int64, _ int) { twice = append(twice, key) })
	return twice, err
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		twice int
		valid bool
	}{
		"a document":               {`{"a": [1, {"b": null}], "c": "x"} `, 0, true},
		"a key that stands twice":  {`{"a": 1, "b": {"\u0061": 2, "a": 3}}`, 1, true},
		"a bracket of the other":   {`[1}`, 0, false},
		"a comma too many":         {`{"a": 1,}`, 0, false},
		"something behind it":      {`{} 1`, 0, false},
		"a document that ends":     {`{"a": [`, 0, false},
		"nested more than allowed": {strings.Repeat("[", 51) + strings.Repeat("]", 51), 0, false},
	} {
		twice, err := check(c.text)
		if (err == nil) != c.valid || len(twice) != c.twice {
			t.Errorf("%s: %v, %v", name, twice, err)
		}
	}
}

// FuzzCheck holds Check to encoding/json: what that accepts, this does too, but for numbers of more digits than anybody writes.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a": [1, "b", null]}`, `[{}]`, `{"a":1,"a":2}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := check(text)
		words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,]}:\"[{", r) })
		if slices.ContainsFunc(words, func(w string) bool { return len(w) >= maxScalar }) {
			return
		}
		if json.Valid([]byte(text)) && strings.Count(text, "[")+strings.Count(text, "{") < 50 && len(text) < 1<<16 && err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
