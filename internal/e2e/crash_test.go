package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"modelgate/internal/hubtest"
)

func TestWhatWasToldBeforeAKillIsOnRecordAfterIt(t *testing.T) {
	w := newWorld(t)
	on, g := through(t, w)
	const models = 60
	contents := map[string]hubtest.Content{}
	addresses := map[string]string{}
	for i := range models {
		id := fmt.Sprintf("org/many%d", i)
		contents[id] = hubtest.Safetensors(int64(50_000+i), uint64(1000+i))
		if i%3 == 0 {
			contents[id] = hubtest.Bytes(append([]byte(fmt.Sprintf("\x80\x02X\x01\x00\x00\x00%c0", 'a'+i%26)), hubtest.InertPickle()[2:]...))
		}
		repo := w.AddModel(id, hubtest.Files{"model.bin": contents[id]})
		addresses[id] = on.endpoint + "/" + id + "/resolve/" + repo.Head() + "/model.bin"
	}
	told := map[string]string{}
	for round := range 3 {
		var all sync.WaitGroup
		var mu sync.Mutex
		for i := range models {
			id := fmt.Sprintf("org/many%d", i)
			all.Go(func() {
				got, err := attempt(t.Context(), "GET", addresses[id], "")
				if err != nil || got.header.Get("X-Modelgate-Scan") == "" {
					return // the kill was first
				}
				mu.Lock()
				defer mu.Unlock()
				if scan := got.header.Get("X-Modelgate-Scan"); told[id] != "" && told[id] != scan {
					t.Errorf("%s: scan %s was told, now it is %s", id, told[id], scan)
				} else {
					told[id] = scan
				}
			})
		}
		heard := func() int { mu.Lock(); defer mu.Unlock(); return len(told) }
		for deadline := time.Now().Add(20 * time.Second); heard() < 1+15*round && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		g.stop(syscall.SIGKILL)
		all.Wait()
		g.start(t)
	}
	if len(told) < 31 {
		t.Errorf("only %d were told anything before the kills", len(told))
	}
	for id, scan := range told {
		if got := ask(t, "GET", on.endpoint+"/aims/data/v1/scans/"+scan, "Authorization", "Bearer any"); got.status != http.StatusOK {
			t.Errorf("scan %s of %s: %d %s", scan, id, got.status, got.body)
		}
	}
	for i := range models {
		id := fmt.Sprintf("org/many%d", i)
		got := ask(t, "GET", addresses[id])
		if evil := i%3 == 0; evil && got.status != http.StatusForbidden ||
			!evil && (got.status != http.StatusOK || hubtest.Bytes([]byte(got.body)).SHA256() != contents[id].SHA256()) {
			t.Errorf("%s: %d %.200s", id, got.status, got.header.Get("X-Error-Message"))
		}
	}
}

func TestClientsResumeWhatAKillCut(t *testing.T) {
	w := newWorld(t)
	on, g := through(t, w)
	for i, env := range hubs {
		id := fmt.Sprintf("org/cut%d", i)
		content := hubtest.Safetensors(12<<20, uint64(900+i))
		w.add(id, hubtest.Files{"model.safetensors": content}, w.AddModel)
		slow := w.Inject(hubtest.Fault{Host: hubtest.CDN, Path: id, Rate: 6 << 20})
		c := newClient(t, on.endpoint, "HF_HUB_DOWNLOAD_TIMEOUT=3")
		killed := make(chan bool)
		go func() {
			defer close(killed)
			for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				if partly(filepath.Join(c.home, "hf")) {
					g.stop(syscall.SIGKILL)
					killed <- true
					return
				}
			}
		}()
		var got map[string]string
		input := []labelled{{"file", arguments{"repo_id": id, "filename": "model.safetensors"}}}
		c.python(t, env, "download.py", &got, input)
		if !<-killed || got["file"] == content.SHA256() {
			t.Errorf("%s: the kill came too late: %v", env, got)
		}
		slow.Remove()
		if g.cmd == nil {
			g.start(t)
		}
		c.python(t, env, "download.py", &got, input)
		if got["file"] != content.SHA256() {
			t.Errorf("%s: %v", env, got)
		}
	}
}

// partly tells whether a download has begun in a user's cache: some bytes of it are there.
func partly(cache string) bool {
	found, err := filepath.Glob(filepath.Join(cache, "hub", "*", "blobs", "*.incomplete"))
	if err != nil {
		return false
	}
	for _, f := range found {
		if st, err := os.Stat(f); err == nil && st.Size() > 1<<20 {
			return true
		}
	}
	return false
}
