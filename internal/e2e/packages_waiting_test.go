package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"modelgate/internal/indextest"
)

// waits lets an installer wait for the verdict on a good and on an evil wheel, whose bytes come slowly from the index.
func waits(t *testing.T, i installer, after time.Duration) {
	t.Helper()
	for _, evil := range []bool{false, true} {
		t.Run(fmt.Sprintf("%s, %s, evil %v", i.name, after, evil), func(t *testing.T) {
			t.Parallel()
			g, index := packageGate(t)
			wheel := goodWheel("1.0")
			if evil {
				wheel = evilWheel("1.0")
			}
			index.Add("demo", wheel)
			index.Drip(wheel.Name, after)
			text, into, err := i.run(t, g, "demo")
			_, missing := os.Stat(filepath.Join(into, "demo", "__init__.py"))
			switch {
			case !evil && (err != nil || missing != nil):
				t.Errorf("%v, %v\n%s", err, missing, text)
			case evil && (err == nil || missing == nil || !scanInText.MatchString(text) || !strings.Contains(text, "Load Time Code Execution Check")):
				t.Errorf("%v\n%s", err, text)
			}
			if n := index.Count(wheel.Name); n != 1 {
				t.Errorf("the file was fetched %d times", n)
			}
		})
	}
}

// TestInstallersWaitForVerdicts has verdicts before and behind the time that pip waits in silence; other waits have the tag.
func TestInstallersWaitForVerdicts(t *testing.T) {
	for _, i := range installers() {
		if i.name == "pip 23" { // waits as pip 26 does
			continue
		}
		for _, after := range []time.Duration{time.Second, 16 * time.Second} {
			waits(t, i, after)
		}
	}
}

func TestAnInstallerThatLeavesAndReturnsFindsTheScanGoingOn(t *testing.T) {
	for _, i := range installers() {
		t.Run(i.name, func(t *testing.T) {
			t.Parallel()
			g, index := packageGate(t)
			wheel := goodWheel("1.0")
			index.Add("demo", wheel)
			index.Delay(wheel.Name, 8*time.Second)
			first := i.command(t, g.url+"/pypi/simple/", t.TempDir(), "demo")
			first.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PIP_CONFIG_FILE=/dev/null"}
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the installer asks for the file", func() bool { return index.Count(wheel.Name) == 1 })
			if err := first.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = first.Wait() // it was killed
			if text, _, err := i.run(t, g, "demo"); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
			if n := index.Count(wheel.Name); n != 1 {
				t.Errorf("the file was fetched %d times", n)
			}
		})
	}
}

// eventually waits up to half a minute for something.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 600 {
		if holds() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("it did not come to this: %s", what)
}

func TestManyWaitForOneScanOfAPackage(t *testing.T) {
	const clients = 32
	for _, evil := range []bool{false, true} {
		t.Run(fmt.Sprintf("evil %v", evil), func(t *testing.T) {
			g, index := packageGate(t)
			wheel := goodWheel("1.0")
			if evil {
				wheel = evilWheel("1.0")
			}
			index.Add("demo", wheel)
			index.Delay(wheel.Name, 2*time.Second)
			address := g.url + fileOf(t, g, "demo", wheel)
			var wg sync.WaitGroup
			answers := make([]answer, clients)
			for n := range clients {
				wg.Go(func() { answers[n] = ask(t, "GET", address) })
			}
			wg.Wait()
			scan := answers[0].header.Get("X-Modelgate-Scan")
			for _, a := range answers {
				if a.header.Get("X-Modelgate-Scan") != scan || !uuids.MatchString(scan) {
					t.Errorf("scan %q, of others %q", a.header.Get("X-Modelgate-Scan"), scan)
				}
				if !evil && (a.status != 200 || a.body != string(wheel.Bytes)) || evil && (a.status != 403 || strings.Contains(a.body, "PK\x03\x04")) {
					t.Errorf("%d, %d bytes", a.status, len(a.body))
				}
			}
			if n := index.Count(wheel.Name); n != 1 {
				t.Errorf("the file was fetched %d times", n)
			}
		})
	}
}

// fileOf is where the page of a project says that a file is, as a path at the gate.
func fileOf(t *testing.T, g *gateway, project string, f indextest.File) string {
	t.Helper()
	page := ask(t, "GET", g.url+"/pypi/simple/"+project+"/")
	for part := range strings.SplitSeq(page.body, `"`) {
		if path, ok := strings.CutPrefix(part, "../../files/"); ok && strings.Contains(path, "/"+f.Name) {
			path, _, _ = strings.Cut(path, "#")
			return "/pypi/files/" + path
		}
	}
	t.Fatalf("%d: the page of %s does not have %s:\n%s", page.status, project, f.Name, page.body)
	return ""
}
