package attestation

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/model"
	"modelgate/internal/model/dist"
)

// The fixtures are attestations of the public service, as the source distribution of "pypi-attestations" 0.0.30 ships them for its own tests.
// A *.provenance is a provenance object as an index serves it, a *.attestation one attestation.

func shippedRoot(t testing.TB) *Root {
	t.Helper()
	r, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// object makes a provenance object of attestations of one publisher.
func object(t testing.TB, by map[string]string, attestations ...json.RawMessage) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"version": 1, "attestation_bundles": []any{map[string]any{"publisher": by, "attestations": attestations}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func subject(t testing.TB, filename, sum string) Subject {
	t.Helper()
	project, ok := dist.GuessProject(filename)
	if !ok {
		t.Fatalf("%s is of no project", filename)
	}
	return Subject{Project: project, Filename: filename, SHA256: sum}
}

// What is in the fixtures.
const (
	ownFile    = "pypi_attestations-0.0.19.tar.gz"
	ownSum     = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"
	ownCommit  = "08802efe1f8e5fec4ad842d6b8ce97656092ee72"
	ownRepo    = "trailofbits/pypi-attestations"
	gitlabFile = "gitlab_oidc_project-0.0.3.tar.gz"
	gitlabSum  = "c1ca9b0d85df1606451098233018534497bf584362e10e4a8c21dfaea92c02a8"
)

func ownPublisher() map[string]string {
	return map[string]string{"kind": "GitHub", "repository": ownRepo, "workflow": "release.yml"}
}

func TestRealAttestationsVerify(t *testing.T) {
	r := shippedRoot(t)
	for _, row := range []struct {
		what string
		doc  []byte
		of   Subject
		want model.Attestation
	}{
		{"a workflow at GitHub", fixture(t, ownFile+".provenance"), subject(t, ownFile, ownSum), model.Attestation{
			Publisher: "GitHub trailofbits/pypi-attestations release.yml", Kind: "publish", Identity: "github.com/trailofbits/pypi-attestations",
			Workflow: "release.yml", Commit: ownCommit, Logged: time.Date(2024, 12, 4, 23, 14, 1, 0, time.UTC),
		}},
		{"what it says of the build", object(t, ownPublisher(), fixture(t, ownFile+".slsa.attestation")), subject(t, ownFile, ownSum), model.Attestation{
			Publisher: "GitHub trailofbits/pypi-attestations release.yml", Kind: "build", Identity: "github.com/trailofbits/pypi-attestations",
			Workflow: "release.yml", Commit: ownCommit, Logged: time.Date(2024, 12, 4, 23, 13, 46, 0, time.UTC),
		}},
		{"a pipeline at GitLab", object(t, map[string]string{"kind": "GitLab", "repository": "facutuesca/gitlab-oidc-project", "workflow_filepath": ".gitlab-ci.yml"},
			fixture(t, gitlabFile+".publish.attestation")), subject(t, gitlabFile, gitlabSum), model.Attestation{
			Publisher: "GitLab facutuesca/gitlab-oidc-project .gitlab-ci.yml", Kind: "publish", Identity: "gitlab.com/facutuesca/gitlab-oidc-project",
			Workflow: ".gitlab-ci.yml", Commit: "72f7c63b75eb55ea80864962f0e645c93414da34", Logged: time.Date(2024, 11, 19, 17, 37, 0, 0, time.UTC),
		}},
		{
			"an account at Google", fixture(t, "gcb_attestation_test-0.0.0.tar.gz.provenance"),
			subject(t, "gcb_attestation_test-0.0.0.tar.gz", "461317362419124b6012e855423a9078d6de8aed3e74fa78cc74d669b23dc6cf"),
			model.Attestation{
				Publisher: "Google 919436158236-compute@developer.gserviceaccount.com", Kind: "publish",
				Identity: "919436158236-compute@developer.gserviceaccount.com", Logged: time.Date(2025, 4, 21, 15, 2, 27, 0, time.UTC),
			},
		},
		{
			"a pipeline at CircleCI", fixture(t, "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl.provenance"),
			subject(t, "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl", "8cb34da1e27336f11a2c43f3f9c7433bd76f24f470c904724f06ad7f131d9e9f"),
			model.Attestation{
				Publisher: "CircleCI fdd9283f-e619-46af-8f9c-851f7d3e8b2b", Kind: "publish",
				Identity: "circleci.com/fdd9283f-e619-46af-8f9c-851f7d3e8b2b", Logged: time.Date(2026, 2, 5, 22, 59, 42, 0, time.UTC),
			},
		},
	} {
		if diff := cmp.Diff([]model.Attestation{row.want}, r.Verify(row.doc, row.of)); diff != "" {
			t.Errorf("%s: %s", row.what, diff)
		}
	}
}

// twisted is the real provenance object of a file with a part of its only attestation changed.
func twisted(t *testing.T, change func(a map[string]any)) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(fixture(t, ownFile+".provenance"), &doc); err != nil {
		t.Fatal(err)
	}
	change(at[map[string]any](at[[]any](at[map[string]any](at[[]any](doc["attestation_bundles"])[0])["attestations"])[0]))
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// at is a part of a document that is known to be of a type.
func at[T any](v any) T {
	out, ok := v.(T)
	if !ok {
		panic("the fixture is of another shape")
	}
	return out
}

// flip changes one bit of a byte string in base64.
func flip(text any) string {
	b, err := base64.StdEncoding.DecodeString(at[string](text))
	if err != nil {
		panic(err)
	}
	b[len(b)/2] ^= 1
	return base64.StdEncoding.EncodeToString(b)
}

func TestTwistedAttestationsDoNotVerify(t *testing.T) {
	r := shippedRoot(t)
	envelope := func(a map[string]any) map[string]any { return at[map[string]any](a["envelope"]) }
	material := func(a map[string]any) map[string]any { return at[map[string]any](a["verification_material"]) }
	entry := func(a map[string]any) map[string]any {
		return at[map[string]any](at[[]any](material(a)["transparency_entries"])[0])
	}
	proof := func(a map[string]any) map[string]any { return at[map[string]any](entry(a)["inclusionProof"]) }
	whole := func(map[string]any) {}
	good := subject(t, ownFile, ownSum)
	for _, row := range []struct {
		what   string
		change func(a map[string]any)
		of     Subject
		want   string
	}{
		{"nothing is twisted", whole, good, ""},
		{"the name is spelled otherwise", whole, Subject{good.Project, "pypi-attestations-0.0.19.tar.gz", ownSum}, ""},
		{"other bytes", whole, subject(t, ownFile, strings.Repeat("0", 64)), "about other bytes"},
		{"another version of the project", whole, subject(t, "pypi_attestations-0.0.20.tar.gz", ownSum), "about the file"},
		{"a wheel in the place of the sdist", whole, subject(t, "pypi_attestations-0.0.19-py3-none-any.whl", ownSum), "about the file"},
		{"another project", whole, subject(t, "pypi_attestation-0.0.19.tar.gz", ownSum), "about the file"},
		{"another signature", func(a map[string]any) { envelope(a)["signature"] = flip(envelope(a)["signature"]) }, good, "signature does not verify"},
		{"another statement", func(a map[string]any) { envelope(a)["statement"] = flip(envelope(a)["statement"]) }, good, "signature does not verify"},
		{"another certificate", func(a map[string]any) { material(a)["certificate"] = flip(material(a)["certificate"]) }, good, "certificate"},
		{"another time", func(a map[string]any) { entry(a)["integratedTime"] = "1733354042" }, good, "log's signature"},
		{"no time", func(a map[string]any) { delete(entry(a), "integratedTime") }, good, "has not signed when"},
		{"no promise", func(a map[string]any) { delete(entry(a), "inclusionPromise") }, good, "has not signed when"},
		{"another body in the log", func(a map[string]any) { entry(a)["canonicalizedBody"] = flip(entry(a)["canonicalizedBody"]) }, good, "log's signature"},
		{"another place in the log", func(a map[string]any) { proof(a)["logIndex"] = "31550400" }, good, "proof that the log has it does not verify"},
		{"a far place in the log", func(a map[string]any) { proof(a)["logIndex"] = "7" }, good, "too short or too long"},
		{"a place beyond the log", func(a map[string]any) { proof(a)["logIndex"] = "31550402" }, good, "not one"},
		{"another tree", func(a map[string]any) { proof(a)["rootHash"] = flip(proof(a)["rootHash"]) }, good, "proof that the log has it"},
		{"another way to the root", func(a map[string]any) { at[[]any](proof(a)["hashes"])[2] = flip(at[[]any](proof(a)["hashes"])[2]) }, good, "proof that the log has it"},
		{"a checkpoint without a signature", func(a map[string]any) {
			c := at[map[string]any](proof(a)["checkpoint"])
			c["envelope"] = strings.Replace(at[string](c["envelope"]), " wNI9", " xNI9", 1)
		}, good, "no signature that verifies"},
		{"a checkpoint of a larger tree", func(a map[string]any) {
			c := at[map[string]any](proof(a)["checkpoint"])
			c["envelope"] = strings.Replace(at[string](c["envelope"]), "31550402", "31550403", 1)
		}, good, "of another tree"},
		{"another log", func(a map[string]any) {
			at[map[string]any](entry(a)["logId"])["keyId"] = flip(at[map[string]any](entry(a)["logId"])["keyId"])
		}, good, "not trusted"},
		{"a form of entry that is not known", func(a map[string]any) { at[map[string]any](entry(a)["kindVersion"])["version"] = "0.0.2" }, good, "not verified here"},
		{"no entry", func(a map[string]any) { material(a)["transparency_entries"] = []any{} }, good, "no log has it"},
		{"another version of the object", func(a map[string]any) { a["version"] = 2 }, good, "not of version 1"},
		{"another shape", func(a map[string]any) { a["envelope"] = "x" }, good, "cannot be read"},
	} {
		got := r.Verify(twisted(t, row.change), row.of)
		if len(got) != 1 || (got[0].Fault == "") != (row.want == "") || !strings.Contains(got[0].Fault, row.want) {
			t.Errorf("%s: %+v, want %q", row.what, got, row.want)
		}
		if row.want != "" && (got[0].Identity != "" || got[0].Kind != "" || !got[0].Logged.IsZero()) {
			t.Errorf("%s: something is told of what does not verify: %+v", row.what, got[0])
		}
	}
}

func TestPublishersAreHeldToCertificates(t *testing.T) {
	r := shippedRoot(t)
	own := fixture(t, ownFile+".publish.attestation")
	for _, row := range []struct {
		what, want string
		by         map[string]string
	}{
		{"its own", "", ownPublisher()},
		{"its own in other letters", "", map[string]string{"kind": "GitHub", "repository": "TrailOfBits/pypi-attestations", "workflow": "release.yml"}},
		{"another repository", "not by the publisher", map[string]string{"kind": "GitHub", "repository": "evil/pypi-attestations", "workflow": "release.yml"}},
		{"a repository whose name is longer", "not by the publisher", map[string]string{"kind": "GitHub", "repository": "trailofbits/pypi-attestations-evil", "workflow": "release.yml"}},
		{"another workflow", "not by the publisher", map[string]string{"kind": "GitHub", "repository": ownRepo, "workflow": "tests.yml"}},
		{"a workflow that ends alike", "not by the publisher", map[string]string{"kind": "GitHub", "repository": ownRepo, "workflow": "lease.yml"}},
		{"no workflow", "does not say which workflow", map[string]string{"kind": "GitHub", "repository": ownRepo}},
		{"the same name at GitLab", "not by the publisher", map[string]string{"kind": "GitLab", "repository": ownRepo, "workflow_filepath": "release.yml"}},
		{"an account", "not by the publisher", map[string]string{"kind": "Google", "email": ""}},
		{"a pipeline", "not by the publisher", map[string]string{"kind": "CircleCI"}},
		{"an unknown kind", "unknown kind", map[string]string{"kind": "Nobody\nknows"}},
	} {
		got := r.Verify(object(t, row.by, own), subject(t, ownFile, ownSum))
		if len(got) != 1 || (got[0].Fault == "") != (row.want == "") || !strings.Contains(got[0].Fault, row.want) || strings.Contains(got[0].Fault+got[0].Publisher, "\n") {
			t.Errorf("%s: %+v, want %q", row.what, got, row.want)
		}
	}
}

func TestDocumentsThatAreNone(t *testing.T) {
	r := shippedRoot(t)
	of := subject(t, ownFile, ownSum)
	for _, row := range []struct {
		what, doc, want string
	}{
		{"no JSON", "<html>", "cannot be read"},
		{"another version", `{"version":2,"attestation_bundles":[]}`, "version 2"},
		{"another shape", `{"version":1,"attestation_bundles":{}}`, "cannot be read"},
		{"too many", `{"version":1,"attestation_bundles":[{"attestations":[` + strings.Repeat(`{},`, 40) + `{}]}]}`, "more than 32"},
	} {
		got := r.Verify([]byte(row.doc), of)
		if len(got) == 0 || len(got) > maxAttestations+1 || !strings.Contains(got[len(got)-1].Fault, row.want) {
			t.Errorf("%s: %+v, want %q", row.what, got, row.want)
		}
	}
	if got := r.Verify([]byte(`{"version":1,"attestation_bundles":[{"attestations":[]}]}`), of); got != nil {
		t.Errorf("no attestations: %+v", got)
	}
	// The staging service of Sigstore is not trusted: everybody may sign there.
	staging := object(t, ownPublisher(), fixture(t, "rfc8785-0.1.2-py3-none-any.whl.publish.attestation"))
	got := r.Verify(staging, subject(t, "rfc8785-0.1.2-py3-none-any.whl", "c4e92e9ecc828bef2aa7dba1de8ac983511f7532a0df11c770d39099a25cf201"))
	if len(got) != 1 || !strings.Contains(got[0].Fault, "is not trusted") {
		t.Errorf("staging: %+v", got)
	}
}

func FuzzVerify(f *testing.F) {
	r := shippedRoot(f)
	of := subject(f, ownFile, ownSum)
	f.Add(fixture(f, ownFile+".provenance"))
	f.Add(fixture(f, "gcb_attestation_test-0.0.0.tar.gz.provenance"))
	f.Add([]byte(`{"version":1,"attestation_bundles":[{"publisher":{"kind":"GitHub"},"attestations":[{"version":1}]}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, a := range r.Verify(doc, of) {
			if a.Fault == "" && (!strings.EqualFold(a.Identity, "github.com/"+ownRepo) || a.Commit != ownCommit) {
				t.Errorf("verified for somebody else: %+v", a)
			}
			if len(a.Fault) > 4*maxText || strings.ContainsAny(a.Fault+a.Publisher, "\r\n\x00") {
				t.Errorf("a text that is not plain: %+v", a)
			}
		}
	})
}
