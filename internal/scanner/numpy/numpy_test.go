package numpy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// scanned scans bytes; an error of the bytes counts as the finding that the engine makes of it.
func scanned(t *testing.T, content []byte) *scantest.Recorder {
	t.Helper()
	f := scantest.NewFile(content)
	if ok, err := Probe(f); !ok || err != nil {
		t.Fatalf("Probe = %v, %v", ok, err)
	}
	rec := &scantest.Recorder{}
	err := Scan(context.Background(), f, rec)
	var bad *source.Malformed
	switch {
	case errors.As(err, &bad):
		rec.Find(finding.New(threat.MGFMT400, bad.Offset, bad.Reason))
	case err != nil:
		t.Fatalf("Scan: %v", err)
	}
	return rec
}

func npy(descr, shape string, n int) []byte {
	return scantest.NPY(scantest.NPYHeader(descr, shape), make([]byte, n))
}

func TestPlainArraysAreSilent(t *testing.T) {
	for why, content := range map[string][]byte{
		"floats":                        npy("'<f4'", "(2, 3)", 24),
		"a scalar":                      npy("'<f8'", "()", 8),
		"one dimension":                 npy("'|u1'", "(5,)", 5),
		"nothing":                       npy("'<i8'", "(0, 7)", 0),
		"text":                          npy("'<U3'", "(2,)", 24),
		"bytes":                         npy("'|S5'", "(2,)", 10),
		"booleans":                      npy("'|b1'", "(2,)", 2),
		"dates":                         npy("'<M8[ns]'", "(2,)", 16),
		"fields":                        npy("[('Object', '<i4'), ('O', '<f8', (2, 2))]", "(3,)", 108),
		"nested fields and padding":     npy("[('a', [('b', '|u1'), ('', '|V3')]), (('title', 'c'), '<i4')]", "(2,)", 16),
		"a sub-array":                   npy("('<i4', (3,))", "(2,)", 24),
		"a size of Python 2":            npy("'<f4'", "(2L, 3L)", 24),
		"a header of version 3":         scantest.NPYVersion(3, scantest.NPYHeader("[('ключ', '<i4')]", "(1,)"), make([]byte, 4)),
		"a header of version 2":         scantest.NPYVersion(2, scantest.NPYHeader("'<i4'", "(1,)"), make([]byte, 4)),
		"arrays that follow each other": append(npy("'<i4'", "(1,)", 4), npy("'<f8'", "(2,)", 16)...),
	} {
		rec := scanned(t, content)
		if len(rec.Findings) > 0 || len(rec.Members) > 0 {
			t.Errorf("%s: %+v, members %q", why, rec.Findings, rec.Names())
		}
	}
}

func TestObjectArraysArePickles(t *testing.T) {
	for why, descr := range map[string]string{
		"an object":                     "'|O'",
		"an object of 8 bytes":          "'|O8'",
		"an object without byte order":  "'O'",
		"an object with a byte order":   "'<O'",
		"an object by name":             "'object'",
		"an object with blanks":         "  '|O'",
		"an escaped object":             `'\x7c\x4f'`,
		"an object in octal":            `'\117'`,
		"an object in pieces":           "'|' 'O'",
		"an object in double quotes":    `"|O"`,
		"an object in triple quotes":    `'''|O'''`,
		"an object with a prefix":       "u'|O'",
		"an object behind a comment":    "#\n'|O'",
		"an object in a field":          "[('a', '<i4'), ('b', '|O')]",
		"an object in a nested field":   "[('a', [('b', [('c', '|O')])])]",
		"an object in a sub-array":      "('|O', (2,))",
		"an array of objects in fields": "[('a', '|O', (2,))]",
		"an object in a list of types":  "'i4,O'",
		"an object with a repetition":   "'i4, (2,)O'",
		"an object in a dictionary":     "{'names': ['a'], 'formats': ['|O']}",
		"an object in brackets":         "('|O')",
	} {
		payload := "\x80\x04cposix\nsystem\n."
		rec := scanned(t, scantest.NPY(scantest.NPYHeader(descr, "(1,)"), []byte(payload)))
		want := []scantest.Seen{{Name: "#pickle", Family: source.FamilyNumPy, Size: int64(len(payload)), Content: []byte(payload)}}
		if diff := cmp.Diff(want, rec.Members); diff != "" {
			t.Errorf("%s: members (-want +got):\n%s", why, diff)
		}
		if diff := cmp.Diff([]string{"numpy", "numpy_pickle"}, rec.Formats); diff != "" || len(rec.Findings) > 0 {
			t.Errorf("%s: formats %q, findings %+v", why, rec.Formats, rec.Findings)
		}
	}
}

func evil() map[string]struct {
	content []byte
	want    string
} {
	type row = struct {
		content []byte
		want    string
	}
	raw := func(header string) []byte { return scantest.NPY(header, []byte("\x80\x04N.")) }
	return map[string]row{
		"a call instead of a literal":     {raw("__import__('os').system('id')"), "MG-FMT-400"},
		"a call in a field":               {raw("{'descr': str(1), 'fortran_order': False, 'shape': (1,), }"), "MG-FMT-400"},
		"a sum":                           {raw("{'descr': '|' + 'O', 'fortran_order': False, 'shape': (1,), }"), "MG-FMT-400"},
		"a list":                          {raw("[1, 2]"), "MG-FMT-400"},
		"a key too many":                  {raw("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1, }"), "MG-FMT-400"},
		"a key too few":                   {raw("{'descr': '<f4', 'fortran_order': False}"), "MG-FMT-400"},
		"a key twice":                     {raw("{'descr': '<f4', 'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "MG-FMT-400"},
		"a key that is no string":         {raw("{1: '<f4', 'fortran_order': False, 'shape': (1,)}"), "MG-FMT-400"},
		"a shape that is a list":          {raw(scantest.NPYHeader("'<f4'", "[1]")), "MG-FMT-400"},
		"a negative size":                 {raw(scantest.NPYHeader("'<f4'", "(-1,)")), "MG-FMT-400"},
		"a string that does not end":      {raw("{'descr': '<f4"), "MG-FMT-400"},
		"something behind the dictionary": {raw(scantest.NPYHeader("'<f4'", "(1,)") + " 1"), "MG-FMT-400"},
		"brackets without end":            {raw(strings.Repeat("(", 1000)), "MG-FMT-400"},
		"an unknown dtype":                {raw(scantest.NPYHeader("'float32'", "(1,)")), "MG-FMT-400"},
		"too few elements":                {npy("'<f8'", "(3,)", 23), "MG-FMT-400"},
		"more elements than can be":       {npy("'<f8'", "(4294967296, 4294967296, 4294967296)", 8), "MG-FMT-400"},
		"a header longer than NumPy's":    {scantest.NPYVersion(2, scantest.NPYHeader("'<i4'", "(1,)")+strings.Repeat(" ", 20000), make([]byte, 4)), "MG-FMT-400"},
		"a header longer than the file":   {[]byte("\x93NUMPY\x01\x00\xff\xffshort"), "MG-FMT-400"},
		"an unknown version":              {scantest.NPYVersion(9, scantest.NPYHeader("'<i4'", "(1,)"), make([]byte, 4)), "MG-FMT-400"},
		"something behind the elements":   {append(npy("'<i4'", "(1,)", 4), "cposix\nsystem\n."...), "MG-FMT-402"},
	}
}

func TestEvilArrays(t *testing.T) {
	for why, row := range evil() {
		rec := scanned(t, row.content)
		if diff := cmp.Diff([]string{row.want}, rec.Threats()); diff != "" {
			t.Errorf("%s: threats (-want +got):\n%s", why, diff)
		}
		short := strings.HasPrefix(why, "a header longer") || why == "an unknown version"
		if len(rec.Members) != 1 && !short {
			t.Errorf("%s: what follows was not scanned", why)
		}
	}
}

func TestNPZ(t *testing.T) {
	entry := func(name string, content []byte) scantest.ZIPEntry {
		return scantest.ZIPEntry{Name: name, Content: content, Deflate: true}
	}
	for why, row := range map[string]struct {
		zip   []byte
		want  []string
		names []string
	}{
		"arrays": {scantest.BuildZIP(entry("a.npy", npy("'<i4'", "(1,)", 4)), entry("b.npy", npy("'|O'", "()", 4))), nil, []string{"a.npy", "b.npy"}},
		"a member that is no array": {
			scantest.BuildZIP(entry("a.npy", npy("'<i4'", "(1,)", 4)), entry("b.npy", npy("'<i4'", "(1,)", 4)), entry("c", []byte("payload"))),
			nil,
			[]string{"a.npy", "b.npy", "c"},
		},
		"one array under two names": {
			scantest.BuildZIP(entry("a.npy", npy("'<i4'", "(1,)", 4)), entry("b.npy", npy("'<i4'", "(1,)", 4)), entry("a", []byte("payload"))),
			[]string{"MG-FMT-403"},
			[]string{"a.npy", "b.npy", "a"},
		},
	} {
		f := scantest.NewFile(row.zip)
		if ok, err := ProbeNPZ(f); !ok || err != nil {
			t.Fatalf("%s: ProbeNPZ = %v, %v", why, ok, err)
		}
		rec := &scantest.Recorder{}
		if err := ScanNPZ(context.Background(), f, rec); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, rec.Threats()); diff != "" {
			t.Errorf("%s: threats (-want +got):\n%s", why, diff)
		}
		if diff := cmp.Diff(row.names, rec.Names()); diff != "" {
			t.Errorf("%s: members (-want +got):\n%s", why, diff)
		}
		if rec.Formats[0] != "numpy_zip" || rec.Members[0].Family != source.FamilyNumPy {
			t.Errorf("%s: formats %q, family %q", why, rec.Formats, rec.Members[0].Family)
		}
	}
}

func TestALargeArrayCostsOneRead(t *testing.T) {
	head := scantest.NPY(scantest.NPYHeader("'<f4'", "(536870912,)"), nil)
	counted := &scantest.Counted{Reader: &scantest.Sparse{Length: int64(len(head)) + 2<<30, Parts: map[int64][]byte{0: head}}}
	f := &source.File{Reader: counted, Budget: source.NewBudget(source.DefaultLimits(), 2<<30)}
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), f, rec); err != nil || len(rec.Findings) > 0 {
		t.Fatalf("%v, %+v", err, rec.Findings)
	}
	if counted.Requests > 2 || counted.Bytes > 128<<10 {
		t.Errorf("%d requests, %d bytes", counted.Requests, counted.Bytes)
	}
}

func FuzzScan(f *testing.F) {
	for _, row := range evil() {
		f.Add(row.content)
	}
	f.Add(npy(`[('a', '\x7c\x4f', (2,)), ("b", u'<i4')]`, "(0x10, 1_0, 3L)", 10))
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		if ok, err := Probe(file); err != nil || !ok {
			return
		}
		err := Scan(context.Background(), file, &scantest.Recorder{})
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
			t.Fatal(err)
		}
	})
}
