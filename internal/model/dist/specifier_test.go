package dist

import (
	"strings"
	"testing"
)

func TestSpecifiers(t *testing.T) {
	for _, row := range []struct{ specifiers, match, not string }{
		{"", "1.0 2.0rc1 0", ""},
		{"==1.0", "1 1.0.0 1.0+local", "1.0.1 1.0rc1 1.0.post1"},
		{"==1.0+local", "1.0+local", "1.0 1.0+other"},
		{"==1.1.*", "1.1 1.1.2 1.1rc1 1.1.post1 1.1+x", "1.10 1.2 1 2!1.1"},
		{"==1.0.*", "1 1.0.7", "1.1"},
		{"!=1.5", "1.4 1.5.1", "1.5 1.5.0+x"},
		{"!=1.5.*", "1.4 1.6", "1.5 1.5.1"},
		{">=1.0", "1.0 2 1.0+x 1.0.post1", "0.9 1.0rc1"},
		{"<=1.0", "1.0 0.1 1.0+x 1.0rc1", "1.0.1"},
		{"<1.0", "0.9 0.9rc1", "1.0 1.0rc1 1.0.dev1"},
		{"<1.0.post1", "1.0 1.0rc1", "1.0.post1 1.0.post1.dev2"},
		{"<1.0rc2", "1.0rc1 1.0a1 0.9", "1.0rc2 1.0"},
		{">1.0", "1.0.1 2 1.1.post1", "1.0 1.0.post1 1.0+x 1.0rc1"},
		{">1.0rc1", "1.0 1.0.post1 1.0rc2", "1.0rc1 1.0rc1.post1"},
		{">1.0.post1", "1.0.post2 1.1", "1.0.post1 1.0"},
		{"~=1.4", "1.4 1.9", "1.3 2.0"},
		{"~=1.4.0", "1.4.0 1.4.7 1.4.7+x", "1.5 1.3.9"},
		{"~=1.4.5rc1", "1.4.5rc1 1.4.5 1.4.9", "1.4.4 1.5"},
		{"===1.0", "1.0", "1.0.0 1"},
		{">=1.0, <2, !=1.5", "1.0 1.9", "1.5 2.0 0.9"},
		{"==2!1.0", "2!1.0", "1.0"},
	} {
		s, err := ParseSpecifiers(row.specifiers)
		if err != nil {
			t.Errorf("%s: %v", row.specifiers, err)
			continue
		}
		for list, want := range map[string]bool{row.match: true, row.not: false} {
			for text := range strings.FieldsSeq(list) {
				v, err := ParseVersion(text)
				if err != nil {
					t.Fatal(err)
				}
				if s.Match(v) != want {
					t.Errorf("%s matches %s: %v", row.specifiers, text, !want)
				}
			}
		}
	}
	for _, none := range []string{"1.0", "=1.0", "==", "===", "==x", "~=1", "~=1.0.*", ">=1.0.*", ">1.0+x", ">=1.0,", "==1.0.dev1.*", "==1.1rc1.*", "==1.0+x.*", strings.Repeat(">1,", 200) + ">1"} {
		if s, err := ParseSpecifiers(none); err == nil {
			t.Errorf("%q is %+v", none, s)
		}
	}
}

func TestTheNewestOfVersions(t *testing.T) {
	for _, row := range []struct{ specifiers, versions, want string }{
		{"", "1.0 2.0 2.1rc1 1.5", "2.0"},
		{"<2", "1.0 2.0 1.5", "1.5"},
		{">=2.1rc1", "2.0 2.1rc1 2.1rc2", "2.1rc2"},
		{">2.0", "2.0 2.1rc1", "2.1rc1"},
		{"!=2.1rc1", "2.0 2.1rc2", "2.0"},
		{">3", "1.0 2.0", ""},
		{"", "", ""},
	} {
		s, err := ParseSpecifiers(row.specifiers)
		if err != nil {
			t.Fatal(err)
		}
		var versions []Version
		for text := range strings.FieldsSeq(row.versions) {
			v, err := ParseVersion(text)
			if err != nil {
				t.Fatal(err)
			}
			versions = append(versions, v)
		}
		if got, ok := s.Newest(versions); got.String() != row.want || ok != (row.want != "") {
			t.Errorf("%q of %s: %s, %v, want %s", row.specifiers, row.versions, got, ok, row.want)
		}
	}
}

func FuzzSpecifiers(f *testing.F) {
	f.Add(">=1.0,!=1.5.*,<2", "1.4")
	f.Add("~=1!1.4.5rc1", "1!1.4.6+x")
	f.Fuzz(func(t *testing.T, text, version string) {
		s, err := ParseSpecifiers(text)
		v, errV := ParseVersion(version)
		if err != nil || errV != nil {
			return
		}
		newest, ok := s.Newest([]Version{v})
		if ok != s.Match(v) || ok && !newest.Equal(v) {
			t.Fatalf("%q of %q: %v, newest %s", text, version, s.Match(v), newest)
		}
	})
}
