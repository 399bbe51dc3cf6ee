package e2e

import (
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

func TestEveryClientWorksThroughTheGate(t *testing.T) {
	on, _ := through(t, newWorld(t))
	t.Cleanup(func() { // when all clients have ended
		for _, r := range on.Requests() {
			bytes := r.Host == hubtest.CDN || strings.Contains(r.Path, "/resolve") || strings.Contains(r.Path, "/info/lfs/")
			if bytes && !strings.HasPrefix(r.Header.Get("User-Agent"), "modelgate/") {
				t.Errorf("%s went around the gate for %s of the %s", r.Header.Get("User-Agent"), r.Path, r.Host)
			}
		}
		if on.Count(hubtest.CDN, "", "") == 0 {
			t.Error("nothing was fetched")
		}
	})
	accept(t, on)
}

func TestAGibibyteGoesThroughTheGate(t *testing.T) {
	w := newWorld(t)
	big := hubtest.Files{"model.safetensors": hubtest.Safetensors(1<<30, 6)}
	w.add(bigID, big, w.AddModel)
	on, _ := through(t, w)
	for _, env := range hubs { // one after the other: each is bound by its own CPU
		var got map[string]string
		newClient(t, on.endpoint).python(t, env, "download.py", &got, []labelled{
			{"big", arguments{"repo_id": bigID, "filename": "model.safetensors"}},
		})
		if got["big"] != big["model.safetensors"].SHA256() {
			t.Errorf("%s: %s", env, got["big"])
		}
	}
	if n := w.Served(hubtest.CDN, bigID); n > 1<<30+1<<24 {
		t.Errorf("the content network served %d bytes for three downloads", n)
	}
}

// uuids matches a scan's UUID.
var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func TestABlockedVersionIsRefusedInTheShapeThatClientsShow(t *testing.T) {
	on, _ := through(t, newWorld(t))
	url := on.fileURL(evilID, "pytorch_model.bin")
	if head := ask(t, "HEAD", url); head.status != http.StatusOK || head.header.Get("X-Repo-Commit") != on.evil.Head() {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	got := ask(t, "GET", url)
	scan := got.header.Get("X-Modelgate-Scan")
	if got.status != http.StatusForbidden || !uuids.MatchString(scan) {
		t.Fatalf("%d %s %q", got.status, got.header, got.body)
	}
	sentence := got.header.Get("X-Error-Message")
	if !strings.HasPrefix(sentence, "Blocked by modelgate: "+evilID+"@"+on.evil.Head()[:7]+" failed ") || !strings.Contains(sentence, scan) ||
		len(sentence) > 300 {
		t.Errorf("sentence %q", sentence)
	}
	if !strings.Contains(got.reason, "Blocked by modelgate") || !strings.Contains(got.reason, scan) {
		t.Errorf("reason phrase %q", got.reason)
	}
	for name, want := range map[string]string{
		"X-Request-Id": scan, "X-Repo-Commit": on.evil.Head(), "Content-Type": "application/json", "Cache-Control": "no-store", "X-Error-Code": "",
		"Location": "", "Content-Encoding": "",
	} {
		if value := got.header.Get(name); value != want {
			t.Errorf("%s: %q, want %q", name, value, want)
		}
	}
	if !strings.HasPrefix(got.header.Get("X-HF-Warning"), "modelgate; ") {
		t.Errorf("X-HF-Warning %q", got.header.Get("X-HF-Warning"))
	}
	var body map[string]any
	got.into(t, &body)
	rules, _ := body["rules"].([]any)
	if len(rules) == 0 {
		t.Errorf("no rules in %v", body)
	}
	delete(body, "rules")
	want := map[string]any{
		"error": sentence, "message": sentence, "request_id": scan, "scan_id": scan, "scan_url": on.endpoint + "/ui/scans/" + scan,
		"outcome": "BLOCKED", "repo": evilID, "revision": on.evil.Head(), "security_group": "Default HUGGING_FACE",
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
	if again := ask(t, "GET", url, "Range", "bytes=0-0"); again.status != http.StatusForbidden || again.header.Get("X-Modelgate-Scan") != scan {
		t.Errorf("one byte: %d, scan %s, want %s", again.status, again.header.Get("X-Modelgate-Scan"), scan)
	}
	if info := ask(t, "GET", on.endpoint+"/api/models/"+evilID); info.status != http.StatusOK {
		t.Errorf("info: %d", info.status)
	}
	if record := ask(t, "GET", on.endpoint+"/aims/data/v1/scans/"+scan, "Authorization", "Bearer any"); record.status != http.StatusOK || !strings.Contains(record.body, scan) {
		t.Errorf("the scan's record: %d %q", record.status, record.body)
	}
}

// blocked lets a client run into a blocked version and returns what its user reads.
var blocked = map[string]func(*testing.T, target) string{
	"hub 2.4":       func(t *testing.T, on target) string { return hubError(t, on, testenv.Hub24) },
	"hub 0.36":      func(t *testing.T, on target) string { return hubError(t, on, testenv.Hub36) },
	"hub 0.23":      func(t *testing.T, on target) string { return hubError(t, on, testenv.Hub23) },
	"snapshot 2.4":  func(t *testing.T, on target) string { return snapshotError(t, on, testenv.Hub24) },
	"snapshot 0.36": func(t *testing.T, on target) string { return snapshotError(t, on, testenv.Hub36) },
	"snapshot 0.23": func(t *testing.T, on target) string { return snapshotError(t, on, testenv.Hub23) },
	"hf 2.4":        func(t *testing.T, on target) string { return hfError(t, on, testenv.Hub24) },
	"hf 0.36":       func(t *testing.T, on target) string { return hfError(t, on, testenv.Hub36) },
	"transformers": func(t *testing.T, on target) string {
		var got map[string]any
		newClient(t, on.endpoint).python(t, testenv.Stack, "load_transformers.py", &got, nil, evilID)
		text, _ := got["error"].(string)
		return text
	},
	"npm hub": func(t *testing.T, on target) string { return npm(t, on, evilID, "pytorch_model.bin").Error },
	"curl": func(t *testing.T, on target) string {
		return newClient(t, on.endpoint).run(t, "", testenv.Tool(t, "curl"), "-sSL", on.fileURL(evilID, "pytorch_model.bin")).stdout
	},
	"wget": func(t *testing.T, on target) string {
		return newClient(t, on.endpoint).run(t, "", testenv.Tool(t, "wget"), "--no-config", "-O", "x", on.fileURL(evilID, "pytorch_model.bin")).stderr
	},
	"git-lfs": func(t *testing.T, on target) string {
		c := newClient(t, on.endpoint)
		return c.run(t, "", testenv.Tool(t, "git"), "-C", c.lfsClone(t, on, evilID), "lfs", "pull").all()
	},
}

func hubError(t *testing.T, on target, env string) string {
	var got map[string]string
	newClient(t, on.endpoint).python(t, env, "download.py", &got, []labelled{{"evil", arguments{"repo_id": evilID, "filename": "pytorch_model.bin"}}})
	return got["evil"]
}

func snapshotError(t *testing.T, on target, env string) string {
	var got map[string]any
	newClient(t, on.endpoint).python(t, env, "snapshots.py", &got, []labelled{{"evil", arguments{"repo_id": evilID}}})
	text, _ := got["evil"].(string)
	return text
}

func hfError(t *testing.T, on target, env string) string {
	got := newClient(t, on.endpoint).run(t, "", testenv.HF(t, env), "download", evilID)
	if got.code == 0 {
		t.Errorf("hf ended with 0: %s", got.all())
	}
	return got.all()
}

func TestUsersReadTheReasonAndTheScanOfABlockedVersion(t *testing.T) {
	on, _ := through(t, newWorld(t))
	first := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin"))
	scan := first.header.Get("X-Modelgate-Scan")
	if first.status != http.StatusForbidden || scan == "" {
		t.Fatalf("%d %s", first.status, first.body)
	}
	for name, try := range blocked {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if text := plainSpaces(try(t, on)); !strings.Contains(text, "Blocked by modelgate: "+evilID) || !strings.Contains(text, scan) {
				t.Errorf("scan %s is not told, or not why: %q", scan, text)
			}
		})
	}
	t.Run("rust hf-hub", func(t *testing.T) { // shows the status alone
		t.Parallel()
		if got := newClient(t, on.endpoint).run(t, "", testenv.Rust(t), evilID, "main", "pytorch_model.bin"); got.code == 0 || !strings.Contains(got.stderr, "403") {
			t.Errorf("ended with %d: %s", got.code, got.all())
		}
	})
	t.Run("aria2", func(t *testing.T) { // shows the status alone
		t.Parallel()
		got := newClient(t, on.endpoint).run(t, "", testenv.Tool(t, "aria2c"), "--no-conf", "-o", "x", on.fileURL(evilID, "pytorch_model.bin"))
		if got.code == 0 || !strings.Contains(got.all(), "403") {
			t.Errorf("ended with %d: %s", got.code, got.all())
		}
	})
	t.Run("datasets", func(t *testing.T) { // judged file by file: another scan
		t.Parallel()
		var got map[string]any
		newClient(t, on.endpoint).python(t, testenv.Stack, "load_datasets.py", &got, nil, evilDataID)
		if text, _ := got["error"].(string); !strings.Contains(text, "Blocked by modelgate: ") || !uuids.MatchString(text) {
			t.Errorf("%v", got)
		}
	})
}

// plainSpaces undoes the line breaks of programs that format what they print.
func plainSpaces(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestNothingEvilIsLeftInTheUsersCache(t *testing.T) {
	on, _ := through(t, newWorld(t))
	c := newClient(t, on.endpoint)
	if got := c.run(t, "", testenv.HF(t, testenv.Hub24), "download", evilID); got.code == 0 {
		t.Fatalf("it was downloaded: %s", got.all())
	}
	found, err := filepath.Glob(filepath.Join(c.home, "hf", "hub", "models--org--evil", "blobs", "*"))
	if err != nil || len(found) > 0 {
		t.Errorf("blobs %v: %v", found, err)
	}
}

func TestClientsWaitForAFirstScan(t *testing.T) {
	w := newWorld(t)
	files := maps.Clone(w.contents[modelID])
	files["model.safetensors"] = hubtest.Safetensors(300_000, 9) // other bytes than any that are known
	w.add(slowID, files, w.AddModel)
	on, _ := through(t, w)
	// Whoever asks the content network first, which is the scan, waits longer than clients wait for a byte.
	hold := w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: slowID + "/model.safetensors", Delay: slowScan, Times: 1})
	want, url := files["model.safetensors"], on.fileURL(slowID, "model.safetensors")
	tries := map[string]func(*testing.T){
		"npm hub": func(t *testing.T) {
			if got := npm(t, on, slowID, "model.safetensors"); got.SHA256 != want.SHA256() {
				t.Errorf("%+v", got)
			}
		},
		"transformers": func(t *testing.T) {
			var got map[string]any
			newClient(t, on.endpoint, impatient...).python(t, testenv.Stack, "load_transformers.py", &got, nil, slowID)
			if got["model_type"] != "bert" {
				t.Errorf("%v", got)
			}
		},
		"rust hf-hub": func(t *testing.T) {
			got := newClient(t, on.endpoint).run(t, "", testenv.Rust(t), slowID, "main", "model.safetensors")
			if got.code != 0 {
				t.Fatalf("ended with %d: %s", got.code, got.all())
			}
			same(t, strings.TrimSpace(got.stdout), want)
		},
	}
	for _, env := range hubs {
		tries[env] = func(t *testing.T) {
			var got map[string]string
			newClient(t, on.endpoint, impatient...).python(t, env, "download.py", &got,
				[]labelled{{"slow", arguments{"repo_id": slowID, "filename": "model.safetensors"}}})
			if got["slow"] != want.SHA256() {
				t.Error(got["slow"])
			}
		}
	}
	for name, args := range map[string][]string{
		"curl":   {"-sSfL", "-o", "out", url},
		"wget":   {"-q", "--no-config", "-O", "out", url},
		"aria2c": {"--no-conf", "-q", "-o", "out", url},
	} {
		tries[name] = func(t *testing.T) {
			c := newClient(t, on.endpoint)
			if got := c.run(t, "", testenv.Tool(t, name), args...); got.code != 0 {
				t.Fatalf("ended with %d: %s", got.code, got.all())
			}
			same(t, filepath.Join(c.home, "out"), want)
		}
	}
	together(t, tries)
	if hold.Fired() != 1 {
		t.Errorf("the scan was held %d times", hold.Fired())
	}
}

// slowScan is how long the first scan takes in the test of waiting. Clients are told to be impatient: they give up when nothing
// comes for a time that is longer than that between two signs of life, and much shorter than the scan.
const slowScan = 15 * time.Second

var impatient = []string{"HF_HUB_DOWNLOAD_TIMEOUT=6", "HF_HUB_ETAG_TIMEOUT=6"}

// together runs subtests all at once, however many processors there are: they mostly wait.
func together(t *testing.T, tries map[string]func(*testing.T)) {
	t.Helper()
	var all sync.WaitGroup
	for name, try := range tries {
		all.Go(func() { t.Run(name, try) })
	}
	all.Wait()
}
