package policy

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// judgeOne evaluates one rule of packages alone, BLOCKING, with some of its fields set.
func judgeOne(t *testing.T, rule string, values map[string][]string, p *model.Package, private bool) model.Evaluation {
	t.Helper()
	r, err := FindRule(rule)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGroup(Balanced, uuid.New(), "g", "", model.PyPI, map[uuid.UUID]Setting{r.UUID: {State: model.Blocking, Values: values}})
	if err != nil {
		t.Fatal(err)
	}
	instance, ok := enabled(g, r)
	if !ok {
		t.Fatalf("%s is not enabled", rule)
	}
	v := verdict{rule: r, instance: instance}
	v.judgeMetadata(subject{version: model.Version{Source: model.PyPI, Name: p.Project, Revision: "ab"}, meta: model.Metadata{Package: p, Private: private}})
	return v.evaluation()
}

// attested is a package with an attestation that verifies.
func attested(identity string) model.Package {
	return model.Package{Origin: model.Provenance{Served: true, Attestations: []model.Attestation{{Kind: "publish", Identity: identity}}}}
}

func TestFactsOfPackages(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	hours := func(n int) time.Time { return now.Add(-time.Duration(n) * time.Hour) }
	for _, row := range []struct {
		what    string
		rule    string
		values  map[string][]string
		p       model.Package
		private bool
		want    model.RuleResult
	}{
		{"a file of yesterday is too young", coolDown, nil, model.Package{Upstream: "up", Uploaded: hours(24)}, false, model.Failed},
		{"one of three days is not", coolDown, nil, model.Package{Upstream: "up", Uploaded: hours(72)}, false, model.Passed},
		{"an excepted project may be young", coolDown, map[string][]string{keyExcepted: {"dem*"}}, model.Package{Upstream: "up", Uploaded: hours(1)}, false, model.Passed},
		{"a missing time fails", coolDown, nil, model.Package{Upstream: "up"}, false, model.Failed},
		{"unless it may be missing", coolDown, map[string][]string{keyMissingTime: {"pass"}}, model.Package{Upstream: "up"}, false, model.Passed},
		{"a local file has no upload time to ask for", coolDown, nil, model.Package{}, false, model.RuleError},
		{"any licence is good while none is denied", packageLicense, nil, model.Package{Licenses: []string{"MIT"}}, false, model.Passed},
		{"no licence is not", packageLicense, nil, model.Package{}, false, model.Failed},
		{"a denied one is not", packageLicense, map[string][]string{keyDeniedLicenses: {"agpl-3.0-only"}}, model.Package{Licenses: []string{"AGPL-3.0-only"}}, false, model.Failed},
		{"unless there is a choice", packageLicense, map[string][]string{keyDeniedLicenses: {"AGPL-3.0-only"}}, model.Package{Licenses: []string{"AGPL-3.0-only OR MIT"}}, false, model.Passed},
		{"all of a conjunction must be allowed", packageLicense, map[string][]string{keyAllowedLicenses: {"MIT"}}, model.Package{Licenses: []string{"MIT AND Apache-2.0"}}, false, model.Failed},
		{"parentheses group", packageLicense, map[string][]string{keyAllowedLicenses: {"MIT", "BSD-3-Clause"}}, model.Package{Licenses: []string{"MIT AND (Apache-2.0 OR BSD-3-Clause)"}}, false, model.Passed},
		{"an exception does not change a licence", packageLicense, map[string][]string{keyAllowedLicenses: {"GPL-2.0-only"}}, model.Package{Licenses: []string{"GPL-2.0-only WITH Classpath-exception-2.0"}}, false, model.Passed},
		{"metadata that could not be read are a doubt", packageLicense, nil, model.Package{LicenseUnknown: true}, false, model.RuleError},
		{"a swap of two letters", lookAlike, nil, model.Package{Project: "reqeusts"}, false, model.Failed},
		{"a digit for a letter", lookAlike, nil, model.Package{Project: "c0lorama"}, false, model.Failed},
		{"py before it", lookAlike, nil, model.Package{Project: "python-requests"}, false, model.Failed},
		{"parts in another order", lookAlike, nil, model.Package{Project: "learn-scikit"}, false, model.Failed},
		{"the popular name itself", lookAlike, nil, model.Package{Project: "requests"}, false, model.Passed},
		{"a name of its own", lookAlike, nil, model.Package{Project: "modelgate-example"}, false, model.Passed},
		{"one letter off, of a private index", lookAlike, nil, model.Package{Project: "requestz"}, true, model.Passed},
		{"one letter off, and old", lookAlike, nil, model.Package{Project: "requestz", Since: now.AddDate(-3, 0, 0)}, false, model.Passed},
		{"one letter off, and excepted", lookAlike, map[string][]string{keyExcepted: {"requestz"}}, model.Package{Project: "requestz"}, false, model.Passed},
		{"nobody asks for attestations", provenance, nil, model.Package{}, false, model.Passed},
		{"they are required", provenance, map[string][]string{keyNeedProvenance: {"demo"}}, model.Package{}, false, model.Failed},
		{"they are there", provenance, map[string][]string{keyNeedProvenance: {"dem*"}}, attested("github.com/acme/demo"), false, model.Passed},
		{"they are not required of others", provenance, map[string][]string{keyNeedProvenance: {"other"}}, model.Package{}, false, model.Passed},
		{"whether they are there is not known", provenance, map[string][]string{keyNeedProvenance: {"demo"}}, model.Package{Origin: model.Provenance{Unknown: true}}, false, model.RuleError},
		{"nobody asks whether they are there", provenance, nil, model.Package{Origin: model.Provenance{Unknown: true}}, false, model.Passed},
		{"the release before had some", provenance, nil, model.Package{Origin: model.Provenance{Lost: true}}, false, model.Failed},
		{"they may get lost", provenance, map[string][]string{keyLostProvenance: {"pass"}}, model.Package{Origin: model.Provenance{Lost: true}}, false, model.Passed},
		{"of another publisher", provenance, map[string][]string{keyPublishers: {"demo=acme/demo"}}, attested("github.com/evil/demo"), false, model.Failed},
		{"of the expected one", provenance, map[string][]string{keyPublishers: {"demo=other/demo", "demo=Acme/demo"}}, attested("github.com/acme/Demo"), false, model.Passed},
		{"of one whose name is longer", provenance, map[string][]string{keyPublishers: {"demo=acme/demo"}}, attested("github.com/acme/demo-evil"), false, model.Failed},
		{"of the same name elsewhere", provenance, map[string][]string{keyPublishers: {"demo=acme/demo"}}, attested("gitlab.com/acme/demo"), false, model.Failed},
		{"of any repository of an owner", provenance, map[string][]string{keyPublishers: {"dem*=acme/*"}}, attested("github.com/acme/other"), false, model.Passed},
		{"of an owner whose name is longer", provenance, map[string][]string{keyPublishers: {"demo=acme/*"}}, attested("github.com/acme-evil/demo"), false, model.Failed},
		{"of the expected one elsewhere", provenance, map[string][]string{keyPublishers: {"demo=https://gitlab.com/acme/sub/demo"}}, attested("gitlab.com/acme/sub/demo"), false, model.Passed},
		{"of the expected account", provenance, map[string][]string{keyPublishers: {"demo=robot@example.test"}}, attested("robot@example.test"), false, model.Passed},
		{"there are none of the expected one", provenance, map[string][]string{keyPublishers: {"demo=acme/demo"}}, model.Package{}, false, model.Failed},
		{"others have expected ones", provenance, map[string][]string{keyPublishers: {"other=acme/demo"}}, model.Package{}, false, model.Passed},
		{"a file that changed", contentChanged, nil, model.Package{FormerDigest: "00"}, false, model.Failed},
		{"one that did not", contentChanged, nil, model.Package{}, false, model.Passed},
	} {
		p := row.p
		p.AsOf = now
		if p.Project == "" {
			p.Project = "demo"
		}
		if got := judgeOne(t, row.rule, row.values, &p, row.private); got.Result != row.want {
			t.Errorf("%s: %s, want %s: %v %s", row.what, got.Result, row.want, got.Violations, got.Reason)
		}
	}
}

func TestAttestationsAreToldPlainly(t *testing.T) {
	good := model.Attestation{
		Kind: "publish", Identity: "github.com/acme/demo", Workflow: "release.yml", Commit: "0123456", Logged: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
	}
	p := &model.Package{Project: "demo", Filename: "demo-1.0.tar.gz", Origin: model.Provenance{Served: true, Attestations: []model.Attestation{good}}}
	want := "Verified: github.com/acme/demo, workflow release.yml, commit 0123456 has signed on 2026-03-04 that it has published exactly these bytes. " +
		"This tells where the file comes from, not that it is harmless."
	if e := judgeOne(t, provenance, nil, p, false); e.Result != model.Passed || e.Reason != want {
		t.Errorf("one that verifies: %s %q", e.Result, e.Reason)
	}
	p.Origin.Attestations = append(p.Origin.Attestations, model.Attestation{Publisher: "GitHub acme/demo", Fault: "its signature does not verify"})
	e := judgeOne(t, provenance, nil, p, false)
	if e.Result != model.Failed || e.Reason != "" || len(e.Violations) != 1 ||
		e.Violations[0].Description != "An attestation of demo-1.0.tar.gz proves nothing: its signature does not verify" {
		t.Errorf("one that does not: %s %q %+v", e.Result, e.Reason, e.Violations)
	}
}

func TestPublishersAsTheyAreWritten(t *testing.T) {
	for entry, want := range map[string]bool{
		"demo=acme/demo": true, "demo*=acme/*": true, "demo=gitlab.com/a/b/c": true, "demo=robot@example.test": true, "demo=https://github.com/a/b": true,
		"demo=": false, "demo=acme": false, "demo=acme/de*": false, "demo=*": false, "demo=*/demo": false, "=acme/demo": false, "demo=acme/demo x": false, "demo=acme//demo": false,
	} {
		if err := validEntry(Field{Key: keyPublishers}, entry); (err == nil) != want {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

func TestAnAdvisoryIsNamed(t *testing.T) {
	p := &model.Package{Project: "demo", Version: "1.0", Advisories: []model.Advisory{{ID: "MAL-2026-2144", Malicious: true}, {ID: "GHSA-a-b-c"}}}
	if got := judgeOne(t, knownMalicious, nil, p, false).AdvisoryID(); got != "MAL-2026-2144" {
		t.Errorf("known malicious: %q", got)
	}
	if e := judgeOne(t, knownMalicious, map[string][]string{keyIgnoredAdvisories: {"MAL-2026-2144"}}, p, false); e.Result != model.Passed || e.AdvisoryID() != "" {
		t.Errorf("an ignored advisory: %s %q", e.Result, e.AdvisoryID())
	}
	for id, want := range map[string]bool{"MAL-2026-1": true, "PYSEC-2021-9": true, "mal-1": false, "MAL": false, "MAL-": false, "MAL-1\r\nX: y": false, "MAL-1 2": false} {
		if model.IsAdvisoryID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}

func TestWhatAListTells(t *testing.T) {
	g := DefaultGroup(Balanced, model.PyPI)
	v := model.Version{Source: model.PyPI, Name: "demo", Revision: "ab"}
	bad := model.Metadata{Package: &model.Package{Project: "demo", Version: "1.0", Advisories: []model.Advisory{{ID: "MAL-2026-1", Malicious: true}}}}
	if j := ListedRules(g).Evaluate(v, bad); j.Outcome != model.Blocked {
		t.Errorf("an advisory: %s", j.Outcome)
	}
	young := model.Metadata{Package: &model.Package{Project: "reqeusts", Upstream: "up", Uploaded: time.Now(), AsOf: time.Now(), Yanked: true}}
	if j := ListedRules(g).Evaluate(v, young); j.Outcome != model.Allowed {
		t.Errorf("what is only warned of: %s %v", j.Outcome, j.Evaluations)
	}
	if CoolDown(g) != 48*time.Hour {
		t.Errorf("cool-down: %s", CoolDown(g))
	}
}

func FuzzLicenseExpressions(f *testing.F) {
	for _, s := range []string{"MIT", "(A OR B) AND C", "((", "))", "A OR ", " OR ", "A AND (B", "()", "A WITH B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 200 {
			return
		}
		v := verdict{}
		if v.licensed(s) != true {
			t.Errorf("%q is not approved where nothing is denied", s)
		}
	})
}
