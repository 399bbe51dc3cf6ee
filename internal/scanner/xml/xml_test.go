package xml_test

import (
	"errors"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/xml"
	"modelgate/internal/threat"
)

func scan(t *testing.T, path string, content []byte) (*scantest.Recorder, error) {
	t.Helper()
	f := scantest.NewFile(content)
	f.Path = path
	ok, err := xml.Probe(f)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return nil, nil
	}
	var sink scantest.Recorder
	return &sink, xml.Scan(t.Context(), f, &sink)
}

func TestDocumentsAreJudged(t *testing.T) {
	for _, c := range scantest.XMLCases() {
		sink, err := scan(t, c.Path, c.Bytes)
		var bad *source.Malformed
		switch {
		case sink == nil:
			t.Errorf("%s: not taken for XML", c.Name)
		case c.Want == threat.MGFMT400:
			if !errors.As(err, &bad) {
				t.Errorf("%s: error %v, want that it is malformed", c.Name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.Name, err)
		case c.Level != sink.Level():
			t.Errorf("%s: %v, level %s, want %s", c.Name, sink.Threats(), sink.Level(), c.Level)
		}
	}
}

func TestWhatIsNoXML(t *testing.T) {
	for name, content := range map[string]string{
		"text.txt":    "<3 is a heart",
		"vocab.txt":   "<s>\n</s>\n<unk>\n",
		"README.md":   "<p align=center>a model</p>\n<!-- words -->",
		"binary.bin":  "\x00\x01<\x00",
		"config.json": `{"a": "<?xml"}`,
	} {
		if sink, _ := scan(t, name, []byte(content)); sink != nil {
			t.Errorf("%s: %q is taken for XML", name, content)
		}
	}
}

func TestHostileDocumentsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		content string
		want    error
	}{
		"elements without end":   {strings.Repeat("<a>", 100_000), source.ErrBudget},
		"attributes without end": {"<a " + strings.Repeat(`b="c" `, 100_000) + "/>", source.ErrBudget},
		"marks without end":      {"\xff\xfe" + strings.Repeat("\xff\xfe", 1<<20) + "<\x00r\x00/\x00>\x00", nil},
		"dashes without end":     {"<r><!--" + strings.Repeat("-", 1<<20) + "></r>", nil},
	} {
		_, err := scan(t, "a.xml", []byte(tt.content))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.XMLCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		sink, err := scan(t, "a.xml", content)
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
			t.Errorf("error %v", err)
		}
		if sink != nil && len(sink.Findings) > 3 {
			t.Errorf("%d findings", len(sink.Findings))
		}
	})
}
