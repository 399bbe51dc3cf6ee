package hub

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"modelgate/internal/hubtest"
)

func TestStatAsksOnce(t *testing.T) {
	h := hubtest.New(t)
	_, files := some(h)
	m := newMemory()
	c, _ := newClient(t, h, func(cfg *Config) { cfg.Memory = m })
	commit := resolved(t, c, "", "org/name")
	h.Forget()
	for path, content := range files {
		for i := range 2 {
			got, err := c.Stat(t.Context(), "", models("org/name"), commit, path)
			etag := content.GitSHA1()
			if strings.HasSuffix(path, ".safetensors") {
				etag = content.SHA256()
			}
			if err != nil || got.Size != content.Size() || got.Path != path || got.ETag != etag || got.Digest.Hex() != etag || got.LFS != (len(etag) == 64) {
				t.Errorf("%s: %+v, %v", path, got, err)
			}
			if n := h.Count(hubtest.CDN, "", ""); n > 0 {
				t.Error("HEAD went to the content network")
			}
			if n := h.Count(hubtest.Main, "HEAD", "/resolve/"); n != 1-i {
				t.Errorf("%s: %d requests at time %d", path, n, i+1)
			}
			h.Forget()
		}
	}
	if fi, err := c.Stat(t.Context(), "", models("org/name"), commit, "config.json"); err != nil || fi.ContentType == "" || !strings.Contains(fi.Disposition, "config.json") {
		t.Errorf("%+v, %v", fi, err)
	}
	for range 2 {
		_, err := c.Stat(t.Context(), "", models("org/name"), commit, "none")
		wantError(t, "no such file", err, 404, "EntryNotFound")
		var refused *Error
		if errors.As(err, &refused) && refused.Header.Get("X-Repo-Commit") != commit {
			t.Error("the absence does not name the commit")
		}
	}
	if n := asked(h); n != 1 {
		t.Errorf("%d requests for a file that is missing", n)
	}
	h.Stop(hubtest.Main)
	restarted, _ := newClient(t, h, func(cfg *Config) { cfg.Memory = m })
	if fi, err := restarted.Stat(t.Context(), "", models("org/name"), commit, odd); err != nil || fi.Size != 3 {
		t.Errorf("after a restart, without the hub: %+v, %v", fi, err)
	}
	for key := range m.facts {
		if strings.Contains(key, "none") {
			t.Errorf("what is missing is kept as %s: there is no end to that", key)
		}
	}
	if _, err := restarted.Stat(t.Context(), "", models("org/name"), commit, "unseen"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a file that nobody has asked for: %v", err)
	}
}

func TestStatFromTheTree(t *testing.T) {
	h := hubtest.New(t)
	_, files := some(h)
	c, _ := newClient(t, h)
	commit := resolved(t, c, "", "org/name")
	if _, err := c.Files(t.Context(), "", models("org/name"), commit); err != nil {
		t.Fatal(err)
	}
	h.Forget()
	for path, content := range files {
		if fi, err := c.Stat(t.Context(), "", models("org/name"), commit, path); err != nil || fi.Size != content.Size() {
			t.Errorf("%s: %+v, %v", path, fi, err)
		}
	}
	for _, path := range []string{"none", "folder"} {
		_, err := c.Stat(t.Context(), "", models("org/name"), commit, path)
		wantError(t, path, err, 404, "EntryNotFound")
	}
	if n := asked(h); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestHeadsThatMakeNoSense(t *testing.T) {
	h := hubtest.New(t)
	some(h)
	c, _ := newClient(t, h)
	commit := resolved(t, c, "", "org/name")
	h.Inject(hubtest.Fault{Method: "HEAD", Header: http.Header{"X-Repo-Commit": {strings.Repeat("b", 40)}}})
	if fi, err := c.Stat(t.Context(), "", models("org/name"), commit, "model.safetensors"); !errors.Is(err, ErrAnswer) {
		t.Errorf("another commit: %+v, %v", fi, err)
	}
}

// TestTheListingSaysWhatHeadDoesNot lets the listing of the commit stand in for answers to HEAD that leave hash, size or reason open.
func TestTheListingSaysWhatHeadDoesNot(t *testing.T) {
	for why, row := range map[string]struct {
		path  string
		fault hubtest.Fault
	}{
		"a hash that is none":                {"model.safetensors", hubtest.Fault{Header: http.Header{"X-Linked-Etag": {`"main"`}}}},
		"an ETag with a suffix":              {"config.json", hubtest.Fault{Header: http.Header{"Etag": {`"0123-gzip"`}, "X-Linked-Etag": nil}}},
		"no hash at all":                     {"config.json", hubtest.Fault{Header: http.Header{"Etag": nil, "X-Linked-Etag": nil}}},
		"a size that is none":                {"model.safetensors", hubtest.Fault{Header: http.Header{"X-Linked-Size": {"many"}}}},
		"a negative size":                    {"model.safetensors", hubtest.Fault{Header: http.Header{"X-Linked-Size": {"-5"}}}},
		"a redirect without the file's size": {"model.safetensors", hubtest.Fault{Header: http.Header{"X-Linked-Size": nil}}},
		"a 404 without a reason":             {"none", hubtest.Fault{Header: http.Header{"X-Error-Code": nil}}},
		"a 404 for a file that is there":     {"config.json", hubtest.Fault{Status: 404}},
	} {
		h := hubtest.New(t)
		_, files := some(h)
		c, _ := newClient(t, h)
		commit := resolved(t, c, "", "org/name")
		row.fault.Method = "HEAD"
		fault := h.Inject(row.fault)
		for range 2 {
			fi, err := c.Stat(t.Context(), "", models("org/name"), commit, row.path)
			content, ok := files[row.path]
			if !ok {
				wantError(t, why, err, 404, "EntryNotFound")
				continue
			}
			etag := content.GitSHA1()
			if fi.LFS {
				etag = content.SHA256()
			}
			if err != nil || fi.Size != content.Size() || fi.ETag != etag {
				t.Errorf("%s: %+v, %v", why, fi, err)
			}
		}
		if fault.Fired() == 0 {
			t.Errorf("%s: the fault did not strike", why)
		}
		if n := h.Count(hubtest.Main, "GET", "/tree/"); n != 1 {
			t.Errorf("%s: listed %d times", why, n)
		}
	}
}

func TestHeadsThatSayNothingWithoutAListing(t *testing.T) {
	h := hubtest.New(t)
	some(h)
	c, _ := newClient(t, h)
	commit := resolved(t, c, "", "org/name")
	h.Inject(hubtest.Fault{Path: "/tree/", Status: 500})
	h.Inject(hubtest.Fault{Method: "HEAD", Header: http.Header{"Etag": nil, "X-Linked-Etag": nil}})
	if _, err := c.Stat(t.Context(), "", models("org/name"), commit, "config.json"); !errors.Is(err, ErrAnswer) {
		t.Errorf("no hash: %v", err)
	}
	h.Inject(hubtest.Fault{Method: "HEAD", Status: 404})
	_, err := c.Stat(t.Context(), "", models("org/name"), commit, "config.json")
	wantError(t, "a 404 without a reason", err, 404, "")
}
