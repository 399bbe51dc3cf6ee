package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"modelgate/internal/hubtest"
	"modelgate/internal/indextest"
	"modelgate/internal/testenv"
)

// installer is a client of package indexes.
type installer struct {
	name string
	// command installs requirements into a folder, from an index and nowhere else, without a cache.
	command func(t *testing.T, index, into string, requirements ...string) *exec.Cmd
}

func installers() []installer {
	pip := func(env string) func(t *testing.T, index, into string, requirements ...string) *exec.Cmd {
		return func(t *testing.T, index, into string, requirements ...string) *exec.Cmd {
			args := append([]string{"-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--target", into, "--index-url", index}, requirements...)
			return exec.CommandContext(t.Context(), testenv.Python(t, env), args...)
		}
	}
	return []installer{
		{name: "pip 23", command: pip(testenv.Pip23)},
		{name: "pip 26", command: pip(testenv.Pip26)},
		{name: "uv", command: func(t *testing.T, index, into string, requirements ...string) *exec.Cmd {
			python := testenv.Python(t, testenv.UV)
			args := append([]string{"pip", "install", "--no-cache", "--python", python, "--target", into, "--default-index", index}, requirements...)
			return exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(python), "uv"), args...)
		}},
	}
}

// run runs an installer with nothing of the machine's own settings, and returns what its user reads.
func (i installer) run(t *testing.T, g *gateway, requirements ...string) (text, into string, err error) {
	t.Helper()
	into = t.TempDir()
	cmd := i.command(t, g.url+"/pypi/simple/", into, requirements...)
	home := t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "NO_COLOR=1", "PIP_CONFIG_FILE=/dev/null", "PIP_NO_INPUT=1", "UV_NO_PROGRESS=1", "COLUMNS=400"}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), into, err
}

// packageGate is a gateway in front of a stand-in index.
func packageGate(t *testing.T, settings ...string) (*gateway, *indextest.Index) {
	t.Helper()
	index := indextest.New(t)
	hub := hubtest.New(t)
	return startGateway(t, hub.URL, append([]string{"MODELGATE_PYPI_UPSTREAM=" + index.URL, "MODELGATE_PYPI_PAGE_TTL=1ms"}, settings...)...), index
}

// evilWheel is a wheel whose model would run a command if somebody loaded it. Nobody does.
func evilWheel(version string) indextest.File {
	return indextest.Wheel("demo", version, map[string]string{"demo/__init__.py": "", "demo/model.pkl": "cposix\nsystem\n(S'true'\ntR."})
}

func goodWheel(version string) indextest.File {
	return indextest.Wheel("demo", version, map[string]string{"demo/__init__.py": "version = '" + version + "'\n"})
}

var scanInText = regexp.MustCompile(`modelgate scan ([0-9a-f-]{36})`)

func TestInstallersGetTheNewestGoodReleaseAndReadWhyAPinnedOneIsRefused(t *testing.T) {
	for _, i := range installers() {
		t.Run(i.name, func(t *testing.T) {
			g, index := packageGate(t)
			index.Add("demo", goodWheel("1.0"), evilWheel("2.0"))
			// The first install meets the evil release before anybody knows of it.
			text, _, err := i.run(t, g, "demo")
			m := scanInText.FindStringSubmatch(text)
			if err == nil || m == nil {
				t.Fatalf("the evil release: %v\n%s", err, text)
			}
			// From then on it is yanked, and an install that does not insist takes the release before.
			text, into, err := i.run(t, g, "demo")
			if err != nil {
				t.Fatalf("after it is known: %v\n%s", err, text)
			}
			if b, err := os.ReadFile(filepath.Join(into, "demo", "__init__.py")); err != nil || !strings.Contains(string(b), "1.0") {
				t.Errorf("installed %q: %v", b, err)
			}
			text, into, err = i.run(t, g, "demo==2.0")
			if err == nil || !strings.Contains(text, m[1]) || !strings.Contains(text, "Load Time Code Execution Check") {
				t.Errorf("pinned: %v\n%s", err, text)
			}
			if _, err := os.Stat(filepath.Join(into, "demo")); err == nil {
				t.Error("something of the evil release is installed")
			}
			if out := modelgate(t, g, "get-scan", m[1], "--output", "text"); !strings.Contains(out, "BLOCKED") || !strings.Contains(out, "demo/model.pkl") {
				t.Errorf("get-scan:\n%s", out)
			}
		})
	}
}

// modelgate runs a command of the program against a gateway.
func modelgate(t *testing.T, g *gateway, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv(programKey), append(args, "--base-url", g.url)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("modelgate %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestTheSourceOfABlockedWheelIsNeverBuilt(t *testing.T) {
	for _, i := range installers() {
		t.Run(i.name, func(t *testing.T) {
			g, index := packageGate(t)
			sdist := indextest.Sdist("demo", "2.0", map[string]string{"setup.py": "raise SystemExit('the build backend ran')\n"})
			index.Add("demo", evilWheel("2.0"), sdist)
			for range 2 {
				text, _, err := i.run(t, g, "demo==2.0")
				if err == nil || strings.Contains(text, "build backend ran") {
					t.Errorf("%v\n%s", err, text)
				}
			}
			if n := index.Count(sdist.Name); n != 0 {
				t.Errorf("the source was fetched %d times", n)
			}
		})
	}
}

func TestInstallersWaitForAScan(t *testing.T) {
	for _, i := range installers() {
		t.Run(i.name, func(t *testing.T) {
			g, index := packageGate(t)
			good := goodWheel("1.0")
			index.Add("demo", good)
			index.Delay(good.Name, 20*time.Second) // longer than pip waits in silence
			text, into, err := i.run(t, g, "demo")
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if _, err := os.Stat(filepath.Join(into, "demo", "__init__.py")); err != nil {
				t.Error(err)
			}
			if n := index.Count(good.Name); n != 1 {
				t.Errorf("the file was fetched %d times", n)
			}
		})
	}
}

func TestAPrivateNameNeverResolvesPublicly(t *testing.T) {
	for _, i := range installers() {
		t.Run(i.name, func(t *testing.T) {
			private, public := indextest.New(t), indextest.New(t)
			config := filepath.Join(t.TempDir(), "modelgate.yaml")
			text := fmt.Sprintf("pypi:\n  page_ttl: 1ms\n  upstreams:\n    - {name: internal, url: %q, private: true, claims: [demo]}\n    - {name: public, url: %q}\n", private.URL, public.URL)
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			g := startGateway(t, hubtest.New(t).URL, "MODELGATE_CONFIG="+config)
			public.Add("demo", goodWheel("99.0"))
			out, _, err := i.run(t, g, "demo")
			if err == nil || public.Count("demo") != 0 {
				t.Errorf("a private name that its owner does not have: %v\n%s", err, out)
			}
			private.Fail("demo", 500)
			out, _, err = i.run(t, g, "demo")
			if err == nil || public.Count("demo") != 0 {
				t.Errorf("a private name whose owner is down: %v\n%s", err, out)
			}
		})
	}
}

func TestAnAdvisoryBlocksARelease(t *testing.T) {
	folder := t.TempDir()
	g, index := packageGate(t, "MODELGATE_PYPI_OSV_PATHS="+folder, "MODELGATE_PYPI_OSV_RELOAD=100ms")
	index.Add("demo", goodWheel("1.0"), goodWheel("2.0"))
	pip := installers()[0]
	if text, _, err := pip.run(t, g, "demo==2.0"); err != nil {
		t.Fatalf("before anybody knows: %v\n%s", err, text)
	}
	record := `{"id":"MAL-2026-77","affected":[{"package":{"ecosystem":"PyPI","name":"Demo"},"versions":["2.0"]}]}`
	if err := os.WriteFile(filepath.Join(folder, "MAL-2026-77.json"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	var text string
	for range 20 { // records and groups are looked at again from time to time
		var err error
		if text, _, err = pip.run(t, g, "demo==2.0"); err != nil {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	m := scanInText.FindStringSubmatch(text)
	if m == nil || !strings.Contains(text, "known malicious MAL-2026-77") {
		t.Fatalf("after the advisory:\n%s", text)
	}
	if out := modelgate(t, g, "get-scan", m[1], "--output", "text"); !strings.Contains(out, "MAL-2026-77") {
		t.Errorf("get-scan:\n%s", out)
	}
	text, into, err := pip.run(t, g, "demo")
	if b, _ := os.ReadFile(filepath.Join(into, "demo", "__init__.py")); err != nil || !strings.Contains(string(b), "1.0") {
		t.Errorf("an install that does not insist: %v\n%s", err, text)
	}
}
