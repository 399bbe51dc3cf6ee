package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"modelgate/internal/hubtest"
	"modelgate/internal/indextest"
)

func TestTwoGatewaysScanAPackageOnceAndKnowEachOthersFiles(t *testing.T) {
	index, hub := indextest.New(t), hubtest.New(t)
	r := startRedis(t)
	settings := []string{"MODELGATE_PYPI_UPSTREAM=" + index.URL, "MODELGATE_REDIS_URL=redis://" + r.addr}
	one, two := startGateway(t, hub.URL, settings...), startGateway(t, hub.URL, settings...)
	good, evil := goodWheel("1.0"), evilWheel("2.0")
	index.Add("demo", good, evil)
	index.Delay(good.Name, 2*time.Second)
	path := fileOf(t, one, "demo", good) // which the other gateway has not written
	var wg sync.WaitGroup
	answers := make([]answer, 2)
	for n, g := range []*gateway{one, two} {
		wg.Go(func() { answers[n] = ask(t, "GET", g.url+path) })
	}
	wg.Wait()
	for n, a := range answers {
		if a.status != http.StatusOK || a.body != string(good.Bytes) {
			t.Errorf("gateway %d: %d %.300s", n, a.status, a.body)
		}
	}
	if a, b := answers[0].header.Get("X-Modelgate-Scan"), answers[1].header.Get("X-Modelgate-Scan"); a != b || a == "" {
		t.Errorf("scans %q and %q", a, b)
	}
	path = fileOf(t, one, "demo", evil)
	first, second := ask(t, "GET", one.url+path), ask(t, "GET", two.url+path)
	if first.status != http.StatusForbidden || second.status != http.StatusForbidden || first.reason != second.reason {
		t.Errorf("the evil release: %d %s, %d %s", first.status, first.reason, second.status, second.reason)
	}
}

func TestAGatewayThatRestartsServesFilesWhosePagesItHasNotSeenSince(t *testing.T) {
	g, index := packageGate(t)
	good, evil, noHash := goodWheel("1.0"), evilWheel("2.0"), goodWheel("3.0")
	noHash.Hash, noHash.NoSize = "none", true
	index.Add("demo", good, evil, noHash)
	files := map[string]int{}
	for f, want := range map[*indextest.File]int{&good: http.StatusOK, &evil: http.StatusForbidden, &noHash: http.StatusOK} {
		path := fileOf(t, g, "demo", *f)
		files[path] = want
		if got := ask(t, "GET", g.url+path); got.status != want {
			t.Errorf("before: %s: %d", path, got.status)
		}
	}
	g.stop(syscall.SIGKILL)
	index.Fail("demo", http.StatusInternalServerError) // so no page teaches where files are
	g.start(t)
	for path, want := range files {
		if got := ask(t, "GET", g.url+path); got.status != want {
			t.Errorf("after: %s: %d %.300s", path, got.status, got.body)
		}
	}
	asked := len(index.Asked())
	g.stop(syscall.SIGTERM)
	index.Fail("demo", 0)
	index.Remove("demo") // a release that was taken away, and is in lock files
	g.start(t)
	for path, want := range files {
		if got := ask(t, "GET", g.url+path); got.status != want {
			t.Errorf("of a project that is gone: %s: %d %.300s", path, got.status, got.body)
		}
	}
	for _, name := range index.Asked()[asked:] {
		if strings.HasSuffix(name, ".whl") {
			t.Errorf("%s was fetched again", name)
		}
	}
}

func TestFileHostsAreKnownAfterARestart(t *testing.T) {
	g, index := packageGate(t)
	wheel := goodWheel("1.0")
	index.Add("demo", wheel)
	path := fileOf(t, g, "demo", wheel)
	if got := ask(t, "GET", g.url+path+".metadata"); got.status != http.StatusOK {
		t.Fatalf("metadata: %d", got.status)
	}
	g.stop(syscall.SIGKILL)
	index.Fail("demo", http.StatusInternalServerError)
	g.start(t)
	got := ask(t, "GET", g.url+path) // whose bytes nobody has asked for before
	if got.status != http.StatusOK || got.body != string(wheel.Bytes) {
		t.Errorf("%d %.300s", got.status, got.body)
	}
}

func TestCredentialsOfClientsStayHere(t *testing.T) {
	const secret = "s3cr3t-of-the-user"
	for _, i := range installers() {
		t.Run(i.name, func(t *testing.T) {
			g, index := packageGate(t)
			index.Add("demo", goodWheel("1.0"))
			open := g.url
			g.url = strings.Replace(open, "http://", "http://user:"+secret+"@", 1)
			text, _, err := i.run(t, g, "demo")
			g.url = open
			if err != nil {
				t.Errorf("%v\n%s", err, text)
			}
			for _, h := range index.Headers() {
				if len(h["Authorization"])+len(h["Cookie"]) > 0 {
					t.Errorf("the index got %v", h)
				}
			}
			if strings.Contains(g.log.String(), secret) {
				t.Error("the log has the password")
			}
		})
	}
}

func TestCredentialsOfTheGateGoToItsIndexAlone(t *testing.T) {
	const secret = "s3cr3t-of-the-gate"
	index, files := indextest.New(t), indextest.New(t)
	index.Want("gate:" + secret)
	good, evil, elsewhere := goodWheel("1.0"), evilWheel("2.0"), goodWheel("3.0")
	files.Add("demo", elsewhere)
	elsewhere.At = strings.Replace(files.FilesURL(), "127.0.0.1", "localhost", 1) // another host than the index's
	index.Add("demo", good, evil, elsewhere)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "pass"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(folder, "modelgate.yaml")
	text := fmt.Sprintf("pypi:\n  upstreams:\n    - {name: up, url: %q, credentials: {username: gate, password_file: %q}}\n", index.URL, filepath.Join(folder, "pass"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, hubtest.New(t).URL, "MODELGATE_CONFIG="+config)
	var told strings.Builder
	for address, want := range map[string]int{
		"/pypi/simple/demo/": 200, "/pypi/simple/none/": 404, fileOf(t, g, "demo", good): 200, fileOf(t, g, "demo", evil): 403, fileOf(t, g, "demo", elsewhere): 200,
	} {
		a := ask(t, "GET", g.url+address)
		if a.status != want {
			t.Errorf("%s: %d %.300s", address, a.status, a.body)
		}
		told.WriteString(a.body + a.reason)
		for _, values := range a.header {
			told.WriteString(strings.Join(values, " "))
		}
	}
	index.Fail("other", http.StatusInternalServerError)
	told.WriteString(ask(t, "GET", g.url+"/pypi/simple/other/").body)
	if strings.Contains(told.String(), secret) || strings.Contains(g.log.String(), secret) {
		t.Error("the password is told")
	}
	for _, h := range files.Headers() {
		if h.Get("Authorization") != "" {
			t.Error("a host of files that is not the index's got the password")
		}
	}
}
