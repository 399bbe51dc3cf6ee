package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
)

// mixed are an honest file and an evil one.
func mixed() hubtest.Files {
	return hubtest.Files{"honest.txt": hubtest.Text("honest"), "evil.pkl": hubtest.Bytes(hubtest.InertPickle())}
}

func TestEveryKindIsJudgedInItsUnit(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	for kind, row := range map[model.Kind]struct {
		prefix string
		honest int // what becomes of the honest file beside the evil one
	}{
		model.Models: {"", http.StatusForbidden}, model.Datasets: {"datasets/", http.StatusOK}, model.Spaces: {"spaces/", http.StatusOK},
		model.Kernels: {"kernels/", http.StatusForbidden},
	} {
		repo := w.Add(kind, "kinds/mixed", mixed())
		for path, want := range map[string]int{"honest.txt": row.honest, "evil.pkl": http.StatusForbidden} {
			for _, rev := range []string{"main", repo.Head()} {
				got := ask(t, "GET", on.endpoint+"/"+row.prefix+"kinds/mixed/resolve/"+rev+"/"+path)
				if got.status != want || !uuids.MatchString(got.header.Get("X-Modelgate-Scan")) {
					t.Errorf("%s at %s, %s: %d, want %d, scan %q", kind, rev, path, got.status, want, got.header.Get("X-Modelgate-Scan"))
				}
			}
		}
	}
}

func TestALargeModelIsJudgedFileByFileUnderOneScan(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w, "MODELGATE_SCAN_MAX_FILES=5")
	files := mixed()
	for i := range 8 {
		files[fmt.Sprintf("more%d.txt", i)] = hubtest.Text(fmt.Sprint("more ", i))
	}
	w.add("org/large", files, w.AddModel)
	scans := map[string]bool{}
	for path := range files {
		want := http.StatusOK
		if path == "evil.pkl" {
			want = http.StatusForbidden
		}
		got := ask(t, "GET", on.fileURL("org/large", path))
		if got.status != want {
			t.Errorf("%s: %d, want %d: %s", path, got.status, want, got.header.Get("X-Error-Message"))
		}
		scans[got.header.Get("X-Modelgate-Scan")] = true
	}
	if len(scans) != 1 || scans[""] {
		t.Errorf("scans %v", scans)
	}
	if n := w.Count(hubtest.CDN, "", "org/large"); n > 3 {
		t.Errorf("%d requests at the content network for one large file", n)
	}
}

func TestEachCommitHasItsOwnVerdict(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	repo := w.add("org/refs", hubtest.Files{"honest.txt": hubtest.Text("honest")}, w.AddModel)
	good := repo.Head()
	evil := repo.CommitTo("refs/pr/7", "trust me", mixed())
	repo.Tag("v2", evil).Tag("v1", good)
	for rev, want := range map[string]int{
		"main": http.StatusOK, good: http.StatusOK, good[:8]: http.StatusOK, "v1": http.StatusOK, "refs%2Fheads%2Fmain": http.StatusOK,
		"refs%2Fpr%2F7": http.StatusForbidden, "refs/pr/7": http.StatusForbidden, evil: http.StatusForbidden, evil[:8]: http.StatusForbidden, "v2": http.StatusForbidden,
	} {
		if got := ask(t, "GET", on.endpoint+"/org/refs/resolve/"+rev+"/honest.txt"); got.status != want {
			t.Errorf("%s: %d, want %d: %s", rev, got.status, want, got.header.Get("X-Error-Message"))
		}
	}
}

func TestARenamedModelKeepsItsVerdictAndItsOldNameWorks(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w, "MODELGATE_HUGGINGFACE_BRANCH_TTL=1ms")
	repo := w.add("org/before", mixed(), w.AddModel)
	first := ask(t, "GET", on.fileURL("org/before", "honest.txt"))
	repo.Rename("org/after")
	for _, id := range []string{"org/before", "org/after"} {
		got := ask(t, "GET", on.fileURL(id, "honest.txt"))
		if got.status != http.StatusForbidden || got.header.Get("Location") != "" || !strings.Contains(got.header.Get("X-Error-Message"), "Blocked by modelgate") {
			t.Errorf("%s: %d %v", id, got.status, got.header)
		}
		if head := ask(t, "HEAD", on.fileURL(id, "honest.txt")); head.status != http.StatusOK || head.header.Get("Location") != "" {
			t.Errorf("HEAD %s: %d %v", id, head.status, head.header)
		}
	}
	if first.status != http.StatusForbidden {
		t.Errorf("before: %d", first.status)
	}
}
