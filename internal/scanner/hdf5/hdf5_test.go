package hdf5

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// probes are the rows of the table.
func probes() map[string]func(*source.File) (bool, error) {
	return map[string]func(*source.File) (bool, error){
		"hdf5": ProbePlain, "keras_weights": ProbeWeights, "keras_legacy_h5": ProbeLegacy, "keras3_h5": ProbeKeras3,
	}
}

// accepted are the rows that accept a file.
func accepted(t *testing.T, f *source.File) []string {
	t.Helper()
	var names []string
	for name, probe := range probes() {
		ok, err := probe(f)
		if err != nil {
			t.Fatalf("probe %s: %v", name, err)
		}
		if ok {
			names = append(names, name)
		}
	}
	return names
}

// scanned scans a file; an error of the bytes counts as the finding that the engine makes of it.
func scanned(t *testing.T, f *source.File) *scantest.Recorder {
	t.Helper()
	rec := &scantest.Recorder{}
	err := Scan(context.Background(), f, rec)
	var bad *source.Malformed
	switch {
	case errors.As(err, &bad):
		rec.Find(finding.New(threat.MGFMT400, bad.Offset, bad.Reason))
	case errors.Is(err, source.ErrBudget):
		rec.Find(finding.New(threat.MGFMT406, -1, err.Error()))
	case err != nil:
		t.Fatalf("Scan: %v", err)
	}
	return rec
}

type (
	file    = scantest.HDF5
	group   = scantest.H5Group
	link    = scantest.H5Link
	attr    = scantest.H5Attribute
	dataset = scantest.H5Dataset
)

func TestEachFileIsOfOneKind(t *testing.T) {
	vars := func(names ...string) group {
		v := &group{}
		for _, n := range names {
			v.Links = append(v.Links, link{Name: n, Dataset: &dataset{Data: []byte("1234")}})
		}
		return group{Links: []link{{Name: "layers", Group: &group{Links: []link{{Name: "dense", Group: &group{Links: []link{{Name: "vars", Group: v}}}}}}}}}
	}
	many := vars("0")
	for i := range 300 { // in front of the layers
		many.Links = append(many.Links, link{Name: fmt.Sprintf("a%d", i), Group: &group{}})
	}
	slices.Reverse(many.Links)
	attrs := func(a ...attr) group { return group{Attributes: a} }
	config := attr{Name: "model_config", Value: "{}"}
	for why, row := range map[string]struct {
		root group
		want string
	}{
		"an empty file":                            {group{}, "hdf5"},
		"a group vars with numbered variables":     {vars("0", "1"), "keras_weights"},
		"a group vars without variables":           {vars(), "keras_weights"},
		"a group vars with other names":            {vars("x", "y"), "hdf5"},
		"layers behind three hundred other groups": {many, "keras_weights"},
		"a dataset vars":                           {group{Links: []link{{Name: "vars", Dataset: &dataset{Data: []byte("1")}}}}, "hdf5"},
		"layer_names":                              {attrs(attr{Name: "layer_names", Value: "a", Dims: []uint64{1}}), "keras_weights"},
		"layer_names in parts":                     {attrs(attr{Name: "layer_names0", Value: "a", Dims: []uint64{1}}), "keras_weights"},
		"a configuration without a version":        {attrs(config), "keras_legacy_h5"},
		"a configuration of 2":                     {attrs(config, attr{Name: "keras_version", Value: "2.15.0"}), "keras_legacy_h5"},
		"a configuration of 2 as TensorFlow says":  {attrs(attr{Name: "keras_version", Value: "2.2.4-tf"}, config), "keras_legacy_h5"},
		"a configuration of 3":                     {attrs(attr{Name: "keras_version", Value: "3.0.0"}, config), "keras3_h5"},
		"a configuration of 10":                    {attrs(attr{Name: "keras_version", Value: "10.1"}, config), "keras3_h5"},
		"a configuration of 3 in the global heap":  {attrs(attr{Name: "keras_version", Value: "3.1.0", Variable: true}, config), "keras3_h5"},
		"a configuration beside layer_names":       {attrs(attr{Name: "layer_names", Value: "a", Dims: []uint64{1}}, config), "keras_legacy_h5"},
		"words that are names of attributes":       {attrs(attr{Name: "note", Value: "model_config layer_names vars"}), "hdf5"},
		"a configuration of an inner group":        {group{Links: []link{{Name: "a", Group: &group{Attributes: []attr{config}}}}}, "hdf5"},
	} {
		for _, old := range []bool{false, true} {
			f := scantest.NewFile(scantest.BuildHDF5(file{Old: old, Root: row.root}))
			if got := accepted(t, f); !cmp.Equal(got, []string{row.want}) {
				t.Errorf("%s (old: %v): accepted as %v, want %s", why, old, got, row.want)
			}
			if rec := scanned(t, f); rec.Formats[len(rec.Formats)-1] != row.want {
				t.Errorf("%s: the scan says %v", why, rec.Formats)
			}
		}
	}
}

func TestWhatIsNoHDF5(t *testing.T) {
	whole := scantest.BuildHDF5(file{})
	for why, content := range map[string][]byte{
		"an empty file":                 {},
		"a part of the signature":       whole[:7],
		"a signature at an odd place":   append(make([]byte, 100), whole...),
		"a signature in text form":      []byte(`"\x89HDF\r\n\x1a\n"`),
		"a signature of another system": []byte("\x89HDF\n\x1a\n" + string(whole[8:])),
	} {
		if got := accepted(t, scantest.NewFile(content)); got != nil {
			t.Errorf("%s is accepted as %v", why, got)
		}
	}
}

// TestDeepUserBlocks puts user blocks in front of a file that reach beyond the head.
func TestDeepUserBlocks(t *testing.T) {
	whole := scantest.BuildHDF5(file{UserBlock: make([]byte, 2<<20)})
	binary := slices.Clone(whole)
	copy(binary, "\x08\x00\x00\x00\x00\x00\x00\x00{}\x01\x02\x03")
	for why, row := range map[string]struct {
		content []byte
		path    string
		want    []string
	}{
		"zeros": {whole, "model.bin", []string{"hdf5"}},
		"bytes under a name that is loaded as HDF5":     {binary, "model.h5", []string{"hdf5"}},
		"bytes under a name that is not, which is dear": {binary, "model.safetensors", nil},
	} {
		f := scantest.NewFile(row.content)
		f.Path = row.path
		if got := accepted(t, f); !cmp.Equal(got, row.want) {
			t.Errorf("%s: accepted as %v, want %v", why, got, row.want)
		}
	}
}

// TestMembers holds the scan to what it hands on: configurations, and values that might be something.
func TestMembers(t *testing.T) {
	root := group{
		Attributes: []attr{
			{Name: "model_config", Value: `{"class_name": "Sequential"}`},
			{Name: "training_config", Value: `{"loss": "mse"}`, Variable: true},
			{Name: "note", Value: "one line of text that is long enough"},
			{Name: "lines", Value: "more than one\nline of words"},
			{Name: "document", Value: `{"a": "document"}`},
			{Name: "short", Value: "\x80\x02."},
		},
		Links: []link{
			{Name: "numbers", Dataset: &dataset{Data: make([]byte, 64), Type: scantest.FloatType(), Dims: []uint64{16}}},
			{Name: "bytes", Dataset: &dataset{Data: []byte("\x00\x01\x02posix\x08")}},
			{Name: "only numbers", Dataset: &dataset{Data: []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08")}},
			{Name: "picture", Dataset: &dataset{Data: make([]byte, 64), Dims: []uint64{8, 8}}},
			{Name: "values", Dataset: &dataset{Variable: [][]byte{[]byte("a name: value"), []byte("\x80\x02]q\x00(K\x01e.")}}},
			{Name: "large", Dataset: &dataset{Data: make([]byte, smallDataset+1)}},
		},
	}
	rec := scanned(t, scantest.NewFile(scantest.BuildHDF5(file{Root: root})))
	var got []string
	for _, m := range rec.Members {
		got = append(got, fmt.Sprintf("%s %s %v %d", m.Name, m.Family, m.Prose, m.Size))
	}
	want := []string{
		"#model_config keras false 28", "#training_config keras false 15", "#lines hdf5 true 27", "#document hdf5 true 17",
		"#/values[1] hdf5 true 10", "#/bytes hdf5 true 9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if len(rec.Findings) > 0 {
		t.Errorf("findings: %+v", rec.Findings)
	}
}

// TestDeepGroups walks a path of a thousand groups.
func TestDeepGroups(t *testing.T) {
	g := &group{Links: []link{{Name: "out", File: "other.h5", Object: "/"}}}
	for range 1000 {
		g = &group{Links: []link{{Name: "group", Group: g}}}
	}
	rec := scanned(t, scantest.NewFile(scantest.BuildHDF5(file{Root: *g})))
	if len(rec.Findings) != 1 || rec.Findings[0].Threat != threat.MGPATH100 {
		t.Fatalf("findings: %+v", rec.Findings)
	}
	if m := rec.Findings[0].Member; len(m) > maxPath+10 || !strings.HasSuffix(m, "/group/out") {
		t.Errorf("member %q", m)
	}
}

// TestManyMembersAreBounded hands on no more values than the bound.
func TestManyMembersAreBounded(t *testing.T) {
	values := make([][]byte, maxMembers+500)
	for i := range values {
		values[i] = []byte("\x80\x02K\x01....")
	}
	rec := scanned(t, scantest.NewFile(scantest.BuildHDF5(file{Root: group{Links: []link{{Name: "v", Dataset: &dataset{Variable: values}}}}})))
	if len(rec.Members) > maxMembers || !rec.IsOpaque {
		t.Errorf("%d members, opaque: %v", len(rec.Members), rec.IsOpaque)
	}
}

// FuzzScan scans arbitrary files: nothing fails but by its bytes, and the same file gets the same findings.
func FuzzScan(f *testing.F) {
	names, err := filepath.Glob("../testdata/real/hdf5/*/*.h5")
	if err != nil || len(names) == 0 {
		f.Fatalf("%d fixtures, %v", len(names), err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 30_000 {
			f.Add(b)
		}
	}
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			if g.Name == "hdf5" && len(c.Bytes) < 30_000 {
				f.Add(c.Bytes)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(accepted(t, scantest.NewFile(content))) == 0 {
			return
		}
		first := scanned(t, scantest.NewFile(content))
		if diff := cmp.Diff(first, scanned(t, scantest.NewFile(content))); diff != "" {
			t.Errorf("two scans of the same bytes differ:\n%s", diff)
		}
		if len(first.Members) > maxMembers+4 {
			t.Errorf("%d members", len(first.Members))
		}
	})
}

// TestNumbersAreNotTakenForFormats scans small datasets of random bytes, as quantised weights are: none of them is handed on.
func TestNumbersAreNotTakenForFormats(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	root := group{}
	for i := range 2000 {
		b := make([]byte, 8+rng.IntN(500))
		for k := range b {
			b[k] = byte(30 * rng.NormFloat64())
		}
		b[0] = 0xf0 // not how any format begins
		root.Links = append(root.Links, link{Name: fmt.Sprint(i), Dataset: &dataset{Data: b}})
	}
	rec := scanned(t, scantest.NewFile(scantest.BuildHDF5(file{Root: root})))
	if len(rec.Members) > 2 || len(rec.Findings) > 0 {
		t.Errorf("%d of 2000 are handed on; findings %v", len(rec.Members), rec.Findings)
	}
}
