package pycode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// versions are the interpreters that compiled testdata.
var versions = strings.Fields("2.7 3.6 3.7 3.8 3.9 3.10 3.11 3.12 3.13")

func compiled(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".marshal"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func chainsOf(t *testing.T, data []byte) []Chain {
	t.Helper()
	c, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	chains, read := Chains(c)
	if !read {
		t.Error("not read for sure")
	}
	return chains
}

// TestChainsOfEveryVersion compares what compile.py is compiled to with what it says.
func TestChainsOfEveryVersion(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			var names, called []string
			for _, ch := range chainsOf(t, compiled(t, "calls-"+version)) {
				if ch.Guess {
					continue
				}
				name := ch.Module + ":" + ch.Path
				if ch.Called {
					name += "(" + strings.Join(ch.Args, ",") + ")"
					called = append(called, name)
				} else {
					names = append(names, name)
				}
			}
			for _, want := range []string{"shutil:rmtree()", "os:system(true)", "builtins:eval(1 + 1)", ":__import__(builtins)"} {
				if !slices.Contains(called, want) {
					t.Errorf("%s is missing in %q", want, called)
				}
			}
			for _, want := range []string{"os.path:join(a)", "xml.dom.minidom:parse()", "ctypes:CDLL()", "importlib:import_module(ctypes)"} {
				if !slices.Contains(called, want) {
					t.Errorf("%s is missing in %q", want, called)
				}
			}
			all := strings.Join(append(names, called...), " ")
			for _, want := range []string{"subprocess:run", "subprocess:Popen"} {
				if !strings.Contains(all, want) {
					t.Errorf("%s is missing in %q", want, all)
				}
			}
		})
	}
}

// TestMethodsOfLocals tells what is looked up in values from what is looked up in modules.
func TestMethodsOfLocals(t *testing.T) {
	for _, version := range versions {
		var got []string
		for _, ch := range chainsOf(t, compiled(t, "maths-"+version)) {
			got = append(got, ch.Name())
		}
		slices.Sort(got)
		want := []string{"K.mean", "model.eval", "tf.sqrt"}
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("%s: -want +got\n%s", version, diff)
		}
	}
}

// marshalled writes a code object of a layout, as marshal does, with its names as interned strings.
func marshalled(layout Layout, code []byte, names ...string) []byte {
	le := binary.LittleEndian
	numbers := map[Layout]int{Layout27: 4, Layout30: 5, Layout38: 6, Layout311: 5}[layout]
	out := append([]byte{'c' | 0x80}, make([]byte, 4*numbers)...)
	str := func(tag byte, s string) { out = append(le.AppendUint32(append(out, tag), uint32(len(s))), s...) }
	tuple := func(items ...string) {
		out = le.AppendUint32(append(out, '('), uint32(len(items)))
		for _, s := range items {
			if layout == Layout27 {
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
	if layout == Layout311 {
		str('s', "") // kinds of locals
	} else {
		tuple()
		tuple()
	}
	for range map[bool]int{true: 3, false: 2}[layout == Layout311] {
		str('s', "name")
	}
	out = append(out, 1, 0, 0, 0)
	str('s', "")
	if layout == Layout311 {
		str('s', "")
	}
	return out
}

// caches are what instructions since 3.11 keep room for behind them.
func caches(n int) []byte { return make([]byte, 2*n) }

func TestVersionsWithoutCompiler(t *testing.T) {
	rows := []struct {
		version string
		layout  Layout
		code    []byte
		read    bool
	}{
		{"2.7: LOAD_GLOBAL os, LOAD_ATTR system", Layout27, []byte{116, 0, 0, 106, 1, 0, 83}, true},
		{"3.0 to 3.5: the same", Layout30, []byte{116, 0, 0, 106, 1, 0, 83}, true},
		{"3.6 and 3.7: arguments of one byte", Layout30, []byte{116, 0, 106, 1, 83, 0}, true},
		{"3.14: RESUME, LOAD_GLOBAL, LOAD_ATTR", Layout311, slices.Concat([]byte{128, 0, 92, 0}, caches(4), []byte{80, 2}, caches(9), []byte{35, 0}), true},
		{"of a version to come: the names have to do", Layout311, []byte{250, 0, 192, 0, 180, 2, 135, 0}, false},
	}
	for _, row := range rows {
		data := marshalled(row.layout, row.code, "os", "system")
		if !LooksLike(append(data, make([]byte, 32)...)) {
			t.Errorf("%s: not recognised", row.version)
		}
		c, err := Parse(data)
		if err != nil {
			t.Errorf("%s: %v", row.version, err)
			continue
		}
		chains, read := Chains(c)
		found := slices.ContainsFunc(chains, func(ch Chain) bool { return ch.Name() == "os.system" && ch.Guess != row.read })
		if c.Layout != row.layout || read != row.read || !found {
			t.Errorf("%s: layout %d, read %v, %+v", row.version, c.Layout, read, chains)
		}
	}
}

func TestWhatIsNoCode(t *testing.T) {
	for _, version := range versions {
		data := compiled(t, "calls-"+version)
		for n := range len(data) {
			if _, err := Parse(data[:n]); err == nil {
				t.Errorf("%s: cut after %d bytes, it is read", version, n)
			}
		}
		if _, err := Parse(append(data, 'N')); err == nil {
			t.Errorf("%s: with something behind it, it is read", version)
		}
	}
	deep := bytes.Repeat([]byte{'(', 1, 0, 0, 0}, 1000)
	if _, err := Parse(append(deep, 'N')); !errors.Is(err, ErrTooDeep) {
		t.Errorf("deep data: %v", err)
	}
}

// TestCodeThatIsUsedManyTimes holds shared code objects and shared tuples to linear time.
func TestCodeThatIsUsedManyTimes(t *testing.T) {
	c := &Code{Layout: Layout38, Instructions: []byte{116, 0, 83, 0}, Names: []string{"eval"}}
	for range 64 {
		c = &Code{Layout: Layout38, Nested: []*Code{c, c}}
	}
	if chains, _ := Chains(c); len(chains) != 1 {
		t.Errorf("%d chains, want one", len(chains))
	}
	o := &object{code: &Code{}}
	for range 64 {
		o = &object{items: []*object{o, o}}
	}
	if n := len(codeIn([]*object{o})); n != 2 {
		t.Errorf("%d code objects, want 2", n)
	}
}

// FuzzParse holds the reader to: no panic, no code beside an error, and chains within their bounds.
func FuzzParse(f *testing.F) {
	for _, version := range versions {
		f.Add(compiled(f, "calls-"+version))
		f.Add(compiled(f, "maths-"+version))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			if c != nil {
				t.Error("code beside an error")
			}
			return
		}
		chains, _ := Chains(c)
		for _, ch := range chains {
			if len(ch.Path) > 2*maxPath+1 || len(ch.Args) > maxArgs {
				t.Errorf("chain out of bounds: %+v", ch)
			}
		}
	})
}
