package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"modelgate/internal/hubtest"
)

func TestAWaitEndsWithPendingAndTheScanGoesOn(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w, "MODELGATE_SCAN_HOLD=1s")
	content := hubtest.Safetensors(200_000, 41)
	repo := w.add(slowID, hubtest.Files{"model.safetensors": content}, w.AddModel)
	w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: slowID, Delay: 4 * time.Second, Times: 1})
	address := on.endpoint + "/" + slowID + "/resolve/" + repo.Head() + "/model.safetensors"

	first := ask(t, "GET", address)
	scan := first.header.Get("X-Modelgate-Scan")
	if first.status != http.StatusServiceUnavailable || first.header.Get("Retry-After") == "" || !uuids.MatchString(scan) {
		t.Fatalf("%d %v %s", first.status, first.header, first.body)
	}
	var body map[string]any
	first.into(t, &body)
	if body["outcome"] != "PENDING" || body["scan_id"] != scan || body["error"] != first.header.Get("X-Error-Message") {
		t.Errorf("%v", body)
	}
	if head := ask(t, "HEAD", address); head.status != http.StatusOK {
		t.Errorf("HEAD waits for no scan, and got %d", head.status)
	}
	last := first
	for range 20 { // each is held for a second
		if last = ask(t, "GET", address); last.status == http.StatusOK {
			break
		}
	}
	if last.status != http.StatusOK || last.header.Get("X-Modelgate-Scan") != scan || hubtest.Bytes([]byte(last.body)).SHA256() != content.SHA256() {
		t.Errorf("%d, scan %s after %s, %.200s", last.status, last.header.Get("X-Modelgate-Scan"), scan, last.body)
	}
}

func TestAClientThatLeavesDoesNotEndTheScan(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	repo := w.add(slowID, hubtest.Files{"model.safetensors": hubtest.Safetensors(200_000, 42)}, w.AddModel)
	hold := w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: slowID, Delay: 3 * time.Second, Times: 1})
	address := on.endpoint + "/" + slowID + "/resolve/" + repo.Head() + "/model.safetensors"
	c := newClient(t, on.endpoint)
	if got := c.run(t, "", "curl", "-sS", "-m", "1", "-o", "x", address); got.code != 28 { // its own time-out
		t.Fatalf("curl ended with %d: %s", got.code, got.all())
	}
	if got := ask(t, "GET", address); got.status != http.StatusOK || hold.Fired() != 1 {
		t.Errorf("%d; the scan began %d times", got.status, hold.Fired())
	}
	if n := len(w.Asked(hubtest.CDN, "", slowID)); n > 3 {
		t.Errorf("%d requests at the content network: the scan was not one", n)
	}
}

func TestWarningsOfRulesThatDoNotBlockReachTheUser(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	w.add("org/unlicensed", hubtest.Files{"config.json": hubtest.Text(`{"model_type": "bert"}`)}, w.AddModel)
	got := ask(t, "GET", on.fileURL("org/unlicensed", "config.json"))
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("X-HF-Warning"), "modelgate; ") || !strings.Contains(got.header.Get("X-HF-Warning"), "License") {
		t.Errorf("%d, X-HF-Warning %q", got.status, got.header.Get("X-HF-Warning"))
	}
	if got := ask(t, "GET", on.fileURL(modelID, "config.json")); got.status != http.StatusOK || got.header.Get("X-HF-Warning") != "" {
		t.Errorf("a model with a licence: %d, X-HF-Warning %q", got.status, got.header.Get("X-HF-Warning"))
	}
	hf := newClient(t, on.endpoint).run(t, "", hfOf(t), "download", "org/unlicensed")
	if hf.code != 0 || !strings.Contains(plainSpaces(hf.all()), "License") {
		t.Errorf("hf ended with %d: %s", hf.code, hf.all())
	}
}
