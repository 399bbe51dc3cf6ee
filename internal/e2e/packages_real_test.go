package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

// realIndex is the index that pip of this machine installs from: what its settings say, or what pip itself knows. No address is
// written down here.
func realIndex(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"PIP_INDEX_URL", "UV_DEFAULT_INDEX"} {
		if url := os.Getenv(name); url != "" {
			return strings.TrimRight(url, "/") + "/"
		}
	}
	ask := "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
	out, err := exec.CommandContext(t.Context(), testenv.Python(t, testenv.Pip26), "-c", ask).Output()
	if err != nil {
		t.Fatalf("ask pip for its index: %v", err)
	}
	return strings.TrimRight(strings.TrimSpace(string(out)), "/") + "/"
}

// realGate is a gateway in front of the real index. What this machine sets for certificates and proxies holds on the gateway's side.
func realGate(t *testing.T) *gateway {
	t.Helper()
	settings := []string{"MODELGATE_PYPI_UPSTREAM=" + realIndex(t)}
	for _, name := range []string{"PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"} {
		if file := os.Getenv(name); file != "" {
			settings = append(settings, "MODELGATE_UPSTREAM_CA_BUNDLE="+file)
			break
		}
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if proxy := os.Getenv(name); proxy != "" {
			settings = append(settings, "MODELGATE_UPSTREAM_PROXY="+proxy)
			break
		}
	}
	return startGateway(t, hubtest.New(t).URL, settings...)
}

// logged is what a line of the gateway's log says of a request.
type logged struct {
	Route, Path, Outcome, Scan, Error string
	Status                            int
}

// packageRequests are the requests at the package door, in the order in which they ended.
func packageRequests(g *gateway) []logged {
	var out []logged
	for line := range strings.Lines(g.log.String()) {
		var l logged
		if json.Unmarshal([]byte(line), &l) == nil && l.Route != "" {
			out = append(out, l)
		}
	}
	return out
}

// noAlarms fails the test for every file that the gateway refused: what this test installs is honest.
func noAlarms(t *testing.T, g *gateway) {
	t.Helper()
	files, told := 0, map[string]bool{}
	for _, l := range packageRequests(g) {
		if l.Route != "file" {
			continue
		}
		files++
		if l.Outcome == "ALLOWED" || l.Outcome == "PENDING" || told[l.Scan] {
			continue
		}
		told[l.Scan] = true
		t.Errorf("%s: %d %s %s", l.Path, l.Status, l.Outcome, l.Error)
		if l.Scan != "" {
			t.Log(modelgate(t, g, "get-scan", l.Scan, "--output", "text"))
		}
	}
	if files == 0 {
		t.Error("nothing came through the gate")
	}
}

// popular is a requirements file of what most projects depend on, each with its version and with all that it depends on.
func popular(t *testing.T) (file string, names []string) {
	t.Helper()
	file = testdata(t, "popular.txt")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, "==")
		names = append(names, name)
	}
	return file, names
}

// installedIn are the names of the projects whose metadata a folder has, with "_" in the place of "-".
func installedIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	infos, err := filepath.Glob(filepath.Join(folder, "*.dist-info"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, info := range infos {
		name, _, _ := strings.Cut(filepath.Base(info), "-")
		out[strings.ToLower(name)] = true
	}
	return out
}

// installPopular installs the list twice, while the gateway knows nothing of it and when it has it all.
func installPopular(t *testing.T, i installer) {
	t.Helper()
	g := realGate(t)
	file, names := popular(t)
	for _, state := range []string{"cold", "warm"} {
		text, into, err := i.run(t, g, "--only-binary", ":all:", "--requirement", file)
		if err != nil {
			t.Errorf("%s: %v\n%s", state, err, tail(text, 4000))
		}
		have := installedIn(t, into)
		for _, name := range names {
			if !have[strings.ReplaceAll(name, "-", "_")] {
				t.Errorf("%s: %s is not installed", state, name)
			}
		}
		noAlarms(t, g)
		if t.Failed() {
			return
		}
	}
}

func TestPopularPackagesInstallThroughTheGate(t *testing.T) {
	for _, i := range installers() {
		if i.name == "uv" { // pip, which takes longer, is among the tests that have the tag
			installPopular(t, i)
		}
	}
}
