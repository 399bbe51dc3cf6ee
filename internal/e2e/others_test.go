package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

// others are the clients beside huggingface_hub, each with what it must be able to do.
var others = map[string]func(*testing.T, target){
	"hf": hfCommand, "transformers": transformers, "datasets": datasets, "npm hub": npmHub, "rust hf-hub": rustHub,
	"curl": curl, "wget": wget, "aria2": aria2, "git-lfs": gitLFS, "ollama": ollama,
}

// same fails the test if a file does not hold the content.
func same(t *testing.T, path string, want hubtest.Content) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if got := hubtest.From(f, st.Size()); got.Size() != want.Size() || got.SHA256() != want.SHA256() {
		t.Errorf("%s: %d bytes with SHA-256 %s, want %d with %s", filepath.Base(path), got.Size(), got.SHA256(), want.Size(), want.SHA256())
	}
}

// hfCommand downloads a model with the command line of 2.4.
func hfCommand(t *testing.T, on target) {
	c := newClient(t, on.endpoint, on.settings()...)
	got := c.run(t, "", testenv.HF(t, testenv.Hub24), "download", modelID, "--local-dir", c.home+"/m")
	if got.code != 0 {
		t.Fatalf("ended with %d: %s", got.code, got.all())
	}
	for path, content := range on.contents[modelID] {
		same(t, filepath.Join(c.home, "m", path), content)
	}
}

// settings of huggingface_hub with Xet: where no gate hides Xet, its chunks must not be asked for, since the stand-in stores none.
func (on target) settings() []string {
	if on.gated {
		return nil
	}
	return []string{"HF_HUB_DISABLE_XET=1"}
}

// transformers loads a configuration and a tokenizer.
func transformers(t *testing.T, on target) {
	var got map[string]any
	newClient(t, on.endpoint, on.settings()...).python(t, testenv.Stack, "load_transformers.py", &got, nil, modelID)
	if diff := cmp.Diff(map[string]any{"model_type": "bert", "ids": []any{1.0, 2.0}}, got); diff != "" {
		t.Error(diff)
	}
}

// datasets loads a table, whole and as a stream.
func datasets(t *testing.T, on target) {
	var got map[string]any
	newClient(t, on.endpoint, on.settings()...).python(t, testenv.Stack, "load_datasets.py", &got, nil, datasetID)
	row := func(text string, label float64) any { return map[string]any{"text": text, "label": label} }
	if diff := cmp.Diff(map[string]any{"rows": []any{row("hello", 1), row("world", 0)}, "first": row("hello", 1)}, got); diff != "" {
		t.Error(diff)
	}
}

// npmAnswer is what hub.mjs prints.
type npmAnswer struct {
	Files                    []string
	SHA256, Error, RequestID string
}

func npm(t *testing.T, on target, repo, file string) npmAnswer {
	t.Helper()
	node, module := testenv.Node(t)
	got := newClient(t, on.endpoint).run(t, "", node, testdata(t, "hub.mjs"), module, on.endpoint, repo, file)
	var answer npmAnswer
	if err := json.Unmarshal([]byte(got.stdout), &answer); err != nil {
		t.Fatalf("%v\n%s", err, got.all())
	}
	return answer
}

// npmHub lists a model and downloads a file with @huggingface/hub. Where no gate hides Xet, it is a file without.
func npmHub(t *testing.T, on target) {
	file := "config.json"
	if on.gated {
		file = "model.safetensors"
	}
	got := npm(t, on, modelID, file)
	slices.Sort(got.Files)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(on.contents[modelID])), got.Files); diff != "" {
		t.Error(diff)
	}
	if got.SHA256 != on.contents[modelID][file].SHA256() {
		t.Errorf("%s: %+v", file, got)
	}
}

// rustHub downloads with hf-hub 0.4.3, which asks for one byte where others send HEAD.
func rustHub(t *testing.T, on target) {
	got := newClient(t, on.endpoint).run(t, "", testenv.Rust(t), modelID, "main", "config.json", "model.safetensors")
	paths := strings.Fields(got.stdout)
	if got.code != 0 || len(paths) != 2 {
		t.Fatalf("ended with %d: %s", got.code, got.all())
	}
	same(t, paths[0], on.contents[modelID]["config.json"])
	same(t, paths[1], on.contents[modelID]["model.safetensors"])
}

// fileURL is the address of a file that a person would type.
func (on target) fileURL(repo, file string) string {
	return on.endpoint + "/" + repo + "/resolve/main/" + file
}

// curl downloads a whole file, resumes half of one, and is told that nothing is behind the end.
func curl(t *testing.T, on target) {
	c, program := newClient(t, on.endpoint), testenv.Tool(t, "curl")
	want, url := on.contents[modelID]["model.safetensors"], on.fileURL(modelID, "model.safetensors")
	if got := c.run(t, "", program, "-sSfL", "-o", "whole", url); got.code != 0 {
		t.Fatalf("ended with %d: %s", got.code, got.all())
	}
	same(t, filepath.Join(c.home, "whole"), want)
	half := make([]byte, want.Size()/2)
	if _, err := want.ReadAt(half, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.home, "half"), half, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := c.run(t, "", program, "-sSfL", "-C", "-", "-o", "half", url); got.code != 0 {
		t.Fatalf("resuming ended with %d: %s", got.code, got.all())
	}
	same(t, filepath.Join(c.home, "half"), want)
	got := c.run(t, "", program, "-sSL", "-o", "none", "-w", "%{http_code} %header{content-range}", "-H", fmt.Sprintf("Range: bytes=%d-", want.Size()), url)
	if got.stdout != fmt.Sprintf("416 bytes */%d", want.Size()) {
		t.Errorf("behind the end: %q", got.all())
	}
}

// wget downloads a file whole, and continues one.
func wget(t *testing.T, on target) {
	c, program := newClient(t, on.endpoint), testenv.Tool(t, "wget")
	want, url := on.contents[modelID]["model.safetensors"], on.fileURL(modelID, "model.safetensors")
	half := make([]byte, want.Size()/3)
	if _, err := want.ReadAt(half, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.home, "part"), half, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-O", "whole"}, {"-c", "-O", "part"}} {
		if got := c.run(t, "", program, append(args, "-q", "--no-config", url)...); got.code != 0 {
			t.Fatalf("%v ended with %d: %s", args, got.code, got.all())
		}
		same(t, filepath.Join(c.home, args[len(args)-1]), want)
	}
}

// aria2 opens several ranges of a file at once.
func aria2(t *testing.T, on target) {
	c := newClient(t, on.endpoint)
	got := c.run(t, "", testenv.Tool(t, "aria2c"), "--no-conf", "-q", "-x4", "-s4", "-k", "1M", "--min-split-size=1M", "-o", "out",
		on.fileURL(wideID, "model.safetensors"))
	if got.code != 0 {
		t.Fatalf("ended with %d: %s", got.code, got.all())
	}
	same(t, filepath.Join(c.home, "out"), on.contents[wideID]["model.safetensors"])
}

// gitLFS pulls the objects of a clone whose pointers are there already: git itself is not served.
func gitLFS(t *testing.T, on target) {
	c := newClient(t, on.endpoint)
	dir := c.lfsClone(t, on, modelID)
	if got := c.run(t, "", testenv.Tool(t, "git"), "-C", dir, "lfs", "pull"); got.code != 0 {
		t.Fatalf("git lfs pull ended with %d: %s", got.code, got.all())
	}
	for path, content := range on.contents[modelID] {
		if _, lfs := on.model.Blob("main", path); lfs {
			same(t, filepath.Join(dir, path), content)
		}
	}
}

// lfsClone makes what git clone leaves without LFS: a repository with pointers, and LFS pointed at the target.
func (c *client) lfsClone(t *testing.T, on target, repo string) string {
	t.Helper()
	testenv.Tool(t, "git-lfs")
	git, dir := testenv.Tool(t, "git"), filepath.Join(c.home, "clone")
	must := func(args ...string) {
		t.Helper()
		if got := c.run(t, "", git, append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@localhost"}, args...)...); got.code != 0 {
			t.Fatalf("git %v ended with %d: %s", args, got.code, got.all())
		}
	}
	attributes := ""
	for path, content := range on.contents[repo] {
		if _, lfs := on.repo(repo).Blob("main", path); !lfs {
			continue
		}
		attributes += "/" + path + " filter=lfs diff=lfs merge=lfs -text\n"
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", content.SHA256(), content.Size())
		if err := os.WriteFile(full, []byte(pointer), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must("init", "-q", "-b", "main")
	must("add", ".")
	if err := os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte(attributes), 0o600); err != nil {
		t.Fatal(err)
	}
	must("add", ".gitattributes")
	must("commit", "-q", "-m", "pointers")
	must("lfs", "install", "--local", "--skip-smudge")
	must("config", "lfs.url", on.endpoint+"/"+repo+".git/info/lfs")
	must("config", "lfs.locksverify", "false")
	return dir
}

// ollama asks what ollama asks: a manifest by tag, then its blobs by digest.
func ollama(t *testing.T, on target) {
	c, program := newClient(t, on.endpoint), testenv.Tool(t, "curl")
	got := c.run(t, "", program, "-sSfL", on.endpoint+"/v2/"+ggufID+"/manifests/Q4_K_M")
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ MediaType, Digest string }
	}
	if err := json.Unmarshal([]byte(got.stdout), &manifest); err != nil || len(manifest.Layers) == 0 {
		t.Fatalf("ended with %d: %s", got.code, got.all())
	}
	want := on.contents[ggufID]["tiny-Q4_K_M.gguf"]
	if manifest.Layers[0].Digest != "sha256:"+want.SHA256() {
		t.Errorf("layer %+v", manifest.Layers[0])
	}
	for _, digest := range []string{manifest.Config.Digest, manifest.Layers[0].Digest} {
		if got := c.run(t, "", program, "-sSfL", "-o", "blob", on.endpoint+"/v2/"+ggufID+"/blobs/"+digest); got.code != 0 {
			t.Fatalf("blob %s ended with %d: %s", digest, got.code, got.all())
		}
		f, err := os.ReadFile(filepath.Join(c.home, "blob"))
		if err != nil || "sha256:"+hubtest.Bytes(f).SHA256() != digest {
			t.Errorf("blob %s has other bytes: %v", digest, err)
		}
	}
}
