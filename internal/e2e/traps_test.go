package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

func TestEveryPageLinksToTheGate(t *testing.T) {
	on, _ := through(t, newWorld(t))
	rows := map[string]struct {
		address string
		entries int
	}{
		"tree":                 {"/api/datasets/" + pagedID + "/tree/main?recursive=True", pages + 40},
		"tree with expand":     {"/api/datasets/" + pagedID + "/tree/main?recursive=True&expand=True&limit=1000", pages + 40},
		"search":               {"/api/models?limit=2", len(on.models())},
		"commits":              {"/api/models/" + modelID + "/commits/main?limit=1", 2},
		"under another prefix": {"/g/Default%20HUGGING_FACE/api/datasets/" + pagedID + "/tree/main?recursive=1", pages + 40},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			address, count, prefix := on.endpoint+row.address, 0, on.endpoint+"/"
			if strings.HasPrefix(row.address, "/g/") {
				prefix = on.endpoint + "/g/Default%20HUGGING_FACE/"
			}
			for address != "" {
				got := ask(t, "GET", address, "Authorization", "Bearer "+bobToken)
				var entries []any
				got.into(t, &entries)
				count += len(entries)
				link := got.header.Get("Link")
				address = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
				if link != "" && !strings.HasPrefix(address, prefix) {
					t.Fatalf("Link %q", link)
				}
			}
			if count != row.entries {
				t.Errorf("%d entries, want %d", count, row.entries)
			}
		})
	}
}

// models are the models that everybody may see.
func (w *world) models() []string {
	var ids []string
	for id := range w.contents {
		if w.repo(id) != nil && id != "org/private" {
			ids = append(ids, id)
		}
	}
	return ids
}

// metadataRoutes are requests whose answers could tell of Xet.
var metadataRoutes = []string{
	"/api/models/" + modelID, "/api/models/" + modelID + "?blobs=True", "/api/models/" + modelID + "/revision/main?blobs=True&securityStatus=True",
	"/api/models/" + modelID + "?expand[]=siblings&expand=xetEnabled", "/api/models/" + modelID + "/tree/main?recursive=True",
	"/api/models/" + modelID + "/tree/main?recursive=True&expand=True", "/api/models/" + modelID + "/tree/main/weights", "/api/models?full=True",
	"/api/datasets/" + datasetID, "/api/models/" + modelID + "/refs", "/api/models/" + modelID + "/commits/main",
	"/" + modelID + "/resolve/main/model.safetensors", "/" + modelID + "/resolve/main/config.json",
}

func TestXetIsHiddenEverywhere(t *testing.T) {
	on, _ := through(t, newWorld(t))
	check := func(name string, got answer) {
		t.Helper()
		if got.status != http.StatusOK {
			t.Errorf("%s: %d", name, got.status)
		}
		if strings.HasPrefix(got.header.Get("Content-Type"), "application/json") && strings.Contains(strings.ToLower(got.body), "xethash") {
			t.Errorf("%s: the body tells of Xet", name)
		}
		for header, values := range got.header {
			if text := strings.ToLower(header + ": " + strings.Join(values, ",")); strings.Contains(text, "xet") {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
	for _, route := range metadataRoutes {
		for _, method := range []string{"GET", "HEAD"} {
			check(method+" "+route, ask(t, method, on.endpoint+route))
		}
	}
	form := url.Values{"paths": {"model.safetensors", "config.json"}, "expand": {"True"}}.Encode()
	check("paths-info", send(t, "POST", on.endpoint+"/api/models/"+modelID+"/paths-info/main", form, "Content-Type", "application/x-www-form-urlencoded"))
	check("paths-info as JSON", send(t, "POST", on.endpoint+"/api/models/"+modelID+"/paths-info/main", `{"paths":["model.safetensors"],"expand":true}`,
		"Content-Type", "application/json"))

	token := ask(t, "GET", on.endpoint+"/api/models/"+modelID+"/xet-read-token/"+on.model.Head())
	if token.status != http.StatusForbidden || token.header.Get("X-Error-Code") != "" || !strings.Contains(token.header.Get("X-Error-Message"), "HF_HUB_DISABLE_XET=1") {
		t.Errorf("xet-read-token: %d %v", token.status, token.header)
	}
}

func TestTheStandInOffersXetToWhoKnowsIt(t *testing.T) {
	// The twin of TestXetIsHiddenEverywhere: without a gate the same client goes for the chunks.
	w := newWorld(t)
	var got map[string]string
	newClient(t, w.URL).python(t, testenv.Hub24, "download.py", &got, []labelled{{"xet", arguments{"repo_id": modelID, "filename": "model.safetensors"}}})
	if w.Count(hubtest.CDN, "", "/reconstructions/") == 0 || got["xet"] == w.contents[modelID]["model.safetensors"].SHA256() {
		t.Errorf("nobody asked for chunks: %v", got)
	}
}

func TestBytesAreServedAsAClientOfTheHubExpects(t *testing.T) {
	on, _ := through(t, newWorld(t))
	for _, file := range []string{"model.safetensors", "config.json", "sub/large in git.txt", "sub/empty.txt"} {
		content := on.contents[modelID][file]
		blob, lfs := on.model.Blob("main", file)
		etag := `"` + blob + `"`
		if lfs {
			etag = `"` + content.SHA256() + `"`
		}
		address := on.endpoint + "/" + modelID + "/resolve/main/" + strings.ReplaceAll(file, " ", "%20")
		whole := make([]byte, content.Size())
		if _, err := content.NewReader().Read(whole); err != nil && content.Size() > 0 {
			t.Fatal(err)
		}
		size := fmt.Sprint(content.Size())
		rows := []struct {
			name, method, ranged string
			status               int
			body, span, length   string
		}{
			{"head", "HEAD", "", 200, "", "", size},
			{"whole", "GET", "", 200, string(whole), "", size},
		}
		if content.Size() > 10 {
			rows = append(rows, []struct {
				name, method, ranged string
				status               int
				body, span, length   string
			}{
				{"one byte", "GET", "bytes=0-0", 206, string(whole[:1]), "bytes 0-0/" + size, "1"},
				{"rest", "GET", "bytes=7-", 206, string(whole[7:]), "bytes 7-" + fmt.Sprint(content.Size()-1) + "/" + size, fmt.Sprint(content.Size() - 7)},
				{"middle", "GET", "bytes=3-9", 206, string(whole[3:10]), "bytes 3-9/" + size, "7"},
				{"last five", "GET", "bytes=-5", 206, string(whole[len(whole)-5:]), fmt.Sprintf("bytes %d-%d/%s", len(whole)-5, len(whole)-1, size), "5"},
				{"two ranges", "GET", "bytes=0-1,5-6", 200, string(whole), "", size},
				{"a range that is none", "GET", "bytes=a-b", 200, string(whole), "", size},
				{"past the end", "GET", "bytes=" + size + "-", 416, "*", "bytes */" + size, "*"},
			}...)
		}
		for _, row := range rows {
			headers := []string{"Accept-Encoding", "gzip, deflate, br"}
			if row.ranged != "" {
				headers = append(headers, "Range", row.ranged)
			}
			got := ask(t, row.method, address, headers...)
			name := file + ", " + row.name
			if got.status != row.status || row.body != "*" && got.body != row.body || got.header.Get("Content-Range") != row.span ||
				row.length != "*" && got.header.Get("Content-Length") != row.length {
				t.Errorf("%s: %d, %d bytes of %s, range %q", name, got.status, len(got.body), got.header.Get("Content-Length"), got.header.Get("Content-Range"))
			}
			if got.header.Get("Content-Encoding") != "" || got.header.Get("Location") != "" {
				t.Errorf("%s: %v", name, got.header)
			}
			if row.status == 416 {
				continue
			}
			want := map[string]string{
				"ETag": etag, "X-Linked-Size": size, "X-Repo-Commit": on.model.Head(), "Accept-Ranges": "bytes",
			}
			if lfs {
				want["X-Linked-Etag"] = etag
			}
			for header, value := range want {
				if got.header.Get(header) != value {
					t.Errorf("%s: %s: %q, want %q", name, header, got.header.Get(header), value)
				}
			}
		}
	}
}

func TestTheTokenGoesToTheHubAndNowhereElse(t *testing.T) {
	on, g := through(t, newWorld(t))
	secret := "/org/private/resolve/main/model.safetensors"
	alice, bob := []string{"Authorization", "Bearer " + aliceToken}, []string{"Authorization", "Bearer " + bobToken}
	if got := ask(t, "GET", on.endpoint+secret, alice...); got.status != http.StatusOK {
		t.Fatalf("its reader: %d %s", got.status, got.body)
	}
	if diff := cmp.Diff([]string{aliceToken}, on.Tokens(hubtest.Main)); diff != "" {
		t.Errorf("tokens at the Hub: %s", diff)
	}
	if tokens := on.Tokens(hubtest.CDN); len(tokens) > 0 {
		t.Errorf("tokens at the content network: %v", tokens)
	}
	// The bytes are here now; a stranger gets the Hub's own word all the same, by name, by commit, and by digest.
	commit := on.repo("org/private").Head()
	for _, address := range []string{secret, "/org/private/resolve/" + commit + "/model.safetensors", "/api/models/org/private/tree/main", "/api/models/org/private"} {
		for _, method := range []string{"GET", "HEAD"} {
			if got := ask(t, method, on.endpoint+address, bob...); got.status != http.StatusNotFound || got.header.Get("X-Error-Code") != "RepoNotFound" {
				t.Errorf("%s %s by a stranger: %d %v", method, address, got.status, got.header)
			}
			if got := ask(t, method, on.endpoint+address); got.status != http.StatusUnauthorized {
				t.Errorf("%s %s anonymous: %d", method, address, got.status)
			}
		}
	}
	// A gated model shows its metadata, and its bytes to readers alone.
	gated := "/org/gated/resolve/main/model.safetensors"
	if got := ask(t, "GET", on.endpoint+gated, alice...); got.status != http.StatusOK {
		t.Fatalf("its reader: %d %s", got.status, got.body)
	}
	if got := ask(t, "GET", on.endpoint+gated, bob...); got.status != http.StatusForbidden || got.header.Get("X-Error-Code") != "GatedRepo" {
		t.Errorf("a stranger: %d %v", got.status, got.header)
	}
	for _, headers := range [][]string{nil, {"If-None-Match", `"` + on.contents["org/gated"]["model.safetensors"].SHA256() + `"`}, {"Range", "bytes=0-0"}} {
		for _, method := range []string{"GET", "HEAD"} {
			if got := ask(t, method, on.endpoint+gated, headers...); got.status != http.StatusUnauthorized || got.header.Get("X-Error-Code") != "GatedRepo" {
				t.Errorf("%s with %v, anonymous: %d %v", method, headers, got.status, got.header)
			}
		}
	}
	// Nor is it written down.
	if strings.Contains(g.log.String(), aliceToken) || strings.Contains(g.log.String(), bobToken) {
		t.Error("a token is in the log")
	}
	g.stop(syscall.SIGTERM)
	err := filepath.WalkDir(g.data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(aliceToken)) || bytes.Contains(b, []byte(bobToken)) {
			t.Errorf("a token is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNoOtherRouteGivesEvilBytes(t *testing.T) {
	on, _ := through(t, newWorld(t))
	evil := on.contents[evilID]["pytorch_model.bin"]
	head, digest := on.evil.Head(), evil.SHA256()
	routes := []string{
		"/" + evilID + "/resolve/main/pytorch_model.bin", "/" + evilID + "/resolve/" + head + "/pytorch_model.bin",
		"/" + evilID + "/resolve/" + head[:7] + "/pytorch_model.bin", "/" + evilID + "/resolve/main//pytorch_model.bin",
		"/" + evilID + "/resolve/main/./pytorch_model.bin", "/" + evilID + "/resolve/main/x/../pytorch_model.bin",
		"/" + evilID + "/resolve/main/%2e%2e/main/pytorch_model.bin", "/" + evilID + "/resolve/refs%2Fheads%2Fmain/pytorch_model.bin",
		"/" + evilID + "/resolve/main/pytorch_model.bin?download=true", "/" + evilID + "/raw/main/pytorch_model.bin",
		"/" + evilID + "/blob/main/pytorch_model.bin", "/models/" + evilID + "/resolve/main/pytorch_model.bin",
		"/" + evilID + "/resolve/main/pytorch%5Fmodel.bin", "//" + evilID + "/resolve/main/pytorch_model.bin",
		"/api/resolve-cache/models/" + evilID + "/" + head + "/pytorch_model.bin", "/api/resolve-cache/models/" + evilID + "/" + head + "/pytorch_model.bin?etag=%22" + digest + "%22",
		"/v2/" + evilID + "/blobs/sha256:" + digest, "/v2/" + evilID + "/manifests/latest", "/api/models/" + evilID + "/resolve/main/pytorch_model.bin",
		"/g/Default%20HUGGING_FACE/" + evilID + "/resolve/main/pytorch_model.bin",
		"/datasets/" + evilDataID + "/resolve/main/train.csv", "/datasets/" + evilDataID + "/raw/main/train.csv",
		"/api/resolve-cache/datasets/" + evilDataID + "/" + on.Repo("datasets", evilDataID).Head() + "/train.csv",
	}
	marker := string(hubtest.InertPickle())
	for _, route := range routes {
		for _, ranged := range []string{"", "bytes=0-"} {
			got := ask(t, "GET", on.endpoint+route, "Range", ranged)
			if strings.Contains(got.body, marker) || got.status == http.StatusOK && strings.Contains(route, digest) || got.status == http.StatusPartialContent ||
				got.header.Get("Location") != "" {
				t.Errorf("%s: %d, %d bytes, Location %q", route, got.status, len(got.body), got.header.Get("Location"))
			}
		}
	}
	batch := send(t, "POST", on.endpoint+"/"+evilID+".git/info/lfs/objects/batch",
		fmt.Sprintf(`{"operation":"download","transfers":["basic"],"objects":[{"oid":%q,"size":%d}]}`, digest, evil.Size()),
		"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json")
	if strings.Contains(batch.body, "href") {
		t.Errorf("LFS batch: %d %s", batch.status, batch.body)
	}
	// An object of a blocked version by way of an allowed repository.
	other := send(t, "POST", on.endpoint+"/"+modelID+".git/info/lfs/objects/batch",
		fmt.Sprintf(`{"operation":"download","transfers":["basic"],"objects":[{"oid":%q,"size":%d}]}`, digest, evil.Size()),
		"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json")
	if strings.Contains(other.body, "href") {
		t.Errorf("LFS batch of another repository: %d %s", other.status, other.body)
	}
}

func TestObjectsOfLFSAreFetchedFromTheGate(t *testing.T) {
	on, _ := through(t, newWorld(t))
	for _, prefix := range []string{"", "/g/Default%20HUGGING_FACE"} {
		for _, repo := range []struct{ id, path, file string }{{modelID, modelID, "model.safetensors"}, {modelID, modelID + ".git", "weights/one.safetensors"}} {
			c := on.contents[repo.id][repo.file]
			got := send(t, "POST", on.endpoint+prefix+"/"+repo.path+"/info/lfs/objects/batch",
				fmt.Sprintf(`{"operation":"download","transfers":["basic"],"ref":{"name":"refs/heads/main"},"objects":[{"oid":%q,"size":%d}]}`, c.SHA256(), c.Size()),
				"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json")
			var batch struct {
				Objects []struct {
					Actions struct{ Download struct{ Href string } }
				}
			}
			got.into(t, &batch)
			if len(batch.Objects) != 1 || !strings.HasPrefix(batch.Objects[0].Actions.Download.Href, on.endpoint+prefix+"/") {
				t.Errorf("%s%s: %d %s", prefix, repo.path, got.status, got.body)
				continue
			}
			if file := ask(t, "GET", batch.Objects[0].Actions.Download.Href); file.status != http.StatusOK || hubtest.Bytes([]byte(file.body)).SHA256() != c.SHA256() {
				t.Errorf("%s%s: object %d %.200s", prefix, repo.path, file.status, file.body)
			}
		}
	}
	upload := send(t, "POST", on.endpoint+"/"+modelID+".git/info/lfs/objects/batch", `{"operation":"upload","objects":[{"oid":"`+strings.Repeat("0", 64)+`","size":1}]}`,
		"Content-Type", "application/vnd.git-lfs+json")
	if upload.status < 400 || strings.Contains(upload.body, "href") {
		t.Errorf("upload: %d %s", upload.status, upload.body)
	}
}

func TestTheGateIsReadOnly(t *testing.T) {
	on, _ := through(t, newWorld(t))
	on.Forget()
	for _, row := range [][2]string{
		{"POST", "/api/repos/create"},
		{"DELETE", "/api/repos/delete"},
		{"PUT", "/api/models/" + modelID + "/settings"},
		{"POST", "/api/models/" + modelID + "/commit/main"},
		{"POST", "/api/models/" + modelID + "/preupload/main"},
		{"PATCH", "/api/models/" + modelID},
		{"POST", "/" + modelID + "/git-receive-pack"},
		{"POST", "/" + modelID + "/git-upload-pack"},
	} {
		if got := send(t, row[0], on.endpoint+row[1], "{}", "Authorization", "Bearer "+aliceToken); got.status != http.StatusForbidden {
			t.Errorf("%s %s: %d", row[0], row[1], got.status)
		}
	}
	for _, r := range on.Requests() {
		if r.Method != "GET" && r.Method != "HEAD" {
			t.Errorf("%s %s went upstream", r.Method, r.Path)
		}
	}
	got := ask(t, "GET", on.endpoint+"/"+modelID+"/info/refs?service=git-upload-pack")
	if got.status != http.StatusForbidden || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Errorf("git clone: %d %s", got.status, got.header.Get("Content-Type"))
	}
}

func TestWhatIsKnownIsAnsweredWithoutTheHub(t *testing.T) {
	on, _ := through(t, newWorld(t))
	address := on.endpoint + "/" + modelID + "/resolve/" + on.model.Head() + "/model.safetensors"
	if got := ask(t, "GET", address); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	evil := on.endpoint + "/" + evilID + "/resolve/" + on.evil.Head() + "/pytorch_model.bin"
	if got := ask(t, "GET", evil); got.status != http.StatusForbidden {
		t.Fatalf("%d %s", got.status, got.body)
	}
	on.Forget()
	for range 3 {
		ask(t, "HEAD", address)
		ask(t, "GET", address)
		ask(t, "GET", address, "Range", "bytes=5-9")
		ask(t, "GET", evil)
		ask(t, "HEAD", evil)
	}
	for _, r := range on.Requests() {
		t.Errorf("%s %s %s was asked again", r.Host, r.Method, r.Path)
	}
}
