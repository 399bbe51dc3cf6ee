package gate

import (
	"strings"
	"testing"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/policy"
)

// listed is a page of releases 1.0 and 2.0, each of a wheel and an sdist; the second is known to be malicious.
func listed(uploaded time.Time) []Announced {
	var list []Announced
	for _, version := range []string{"1.0", "2.0"} {
		for _, end := range []string{".whl", ".tar.gz"} {
			f := fileOf("demo-"+version+end, version+end)
			p := &model.Package{Project: "demo", Version: version, Filename: f.Path, Upstream: "up", Uploaded: uploaded, AsOf: time.Now()}
			if version == "2.0" {
				p.Advisories = []model.Advisory{{ID: "MAL-2026-7", Malicious: true}}
			}
			list = append(list, Announced{Release: version, Revision: f.Digest.Hex(), File: f, Metadata: model.Metadata{Package: p}})
		}
	}
	return list
}

func packageRequest() Request {
	return Request{Version: model.Version{Source: model.PyPI, Name: "demo"}, Owner: "tester", ScanOrigin: model.OriginGateway}
}

func TestWhatAPageTellsBlocksAReleaseOnce(t *testing.T) {
	facts := "a"
	h := open(t, t.TempDir(), func(c *Config) { c.PackageFacts = func() string { return facts } })
	list := listed(time.Now().Add(-1000 * time.Hour))
	for range 3 {
		if err := h.Announce(t.Context(), packageRequest(), list); err != nil {
			t.Fatal(err)
		}
	}
	blocked, err := h.Blocked(t.Context(), packageRequest())
	if err != nil || len(blocked) != 1 || blocked[0].Revision != list[2].Revision || blocked[0].Advisory != "MAL-2026-7" || blocked[0].Rule != "Known Malicious Package" {
		t.Fatalf("%+v, %v", blocked, err)
	}
	// Whoever asks for the file gets the same scan, and its bytes are not fetched.
	o := newOrigin(nil)
	req := packageRequest()
	req.Version.Revision, req.Path, req.Digest, req.Origin = list[2].Revision, list[2].File.Path, list[2].File.Digest, o
	v := check(t, h, req)
	if v.Outcome != model.Blocked || v.Scan != blocked[0].Scan || len(v.Failed) != 1 || v.Failed[0].Advisory != "MAL-2026-7" || o.listed.Load() != 0 {
		t.Errorf("%+v after %d listings", v, o.listed.Load())
	}
	before, err := h.Rules(t.Context(), packageRequest())
	if err != nil {
		t.Fatal(err)
	}
	facts = "b" // the advisory is withdrawn
	h.ForgetGroups()
	for i := range list {
		list[i].Metadata.Package.Advisories = nil
	}
	if err := h.Announce(t.Context(), packageRequest(), list); err != nil {
		t.Fatal(err)
	}
	after, err := h.Rules(t.Context(), packageRequest())
	if err != nil || after == before {
		t.Errorf("rules stay %q: %v", after, err)
	}
	if blocked, err := h.Blocked(t.Context(), packageRequest()); err != nil || len(blocked) != 0 {
		t.Errorf("after it was withdrawn: %+v, %v", blocked, err)
	}
}

func TestABlockOfYouthEndsWithIt(t *testing.T) {
	h := open(t, t.TempDir(), nil)
	rule, err := policy.FindRule("Release Is Old Enough")
	if err != nil {
		t.Fatal(err)
	}
	group, err := h.store.Group(t.Context(), policy.DefaultGroupUUID(model.PyPI))
	if err != nil {
		t.Fatal(err)
	}
	if group, err = policy.Apply(group, rule.UUID, policy.Setting{State: model.Blocking}); err != nil {
		t.Fatal(err)
	}
	if err := h.store.PutGroup(t.Context(), &group); err != nil {
		t.Fatal(err)
	}
	h.ForgetGroups()
	list := listed(time.Now().Add(-time.Hour))[:2]
	if err := h.Announce(t.Context(), packageRequest(), list); err != nil {
		t.Fatal(err)
	}
	for age, want := range map[time.Duration]int{time.Hour: 1, 47 * time.Hour: 1, 49 * time.Hour: 0} {
		req := packageRequest()
		req.UploadedOf = func(string) time.Time { return time.Now().Add(-age) }
		if blocked, err := h.Blocked(t.Context(), req); err != nil || len(blocked) != want {
			t.Errorf("at the age of %s: %+v, %v", age, blocked, err)
		}
	}
	young, err := h.Rules(t.Context(), Request{Version: packageRequest().Version, Uploaded: time.Now()})
	if err != nil || !strings.Contains(young, "+young") {
		t.Errorf("rules for the young: %q, %v", young, err)
	}
}
