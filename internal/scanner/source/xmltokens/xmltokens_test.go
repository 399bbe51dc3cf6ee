package xmltokens_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/xmltokens"
)

// read returns the tokens of a document as lines.
func read(content string) ([]string, error) {
	r, err := xmltokens.New(&source.File{Reader: source.Bytes(content), Path: "a.xml"})
	if err != nil {
		return nil, err
	}
	var out []string
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		var line strings.Builder
		fmt.Fprintf(&line, "%d ", t.At)
		switch t.Kind {
		case xmltokens.Start:
			fmt.Fprintf(&line, "<%s", t.Name)
			for _, a := range t.Attributes {
				fmt.Fprintf(&line, " %s=%q@%d", a.Name, a.Value, a.At)
			}
			if t.Empty {
				line.WriteString("/")
			}
		case xmltokens.End:
			line.WriteString("</" + t.Name)
		case xmltokens.Text:
			fmt.Fprintf(&line, "%q", t.Text)
		case xmltokens.Instruction:
			line.WriteString("?" + t.Text)
		case xmltokens.Doctype:
			line.WriteString("!DOCTYPE" + t.Text + "[" + t.Subset + "]")
		case xmltokens.Declaration:
			line.WriteString("!" + t.Text)
		}
		out = append(out, line.String())
	}
}

func TestTokens(t *testing.T) {
	for why, row := range map[string]struct {
		content string
		want    []string
	}{
		"elements and their attributes": {`<a b="1" c = '2'><d e="x>y"/>text</a>`, []string{`0 <a b="1"@3 c="2"@9`, `17 <d e="x>y"@20/`, `29 "text"`, `33 </a`}},
		"values without quotes":         {`<a b=1 c=2/>`, []string{`0 <a b="1"@3 c="2/"@7/`}},
		"attributes that stand twice":   {`<a b="1" b="2"/>`, []string{`0 <a b="1"@3 b="2"@9/`}},
		"references to characters":      {`<a b="&#46;&#x2E;/&amp;&x;&lt">&gt;</a>`, []string{`0 <a b="../&&x;&lt"@3`, `31 ">"`, `35 </a`}},
		"instructions and comments":     {"<?xml version='1.0'?>\n<!-- <x> ---><a/>", []string{`0 ?xml version='1.0'`, `35 <a/`}},
		"character data":                {"<a><![CDATA[<b>&amp;]]></a>", []string{`0 <a`, `3 "<b>&amp;"`, `23 </a`}},
		"a document type":               {`<!DOCTYPE a [<!ENTITY b "]>">]><a/>`, []string{`0 !DOCTYPE a [[<!ENTITY b "]>">]]`, `31 <a/`}},
		"UTF-16":                        {"\xff\xfe<\x00a\x00/\x00>\x00", []string{`2 <a/`}},
		"a byte order mark":             {"\xef\xbb\xbf<a/>", []string{`3 <a/`}},
		"white space in tags":           {"<a\n\tb = \"1\"\n></a >", []string{`0 <a b="1"@4`, `13 </a`}},
	} {
		got, err := read(row.content)
		if err != nil {
			t.Errorf("%s: %v", why, err)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", why, diff)
		}
	}
}

func TestDocumentsThatAreNone(t *testing.T) {
	for why, content := range map[string]string{
		"it ends in a tag": `<a b="`, "it ends in an element": "<a><b></b>", "it ends in a comment": "<a/><!-- ", "it ends in an instruction": "<?xml ",
	} {
		if _, err := read(content); !errors.As(err, new(*source.Malformed)) {
			t.Errorf("%s: error %v", why, err)
		}
	}
	for why, content := range map[string]string{
		"a thousand elements in each other": strings.Repeat("<a>", 1001), "ten thousand attributes": "<a " + strings.Repeat("b='' ", 10_001) + ">",
	} {
		if _, err := read(content); !errors.Is(err, source.ErrBudget) {
			t.Errorf("%s: error %v", why, err)
		}
	}
	long := strings.Repeat("x", 1<<20)
	got, err := read("<a b='" + long + "'>" + long + "</a>")
	if err != nil || len(got) != 3 || len(got[0]) > 70_000 || len(got[1]) > 70_000 {
		t.Errorf("long texts are kept: %d tokens, error %v", len(got), err)
	}
}

func TestRoots(t *testing.T) {
	for content, want := range map[string]string{
		"<net name='a'>": "net", "<?xml version='1.0'?><!-- c --><!DOCTYPE x><pmml:PMML xmlns:pmml='y'>": "pmml:PMML", "<net name='cut off": "net",
		"text <net>": "", "": "", "<!-- ": "", "\ufeff<net/>": "net",
	} {
		if got := xmltokens.Root(xmltokens.Beginning([]byte(content))); got != want {
			t.Errorf("%q: root %q, want %q", content, got, want)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, s := range []string{`<a b="1" c='2'><![CDATA[x]]>t</a>`, `<!DOCTYPE a [<!ENTITY b SYSTEM "c">]><a>&b;</a>`, "\xff\xfe<\x00a\x00/\x00>\x00", "<?xml version='1.0'?><!-- --><a b=c/>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := read(string(content)); err != nil && !errors.As(err, new(*source.Malformed)) && !errors.Is(err, source.ErrBudget) {
			t.Errorf("error %v", err)
		}
	})
}
