package pickle

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// FuzzScan holds the scanner to what must be true of any bytes: no panic, no error of our own, the same findings for the same
// bytes however they are read, and evidence that is bounded.
func FuzzScan(f *testing.F) {
	for _, c := range scantest.PickleCases() {
		if len(c.Bytes) < 1<<12 {
			f.Add(c.Bytes)
		}
	}
	f.Add([]byte("\x80\x02c_codecs\nencode\nV\\u0080\\u0004\nVlatin1\n\x86R."))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := Probe(scantest.NewFile(content)); err != nil {
			t.Fatalf("Probe: %v", err)
		}
		first := scanCase(t, content, source.FamilyNone)
		for _, x := range first.Findings {
			if len(x.Evidence) > finding.MaxEvidence || len(x.Operator) > finding.MaxEvidence || len(x.Description) > 4*finding.MaxEvidence {
				t.Errorf("finding out of bounds: %+v", x)
			}
		}
		budget := source.NewBudget(source.DefaultLimits(), int64(len(content)))
		stream := source.NewStream(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }, budget)
		r := &scantest.Recorder{}
		if err := Scan(t.Context(), &source.File{Reader: stream, Path: "x", Budget: budget, Family: source.FamilyNone}, nest{r}); err != nil {
			t.Fatalf("scan of a stream: %v", err)
		}
		if a, b := list(first.Findings), list(r.Findings); a != b {
			t.Errorf("two readings of the same bytes:\n%s\n%s", a, b)
		}
	})
}

// FuzzCode holds the reader of marshal data to the same.
func FuzzCode(f *testing.F) {
	for _, layout := range []codeLayout{layout27, layout30, layout38, layout311} {
		f.Add(marshalled(layout, []byte{116, 0, 106, 1, 83, 0}, "os", "system"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := unmarshal(data)
		if err == nil {
			_ = judgeCode(c)
		} else if c != nil {
			t.Error("code beside an error")
		}
	})
}

// marshalled writes a code object of a layout, as marshal does, with its names as interned strings.
func marshalled(layout codeLayout, code []byte, names ...string) []byte {
	le := binary.LittleEndian
	numbers := map[codeLayout]int{layout27: 4, layout30: 5, layout38: 6, layout311: 5}[layout]
	out := append([]byte{'c' | 0x80}, make([]byte, 4*numbers)...)
	str := func(tag byte, s string) { out = append(le.AppendUint32(append(out, tag), uint32(len(s))), s...) }
	tuple := func(items ...string) {
		out = le.AppendUint32(append(out, '('), uint32(len(items)))
		for _, s := range items {
			if layout == layout27 {
				str('t', s)
			} else {
				out = append(append(out, 'z', byte(len(s))), s...)
			}
		}
	}
	str('s', string(code))
	out = append(out, '(', 1, 0, 0, 0, 'N') // constants
	tuple(names...)
	tuple() // locals
	if layout == layout311 {
		str('s', "") // kinds of locals
	} else {
		tuple()
		tuple()
	}
	for range map[bool]int{true: 3, false: 2}[layout == layout311] {
		str('s', "name")
	}
	out = append(out, 1, 0, 0, 0)
	str('s', "")
	if layout == layout311 {
		str('s', "")
	}
	return out
}

func TestMarshalLayouts(t *testing.T) {
	call := map[string][]byte{
		"2.7":         {116, 0, 0, 106, 1, 0, 83},                          // LOAD_GLOBAL os, LOAD_ATTR system
		"3.0 to 3.5":  {116, 0, 0, 106, 1, 0, 83},                          //
		"3.6 and 3.7": {116, 0, 106, 1, 83, 0},                             //
		"3.8 to 3.10": {116, 0, 160, 1, 83, 0},                             // LOAD_METHOD
		"3.11":        {151, 0, 116, 1, 0, 0, 160, 1, 0, 0, 83, 0},         // RESUME, LOAD_GLOBAL (NULL + os), caches
		"3.12":        {151, 0, 116, 1, 0, 0, 106, 2, 0, 0, 83, 0},         //
		"3.13":        {149, 0, 91, 0, 0, 0, 82, 2, 0, 0, 34, 0, 36, 0},    //
		"3.14":        {128, 0, 92, 0, 0, 0, 80, 2, 0, 0, 34, 0, 35, 0, 0}, // not known: the names have to do
	}
	layouts := map[string]codeLayout{
		"2.7": layout27, "3.0 to 3.5": layout30, "3.6 and 3.7": layout30, "3.8 to 3.10": layout38, "3.11": layout311, "3.12": layout311,
		"3.13": layout311, "3.14": layout311,
	}
	for version, code := range call {
		data := marshalled(layouts[version], code, "os", "system")
		if !looksLikeCode(append(data, make([]byte, 32)...)) {
			t.Errorf("%s: not recognised", version)
		}
		c, err := unmarshal(data)
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		if c.layout != layouts[version] {
			t.Errorf("%s: layout %d, want %d", version, c.layout, layouts[version])
		}
		if v := judgeCode(c); v.grade != dangerous || v.name != "os.system" {
			t.Errorf("%s: %+v, want os.system", version, v)
		}
		harmless := marshalled(layouts[version], code, "np", "mean")
		if c, err := unmarshal(harmless); err != nil || judgeCode(c).grade >= suspicious {
			t.Errorf("%s: np.mean is no danger: %v", version, err)
		}
		if _, err := unmarshal(data[:len(data)-1]); err == nil {
			t.Errorf("%s: cut data is read", version)
		}
	}
	deep := bytes.Repeat([]byte{'(', 1, 0, 0, 0}, 1000)
	if _, err := unmarshal(append(deep, 'N')); err == nil {
		t.Error("deep data is read")
	}
}

// TestMethodsAreNoBuiltins tells a method from the built-in function of the same name.
func TestMethodsAreNoBuiltins(t *testing.T) {
	eval := []byte{151, 0, 116, 1, 0, 0, 160, 1, 0, 0, 83, 0}
	c, err := unmarshal(marshalled(layout311, eval, "model", "eval"))
	if err != nil {
		t.Fatal(err)
	}
	if v := judgeCode(c); v.grade >= suspicious {
		t.Errorf("model.eval: %+v", v)
	}
	c, err = unmarshal(marshalled(layout311, eval[:6], "eval"))
	if err != nil {
		t.Fatal(err)
	}
	if v := judgeCode(c); v.grade != dangerous {
		t.Errorf("eval: %+v", v)
	}
}
