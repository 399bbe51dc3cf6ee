package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/hubtest"
	"modelgate/internal/testenv"
)

// target is an endpoint that must be the Hub as far as clients can tell.
type target struct {
	*world
	endpoint string
	gated    bool // a gate is in front: Xet is hidden
}

func TestTheStandInIsTheHubToItsClients(t *testing.T) {
	w := newWorld(t)
	accept(t, target{w, w.URL, false})
}

// accept runs everything that works on the Hub with every generation of its client.
func accept(t *testing.T, on target) {
	for _, env := range hubs {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			t.Run("snapshots", func(t *testing.T) { snapshots(t, on, env) })
			t.Run("metadata", func(t *testing.T) { metadata(t, on, env) })
			t.Run("filesystem", func(t *testing.T) { filesystem(t, on, env) })
			t.Run("outcomes", func(t *testing.T) { outcomes(t, on, env) })
		})
	}
	for name, try := range others {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try(t, on)
		})
	}
}

// labelled is a line of input of the scripts: a label and arguments.
type labelled [2]any

type arguments map[string]any

func snapshots(t *testing.T, on target, env string) {
	c := newClient(t, on.endpoint, on.settings()...)
	main, pull := digests(on.contents[modelID]), digests(on.contents[modelID], hubtest.Files{"proposed.txt": hubtest.Text("proposed")})
	asked := []labelled{
		{"main", arguments{"repo_id": modelID}},
		{"tag", arguments{"repo_id": modelID, "revision": "v1.0"}},
		{"pull request", arguments{"repo_id": modelID, "revision": "refs/pr/1"}},
		{"commit", arguments{"repo_id": modelID, "revision": on.first}},
		{"folder", arguments{"repo_id": modelID, "local_dir": c.home + "/folder"}},
		{"without organization", arguments{"repo_id": "tiny"}},
		{"renamed", arguments{"repo_id": "org/new"}},
		{"dataset", arguments{"repo_id": datasetID, "repo_type": "dataset"}},
		{"space", arguments{"repo_id": spaceID, "repo_type": "space"}},
		{"private", arguments{"repo_id": "org/private", "token": aliceToken}},
		{"gated", arguments{"repo_id": "org/gated", "token": aliceToken}},
	}
	want := map[string]any{
		"main": main, "tag": digests(on.old), "pull request": pull, "commit": digests(on.old), "folder": main,
		"without organization": digests(on.contents["tiny"]), "renamed": digests(on.contents["org/new"]),
		"dataset": digests(on.contents[datasetID]), "space": digests(on.contents[spaceID]),
		"private": digests(on.contents["org/private"]), "gated": digests(on.contents["org/gated"]),
	}
	if env == testenv.Hub24 {
		asked = append(asked, labelled{"kernel", arguments{"repo_id": "org/kernel", "repo_type": "kernel"}})
		want["kernel"] = digests(on.contents["org/kernel"])
	}
	asked = append(asked, labelled{"paged", arguments{"repo_id": pagedID, "repo_type": "dataset", "allow_patterns": []string{"d00/*", "d39/*"}}})
	paged := maps.Clone(on.contents[pagedID])
	maps.DeleteFunc(paged, func(p string, _ hubtest.Content) bool {
		return !strings.HasPrefix(p, "d00/") && !strings.HasPrefix(p, "d39/")
	})
	want["paged"] = digests(paged)
	var got map[string]any
	c.python(t, env, "snapshots.py", &got, asked)
	for label := range want {
		if diff := cmp.Diff(plain(want[label]), got[label]); diff != "" {
			t.Errorf("%s: %s", label, diff)
		}
	}
}

// plain turns a map of strings into what JSON makes of it.
func plain(v any) any {
	m, ok := v.(map[string]string)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, s := range m {
		out[k] = s
	}
	return out
}

func metadata(t *testing.T, on target, env string) {
	var got struct {
		Info struct {
			SHA     string
			License string
			Files   map[string][3]any
			Issues  []string
		}
		Expand                 any
		Dataset, Space, Kernel string
		Refs                   map[string]string
		Tree                   map[string][3]any
		Committed              []string
		Security               map[string]string
		Folder, Files          []string
		Paths                  map[string]string
		Commits                []string
		Exists                 []bool
		Search                 []string
		Organization           any
	}
	newClient(t, on.endpoint).python(t, env, "metadata.py", &got, nil, modelID, datasetID, spaceID, "org", bobToken)

	head := on.model.Head()
	files, info, tree, security := []string{}, map[string][3]any{}, map[string][3]any{}, map[string]string{}
	for path, c := range on.contents[modelID] {
		files = append(files, path)
		blob, lfs := on.model.Blob("main", path)
		info[path] = [3]any{float64(c.Size()), blob, nil}
		tree[path] = [3]any{blob, nil, nil}
		security[path] = "unscanned"
		if lfs {
			info[path] = [3]any{float64(c.Size()), blob, c.SHA256()}
			tree[path] = [3]any{blob, c.SHA256(), on.xet(env, c)}
		}
	}
	for _, folder := range []string{"sub", "sub/deep", "weights"} {
		tree[folder] = [3]any{}
	}
	security["model.safetensors"] = "safe"
	sort.Strings(files)
	slices.Sort(got.Files)
	check := func(what string, want, got any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	check("info", map[string]any{"sha": head, "license": "apache-2.0", "files": info, "issues": []string{}},
		map[string]any{"sha": got.Info.SHA, "license": got.Info.License, "files": got.Info.Files, "issues": got.Info.Issues})
	check("dataset", on.Repo("datasets", datasetID).Head(), got.Dataset)
	check("space", on.Repo("spaces", spaceID).Head(), got.Space)
	check("refs", map[string]string{"refs/heads/main": head, "refs/tags/v1.0": on.first, "refs/pr/1": on.pull}, got.Refs)
	check("tree", tree, got.Tree)
	check("last commits", []string{head}, got.Committed)
	check("folder", []string{"sub/deep/notes.txt", "sub/deep/other.txt"}, got.Folder)
	check("files", files, got.Files)
	check("paths", map[string]string{"config.json": "RepoFile", "sub": "RepoFolder"}, got.Paths)
	check("commits", []string{head, on.first}, got.Commits)
	check("exists", []bool{true, false, true, false, true, false}, got.Exists)
	check("number of found", 3, len(got.Search))
	if !on.gated && env != testenv.Hub23 { // a gate adds its own verdict; 0.23 knows no status
		check("security", security, got.Security)
	}
	if env != testenv.Hub23 {
		check("expand", any(7.0), got.Expand)
		check("organization", any(true), got.Organization)
	}
	if env == testenv.Hub24 {
		check("kernel", on.Repo("kernels", "org/kernel").Head(), got.Kernel)
	}
}

// xet is what a client sees of a file's name in Xet: nothing through a gate, and nothing if it knows no Xet.
func (on target) xet(env string, c hubtest.Content) any {
	if on.gated || env != testenv.Hub24 {
		return nil
	}
	return hubtest.XetHash(c)
}

func filesystem(t *testing.T, on target, env string) {
	c := on.contents[modelID]["model.safetensors"]
	var got struct {
		Size   int64
		Ranges map[string]string
		Whole  string
		Seek   string
		LS     []string `json:"ls"`
	}
	newClient(t, on.endpoint).python(t, env, "filesystem.py", &got, nil, modelID+"/model.safetensors", "0:1", "8:100", "70000:200000", "299990:300500")
	sum := func(from, to int64) string {
		b := make([]byte, min(to, c.Size())-from)
		if _, err := c.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		s := sha256.Sum256(b)
		return hex.EncodeToString(s[:])
	}
	want := map[string]string{
		"0:1": sum(0, 1), "8:100": sum(8, 100), "70000:200000": sum(70000, 200000), "299990:300500": sum(299990, 300500),
	}
	if diff := cmp.Diff(want, got.Ranges); diff != "" {
		t.Errorf("ranges: %s", diff)
	}
	seven := make([]byte, 7)
	if _, err := c.ReadAt(seven, 5); err != nil {
		t.Fatal(err)
	}
	if got.Size != c.Size() || got.Whole != c.SHA256() || got.Seek != hex.EncodeToString(seven) {
		t.Errorf("size %d, whole %s, from 5 on %s", got.Size, got.Whole, got.Seek)
	}
	if !slices.Contains(got.LS, "config.json") || !slices.Contains(got.LS, "sub") {
		t.Errorf("ls: %v", got.LS)
	}
}

// anonymous is what becomes of a bare 401. Clients do not know a Hub at an http:// address for one, so they take it for any
// server's, or for a broken connection; a gate says what is meant by X-Error-Code.
func (on target) anonymous(env string) string {
	switch {
	case on.gated:
		return "RepositoryNotFoundError"
	case env == testenv.Hub23:
		return "LocalEntryNotFoundError"
	default:
		return "HfHubHTTPError"
	}
}

// outcomes holds each generation to the exception that the Hub's own answer causes.
func outcomes(t *testing.T, on target, env string) {
	rows := []struct {
		label, repo, revision, file, token string
		exception, text                    string
	}{
		{"a repository that is not there", "org/none", "main", "", bobToken, "RepositoryNotFoundError", ""},
		{"a file of one that is not there", "org/none", "main", "config.json", bobToken, "RepositoryNotFoundError", ""},
		{"one that is not there, anonymous", "org/none", "main", "config.json", "", on.anonymous(env), ""},
		{"a private one, by a stranger", "org/private", "main", "config.json", bobToken, "RepositoryNotFoundError", ""},
		{"a private one, by its reader", "org/private", "main", "config.json", aliceToken, "none", ""},
		{"info of a gated one", "org/gated", "main", "", "", "none", ""},
		{"a gated one, anonymous", "org/gated", "main", "config.json", "", "GatedRepoError", "restricted"},
		{"a gated one, by a stranger", "org/gated", "main", "config.json", bobToken, "GatedRepoError", "authorized list"},
		{"a gated one, by its reader", "org/gated", "main", "config.json", aliceToken, "none", ""},
		{"a disabled one", "org/off", "main", "", "", "DisabledRepoError", ""},
		{"a token that is nobody's", modelID, "main", "", "hf_wrong", "HfHubHTTPError", "Invalid credentials"},
		{"a revision that is not there", modelID, "none", "config.json", "", "RevisionNotFoundError", ""},
		{"info at a revision that is not there", modelID, "none", "", "", "RevisionNotFoundError", ""},
		{"a file that is not there", modelID, "main", "none.json", "", "EntryNotFoundError", ""},
	}
	var asked [][]string
	for _, r := range rows {
		asked = append(asked, []string{r.label, r.repo, r.revision, r.file, r.token})
	}
	var got map[string][2]string
	newClient(t, on.endpoint).python(t, env, "outcomes.py", &got, asked)
	for _, r := range rows {
		if name := strings.Replace(got[r.label][0], "Remote", "", 1); name != r.exception || !strings.Contains(got[r.label][1], r.text) {
			t.Errorf("%s: %s: %s", r.label, got[r.label][0], got[r.label][1])
		}
	}
}
