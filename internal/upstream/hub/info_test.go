package hub

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
)

func TestMetadata(t *testing.T) {
	yes, no := true, false
	h := hubtest.New(t)
	h.AddUser("ann", "hf_ann")
	h.AddOrganization("good", true, "enterprise")
	h.AddOrganization("org", false, "")
	for _, row := range []struct {
		why  string
		repo *hubtest.Repo
		want model.Metadata
	}{
		{"a verified organization", h.AddModel("good/a", hubtest.Files{"a": hubtest.Text("1")}).Card("license", "Apache-2.0"), model.Metadata{Licenses: []string{"apache-2.0"}, Verified: &yes}},
		{"several licences", h.AddModel("org/b", hubtest.Files{"a": hubtest.Text("1")}).Card("license", []string{"mit", "cc0-1.0"}), model.Metadata{Licenses: []string{"mit", "cc0-1.0"}, Verified: &no}},
		{"another licence", h.AddModel("org/c", hubtest.Files{"a": hubtest.Text("1")}).Card("license", "other").Card("license_name", "llama3"), model.Metadata{Licenses: []string{"other"}, LicenseName: "llama3", Verified: &no}},
		{"a tag alone", h.AddModel("org/d", hubtest.Files{"a": hubtest.Text("1")}).Tags("license:mit", "license:mit", "arxiv:1"), model.Metadata{Licenses: []string{"mit"}, Verified: &no}},
		{"no licence", h.AddModel("org/e", hubtest.Files{"a": hubtest.Text("1")}), model.Metadata{Verified: &no}},
		{"a card that makes no sense", h.AddModel("org/f", hubtest.Files{"a": hubtest.Text("1")}).Info("cardData", "x"), model.Metadata{LicenseUnknown: true, Verified: &no}},
		{"a licence that makes no sense", h.AddModel("org/g", hubtest.Files{"a": hubtest.Text("1")}).Card("license", 5), model.Metadata{Verified: &no}},
		{"a user's", h.AddModel("ann/h", hubtest.Files{"a": hubtest.Text("1")}), model.Metadata{Verified: &no}},
		{"nobody's", h.AddModel("gpt2", hubtest.Files{"a": hubtest.Text("1")}), model.Metadata{Verified: &no}},
	} {
		c, _ := newClient(t, h)
		row.want.URI = "https://huggingface.co/" + row.repo.ID()
		got, err := c.Metadata(t.Context(), "", models(row.repo.ID()), row.repo.Head())
		if diff := cmp.Diff(row.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", row.why, err, diff)
		}
	}
}

func TestMetadataIsAskedForOnce(t *testing.T) {
	h := hubtest.New(t)
	h.AddOrganization("good", true, "")
	a := h.AddModel("good/a", hubtest.Files{"a": hubtest.Text("1")})
	c, k := newClient(t, h)
	ask := func(want int) {
		t.Helper()
		if m, err := c.Metadata(t.Context(), "", models("good/a"), a.Head()); err != nil || m.Verified == nil || !*m.Verified {
			t.Errorf("%+v, %v", m, err)
		}
		if n := asked(h); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
	}
	ask(2)
	ask(0)
	k.pass(59 * time.Minute)
	ask(0)
	k.pass(2 * time.Minute)
	ask(1)
	h.Inject(hubtest.Fault{Path: "/overview", Status: 500})
	k.pass(2 * time.Hour)
	if m, err := c.Metadata(t.Context(), "", models("good/a"), a.Head()); err != nil || m.Verified != nil {
		t.Errorf("an organization of which nothing can be learned: %+v, %v", m, err)
	}
}

func TestMetadataThatCannotBeLearned(t *testing.T) {
	h := hubtest.New(t)
	a := h.AddModel("org/a", hubtest.Files{"a": hubtest.Text("1")})
	h.Inject(hubtest.Fault{Path: "/revision/", Status: 500})
	c, _ := newClient(t, h)
	m, err := c.Metadata(t.Context(), "", models("org/a"), a.Head())
	if err != nil || !m.LicenseUnknown || !m.Private {
		t.Errorf("%+v, %v", m, err)
	}
	_, err = c.Metadata(t.Context(), "", models("org/none"), a.Head())
	wantError(t, "no such repository", err, 401, "")
}

func TestForwardedBombsAreNotRead(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(`{"id": "`))
	chunk := bytes.Repeat([]byte("a"), 1<<20)
	for range 70 {
		_, _ = z.Write(chunk)
	}
	_ = z.Close()
	h := hubtest.New(t)
	r := h.AddModel("org/name", hubtest.Files{"a.txt": hubtest.Text("1")})
	h.Inject(hubtest.Fault{Path: "/revision/", Header: http.Header{"Content-Encoding": {"gzip"}}, Body: packed.Bytes()})
	c, _ := newClient(t, h)
	if _, err := c.Resolve(t.Context(), "", models("org/name"), r.Head()); !errors.Is(err, ErrAnswer) {
		t.Error(err)
	}
}
