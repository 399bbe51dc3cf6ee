package folder

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func paths(f *Folder) []string {
	var out []string
	for _, file := range f.files {
		out = append(out, file.Path)
	}
	return out
}

func TestFolderFollowsTheLinksOfAModelCache(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "blobs", "aa"), "one")
	put(t, filepath.Join(dir, "snap", "sub", "plain"), "two")
	if err := os.Symlink("../blobs/aa", filepath.Join(dir, "snap", "model.bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(dir, "snap", "sub", "circle")); err != nil {
		t.Fatal(err)
	}
	f, err := Open(t.Context(), filepath.Join(dir, "snap"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"model.bin", "sub/plain"}, paths(f)); diff != "" {
		t.Error(diff)
	}
}

func TestTheSameContentIsTheSameVersion(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	put(t, filepath.Join(a, "x"), "same")
	put(t, filepath.Join(b, "x"), "same")
	fa, err := Open(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	fb, err := Open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if fa.Version("m") != fb.Version("m") {
		t.Error("same bytes, different versions")
	}
	put(t, filepath.Join(b, "x"), "else")
	if fb, err = Open(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if fa.Version("m") == fb.Version("m") {
		t.Error("different bytes, same version")
	}
}

func TestWhatCannotBeJudgedIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "link to nothing") {
		t.Errorf("dangling link: %v", err)
	}
	dir = t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("pipe: %v", err)
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "absent")); err == nil {
		t.Error("no error for a folder that is not there")
	}
}

func TestAFileThatChangesWhileItIsScannedIsAnError(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "x"), "before")
	f, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "x"), "afterwards")
	if _, err := f.Open(t.Context(), f.files[0]); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("changed file: %v", err)
	}
}
