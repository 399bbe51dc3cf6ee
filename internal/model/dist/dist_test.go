package dist

import (
	"slices"
	"testing"
)

func TestNormalize(t *testing.T) {
	for name, want := range map[string]string{
		"Flask": "flask", "zope.interface": "zope-interface", "a__b.-c": "a-b-c", "x": "x", "3to2": "3to2",
		"": "", "-a": "", "a-": "", "a b": "", "a/b": "", "ａ": "", "a\x00": "", "..": "", "numpy\n": "",
	} {
		if got, ok := Normalize(name); got != want || ok != (want != "") {
			t.Errorf("Normalize(%q) = %q, %v", name, got, ok)
		}
	}
}

func TestVersionsAreOrdered(t *testing.T) {
	order := []string{
		"0", "1.dev1", "1.0a1.dev1", "1.0a1", "1.0a2", "1.0b1", "1.0rc1", "1.0rc1.post1.dev2", "1.0rc1.post1", "1.0.dev0.post1", "1.0",
		"1.0+abc", "1.0+abc.5", "1.0+5", "1.0.post1.dev1", "1.0.post1", "1.0.1", "1.1", "1.10", "2", "18446744073709551617", "1!0",
	}
	order = slices.DeleteFunc(order, func(s string) bool { return s == "1.0.dev0.post1" }) // no version: dev stands last
	for i, a := range order {
		v, err := ParseVersion(a)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		for j, b := range order {
			w, err := ParseVersion(b)
			if err != nil {
				t.Fatalf("%s: %v", b, err)
			}
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := v.Compare(w); got != want {
				t.Errorf("%s against %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestSpellingsOfOneVersion(t *testing.T) {
	for _, same := range [][]string{
		{"1.0", "1", "v1.0.0", " 1.00 ", "0!1"},
		{"1.0rc1", "1.0-RC.1", "1.0c1", "1.0_preview1", "1.0.pre1"},
		{"1.0a0", "1.0alpha", "1a"},
		{"1.0.post1", "1.0-1", "1.0-r1", "1.0rev01"},
		{"1.0.dev0", "1.0dev", "1.0_DEV_0"},
		{"1.0+ubuntu.1", "1+Ubuntu-01"},
	} {
		first, err := ParseVersion(same[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range same[1:] {
			v, err := ParseVersion(s)
			if err != nil || !v.Equal(first) || v.Key() != first.Key() {
				t.Errorf("%q is %q (%v), not %q", s, v.Key(), err, first.Key())
			}
		}
	}
	for _, none := range []string{"", "a", "1.", "1..2", "1.0+", "1.0-", "1.0-foo", "1.0\n2", "1٢", "1.0.dev1.post1"} {
		if v, err := ParseVersion(none); err == nil {
			t.Errorf("%q is version %s", none, v)
		}
	}
}

func TestFilenames(t *testing.T) {
	for name, want := range map[string]struct {
		project, version string
		kind             Kind
		pure             bool
	}{
		"numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl": {"numpy", "2.4.6", Wheel, false},
		"zope.interface-7.0-1-py3-none-any.whl":             {"zope-interface", "7.0", Wheel, true},
		"typing_extensions-4.16.0-py3-none-any.whl":         {"typing-extensions", "4.16.0", Wheel, true},
		"python-dateutil-2.9.0.post0.tar.gz":                {"python-dateutil", "2.9.0.post0", Sdist, false},
		"foo-bar-2-1.0.zip":                                 {"foo-bar-2", "1.0", Sdist, false},
		"foo-1.0-py2.7.egg":                                 {"foo", "1.0", Other, false},
		"foo-1.0.win32-py2.7.exe":                           {"foo", "1.0", Other, false},
	} {
		f, ok := ParseFilename(want.project, name)
		if !ok || f.Version.String() != want.version || f.Kind != want.kind || f.Pure() != want.pure {
			t.Errorf("%s: %+v, %v", name, f, ok)
		}
		if want.kind == Other {
			continue
		}
		if project, ok := GuessProject(name); !ok || project != want.project && name != "foo-bar-2-1.0.zip" {
			t.Errorf("%s is guessed to be of %q, %v", name, project, ok)
		}
	}
	for _, name := range []string{"", "..", "a/b-1.0.zip", "numpy-2.4.6.whl", "other-1.0.tar.gz", "numpy-x.tar.gz", "numpy-1.0.tar.gz\x00", "numpy-1.0.txt"} {
		if f, ok := ParseFilename("numpy", name); ok {
			t.Errorf("%q is %+v", name, f)
		}
	}
}

func FuzzVersion(f *testing.F) {
	f.Add("1!1.0rc1.post2.dev3+abc.1", "1.0")
	f.Fuzz(func(t *testing.T, a, b string) {
		v, errV := ParseVersion(a)
		w, errW := ParseVersion(b)
		if errV != nil || errW != nil {
			return
		}
		if v.Compare(w) != -w.Compare(v) || (v.Key() == w.Key()) != v.Equal(w) {
			t.Fatalf("%q and %q: %d, %d, keys %q, %q", a, b, v.Compare(w), w.Compare(v), v.Key(), w.Key())
		}
		if again, err := ParseVersion(v.String()); err != nil || !again.Equal(v) {
			t.Fatalf("%q is shown as %q, which is %v", a, v, err)
		}
	})
}

func FuzzFilename(f *testing.F) {
	f.Add("numpy", "numpy-2.4.6-cp311-cp311-win32.whl")
	f.Add("a-b", "a-b-1.0.tar.gz")
	f.Fuzz(func(t *testing.T, project, name string) {
		if parsed, ok := ParseFilename(project, name); ok && (parsed.Project != project || parsed.Version.Key() == "" || !SafeFilename(name)) {
			t.Fatalf("%q: %+v", name, parsed)
		}
		GuessProject(name)
	})
}
