package hfmirror

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"modelgate/internal/hubtest"
)

// FuzzNoPathGivesBlockedBytes looks for an address under which the bytes of a blocked model, in git or in LFS, come through.
func FuzzNoPathGivesBlockedBytes(f *testing.F) {
	const marker = "do-not-let-this-through"
	s := newStand(f)
	s.log.discard()
	s.gate.forgetful = true
	evil := s.hub.AddModel("org/evil", hubtest.Files{
		"a.json": hubtest.Text(`{"x":"` + marker + `"}`), "w.bin": hubtest.LFS([]byte(marker)), "resolve/main/x.json": hubtest.Text(`"` + marker + `"`),
	})
	s.hub.AddModel("org/good", hubtest.Files{"a.json": hubtest.Text("{}")})
	s.gate.block("org/evil")
	sum := hubtest.LFS([]byte(marker)).SHA256()
	for _, seed := range []string{
		"/org/evil/resolve/main/a.json", "/org/evil/raw/main/w.bin", "/g/x/org/evil/resolve/main/a.json", "/api/models/org/evil/tree/main/a.json",
		"/api/resolve-cache/models/org/evil/" + evil.Head() + "/a.json", "/org/evil/resolve/" + evil.Head() + "/w.bin", "/v2/org/evil/blobs/sha256:" + sum,
		"/v2/org/good/blobs/sha256:" + sum, "/api/models/org/evil/../../../org/evil/resolve/main/a.json", "/api/models/org/evil/resolve/main/a.json",
		"/api/models/org/good/tree/main/..%2f..%2f..%2f..%2f..%2forg/evil/raw/main/a.json", "/org/evil/resolve/main/resolve/main/x.json",
		"/api/%2e%2e/org/evil/raw/main/a.json", "/org/evil/blob/main/a.json", "/api/models/org/evil/safetensors-metadata/a.json",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := http.NewRequest(http.MethodGet, "http://gate"+path, nil)
		if err != nil || r.URL.Host != "gate" {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		s.Config.Handler.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), marker) {
			t.Errorf("%q gives %d %s", path, w.Code, w.Body)
		}
		if w.Header().Get("Location") != "" || strings.Contains(w.Body.String(), "xetHash") {
			t.Errorf("%q leads away: %v", path, w.Header())
		}
		for name, values := range w.Header() {
			for _, v := range values {
				if strings.ContainsAny(v, "\r\n\x00") {
					t.Errorf("%q injects %s: %q", path, name, v)
				}
			}
		}
	})
}
