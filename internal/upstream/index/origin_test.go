package index

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"modelgate/internal/blob"
	"modelgate/internal/indextest"
	"modelgate/internal/model"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/attestation"
)

// facts is a Memory.
type facts struct {
	mu    sync.Mutex
	facts map[string][]byte
}

func (k *facts) Get(_ context.Context, key string) ([]byte, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	value, ok := k.facts[key]
	return value, ok, nil
}

func (k *facts) Put(_ context.Context, key string, value []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.facts[key] = value
	return nil
}

// openIndex opens an index over a stand-in.
func openIndex(t *testing.T, stand *indextest.Index, memory Memory) *Index {
	t.Helper()
	blobs, err := blob.Open(blob.Config{Dir: t.TempDir(), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	client, err := upstream.New(upstream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := attestation.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	x, err := New(Config{
		Upstreams: []Upstream{{Name: "up", URL: stand.URL}}, Client: client, Blobs: blobs, Memory: memory, Log: zerolog.Nop(), Trust: trust, PageTTL: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		x.Close()
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// provenanceOf is what is known of the origin of a file of a project, which is asked for by its name.
func provenanceOf(t *testing.T, x *Index, project, filename string) model.Provenance {
	t.Helper()
	p, err := x.Project(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files {
		if f.Filename == filename {
			return provenanceOfID(t, x, project, f.ID(), filename)
		}
	}
	t.Fatalf("%s is not listed", filename)
	return model.Provenance{}
}

func provenanceOfID(t *testing.T, x *Index, project, id, filename string) model.Provenance {
	t.Helper()
	e, err := x.Entry(t.Context(), "up", project, id, filename)
	if err != nil {
		t.Fatal(err)
	}
	f, err := x.Bytes(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	o := &Origin{Index: x, Entry: e, File: f}
	meta, err := o.Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return meta.Package.Origin
}

func real(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "attestation", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAttestationsOfAnIndexAreVerified(t *testing.T) {
	const project, filename = "gcb-attestation-test", "gcb_attestation_test-0.0.0.tar.gz"
	file := indextest.File{Name: filename, Bytes: real(t, filename), Origin: real(t, filename+".provenance")}
	for _, row := range []struct {
		what   string
		change func(f *indextest.File, stand *indextest.Index)
		want   string // the identity, or a part of the fault; "" if nothing is served
	}{
		{"the real file", func(*indextest.File, *indextest.Index) {}, "919436158236-compute@developer.gserviceaccount.com"},
		{"an index that speaks HTML", func(_ *indextest.File, x *indextest.Index) { x.HTMLOnly = true }, "919436158236-compute@developer.gserviceaccount.com"},
		{"an index that tells no digest", func(f *indextest.File, _ *indextest.Index) { f.Hash = "none" }, "919436158236-compute@developer.gserviceaccount.com"},
		{"other bytes", func(f *indextest.File, _ *indextest.Index) {
			f.Bytes = indextest.Sdist("gcb_attestation_test", "0.0.0", nil).Bytes
		}, "about other bytes"},
		{"a page for people", func(f *indextest.File, _ *indextest.Index) { f.Origin = []byte("<h1>Please wait</h1>") }, "cannot be read"},
		{"no attestations in the object", func(f *indextest.File, _ *indextest.Index) {
			f.Origin = []byte(`{"version":1,"attestation_bundles":[]}`)
		}, ""},
		{"none", func(f *indextest.File, _ *indextest.Index) { f.Origin = nil }, ""},
		{"an address that is not there", func(_ *indextest.File, x *indextest.Index) { x.Fail(filename+".provenance", http.StatusNotFound) }, ""},
	} {
		stand := indextest.New(t)
		f := file
		row.change(&f, stand)
		stand.Add(project, f)
		got := provenanceOf(t, openIndex(t, stand, nil), project, filename)
		if got.Unknown || got.Lost || got.Served != (row.want != "") || got.Served && !strings.Contains(got.Attestations[0].Identity+got.Attestations[0].Fault, row.want) {
			t.Errorf("%s: %+v, want %q", row.what, got, row.want)
		}
	}
}

func TestAttestationsThatCannotBeHad(t *testing.T) {
	const project, filename = "gcb-attestation-test", "gcb_attestation_test-0.0.0.tar.gz"
	stand := indextest.New(t)
	stand.Add(project, indextest.File{Name: filename, Bytes: real(t, filename), Origin: make([]byte, maxProvenance+1)})
	if got := provenanceOf(t, openIndex(t, stand, nil), project, filename); !got.Unknown || got.Served {
		t.Errorf("too large: %+v", got)
	}
	stand = indextest.New(t)
	stand.Add(project, indextest.File{Name: filename, Bytes: real(t, filename), Origin: real(t, filename+".provenance")})
	stand.Fail(filename+".provenance", http.StatusForbidden)
	if got := provenanceOf(t, openIndex(t, stand, nil), project, filename); !got.Unknown || got.Served {
		t.Errorf("refused: %+v", got)
	}
}

func TestAttestationsOfAFileThatIsNoLongerListed(t *testing.T) {
	const project, filename = "gcb-attestation-test", "gcb_attestation_test-0.0.0.tar.gz"
	stand, memory := indextest.New(t), &facts{facts: map[string][]byte{}}
	stand.Add(project, indextest.File{Name: filename, Bytes: real(t, filename), Origin: real(t, filename+".provenance")})
	first := openIndex(t, stand, memory)
	p, err := first.Project(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	id := p.Files[0].ID()
	if got := provenanceOfID(t, first, project, id, filename); !got.Served {
		t.Fatalf("while it is listed: %+v", got)
	}
	stand.Fail(project, http.StatusNotFound)
	if got := provenanceOfID(t, openIndex(t, stand, memory), project, id, filename); !got.Served || got.Attestations[0].Fault != "" {
		t.Errorf("after a restart, without its page: %+v", got)
	}
}

func TestAttestationsAreLost(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	made := func(version string, at time.Time, attested bool) indextest.File {
		f := indextest.Sdist("demo", version, nil)
		f.Upload = at
		if attested {
			f.Origin = []byte(`{}`)
		}
		return f
	}
	stand := indextest.New(t)
	stand.Add("demo", made("1.0", day(1), false), made("1.1", day(2), true), made("1.2", day(3), false), made("1.0.1", day(4), false), made("2.0", time.Time{}, false))
	x := openIndex(t, stand, nil)
	for version, want := range map[string]bool{"1.0": false, "1.1": false, "1.2": true, "1.0.1": false, "2.0": false} {
		if got := provenanceOf(t, x, "demo", "demo-"+version+".tar.gz"); got.Lost != want {
			t.Errorf("%s: %+v", version, got)
		}
	}
}
