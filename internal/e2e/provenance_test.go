package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modelgate/internal/indextest"
)

// attestedFile is a real source distribution and the real provenance object that its index served of it.
func attestedFile(t *testing.T) indextest.File {
	t.Helper()
	const name = "gcb_attestation_test-0.0.0.tar.gz"
	f := indextest.File{Name: name, Upload: time.Date(2025, 4, 21, 15, 2, 30, 0, time.UTC)}
	for suffix, into := range map[string]*[]byte{"": &f.Bytes, ".provenance": &f.Origin} {
		b, err := os.ReadFile(filepath.Join("..", "upstream", "attestation", "testdata", name+suffix))
		if err != nil {
			t.Fatal(err)
		}
		*into = b
	}
	return f
}

func TestAScanSaysWhatAttestationsProve(t *testing.T) {
	real, twin := attestedFile(t), attestedFile(t)
	twin.Bytes = indextest.Sdist("gcb_attestation_test", "0.0.0", map[string]string{"evil.py": "x = 1\n"}).Bytes
	for _, row := range []struct {
		what     string
		file     indextest.File
		settings []string
		want     []string
		status   int
	}{
		{"the real file", real, nil, []string{
			"ALLOWED", "PASSED  Provenance Is As Expected",
			"Verified: 919436158236-compute@developer.gserviceaccount.com has signed on 2025-04-21 that it has published exactly these bytes.",
			"This tells where the file comes from, not that it is harmless.",
		}, 200},
		{"its evil twin, which is warned of", twin, nil, []string{
			"ALLOWED", "FAILED  Provenance Is As Expected (not blocking)",
			`An attestation of gcb_attestation_test-0.0.0.tar.gz proves nothing: it is about other bytes`,
		}, 200},
		{"its evil twin, where that blocks", twin, []string{"MODELGATE_POLICY_PRESET=strict"}, []string{
			"BLOCKED", "FAILED  Provenance Is As Expected (blocking)",
		}, 403},
	} {
		g, index := packageGate(t, row.settings...)
		index.Add("gcb-attestation-test", row.file)
		got := ask(t, "GET", g.url+fileOf(t, g, "gcb-attestation-test", row.file))
		if got.status != row.status {
			t.Errorf("%s: %d, want %d", row.what, got.status, row.status)
		}
		text := modelgate(t, g, "get-scan", got.header.Get("X-Modelgate-Scan"), "--output", "text")
		for _, want := range row.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", row.what, want, text)
			}
		}
	}
}
