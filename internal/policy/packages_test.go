package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/threat"
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

// flawed is a package with a flaw of a severity.
func flawed(severity string) model.Package {
	return model.Package{Version: "1.0", Advisories: []model.Advisory{{ID: "GHSA-a-b-c", Severity: severity}}}
}

func TestFieldsOfPackagesAreChecked(t *testing.T) {
	for _, row := range []struct {
		key, value string
		want       bool
	}{
		{keyLeastSeverity, "high", true},
		{keyLeastSeverity, "HIGH", false},
		{keyLeastSeverity, "", false},
		{keyLetters, "0", true},
		{keyLetters, "2", true},
		{keyLetters, "3", false},
		{keyLetters, "-1", false},
		{keyPopularNames, "Acme.Loader", true},
		{keyPopularNames, "acme*", false},
		{keyPopularNames, "", false},
	} {
		if err := validEntry(Field{Key: row.key}, row.value); (err == nil) != row.want {
			t.Errorf("%s %q: %v", row.key, row.value, err)
		}
	}
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
		{"a swap where letters may not differ", lookAlike, map[string][]string{keyLetters: {"0"}}, model.Package{Project: "reqeusts"}, false, model.Passed},
		{"a digit for a letter where letters may not differ", lookAlike, map[string][]string{keyLetters: {"0"}}, model.Package{Project: "c0lorama"}, false, model.Failed},
		{"two letters where one may differ", lookAlike, map[string][]string{keyLetters: {"1"}}, model.Package{Project: "tensorfolws"}, false, model.Passed},
		{"two letters", lookAlike, nil, model.Package{Project: "tensorfolws"}, false, model.Failed},
		{"one letter off a name of one's own", lookAlike, map[string][]string{keyPopularNames: {"Acme_Loader"}}, model.Package{Project: "acme-loder"}, false, model.Failed},
		{"a word behind a name of one's own", lookAlike, map[string][]string{keyPopularNames: {"acme-loader"}}, model.Package{Project: "acme-loader-sdk"}, false, model.Failed},
		{"the name of one's own", lookAlike, map[string][]string{keyPopularNames: {"Acme_Loader"}}, model.Package{Project: "acme-loader"}, false, model.Passed},
		{"a flaw that is severe enough", knownVulnerable, map[string][]string{keyLeastSeverity: {"high"}}, flawed("critical"), false, model.Failed},
		{"a flaw that is not", knownVulnerable, map[string][]string{keyLeastSeverity: {"high"}}, flawed("medium"), false, model.Passed},
		{"a flaw that nobody has rated", knownVulnerable, map[string][]string{keyLeastSeverity: {"critical"}}, flawed(""), false, model.Failed},
		{"any flaw while the group says nothing", knownVulnerable, nil, flawed("low"), false, model.Failed},
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

// judgeFound evaluates the Balanced group of packages over one finding, with fields of one rule set.
func judgeFound(t *testing.T, f finding.Finding, rule string, values map[string][]string) map[string]model.RuleResult {
	t.Helper()
	r, err := FindRule(rule)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGroup(Balanced, uuid.New(), "g", "", model.PyPI, map[uuid.UUID]Setting{r.UUID: {Values: values}})
	if err != nil {
		t.Fatal(err)
	}
	report := finding.Report{
		Version: model.Version{Source: model.PyPI, Name: "demo", Revision: "ab"},
		Files:   []finding.NamedReport{{Path: "demo-1.0-py3-none-any.whl", Report: finding.FileReport{Formats: []string{"wheel"}, Level: f.Level, Findings: []finding.Finding{f}}}},
	}
	out := map[string]model.RuleResult{}
	j := Evaluate(g, report, model.Metadata{Package: &model.Package{Project: "demo", Version: "1.0", Licenses: []string{"MIT"}}})
	for _, e := range j.Evaluations {
		out[e.RuleName] = e.Result
	}
	out["outcome"] = model.RuleResult(j.Outcome)
	return out
}

func TestFindingsOfPackages(t *testing.T) {
	line := strings.Repeat("ab", 32)
	for _, row := range []struct {
		what   string
		id     threat.ID
		rule   threat.Rule
		values map[string][]string
		want   model.RuleResult
		blocks bool
	}{
		{"an executable line blocks", threat.MGPKG100, threat.PathConfig, nil, model.Failed, true},
		{"one that the project may ship does not", threat.MGPKG100, threat.PathConfig, map[string][]string{keyAllowedLines: {"Demo=sha256:" + strings.ToUpper(line)}}, model.Passed, false},
		{"one that another project may ship does", threat.MGPKG100, threat.PathConfig, map[string][]string{keyAllowedLines: {"other=sha256:" + line}}, model.Failed, true},
		{"another line of the project does", threat.MGPKG100, threat.PathConfig, map[string][]string{keyAllowedLines: {"demo=sha256:" + strings.Repeat("cd", 32)}}, model.Failed, true},
		{"a chain where installing or importing runs it blocks", threat.MGPKG101, threat.DecodeAndExecute, nil, model.Failed, true},
		{"one elsewhere warns", threat.MGPKG102, threat.SuspiciousCode, nil, model.Failed, false},
		{"code at install warns", threat.MGPKG103, threat.InstallCode, nil, model.Failed, false},
		{"unless the package is excepted", threat.MGPKG103, threat.InstallCode, map[string][]string{keyExcepted: {"demo==1.0"}}, model.Passed, false},
		{"another version is not", threat.MGPKG103, threat.InstallCode, map[string][]string{keyExcepted: {"demo==2.0"}}, model.Failed, false},
		{"a sign warns", threat.MGPKG104, threat.SuspiciousCode, nil, model.Failed, false},
		{"a sign of an excepted package does not", threat.MGPKG104, threat.SuspiciousCode, map[string][]string{keyExcepted: {"dem*"}}, model.Passed, false},
		{"a program in a pure wheel warns", threat.MGPKG105, threat.NativeInPure, nil, model.Failed, false},
		{"one of an excepted package does not", threat.MGPKG105, threat.NativeInPure, map[string][]string{keyExcepted: {"demo"}}, model.Passed, false},
		{"a RECORD that lies warns", threat.MGPKG106, threat.RecordMatches, nil, model.Failed, false},
		{"one of an excepted package does not", threat.MGPKG106, threat.RecordMatches, map[string][]string{keyExcepted: {"demo"}}, model.Passed, false},
		{"another name warns", threat.MGPKG107, threat.NamesMatch, nil, model.Failed, false},
		{"one of an excepted package does not", threat.MGPKG107, threat.NamesMatch, map[string][]string{keyExcepted: {"demo"}}, model.Passed, false},
		{"an odd archive warns", threat.MGPKG108, threat.ArchiveHygiene, nil, model.Failed, false},
		{"one of an excepted package does not", threat.MGPKG108, threat.ArchiveHygiene, map[string][]string{keyExcepted: {"demo"}}, model.Passed, false},
		{"an archive that was not read blocks", threat.MGPKG400, threat.ReadableArchive, nil, model.Failed, true},
		{"a model that runs code blocks", threat.PKL100, threat.LoadTime, nil, model.Failed, true},
	} {
		f := finding.New(row.id, 0, "x")
		f.Operator = "sha256:" + line
		got := judgeFound(t, f, string(row.rule), row.values)
		if got[string(row.rule)] != row.want {
			t.Errorf("%s: %s, want %s", row.what, got[string(row.rule)], row.want)
		}
		if blocked := got["outcome"] == model.RuleResult(model.Blocked); blocked != row.blocks {
			t.Errorf("%s: outcome %s", row.what, got["outcome"])
		}
	}
}

func TestYankedReleasesMayBeIgnoredByReason(t *testing.T) {
	p := &model.Package{Project: "demo", Version: "1.0", Yanked: true, YankedReason: "Wrong Python-Requires"}
	if e := judgeOne(t, releaseYanked, nil, p, false); e.Result != model.Failed {
		t.Errorf("yanked: %s", e.Result)
	}
	if e := judgeOne(t, releaseYanked, map[string][]string{keyIgnoredReasons: {"security"}}, p, false); e.Result != model.Failed {
		t.Errorf("for another reason: %s", e.Result)
	}
	if e := judgeOne(t, releaseYanked, map[string][]string{keyIgnoredReasons: {"python-requires"}}, p, false); e.Result != model.Passed {
		t.Errorf("for a reason that does not count: %s", e.Result)
	}
}

// TestRulesOfPackages holds the rules to their states and texts: what blocks when balanced is identity, what was measured, and what was
// not read; the rest warns.
func TestRulesOfPackages(t *testing.T) {
	blocking := []string{
		knownMalicious, packageDenied, digestDenied, string(threat.ReadableArchive), string(threat.PathConfig), string(threat.DecodeAndExecute),
	}
	seen := 0
	for _, r := range Rules(Balanced) {
		if !slices.Equal(r.Sources, []model.Source{model.PyPI}) {
			continue
		}
		seen++
		want := model.Allowing
		switch {
		case slices.Contains(blocking, r.Name):
			want = model.Blocking
		case r.Name == knownVulnerable:
			want = model.Disabled
		}
		if r.Default != want {
			t.Errorf("%s is %s, want %s", r.Name, r.Default, want)
		}
		if r.Description == "" || r.Remediation == "" || len(r.Steps) == 0 {
			t.Errorf("%s has no texts", r.Name)
		}
		for _, f := range r.Fields {
			if f.Key == "" || f.Name == "" || f.Description == "" || f.Default == nil {
				t.Errorf("%s: field %q is not described", r.Name, f.Key)
			}
		}
	}
	if seen != 20 {
		t.Errorf("%d rules of packages", seen)
	}
}
