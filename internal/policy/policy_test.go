package policy

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// hub is the default group of the Hub with every rule but those named DISABLED, and those BLOCKING.
func hub(t *testing.T, rules ...string) model.Group {
	t.Helper()
	g := DefaultGroup(Strict, model.HuggingFace)
	for i := range g.Rules {
		g.Rules[i].State = model.Disabled
	}
	for _, name := range rules {
		g = with(t, g, name, Setting{State: model.Blocking})
	}
	return g
}

// with applies a setting to the rule of that name.
func with(t *testing.T, g model.Group, rule string, s Setting) model.Group {
	t.Helper()
	r, err := FindRule(rule)
	if err != nil {
		t.Fatal(err)
	}
	g, err = Apply(g, r.UUID, s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// values is a setting of one list.
func values(key string, entries ...string) Setting {
	return Setting{Values: map[string][]string{key: entries}}
}

func file(path string, formats ...string) finding.NamedReport {
	return finding.NamedReport{Path: path, BlobID: "b10b", Report: finding.FileReport{Size: 1, Formats: formats}}
}

// bad is a file with findings.
func bad(path, format string, findings ...finding.Finding) finding.NamedReport {
	n := file(path, format)
	for _, f := range findings {
		n.Report.Add(f)
	}
	return n
}

// system is the import of os.system in a pickle.
func system(member string, offset int64) finding.Finding {
	f := finding.New(threat.PKL100, offset, "imports posix.system")
	f.Module, f.Operator, f.Role, f.Member, f.Format = "posix", "system", finding.RoleImport, member, "pickle"
	return f
}

func reportOf(name string, files ...finding.NamedReport) finding.Report {
	return finding.Report{Version: model.Version{Source: model.HuggingFace, Kind: model.Models, Name: name, Revision: "r"}, Files: files}
}

func truth(b bool) *bool { return &b }

// Checklist 73 to 78.
func TestDefaultGroupsHaveTheUUIDsThatClientsKnow(t *testing.T) {
	want := map[model.Source]string{
		model.Local: "58ed1e30-4972-56e5-83c4-ef0fb49a836c", model.HuggingFace: "54545ad8-5d15-5dde-954a-c138aa5a7bbc",
		model.Azure: "6979a76d-3f57-550c-985d-b16c2aff2074", model.GCS: "88abf646-7c5c-5783-9519-89c34b423213",
		model.S3: "956cc51a-8f37-546b-b8f0-cfb807561804", model.Artifactory: "933d1f84-30f7-5e66-9ac8-e6d1779360f8",
		model.GitLab: "85056aba-f8e6-5e6e-a548-356006cfc5bb", model.PyPI: "ad26f2c5-db65-5143-a768-9aaf9f1853ec",
		model.Web: "a8a6b8fa-0d9b-57a1-895d-abffe9ded5f7",
	}
	for source, id := range want {
		if got := DefaultGroupUUID(source).String(); got != id {
			t.Errorf("%s: %s, want %s", source, got, id)
		}
	}
	for _, preset := range []Preset{Balanced, Strict} {
		groups := DefaultGroups(preset)
		if len(groups) != 7 {
			t.Errorf("%d default groups under %s, want 7", len(groups), preset)
		}
		for _, g := range groups {
			if err := Validate(g); err != nil {
				t.Errorf("%s under %s: %v", g.Name, preset, err)
			}
			if g.Name != "Default "+string(g.Source) || !g.Default {
				t.Errorf("default group of %s: %+v", g.Source, g)
			}
		}
	}
}

// Checklist 46, 50.
func TestCatalogueIsAsPublished(t *testing.T) {
	suffixes := map[string]string{
		orgVerified: "01", orgBlocked: "02", modelBlocked: "03", approvedLocation: "04", string(threat.ApprovedFormat): "05",
		licenseExists: "06", licenseValid: "07", string(threat.LoadTime): "08", string(threat.Runtime): "09",
		string(threat.Backdoor): "0a", string(threat.KnownOperators): "0b", string(threat.SuspiciousComponents): "0c",
	}
	published := 0
	for _, r := range Rules(Strict) {
		if suffix := suffixes[r.Name]; suffix != "" {
			published++
			if want := "550e8400-e29b-41d4-a716-4466554400" + suffix; r.UUID.String() != want {
				t.Errorf("%s has UUID %s, want %s", r.Name, r.UUID, want)
			}
		} else if !slices.Equal(r.Sources, []model.Source{model.PyPI}) {
			t.Errorf("%s is not published, and applies to %v", r.Name, r.Sources)
		}
		if r.Description == "" || r.Remediation == "" || len(r.Steps) == 0 || len(r.Remediation) > 256 {
			t.Errorf("%s lacks a text", r.Name)
		}
		for _, step := range r.Steps {
			if len(step) > 256 {
				t.Errorf("a step of %s is too long", r.Name)
			}
		}
		if found, err := FindRule(r.Slug); err != nil || found.UUID != r.UUID {
			t.Errorf("FindRule(%q) = %v, %v", r.Slug, found.Name, err)
		}
	}
	if published != len(suffixes) {
		t.Errorf("%d of the published rules exist, want %d", published, len(suffixes))
	}
	for _, th := range threat.All() {
		if th.Rule == threat.NoRule {
			continue
		}
		if _, ok := threatRule(th.ID); !ok {
			t.Errorf("%s fails %q, which is no rule", th.ID, th.Rule)
		}
	}
}

// Checklist 12, 15, 16, 48, 53.
func TestPresetsAndSourcesDecideWhatIsEvaluated(t *testing.T) {
	states := func(p Preset, s model.Source) string {
		var b strings.Builder
		for _, r := range DefaultGroup(p, s).Rules {
			b.WriteString(string(r.State[:1]))
		}
		return b.String()
	}
	for _, c := range []struct {
		name   string
		preset Preset
		source model.Source
		want   string
	}{
		{"the Hub, balanced, informs on governance", Balanced, model.HuggingFace, "ABBAAABBBBB"},
		{"the Hub, strict, blocks on everything", Strict, model.HuggingFace, "BBBBBBBBBBB"},
		{"a bucket has seven rules, location off", Balanced, model.S3, "DABBBBB"},
		{"a package is a zip, so its format is not asked", Strict, model.PyPI, "DDBBBBBBBBBBBBBBBBBDBBBBBBB"},
		{"a package, balanced, is blocked by what was measured and warned of by the rest", Balanced, model.PyPI, "DDBBBBBBBBAAAAAABBBDAAAAAAA"},
	} {
		if got := states(c.preset, c.source); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	j := Evaluate(DefaultGroup(Balanced, model.S3), finding.Report{Version: model.Version{Source: model.S3, Name: "s3://b/m"}}, model.Metadata{})
	if len(j.Evaluations) != 6 || j.Outcome != model.Allowed {
		t.Errorf("%d evaluations and %s, want 6 and ALLOWED", len(j.Evaluations), j.Outcome)
	}
}

// texts are the violations of a judgement, one a line.
func texts(j Judgement) string {
	var lines []string
	for _, e := range j.Evaluations {
		for _, v := range e.Violations {
			lines = append(lines, strings.TrimSuffix(e.RuleName, " Check")+": "+v.Description)
		}
		if e.Result == model.RuleError {
			lines = append(lines, e.RuleName+"? "+e.Reason)
		}
	}
	return strings.Join(lines, "\n")
}

// Whatever the scanner recognises can be approved, or is exempt. Checklist 150.
func TestEveryFormatOfTheScannerCanBeApproved(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, c := range formatChoices() {
		if known[c.Value] || c.Label == "" {
			t.Errorf("choice %+v", c)
		}
		known[c.Value] = true
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\|").FindAllStringSubmatch(string(page), -1)
	if len(rows) < 40 {
		t.Fatalf("the page of formats has %d rows", len(rows))
	}
	for _, row := range rows {
		if name := row[1]; !known[name] && !exemptFormats[name] {
			t.Errorf("%s can neither be approved nor is it exempt", name)
		}
	}
}

// Checklist 9, 23, 38 to 40, 43, 44.
func TestMetadataRules(t *testing.T) {
	notVerified := "Organization Verified By Hugging Face: The org/model pair (%s) is denied since it has not been explicitly approved"
	for _, c := range []struct {
		name  string
		rule  string
		set   Setting
		model string
		meta  model.Metadata
		want  string
	}{
		{"a verified organization passes", orgVerified, Setting{}, "google/t5", model.Metadata{Verified: truth(true)}, ""},
		{"an unverified one fails", orgVerified, Setting{}, "g00gle/t5", model.Metadata{Verified: truth(false)}, fmt.Sprintf(notVerified, "g00gle/t5")},
		{"an unverified one passes for an approved model", orgVerified, values(keyApprovedModels, "Some/Model"), "some/model", model.Metadata{Verified: truth(false)}, ""},
		{"approval of a model is not approval of its neighbour", orgVerified, values(keyApprovedModels, "some/model"), "some/model2", model.Metadata{Verified: truth(false)}, fmt.Sprintf(notVerified, "some/model2")},
		{"a letter that only folds to another approves nothing", orgVerified, values(keyApprovedModels, "kim/m"), "\u212aim/m", model.Metadata{Verified: truth(false)}, fmt.Sprintf(notVerified, "\u212aim/m")},
		{"a repository without organization is not verified", orgVerified, Setting{}, "gpt2", model.Metadata{Verified: truth(true)}, fmt.Sprintf(notVerified, "/gpt2")},
		{"unless it is listed", orgVerified, values(keyApprovedModels, "gpt2"), "gpt2", model.Metadata{}, ""},
		{"what could not be learned is an error", orgVerified, Setting{}, "a/b", model.Metadata{}, orgVerified + "? whether the organization is verified could not be learned"},
		{"a blocked organization fails, whatever the case", orgBlocked, values(keyDeniedOrgs, "EvilCorp"), "evilcorp/m", model.Metadata{}, "Organization Is Blocked: The organization evilcorp is blocked"},
		{"another organization passes", orgBlocked, values(keyDeniedOrgs, "EvilCorp"), "evilcorp2/m", model.Metadata{}, ""},
		{"a blocked model fails, whatever the case", modelBlocked, values(keyDeniedModels, "Evil/Model"), "evil/model", model.Metadata{}, "Model Is Blocked: The model evil/model is blocked"},
		{"a blocked model fails after it was renamed", modelBlocked, values(keyDeniedModels, "old/name"), "new/name", model.Metadata{Aliases: []string{"old/name"}}, "Model Is Blocked: The model old/name is blocked"},
		{"an entry about a dataset is not about the model", modelBlocked, values(keyDeniedModels, "datasets/a/b"), "a/b", model.Metadata{}, ""},
		{"a licence exists", licenseExists, Setting{}, "a/b", model.Metadata{Licenses: []string{"cc0-1.0"}}, ""},
		{"no licence exists", licenseExists, Setting{}, "a/b", model.Metadata{}, "License Exists: input data has a null license"},
		{"other without a name is no licence", licenseExists, Setting{}, "a/b", model.Metadata{Licenses: []string{"other"}}, "License Exists: input data has a null license"},
		{"other with a name is one", licenseExists, Setting{}, "a/b", model.Metadata{Licenses: []string{"other"}, LicenseName: "gemma"}, ""},
		{"an unreadable card is an error", licenseExists, Setting{}, "a/b", model.Metadata{LicenseUnknown: true}, licenseExists + "? the model's card could not be read"},
		{"an approved licence is valid", licenseValid, Setting{}, "a/b", model.Metadata{Licenses: []string{"Apache-2.0"}}, ""},
		{"bsd-3-clause is bsd-3.0", licenseValid, Setting{}, "a/b", model.Metadata{Licenses: []string{"bsd-3-clause"}}, ""},
		{"bsd-3.0 is bsd-3-clause", licenseValid, values(keyApprovedLicenses, "bsd-3-clause"), "a/b", model.Metadata{Licenses: []string{"bsd-3.0"}}, ""},
		{"bsd-2-clause is neither", licenseValid, Setting{}, "a/b", model.Metadata{Licenses: []string{"bsd-2-clause"}}, "License Is Valid For Use: Invalid license: bsd-2-clause"},
		{"all licences must be approved", licenseValid, Setting{}, "a/b", model.Metadata{Licenses: []string{"mit", "gpl-3.0"}}, "License Is Valid For Use: Invalid license: gpl-3.0"},
		{"no licence is invalid", licenseValid, Setting{}, "a/b", model.Metadata{}, "License Is Valid For Use: Invalid license: null"},
		{"the name of another licence approves nothing", licenseValid, Setting{}, "a/b", model.Metadata{Licenses: []string{"other"}, LicenseName: "mit"}, "License Is Valid For Use: Invalid license: other"},
	} {
		g := with(t, hub(t, c.rule), c.rule, c.set)
		if got := texts(Evaluate(g, reportOf(c.model), c.meta)); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// Checklist 37.
func TestLocations(t *testing.T) {
	for _, c := range []struct {
		name, entry, uri string
		want             bool
	}{
		{"a scheme", "s3", "s3://bucket/model", true},
		{"another scheme", "gs", "s3://bucket/model", false},
		{"a bucket", "s3://bucket", "s3://bucket/model", true},
		{"a bucket with a longer name", "s3://bucket", "s3://bucket-evil/model", false},
		{"a prefix with a slash", "s3://bucket/a/", "s3://bucket/a/b", true},
		{"a prefix that ends within a name", "s3://bucket/a", "s3://bucket/ab", false},
		{"an address that climbs", "s3://bucket/a", "s3://bucket/a/../b", false},
		{"the root", "/", "/srv/models/x", true},
		{"a directory", "/srv/models", "/srv/models/x", true},
		{"a path that climbs out", "/srv/models", "/srv/models/../x", false},
		{"a directory with a longer name", "/srv/models", "/srv/models2", false},
		{"a file address", "/srv", "file:///srv/x", true},
		{"a relative path", "/", "models/x", false},
		{"a path is no address", "/", "s3://bucket", false},
		{"a whole bucket as prefix", "s3://bucket/", "s3://bucket/", true},
		{"one object", "s3://bucket/a/m.bin", "s3://bucket/a/m.bin", true},
		{"a bucket with other capitals", "s3://bucket", "s3://Bucket/m", false},
		{"Google's scheme", "gs", "gs://bucket/m", true},
		{"Azure's scheme", "az", "https://acme.blob.core.windows.net/models/m", true},
		{"Azure's scheme is not for other hosts", "az", "https://acme.blob.core.windows.net.evil.example/models/m", false},
		{"Azure's scheme is not for names in paths", "az", "https://evil.example/acme.blob.core.windows.net/m", false},
		{"a container", "https://acme.blob.core.windows.net/models", "https://acme.blob.core.windows.net/models/bert/", true},
		{"another container", "https://acme.blob.core.windows.net/models", "https://acme.blob.core.windows.net/models2/bert", false},
		{"hosts below a name", "https://*.example.com", "https://files.example.com/m.bin", true},
		{"hosts below a name, and a path", "https://*.example.com/models", "https://files.example.com/other/m.bin", false},
		{"the name itself is not below it", "https://*.example.com", "https://example.com/m.bin", false},
		{"a name that ends alike", "https://*.example.com", "https://evilexample.com/m.bin", false},
		{"a user name that looks like a host", "https://*.example.com", "https://evil.org@x.example.com/m.bin", false},
		{"an index's packages", "pypi", "pypi://demo", true},
		{"the root of a host that has more", "s3:///", "s3://bucket/m", false},
	} {
		if got := locationFits(c.entry, c.uri); got != c.want {
			t.Errorf("%s: %q fits %q = %v, want %v", c.name, c.entry, c.uri, got, c.want)
		}
	}
}

// Checklist 24, 36, 104.
func TestUnapprovedFormatsAreOneViolationEach(t *testing.T) {
	g := hub(t, string(threat.ApprovedFormat))
	j := Evaluate(g, reportOf("a/b",
		file("z.pt", "zip", "pytorch_v1_13"), file("a.safetensors", "safetensors"), file("README.md", notModel),
		file("modeling.py", "python"), file("chat_template.jinja", "jinja"), file("m.gguf", "gguf")), model.Metadata{})
	want := "Stored In Approved File Format: Model file 'm.gguf' is stored in an unapproved format: gguf\n" +
		"Stored In Approved File Format: Model file 'z.pt' is stored in an unapproved format: zip\n" +
		"Stored In Approved File Format: Model file 'z.pt' is stored in an unapproved format: pytorch_v1_13"
	if diff := cmp.Diff(want, texts(j)); diff != "" {
		t.Error(diff)
	}
	v := j.Evaluations[0].Violations[0]
	if v.Threat != "UNAPPROVED_FORMATS" || v.Severity != "medium" || v.BlobID != "b10b" || v.ThreatTitle != "Model is stored in a format that your Security Group does not allow" {
		t.Errorf("violation %+v", v)
	}
	var results []string
	for _, f := range j.Files {
		results = append(results, f.Path+" "+string(f.Result))
	}
	wantResults := []string{"README.md SKIPPED", "a.safetensors SUCCESS", "chat_template.jinja SUCCESS", "m.gguf FAILED", "modeling.py SUCCESS", "z.pt FAILED"}
	if diff := cmp.Diff(wantResults, results); diff != "" {
		t.Error(diff)
	}
	if j.Scanned != 5 || j.Skipped != 1 || !cmp.Equal(j.Formats, []string{"gguf", "jinja", "python", "pytorch_v1_13", "safetensors", "zip"}) {
		t.Errorf("scanned %d, skipped %d, formats %v", j.Scanned, j.Skipped, j.Formats)
	}
}

// Checklist 20, 26, 30 to 35, 49, 103.
func TestThreatsFailTheirRules(t *testing.T) {
	jinja := finding.New(threat.GGUF101, 40, "template")
	jinja.Operator = "__class__"
	unknown := finding.New(threat.PKL101, 7, "unknown import")
	unknown.Module, unknown.Operator, unknown.Role = "mylib.layers", "Net", finding.RoleImport
	custom := finding.New(threat.MGOP300, -1, "The graph uses the operator Evil.")
	custom.Format = "onnx"
	cleared := finding.New(threat.MGFMT404, -1, "raw weights")
	cleared.Level = threat.Clean
	g := DefaultGroup(Balanced, model.Local)
	g = with(t, g, string(threat.ApprovedFormat), Setting{State: model.Disabled})
	j := Evaluate(g, reportOf("m",
		bad("b.pkl", "pickle", system("", 20), system("", 3), system("a.zip!/data.pkl", 1)),
		bad("a.gguf", "gguf", jinja), bad("c.pkl", "pickle", unknown), bad("d.onnx", "onnx", custom),
		bad("e.bin", notModel, cleared), bad("f.py", "python", finding.New(threat.MGPY500, -1, "its own code")),
		bad("g.7z", "7_zip", finding.New(threat.MGFMT404, -1, "The archive is encrypted."))), model.Metadata{})
	want := strings.Join([]string{
		"Load Time Code Execution: The model will execute remote code since it contains operator `__class__` in Jinja template.",
		"Load Time Code Execution: The model will execute remote code since it contains operator `system` from module `posix`.",
		"Load Time Code Execution: The model will execute remote code since it contains operator `system` from module `posix`.",
		"Load Time Code Execution: The model will execute remote code since it contains operator `system` from module `posix`.",
		"Known Framework Operators: The graph uses the operator Evil.",
		"Suspicious Model Components: The model may execute remote code since it contains unknown operator `Net` from module `mylib.layers`.",
		"Suspicious Model Components: The archive is encrypted.",
	}, "\n")
	if diff := cmp.Diff(want, texts(j)); diff != "" {
		t.Error(diff)
	}
	var places []string
	for _, e := range j.Evaluations {
		for _, v := range e.Violations {
			places = append(places, fmt.Sprintf("%s@%d", v.File, v.Offset))
		}
		if e.RuleName == string(threat.KnownOperators) && e.Violations[0].Steps[0] != "Ensure that the model does not contain any custom ONNX operators" {
			t.Errorf("steps %q", e.Violations[0].Steps)
		}
	}
	if diff := cmp.Diff([]string{"a.gguf@40", "b.pkl@3", "b.pkl@20", "b.pkl!/a.zip!/data.pkl@1", "d.onnx@-1", "c.pkl@7", "g.7z@-1"}, places); diff != "" {
		t.Error(diff)
	}
	if j.Outcome != model.Blocked {
		t.Errorf("outcome %s", j.Outcome)
	}
	for path, want := range map[string]bool{"b.pkl": true, "e.bin": false, "f.py": false, "b.pk": false} {
		if got := j.Blocks(path); got != want {
			t.Errorf("Blocks(%q) = %v, want %v", path, got, want)
		}
	}
}

// Checklist 8.
func TestARuleFailsOneFileAndPassesAnother(t *testing.T) {
	j := Evaluate(hub(t, string(threat.LoadTime)), reportOf("a/b", bad("model.pkl", "pickle", system("", 1)), file("tokenizer.pkl", "pickle")), model.Metadata{})
	if j.Files[0].Result != model.FileFailed || j.Files[1].Result != model.FileSuccess || !j.Blocks("model.pkl") || j.Blocks("tokenizer.pkl") {
		t.Errorf("files %+v", j.Files)
	}
}

// A name may hold what separates members, and must not hide a file behind another.
func TestFilesAreBlockedUnderTheirWholeName(t *testing.T) {
	j := Evaluate(hub(t, string(threat.LoadTime)), reportOf("a/b", bad("x!/evil.pkl", "pickle", system("", 1)), bad("y.zip", "zip", system("in!/ner", 1)), file("x", "pickle")), model.Metadata{})
	for path, want := range map[string]bool{"x!/evil.pkl": true, "y.zip": true, "x": false, "y.zip!/in": false, "y.zip!/in!/ner": false} {
		if j.Blocks(path) != want {
			t.Errorf("Blocks(%q) = %v, want %v", path, !want, want)
		}
	}
}

// Checklist 13, 14.
func TestOneModelHasAnotherOutcomeUnderAnotherGroup(t *testing.T) {
	rep := reportOf("a/b", file("model.gguf", "gguf"))
	meta := model.Metadata{Verified: truth(false)}
	for preset, want := range map[Preset]model.Outcome{Balanced: model.Allowed, Strict: model.Blocked} {
		if j := Evaluate(DefaultGroup(preset, model.HuggingFace), rep, meta); j.Outcome != want || len(j.Evaluations) != 11 {
			t.Errorf("%s: %s after %d rules, want %s", preset, j.Outcome, len(j.Evaluations), want)
		}
	}
}

// Checklist 18.
func TestNamesOfTheRequirementsAreValid(t *testing.T) {
	for name, source := range map[string]model.Source{"HuggingFace-Research": model.HuggingFace, "S3-Production": model.S3, "Partner-S3-Audit": model.S3} {
		settings := map[uuid.UUID]Setting{ruleUUID(0x05): {State: model.Disabled}}
		g, err := NewGroup(Strict, uuid.New(), name, "", source, settings)
		if err != nil || g.Name != name || g.Source != source {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
		for _, r := range g.Rules {
			if (r.Rule == ruleUUID(0x05)) != (r.State == model.Disabled) && r.Rule != ruleUUID(0x04) {
				t.Errorf("%s: rule %s is %s", name, r.Rule, r.State)
			}
		}
	}
	if _, err := NewGroup(Strict, uuid.New(), "x", "", model.S3, map[uuid.UUID]Setting{ruleUUID(0x06): {State: model.Blocking}}); err == nil {
		t.Error("a bucket's group got a rule of the Hub")
	}
}

// A group that was stored before a rule existed gets the rule with its default state, in its place.
func TestCompleteAddsWhatIsMissing(t *testing.T) {
	want := DefaultGroup(Balanced, model.HuggingFace)
	old := want
	old.Rules = append([]model.RuleInstance(nil), want.Rules[1:]...)
	if diff := cmp.Diff(want, Complete(Balanced, old)); diff != "" {
		t.Error(diff)
	}
}

func TestAThreatBeyondTheKeptFindingsStillBlocks(t *testing.T) {
	n := bad("m.pkl", "pickle")
	for range finding.MaxFindings {
		n.Report.Add(finding.New(threat.MGINFO500, -1, "a remark"))
	}
	n.Report.Add(system("", 1))
	for _, rule := range []threat.Rule{threat.LoadTime, threat.SuspiciousComponents} {
		if j := Evaluate(hub(t, string(rule)), reportOf("a/b", n), model.Metadata{}); j.Outcome != model.Blocked {
			t.Errorf("%s alone: %s, want BLOCKED", rule, j.Outcome)
		}
	}
}

func TestEveryFileThatFailsIsListedHoweverManyViolationsThereAre(t *testing.T) {
	var files []finding.NamedReport
	for i := range 30 {
		n := bad(fmt.Sprintf("%02d.pkl", i), "pickle")
		for k := range finding.MaxFindings {
			n.Report.Add(system("", int64(k)))
		}
		files = append(files, n)
	}
	j := Evaluate(hub(t, string(threat.LoadTime)), reportOf("a/b", files...), model.Metadata{})
	e := j.Evaluations[0]
	if len(e.Violations) != maxListed+20 || e.Reason != "19980 further violations are not listed" {
		t.Errorf("%d violations are listed: %s", len(e.Violations), e.Reason)
	}
	for _, f := range j.Files {
		if f.Result != model.FileFailed || !j.Blocks(f.Path) {
			t.Errorf("%s: %s", f.Path, f.Result)
		}
	}
}

// Checklist 10, 11, 41, 42, 51 to 53.
func TestOutcomes(t *testing.T) {
	evil := reportOf("a/b", bad("m.pkl", "pickle", system("", 1)))
	unknownOrg := model.Metadata{Licenses: []string{"mit"}}
	for _, c := range []struct {
		name  string
		group model.Group
		rep   finding.Report
		meta  model.Metadata
		want  model.Outcome
	}{
		{"nothing enabled allows", hub(t), evil, model.Metadata{}, model.Allowed},
		{"a blocking failure blocks", hub(t, string(threat.LoadTime)), evil, model.Metadata{}, model.Blocked},
		{"an allowing failure allows", with(t, hub(t), string(threat.LoadTime), Setting{State: model.Allowing}), evil, model.Metadata{}, model.Allowed},
		{"a blocking doubt is an error", hub(t, orgVerified), evil, unknownOrg, model.Errored},
		{"an allowing doubt allows", with(t, hub(t), orgVerified, Setting{State: model.Allowing}), evil, unknownOrg, model.Allowed},
		{"a failure counts more than a doubt", hub(t, orgVerified, string(threat.LoadTime)), evil, unknownOrg, model.Blocked},
		{"a blocked model is blocked although it is approved", with(t, with(t, hub(t, orgVerified, modelBlocked), orgVerified, values(keyApprovedModels, "a/b")),
			modelBlocked, values(keyDeniedModels, "a/b")), reportOf("a/b"), unknownOrg, model.Blocked},
	} {
		if got := Evaluate(c.group, c.rep, c.meta); got.Outcome != c.want || (got.Outcome == model.Errored) != (got.Reason != "") {
			t.Errorf("%s: %s (%s), want %s", c.name, got.Outcome, got.Reason, c.want)
		}
	}
	// One without a file refuses every file.
	if j := Evaluate(hub(t, licenseExists), reportOf("a/b"), model.Metadata{}); !j.Blocks("any.json") {
		t.Error("a failed metadata rule refuses no file")
	}
	if j := Evaluate(hub(t, orgVerified), reportOf("a/b"), model.Metadata{}); !j.Blocks("any.json") {
		t.Error("a doubt refuses no file")
	}
}

func TestAFileThatCannotBeJudgedIsAnErrorWhenNoRuleSaysSo(t *testing.T) {
	n := bad("g.7z", "7_zip", finding.New(threat.MGFMT404, -1, "The archive is encrypted."))
	j := Evaluate(hub(t, string(threat.LoadTime)), reportOf("a/b", n), model.Metadata{})
	if f := j.Files[0]; f.Result != model.FileError || f.Error != "The archive is encrypted." {
		t.Errorf("file %+v", f)
	}
}

func TestFingerprintIsOfWhatDecides(t *testing.T) {
	g := DefaultGroup(Balanced, model.HuggingFace)
	base := Fingerprint(g)
	renamed := g
	renamed.Name, renamed.Description, renamed.UUID = "x", "y", uuid.New()
	twice := with(t, g, licenseValid, values(keyApprovedLicenses, "mit", "bsd-3.0", "apache-2.0", "mit"))
	off := with(t, with(t, g, licenseValid, Setting{State: model.Disabled}), licenseValid, values(keyApprovedLicenses, "x"))
	off2 := with(t, g, licenseValid, Setting{State: model.Disabled})
	for _, c := range []struct {
		name string
		a, b string
		same bool
	}{
		{"a new name decides nothing", base, Fingerprint(renamed), true},
		{"order and repetition decide nothing", base, Fingerprint(twice), true},
		{"the values of a disabled rule decide nothing", Fingerprint(off), Fingerprint(off2), true},
		{"a state decides", base, Fingerprint(off), false},
		{"a value decides", base, Fingerprint(with(t, g, licenseValid, values(keyApprovedLicenses, "mit"))), false},
		{"switching a rule off for everybody is disabling it", Fingerprint(Without(g, []uuid.UUID{ruleUUID(0x07)})), Fingerprint(off2), true},
	} {
		if (c.a == c.b) != c.same {
			t.Errorf("%s: %s and %s", c.name, c.a, c.b)
		}
	}
}

// Checklist 16.
func TestValidateRefusesWithAdvice(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*model.Group)
		want   string
	}{
		{"a good group", func(*model.Group) {}, ""},
		{"an empty name", func(g *model.Group) { g.Name = "" }, "name is missing"},
		{"a name with a line break", func(g *model.Group) { g.Name = "a\nb" }, "control characters"},
		{"a long name", func(g *model.Group) { g.Name = strings.Repeat("ä", 256) }, "256 characters"},
		{"a long name that fits", func(g *model.Group) { g.Name = strings.Repeat("ä", 255) }, ""},
		{"a source that is mistyped", func(g *model.Group) { g.Source = "HUGGINGFACE" }, `did you mean "HUGGING_FACE"?`},
		{"the wildcard as a source", func(g *model.Group) { g.Source = model.All }, "no source"},
		{"a rule of another source", func(g *model.Group) { g.Source = model.S3 }, "does not apply to S3"},
		{"a rule twice", func(g *model.Group) { g.Rules[1] = g.Rules[0] }, "twice"},
		{"an unknown rule", func(g *model.Group) { g.Rules[0].Rule = uuid.New() }, "there is no rule"},
		{"a state that is mistyped", func(g *model.Group) { g.Rules[0].State = "blocking" }, `did you mean "BLOCKING"?`},
		{"a field that is mistyped", func(g *model.Group) { g.Rules[5].Values = map[string][]string{"approved_licences": nil} }, `did you mean "approved_licenses"?`},
		{"a format that is mistyped", func(g *model.Group) { g.Rules[3].Values[keyApprovedFormats] = []string{"safetensor"} }, `did you mean "safetensors"?`},
		{"an address as a model", func(g *model.Group) {
			g.Rules[2].Values[keyDeniedModels] = []string{"https://huggingface.co/a/b"}
		}, `did you mean "a/b"?`},
		{"a model as an organization", func(g *model.Group) { g.Rules[1].Values[keyDeniedOrgs] = []string{"a/b"} }, `or write "a"`},
		{"a model with three parts", func(g *model.Group) { g.Rules[2].Values[keyDeniedModels] = []string{"a/b/c"} }, "is not organization/model"},
	} {
		g := DefaultGroup(Balanced, model.HuggingFace)
		c.change(&g)
		err := Validate(g)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := FindRule("licence-exists"); err == nil || !strings.Contains(err.Error(), `did you mean "license-exists"?`) {
		t.Errorf("FindRule: %v", err)
	}
}

func TestApplyLeavesTheGivenGroupAlone(t *testing.T) {
	g := DefaultGroup(Balanced, model.HuggingFace)
	before := Fingerprint(g)
	changed := with(t, g, licenseValid, Setting{State: model.Blocking, Values: map[string][]string{keyApprovedLicenses: {"mit"}}})
	if Fingerprint(g) != before || Fingerprint(changed) == before {
		t.Error("Apply changed the wrong group")
	}
	if _, err := Apply(g, ruleUUID(0x04), Setting{State: model.Blocking}); err == nil {
		t.Error("a rule of another source was applied")
	}
	if _, err := Apply(g, ruleUUID(0x07), Setting{State: "ON"}); err == nil {
		t.Error("an unknown state was applied")
	}
}

func BenchmarkEvaluateThousandFiles(b *testing.B) {
	var files []finding.NamedReport
	for i := range 1000 {
		n := file(fmt.Sprintf("dir/%04d.safetensors", i), "safetensors")
		if i%10 == 0 {
			n = bad(n.Path, "pickle", system("", 1))
		}
		files = append(files, n)
	}
	g, rep := DefaultGroup(Balanced, model.HuggingFace), reportOf("a/b", files...)
	meta := model.Metadata{Licenses: []string{"mit"}, Verified: truth(true)}
	for b.Loop() {
		Evaluate(g, rep, meta)
	}
}
