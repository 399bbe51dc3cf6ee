package hfmirror

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func pruned(text string, buffer int, entry string) (string, error) {
	var b bytes.Buffer
	out := bufio.NewWriter(&b)
	err := prune(out, bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(text)), buffer), func() []byte { return []byte(entry) })
	_ = out.Flush()
	return b.String(), err
}

func pruneTo(w io.Writer, text string) error {
	return prune(bufio.NewWriterSize(w, wholeAnswer), bufio.NewReaderSize(strings.NewReader(text), 32<<10), nil)
}

func TestXetIsTakenOutAndAllElseStays(t *testing.T) {
	rows := []struct{ name, in, want string }{
		{"nothing to do", ` {"a" : [1, 2.50, -1e400, 123456789012345678901234567890 ] ,"b":null } `, ` {"a" : [1, 2.50, -1e400, 123456789012345678901234567890 ] ,"b":null } `},
		{"the only member", `{"xetHash":"ab"}`, `{}`},
		{"the first member", `{"xetHash":"ab","a":1}`, `{"a":1}`},
		{"the last member", `{"a":1,"xetHash":"ab"}`, `{"a":1}`},
		{"a member in the middle", `{"a":1,"xetHash":"ab","b":2}`, `{"a":1,"b":2}`},
		{"twice in a row", `{"a":1,"xetHash":"ab","xetHash":"cd","b":2}`, `{"a":1,"b":2}`},
		{"with spaces", "{\n  \"a\": 1,\n  \"xetHash\": \"ab\",\n  \"b\": 2\n}", "{\n  \"a\": 1,\n  \"b\": 2\n}"},
		{"in entries of a list", `[{"path":"a","xetHash":"ab"},{"xetHash":null,"path":"b"}]`, `[{"path":"a"},{"path":"b"}]`},
		{"deep within", `{"x":[{"y":{"xetHash":"ab","z":{}}}]}`, `{"x":[{"y":{"z":{}}}]}`},
		{"with a value that is an object", `{"xetHash":{"a":[1,{"b":"}"}]},"c":1}`, `{"c":1}`},
		{"spelled with an escape", `{"xet\u0048ash":"ab","c":1}`, `{"c":1}`},
		{"as a value it stays", `{"a":"xetHash","b":["xetHash"]}`, `{"a":"xetHash","b":["xetHash"]}`},
		{"a longer key stays", `{"xetHash2":1,"\"xetHash":2}`, `{"xetHash2":1,"\"xetHash":2}`},
		{"strings with escapes stay", `{"a":"\\\"\\\\","b":"\u00e9\/é"}`, `{"a":"\\\"\\\\","b":"\u00e9\/é"}`},
		{"a string alone", `"OK"`, `"OK"`},
		{"repeated keys stay", `{"a":1,"a":2}`, `{"a":1,"a":2}`},
		{"empty containers", `[[],{},[ ],{ }]`, `[[],{},[ ],{ }]`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for _, buffer := range []int{16, 4096} {
				got, err := pruned(row.in, buffer, "")
				if err != nil {
					t.Fatal(err)
				}
				if got != row.want {
					t.Errorf("with a buffer of %d: got %s, want %s", buffer, got, row.want)
				}
			}
		})
	}
}

func TestTheVerdictIsAddedToTheHubsScanners(t *testing.T) {
	rows := []struct{ name, in, want string }{
		{"beside others", `{"securityFileStatus":{"status":"safe","avScan":{"status":"safe"}}}`, `{"securityFileStatus":{"status":"safe","avScan":{"status":"safe"},"modelgateScan":{"v":1}}}`},
		{"alone", `{"securityFileStatus":{}}`, `{"securityFileStatus":{"modelgateScan":{"v":1}}}`},
		{"in every entry", `[{"securityFileStatus":{"a":1}},{"securityFileStatus":{"a":2}}]`, `[{"securityFileStatus":{"a":1,"modelgateScan":{"v":1}}},{"securityFileStatus":{"a":2,"modelgateScan":{"v":1}}}]`},
		{"not where the Hub has none", `{"securityFileStatus":null,"a":{}}`, `{"securityFileStatus":null,"a":{}}`},
		{"not within what is taken out", `{"xetHash":{"securityFileStatus":{}}}`, `{}`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := pruned(row.in, 4096, `{"v":1}`)
			if err != nil || got != row.want {
				t.Errorf("got %s, %v, want %s", got, err, row.want)
			}
		})
	}
	if got, err := pruned(`{"securityFileStatus":{"a":1}}`, 4096, ""); err != nil || got != `{"securityFileStatus":{"a":1}}` {
		t.Errorf("without a verdict: %s, %v", got, err)
	}
}

func TestWhatIsNotJSONIsAnError(t *testing.T) {
	for _, in := range []string{
		"", " ", "{", "[", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{,}`, `{1:2}`, `[1 2]`, `[,]`, `"abc`, `{"a" 1}`, `{"a":1}{`,
		`<html>`, "\x80\x02c", `{"a":}`, strings.Repeat("[", 1000), strings.Repeat(" ", maxJSONSpace+2) + "1",
		`{"` + strings.Repeat("k", maxJSONKey+1) + `":1}`,
	} {
		if got, err := pruned(in, 4096, ""); !errors.Is(err, errNotJSON) {
			t.Errorf("%.40q became %.40q, %v", in, got, err)
		}
	}
}

func FuzzPrune(f *testing.F) {
	for _, seed := range []string{`{"a":1,"xetHash":"ab"}`, `[{"xet\u0048ash":{}}]`, `{"securityFileStatus":{"a":"\\"}}`, `"\\\""`, `{"a":{"xetHash":[1,{}]} , "b":1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := pruned(in, 16, "")
		if !json.Valid([]byte(in)) {
			return // copied or refused, but it ended
		}
		if err != nil {
			if errors.Is(err, errNotJSON) && (strings.Count(in, "[")+strings.Count(in, "{") > maxJSONDepth || len(in) > maxJSONKey) {
				return
			}
			t.Fatalf("%q: %v", in, err)
		}
		if !json.Valid([]byte(got)) {
			t.Fatalf("%q became %q", in, got)
		}
		var want, have any
		if json.Unmarshal([]byte(in), &want) != nil || json.Unmarshal([]byte(got), &have) != nil {
			return // numbers out of range
		}
		if diff := cmp.Diff(without(want), have); diff != "" {
			t.Fatalf("%q became %q: %s", in, got, diff)
		}
	})
}

// without is a decoded value without what prune takes out.
func without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, xetMember)
		for k := range v {
			v[k] = without(v[k])
		}
	case []any:
		for i := range v {
			v[i] = without(v[i])
		}
	}
	return v
}
