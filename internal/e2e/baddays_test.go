package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

// weights are bytes that no other test's models have, large enough to be read by range when scanned.
func weights(seed uint64) hubtest.Content { return hubtest.Safetensors(12<<20, seed) }

// badDay is something that goes wrong upstream, and what the client of a model then sees.
type badDay struct {
	name   string
	fault  hubtest.Fault
	served bool // whether the client gets the file at last
	// blocked says that the version is refused from then on, even when the day is over.
	blocked bool
}

func TestBadDaysUpstream(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	rows := []badDay{
		{"the stream is cut in the middle", hubtest.Fault{Host: hubtest.CDN, Ranged: hubtest.WithoutRange, CutAfter: 5 << 20, Times: 1}, true, false},
		{"every stream and range is cut after a MiB and a half", hubtest.Fault{Host: hubtest.CDN, CutAfter: 3 << 19, Times: 5}, true, false},
		{"the signature has expired once", hubtest.Fault{Host: hubtest.CDN, Expired: true, Times: 1}, true, false},
		{"the content network hangs up once", hubtest.Fault{Host: hubtest.CDN, Hangup: true, Times: 1}, true, false},
		{"the content network is busy once", hubtest.Fault{Host: hubtest.CDN, Status: 503, Times: 1}, true, false},
		{"ranges are answered with the whole", hubtest.Fault{Host: hubtest.CDN, NoRange: true}, true, false},
		{"a byte in the middle is wrong", hubtest.Fault{Host: hubtest.CDN, Flip: 7_000_000}, false, true},
		{"a byte is wrong in the stream alone", hubtest.Fault{Host: hubtest.CDN, Ranged: hubtest.WithoutRange, Flip: 7_000_000}, false, true},
		{"the stream is another file", hubtest.Fault{Host: hubtest.CDN, Ranged: hubtest.WithoutRange, Serve: weights(99)}, false, true},
		{"a page with 200", hubtest.Fault{Host: hubtest.CDN, Body: []byte("<html>please log in</html>")}, false, false},
		{"less than it says", hubtest.Fault{Host: hubtest.CDN, AddLength: 1000}, false, false},
		{"the redirect leads to the machine's metadata", hubtest.Fault{Host: hubtest.Main, Redirect: "http://169.254.169.254/latest/meta-data/"}, false, false},
		{"the redirect leads to a file", hubtest.Fault{Host: hubtest.Main, Redirect: "file:///etc/passwd"}, false, false},
		{"the redirect leads to itself", hubtest.Fault{Host: hubtest.Main, Redirect: "?"}, false, false},
		{"an answer that is not HTTP", hubtest.Fault{Host: hubtest.CDN, Raw: []byte("SSH-2.0-OpenSSH\r\n")}, false, false},
		{"a header is injected", hubtest.Fault{Host: hubtest.CDN, Raw: []byte("HTTP/1.1 200 OK\r\nX-A: b\r\n\nSet-Cookie: c=d\r\nContent-Length: 2\r\n\r\nhi")}, false, false},
		{"a header of a mebibyte", hubtest.Fault{Header: http.Header{"X-Huge": {strings.Repeat("x", 1<<20)}}}, false, false},
	}
	for i, day := range rows {
		t.Run(day.name, func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("days/day%d", i)
			content := weights(uint64(100 + i))
			repo := w.AddModel(id, hubtest.Files{"model.safetensors": content})
			if day.fault.Path == "" {
				day.fault.Path = id + "/"
			}
			if day.fault.Host == hubtest.Main {
				day.fault.Path = id + "/resolve/"
			}
			fault := w.Inject(day.fault)
			address := on.endpoint + "/" + id + "/resolve/" + repo.Head() + "/model.safetensors"
			got := ask(t, "GET", address)
			if fault.Fired() == 0 {
				t.Fatal("nothing bad has happened")
			}
			complete := got.status == http.StatusOK && got.err == nil
			right := hubtest.Bytes([]byte(got.body)).SHA256() == content.SHA256()
			if complete != day.served || complete && !right {
				t.Errorf("status %d, %d bytes, right: %v, end %v", got.status, len(got.body), right, got.err)
			}
			fault.Remove()
			after := ask(t, "GET", address)
			if day.blocked {
				if after.status != http.StatusForbidden || !uuids.MatchString(after.header.Get("X-Modelgate-Scan")) {
					t.Errorf("the day after: %d %v", after.status, after.header)
				}
				return
			}
			if day.served && (after.status != http.StatusOK || hubtest.Bytes([]byte(after.body)).SHA256() != content.SHA256()) {
				t.Errorf("the day after: %d %.200s", after.status, after.body)
			}
			if after.status == http.StatusOK && hubtest.Bytes([]byte(after.body)).SHA256() != content.SHA256() {
				t.Errorf("the day after: wrong bytes")
			}
		})
	}
}

func TestTheHubGoesAwayAndComesBack(t *testing.T) {
	w := newWorld(t)
	on, g := through(t, w, "MODELGATE_HUGGINGFACE_BRANCH_TTL=1ms")
	scan := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin")).header.Get("X-Modelgate-Scan")
	main := on.fileURL(modelID, "config.json")
	pinned := on.endpoint + "/" + modelID + "/resolve/" + on.model.Head() + "/config.json"
	for _, address := range []string{main, pinned} {
		if got := ask(t, "GET", address); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", address, got.status, got.body)
		}
	}
	w.Stop(hubtest.Main)
	w.Stop(hubtest.CDN)
	for _, when := range []string{"at once", "after a restart"} {
		if when == "after a restart" {
			g.stop(syscall.SIGTERM)
			g.start(t)
		}
		if got := ask(t, "GET", pinned); got.status != http.StatusOK || got.header.Get("X-HF-Warning") != "" {
			t.Errorf("a pinned commit, %s: %d %v", when, got.status, got.header)
		}
		if got := ask(t, "GET", main); got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("X-HF-Warning"), "modelgate; ") {
			t.Errorf("a branch, %s: %d %v", when, got.status, got.header)
		}
		if got := ask(t, "GET", on.fileURL("tiny", "config.json")); got.status != http.StatusBadGateway || got.header.Get("X-Error-Message") == "" {
			t.Errorf("what is not known, %s: %d %v", when, got.status, got.header)
		}
		if got := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin")); got.status != http.StatusForbidden || got.header.Get("X-Modelgate-Scan") != scan {
			t.Errorf("the evil model, %s: %d %v", when, got.status, got.header)
		}
	}
	var cached map[string]any // a user's whole snapshot, of what the gate has seen of it
	newClient(t, on.endpoint).python(t, testenv.Hub24, "download.py", &cached, []labelled{
		{"pinned", arguments{"repo_id": modelID, "filename": "config.json", "revision": on.model.Head()}},
		{"main", arguments{"repo_id": modelID, "filename": "config.json"}},
	})
	for label, got := range cached {
		if got != on.contents[modelID]["config.json"].SHA256() {
			t.Errorf("%s: %v", label, got)
		}
	}
	if err := w.Resume(hubtest.Main); err != nil {
		t.Fatal(err)
	}
	if err := w.Resume(hubtest.CDN); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, "GET", on.fileURL("tiny", "config.json")); got.status != http.StatusOK {
		t.Errorf("after it is back: %d %s", got.status, got.body)
	}
}

func TestTheQuotaOfTheHubIsObeyed(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	files := hubtest.Files{}
	for i := range 30 {
		files[fmt.Sprintf("part%02d.safetensors", i)] = hubtest.Safetensors(int64(2000+i), uint64(500+i))
	}
	w.add("org/parts", files, w.AddModel)
	w.Limit(12, 2*time.Second)
	got := ask(t, "GET", on.fileURL("org/parts", "part07.safetensors"))
	if got.status != http.StatusOK || hubtest.Bytes([]byte(got.body)).SHA256() != files["part07.safetensors"].SHA256() {
		t.Errorf("%d %v %.200s", got.status, got.header, got.body)
	}
	refused := 0
	for _, r := range w.Requests() {
		if r.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused > 10 {
		t.Errorf("the Hub had to refuse %d requests", refused)
	}
}

func TestOneFetchServesEverybodyWhoAsks(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	content := hubtest.Safetensors(24<<20, 777)
	w.add("org/crowd", hubtest.Files{"model.safetensors": content}, w.AddModel)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			got, err := attempt(t.Context(), "GET", on.fileURL("org/crowd", "model.safetensors"), "")
			if err != nil || got.status != http.StatusOK || hubtest.Bytes([]byte(got.body)).SHA256() != content.SHA256() {
				t.Errorf("%d, %d bytes, %v, %v", got.status, len(got.body), got.err, err)
			}
		})
	}
	all.Wait()
	if n := w.Served(hubtest.CDN, "org/crowd"); n > content.Size()+4<<20 {
		t.Errorf("the content network served %d bytes for a file of %d", n, content.Size())
	}
}

func TestAGateThatIsKilledStartsCleanly(t *testing.T) {
	w := newWorld(t)
	on, g := through(t, w)
	content := hubtest.Safetensors(40<<20, 888)
	repo := w.add("org/killed", hubtest.Files{"model.safetensors": content}, w.AddModel)
	address := on.endpoint + "/org/killed/resolve/" + repo.Head() + "/model.safetensors"
	evil := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin"))
	slow := w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: "org/killed", Rate: 8 << 20})
	served := make(chan bool, 1)
	go func() {
		got, err := attempt(t.Context(), "GET", address, "")
		served <- err == nil && got.err == nil && got.status == http.StatusOK
	}()
	for deadline := time.Now().Add(20 * time.Second); slow.Fired() == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the gate does not fetch")
		}
	}
	time.Sleep(time.Second) // somewhere in the middle, of whatever it does
	g.stop(syscall.SIGKILL)
	if <-served {
		t.Fatal("it was served before the gate could be killed")
	}
	slow.Remove()
	g.start(t)
	if got := ask(t, "GET", address); got.status != http.StatusOK || hubtest.Bytes([]byte(got.body)).SHA256() != content.SHA256() {
		t.Errorf("after the restart: %d, %d bytes, %v", got.status, len(got.body), got.err)
	}
	again := ask(t, "GET", on.fileURL(evilID, "pytorch_model.bin"))
	if again.status != http.StatusForbidden || again.header.Get("X-Modelgate-Scan") != evil.header.Get("X-Modelgate-Scan") {
		t.Errorf("the refusal of before: %d, scan %s, was %s", again.status, again.header.Get("X-Modelgate-Scan"), evil.header.Get("X-Modelgate-Scan"))
	}
}

func TestLinksOfAHostileHubAreDropped(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	w.Inject(hubtest.Fault{Host: hubtest.Main, Path: "/tree/", LinkHost: "http://evil.example"})
	got := ask(t, "GET", on.endpoint+"/api/datasets/"+pagedID+"/tree/main?recursive=True")
	if got.status != http.StatusOK || strings.Contains(got.header.Get("Link"), "evil") {
		t.Errorf("%d, Link %q", got.status, got.header.Get("Link"))
	}
}
