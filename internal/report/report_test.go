package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/threat"
)

// update writes what the tests get as what they want.
var update = flag.Bool("update", false, "rewrite testdata")

func at(second int) time.Time { return time.Date(2025, 10, 14, 12, 31, second, 120_000_000, time.UTC) }

// numbered is a UUID made of one number.
func numbered(n byte) uuid.UUID {
	u := uuid.MustParse("29c31fab-5734-4000-8000-000000000000")
	u[15] = n
	return u
}

// blocked is a scan of a model with an evil file, a file in a zip, an unapproved format, and no licence.
func blocked() model.Scan {
	version := model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "opendiffusion/sentimentcheck", Revision: "7b40bb0f92c45fefa957d088000d8648e5c7fa33"}
	evil := finding.New(threat.PKL100, 12, "imports posix.system")
	evil.Module, evil.Operator, evil.Role, evil.Evidence = "posix", "system", finding.RoleImport, "cposix\nsystem"
	evil.Excerpt = []string{"0  PROTO 2", "12  GLOBAL 'posix system'", "27  \x1b[2J evil line"}
	nested := evil
	nested.Member, nested.Offset = "archive/data.pkl", 3
	digest := model.Digest("sha256:" + strings.Repeat("ab", 32))
	file := func(path string, formats ...string) finding.NamedReport {
		return finding.NamedReport{Path: path, BlobID: strings.Repeat("1f", 20), Report: finding.FileReport{Digest: digest, Size: 1234, Formats: formats}}
	}
	bad, zip := file("dir with space/evil:1#?.pkl", "pickle"), file("model.pt", "zip", "pytorch_v1_13")
	bad.Report.Add(evil)
	zip.Report.Add(nested)
	group := policy.DefaultGroup(policy.Balanced, model.HuggingFace)
	j := policy.Evaluate(group, finding.Report{Version: version, Files: []finding.NamedReport{file("README.md", "not_model"), bad, zip}}, model.Metadata{})
	s := model.Scan{
		UUID: numbered(0), CreatedAt: at(0), UpdatedAt: at(2), Version: version, ModelURI: version.URI(), ModelName: version.Name, ModelAuthor: "opendiffusion",
		ModelVersion: version.Revision, RequestedRevision: "main", ModelVersionUUID: numbered(1), Owner: "anonymous", Origin: model.OriginGateway,
		GroupUUID: group.UUID, GroupName: group.Name, Outcome: j.Outcome, Labels: []model.Label{{Key: "env", Value: "prod"}}, Formats: j.Formats,
		ScannerVersion: "0123456789ab", TimeStarted: at(0), TimeFinished: at(2), FilesScanned: j.Scanned, FilesSkipped: j.Skipped,
		EnabledRules: len(j.Evaluations), Evaluations: j.Evaluations, Files: j.Files,
	}
	n := byte(10)
	for i := range s.Evaluations {
		s.Evaluations[i].UUID = numbered(n)
		for k := range s.Evaluations[i].Violations {
			n++
			s.Evaluations[i].Violations[k].UUID = numbered(n)
		}
		n++
	}
	return s
}

// allowed is a scan without any trouble, of a local folder.
func allowed() model.Scan {
	version := model.Version{Source: model.Local, Name: "/srv/models/fraud-detector", Revision: "f00d"}
	group := policy.DefaultGroup(policy.Strict, model.Local)
	j := policy.Evaluate(group, finding.Report{Version: version, Files: []finding.NamedReport{{Path: "model.safetensors", Report: finding.FileReport{Formats: []string{"safetensors"}}}}}, model.Metadata{})
	return model.Scan{
		UUID: numbered(2), CreatedAt: at(0), UpdatedAt: at(0), Version: version, ModelURI: version.Name, ModelName: "fraud-detector", ModelVersion: "v2.1.0",
		Owner: "anonymous", Origin: model.OriginSDK, GroupUUID: group.UUID, GroupName: "S3-Production", Outcome: j.Outcome, Formats: j.Formats,
		FilesScanned: 1, EnabledRules: len(j.Evaluations), Evaluations: j.Evaluations, Files: j.Files,
	}
}

// failed is a scan that could not be finished, of names that would like to run a terminal.
func failed() model.Scan {
	return model.Scan{
		UUID: numbered(3), CreatedAt: at(0), UpdatedAt: at(0), ModelName: "evil\x1b[2J\u202egnp.exe", ModelURI: "s3://bucket/\x07model™\r\n", GroupName: "Default S3",
		Version: model.Version{Source: model.S3, Name: "bucket", Revision: "e1"}, Outcome: model.Errored, ErrorCode: "SCAN_ERROR", ErrorMessage: "upstream is\ngone",
		Evaluations: []model.Evaluation{{RuleName: "License Exists", State: model.Blocking, Result: model.RuleError, Reason: "the model's card could not be read"}},
	}
}

// firstViolation is the first violation of a scan that has one.
func firstViolation(s *model.Scan) *model.Violation {
	i := slices.IndexFunc(s.Evaluations, func(e model.Evaluation) bool { return len(e.Violations) > 0 })
	return &s.Evaluations[i].Violations[0]
}

func options() Options { return Options{PublicURL: "https://gate.example/"} }

func TestGolden(t *testing.T) {
	scans := map[string]model.Scan{"blocked": blocked(), "allowed": allowed(), "error": failed()}
	for name, s := range scans {
		for _, f := range []Format{Text, JSON, SARIF, CycloneDX, CSV} {
			golden(t, name+"."+string(f), func(b *bytes.Buffer) error { return Write(b, f, s, options()) })
		}
	}
	golden(t, "blocked.explained.text", func(b *bytes.Buffer) error { return Write(b, Text, scans["blocked"], Options{Explain: true}) })
	golden(t, "blocked.color.text", func(b *bytes.Buffer) error { return Write(b, Text, scans["blocked"], Options{Color: true}) })
	list := []model.Scan{scans["blocked"], scans["allowed"], scans["error"]}
	for _, f := range []Format{Text, JSON, CSV} {
		golden(t, "list."+string(f), func(b *bytes.Buffer) error { return WriteList(b, f, list, 16998, options()) })
	}
}

// golden compares what is written with testdata, and writes the same twice.
func golden(t *testing.T, name string, write func(*bytes.Buffer) error) {
	t.Helper()
	var got, again bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	if err := write(&again); err != nil || !bytes.Equal(got.Bytes(), again.Bytes()) {
		t.Errorf("%s is not the same each time: %v", name, err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func render(t *testing.T, f Format, s model.Scan) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, s, options()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The facts are those of the SARIF 2.1.0 schema and of what its readers demand besides.
func TestSARIFKeepsToTheSchema(t *testing.T) {
	for _, s := range []model.Scan{blocked(), allowed(), failed()} {
		var log sarifLog
		if err := json.Unmarshal(render(t, SARIF, s), &log); err != nil {
			t.Fatal(err)
		}
		if log.Version != "2.1.0" || !strings.Contains(log.Schema, "sarif-2.1.0") || len(log.Runs) != 1 {
			t.Fatalf("log %+v", log)
		}
		run := log.Runs[0]
		if run.Results == nil || run.Tool.Driver.Rules == nil || run.Tool.Driver.Name == "" {
			t.Error("results, rules or name are missing")
		}
		levels := []string{"none", "note", "warning", "error"}
		seen := map[string]bool{}
		for _, r := range run.Tool.Driver.Rules {
			if seen[r.ID] || r.ID == "" || r.ShortDescription.Text == "" || r.FullDescription.Text == "" || !slices.Contains(levels, r.Configuration.Level) {
				t.Errorf("rule %+v", r)
			}
			seen[r.ID] = true
		}
		for _, r := range run.Results {
			if r.RuleIndex < 0 || r.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
				t.Errorf("result %s has the index %d", r.RuleID, r.RuleIndex)
			}
			if r.Message.Text == "" || !slices.Contains(levels, r.Level) || uuid.Validate(r.GUID) != nil || len(r.Locations) == 0 {
				t.Errorf("result %+v", r)
			}
			for _, l := range r.Locations {
				if l.Physical == nil {
					continue
				}
				address, err := url.Parse(l.Physical.Artifact.URI)
				if err != nil || address.IsAbs() || strings.HasPrefix(address.Path, "/") {
					t.Errorf("address %q: %v", l.Physical.Artifact.URI, err)
				}
				if base := l.Physical.Artifact.URIBaseID; base != "" && run.BaseIDs[base].URI == "" {
					t.Errorf("base %q is not declared", base)
				}
				if l.Physical.Region != nil && l.Physical.Region.ByteOffset < 0 {
					t.Errorf("offset %d", l.Physical.Region.ByteOffset)
				}
			}
		}
		for _, base := range run.BaseIDs {
			if !strings.HasSuffix(base.URI, "/") {
				t.Errorf("base %q does not end in a slash", base.URI)
			}
		}
	}
}

func TestCycloneDXRefersToItself(t *testing.T) {
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(render(t, CycloneDX, blocked())), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	refs := map[string]bool{bom.Metadata.Component.BOMRef: true}
	for _, c := range *bom.Components {
		if refs[c.BOMRef] {
			t.Errorf("%s is there twice", c.BOMRef)
		}
		refs[c.BOMRef] = true
	}
	if len(*bom.Components) != 3 || len(*bom.Vulnerabilities) < 4 {
		t.Errorf("%d components, %d vulnerabilities", len(*bom.Components), len(*bom.Vulnerabilities))
	}
	for _, v := range *bom.Vulnerabilities {
		if ref := (*v.Affects)[0].Ref; !refs[ref] || v.ID == "" {
			t.Errorf("%s affects %q", v.ID, ref)
		}
	}
	if want := "pkg:huggingface/opendiffusion/sentimentcheck@7b40bb0f92c45fefa957d088000d8648e5c7fa33"; bom.Metadata.Component.PackageURL != want {
		t.Errorf("package URL %s", bom.Metadata.Component.PackageURL)
	}
}

func TestCSVHoldsNoFormulas(t *testing.T) {
	s := blocked()
	s.GroupName = "=HYPERLINK(\"http://x\")"
	firstViolation(&s).Description = "@SUM(1)"
	rows, err := csv.NewReader(bytes.NewReader(render(t, CSV, s))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if len(row) != len(rows[0]) {
			t.Errorf("row %d has %d cells", i, len(row))
		}
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("a cell begins as a formula: %q", cell)
			}
		}
	}
}

func TestStrictClientsFindNoNullWhereTheyRefuseIt(t *testing.T) {
	s := allowed()
	s.Labels = nil
	var scan map[string]any
	if err := json.Unmarshal(render(t, JSON, s), &scan); err != nil {
		t.Fatal(err)
	}
	if _, there := scan["labels"]; there {
		t.Error("labels are there though there are none")
	}
	for _, key := range []string{"uuid", "tsg_id", "created_at", "updated_at", "model_uri", "owner", "scan_origin", "security_group_uuid", "security_group_name", "model_version_uuid", "eval_outcome", "source_type"} {
		if scan[key] == nil {
			t.Errorf("%s is null or absent", key)
		}
	}
	for _, key := range []string{"error_code", "error_message", "created_by", "scanner_version", "time_started"} {
		if value, there := scan[key]; !there || value != nil {
			t.Errorf("%s is %v, want null", key, value)
		}
	}
	s.Outcome, s.Evaluations = model.Pending, nil
	if pending := NewScan(s, Options{}); pending.Summary != nil || pending.Tenant != "modelgate" {
		t.Errorf("pending scan %+v", pending)
	}
	for _, v := range NewDocument(blocked(), Options{}).Violations {
		if v.Remediation.Steps == nil || v.Origin != "PANW_MANAGED" || v.Remediation.URL != nil {
			t.Errorf("violation %+v", v)
		}
	}
}

func TestStrictEnums(t *testing.T) {
	s := blocked()
	firstViolation(&s).Threat = "MG-FMT-400"
	d := NewDocument(s, Options{StrictEnums: true})
	if d.Origin != "MODEL_SECURITY_API" || d.Violations[0].Threat != nil {
		t.Errorf("origin %s, threat %v", d.Origin, d.Violations[0].Threat)
	}
	if loose := NewDocument(s, Options{}); loose.Origin != "GATEWAY" || loose.Violations[0].Threat == nil {
		t.Errorf("origin %s, threat %v", loose.Origin, loose.Violations[0].Threat)
	}
}

func TestLongPathsAreCutFromTheLeft(t *testing.T) {
	for _, c := range []struct{ name, path string }{
		{"a short path", "a/b"}, {"one that just fits", strings.Repeat("é", 256)}, {"a long one", strings.Repeat("é/", 200) + "model.pkl"},
	} {
		got := cutLeft(c.path, maxFile)
		n := utf8.RuneCountInString(got)
		switch long := utf8.RuneCountInString(c.path) > maxFile; {
		case !long && got != c.path:
			t.Errorf("%s was cut: %q", c.name, got)
		case long && (n != maxFile || !strings.HasPrefix(got, "…") || !strings.HasSuffix(c.path, strings.TrimPrefix(got, "…"))):
			t.Errorf("%s: %d characters: %q", c.name, n, got)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"model™ 元氣 é": "model™ 元氣 é", "a\x1b[2Jb": `a\x1b[2Jb`, "\u202egnp": `\u202egnp`, "a\u200bb": `a\u200bb`, "a\nb": `a\x0ab`, "\xff": `\ufffd`, "\U000e0041": `\U000e0041`,
	} {
		if got := visible(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestFormatsAreKnownByName(t *testing.T) {
	for _, f := range []Format{Text, JSON, SARIF, CycloneDX, CSV} {
		if got, err := ParseFormat(string(f)); err != nil || got != f || f.ContentType() == "" {
			t.Errorf("%s: %v, %v", f, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil {
		t.Error("xml is no format of ours")
	}
	if err := WriteList(&bytes.Buffer{}, SARIF, nil, 0, Options{}); err == nil {
		t.Error("a list was written as SARIF")
	}
}

func TestFileShapes(t *testing.T) {
	s := blocked()
	f := NewFile(s, s.Files[1], false, options())
	if f.ParentPath != "dir with space" || f.Type != "FILE" || f.Result != "FAILED" || *f.SHA256 != strings.Repeat("ab", 32) {
		t.Errorf("file %+v", f)
	}
	if d := NewFile(s, model.ScanFile{Path: "dir"}, true, options()); d.ParentPath != "/" || d.Type != "DIRECTORY" || d.SHA256 != nil {
		t.Errorf("directory %+v", d)
	}
}
