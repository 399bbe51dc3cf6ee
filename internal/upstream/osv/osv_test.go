package osv

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func affected(name, rest string) string {
	return fmt.Sprintf(`"affected":[{"package":{"ecosystem":"PyPI","name":%q},%s}]`, name, rest)
}

func samples() map[string]string {
	return map[string]string{
		"pypi/demo/MAL-2026-1.json": `{"id":"MAL-2026-1",` + affected("Demo.Pkg", `"versions":["1.0.0","2.0rc1"]`) + `}`,
		"GHSA-x.json":               `{"id":"GHSA-aaaa-bbbb-cccc","aliases":["CVE-2026-1","MAL-2026-2"],` + affected("other", `"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]`) + `}`,
		"GHSA-y.json":               `{"id":"GHSA-dddd-eeee-ffff","database_specific":{"severity":"HIGH"},` + affected("flawed", `"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1.5"},{"fixed":"2.0"},{"introduced":"3.0"},{"last_affected":"3.2"}]},{"type":"GIT","events":[{"introduced":"0"}]}]`) + `}`,
		"withdrawn.json":            `{"id":"MAL-2026-3","withdrawn":"2026-01-01T00:00:00Z",` + affected("gone", `"versions":["1.0"]`) + `}`,
		"npm.json":                  `{"id":"MAL-2026-4","affected":[{"package":{"ecosystem":"npm","name":"demo-pkg"},"versions":["9.0"]}]}`,
		"empty.json":                `{"id":"MAL-2026-5",` + affected("nothing", `"versions":[]`) + `}`,
		"broken.json":               `{"id":`,
		"id.json":                   `{"id":"MAL-2026-\r\nX-Evil: 1",` + affected("evil", `"versions":["1.0"]`) + `}`,
		"readme.txt":                "not a record",
	}
}

func TestRecordsAffectWhatTheySay(t *testing.T) {
	s, err := Load(write(t, samples()))
	if err != nil {
		t.Fatal(err)
	}
	mal1, mal2, flaw := []Advisory{{"MAL-2026-1", true, ""}}, []Advisory{{"MAL-2026-2", true, ""}}, []Advisory{{"GHSA-dddd-eeee-ffff", false, High}}
	for release, want := range map[string][]Advisory{
		"demo-pkg 1.0": mal1, "demo-pkg 1.0.0": mal1, "demo-pkg 2.0.RC.1": mal1, "demo-pkg 1.0.1": nil, "demo-pkg 9.0": nil,
		"other 0.1": mal2, "other 77": mal2, "other not-a-version": mal2,
		"flawed 1.4": nil, "flawed 1.5": flaw, "flawed 1.9.9": flaw, "flawed 2.0": nil, "flawed 2.5": nil, "flawed 3.0": flaw, "flawed 3.2": flaw, "flawed 3.2.1": nil,
		"gone 1.0": nil, "nothing 1.0": nil, "evil 1.0": nil, "unheard-of 1.0": nil,
	} {
		project, version, _ := strings.Cut(release, " ")
		if diff := cmp.Diff(want, s.Match(project, version)); diff != "" {
			t.Errorf("%s:\n%s", release, diff)
		}
	}
	if s.Records != 3 || s.Broken != 2 || s.Unusable != 2 || s.FirstBroken == "" || s.Digest() == "" {
		t.Errorf("%d records, %d broken (%s), %d unusable", s.Records, s.Broken, s.FirstBroken, s.Unusable)
	}
	var none *Set
	if none.Match("demo-pkg", "1.0") != nil || none.Digest() != "" {
		t.Error("no set says something")
	}
}

func TestAZipIsReadLikeAFolder(t *testing.T) {
	dir := write(t, samples())
	name := filepath.Join(t.TempDir(), "all.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	if err := z.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	s, err := Load(name)
	if err != nil || s.Records != 3 || len(s.Match("demo-pkg", "1.0")) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestNothingUsableIsAnError(t *testing.T) {
	for what, place := range map[string]string{
		"broken records alone":  write(t, map[string]string{"a.json": "{", "b.json": "[]"}),
		"a folder that is none": filepath.Join(t.TempDir(), "none"),
		"a zip that is none":    filepath.Join(write(t, map[string]string{"a.zip": "PK"}), "a.zip"),
	} {
		if s, err := Load(place); err == nil {
			t.Errorf("%s: %+v", what, s)
		}
	}
	if s, err := Load(t.TempDir()); err != nil || s.Records != 0 {
		t.Errorf("an empty folder: %v", err)
	}
}

func FuzzRecord(f *testing.F) {
	for _, text := range samples() {
		f.Add([]byte(text), "1.0")
	}
	f.Fuzz(func(t *testing.T, text []byte, version string) {
		s := &Set{byProject: map[string][]record{}}
		s.add("x", text)
		for project := range s.byProject {
			for _, a := range s.Match(project, version) {
				if !identifier.MatchString(a.ID) {
					t.Fatalf("id %q", a.ID)
				}
			}
		}
	})
}
