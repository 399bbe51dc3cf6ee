package hfmirror

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/model"
	"modelgate/internal/upstream/hub"
)

const commit = "7b40bb0f92c45fefa957d088000d8648e5c7fa33"

func models(id string) hub.Repo { return hub.Repo{Kind: model.Models, ID: id} }

func TestAddressesOfTheHub(t *testing.T) {
	rows := []struct {
		name, path string
		want       address
	}{
		{
			"a file of a model", "/org/name/resolve/main/config.json",
			address{route: routeFile, repo: models("org/name"), rev: "main", path: "config.json"},
		},
		{
			"a file of a repository without organization", "/gpt2/resolve/main/config.json",
			address{route: routeFile, repo: models("gpt2"), rev: "main", path: "config.json"},
		},
		{
			"a file in folders of a dataset", "/datasets/org/name/resolve/" + commit + "/data/a/b.parquet",
			address{route: routeFile, repo: hub.Repo{Kind: model.Datasets, ID: "org/name"}, rev: commit, path: "data/a/b.parquet"},
		},
		{
			"a dataset without organization", "/datasets/squad/resolve/main/README.md",
			address{route: routeFile, repo: hub.Repo{Kind: model.Datasets, ID: "squad"}, rev: "main", path: "README.md"},
		},
		{
			"a space", "/spaces/org/app/resolve/main/app.py",
			address{route: routeFile, repo: hub.Repo{Kind: model.Spaces, ID: "org/app"}, rev: "main", path: "app.py"},
		},
		{
			"a kernel", "/kernels/org/k/resolve/v1/build.toml",
			address{route: routeFile, repo: hub.Repo{Kind: model.Kernels, ID: "org/k"}, rev: "v1", path: "build.toml"},
		},
		{
			"a pull request as one escaped segment", "/org/name/resolve/refs%2Fpr%2F1/config.json",
			address{route: routeFile, repo: models("org/name"), rev: "refs/pr/1", path: "config.json"},
		},
		{
			"a pull request in plain segments", "/org/name/resolve/refs/pr/1/config.json",
			address{route: routeFile, repo: models("org/name"), rev: "refs/pr/1", path: "config.json"},
		},
		{
			"an odd file name is decoded once", "/org/name/resolve/main/n%C3%A9%23%2541%20file.txt",
			address{route: routeFile, repo: models("org/name"), rev: "main", path: "né#%41 file.txt"},
		},
		{
			"a file called resolve", "/org/name/resolve/main/resolve/main/x",
			address{route: routeFile, repo: models("org/name"), rev: "main", path: "resolve/main/x"},
		},
		{
			"a group by prefix", "/g/Research%20Lab/org/name/resolve/main/x",
			address{route: routeFile, group: "Research Lab", prefix: "/g/Research%20Lab", repo: models("org/name"), rev: "main", path: "x"},
		},
		{
			"a group and a repository without organization", "/g/lab/gpt2/resolve/main/x",
			address{route: routeFile, group: "lab", prefix: "/g/lab", repo: models("gpt2"), rev: "main", path: "x"},
		},
		{
			"an organization called g", "/g/name/resolve/main/x",
			address{route: routeFile, repo: models("g/name"), rev: "main", path: "x"},
		},
		{
			"the API under a group", "/g/lab/api/models/org/name/tree/main",
			address{route: routeAPI, group: "lab", prefix: "/g/lab", repo: models("org/name"), verb: "tree", rev: "main"},
		},
		{
			"a raw file", "/org/name/raw/main/config.json",
			address{route: routeRaw, repo: models("org/name"), rev: "main", path: "config.json"},
		},
		{"a page of a file", "/org/name/blob/main/config.json", address{route: routePage, repo: models("org/name")}},
		{
			"where small files are redirected to", "/api/resolve-cache/models/org/name/" + commit + "/a/b.json",
			address{route: routeFile, repo: models("org/name"), rev: commit, path: "a/b.json"},
		},
		{"git", "/org/name.git/info/refs", address{route: routeGit, repo: models("org/name")}},
		{
			"git of a dataset without the suffix", "/datasets/org/name/git-upload-pack",
			address{route: routeGit, repo: hub.Repo{Kind: model.Datasets, ID: "org/name"}},
		},
		{"batches of git-lfs", "/org/name.git/info/lfs/objects/batch", address{route: routeLFS, repo: models("org/name")}},
		{"locks of git-lfs", "/org/name.git/info/lfs/locks/verify", address{route: routeGit, repo: models("org/name")}},
		{"a list of models", "/api/models", address{route: routeAPI, verb: "models"}},
		{"information on a model", "/api/models/org/name", address{route: routeAPI, repo: models("org/name")}},
		{"information on a model without organization", "/api/models/gpt2", address{route: routeAPI, repo: models("gpt2")}},
		{"a revision", "/api/models/gpt2/revision/refs%2Fpr%2F1", address{route: routeAPI, repo: models("gpt2"), verb: "revision", rev: "refs/pr/1"}},
		{"a pull request at the end", "/api/models/gpt2/revision/refs/pr/1", address{route: routeAPI, repo: models("gpt2"), verb: "revision", rev: "refs/pr/1"}},
		{"a folder as one segment", "/api/models/org/name/tree/main/a%2Fb", address{route: routeAPI, repo: models("org/name"), verb: "tree", rev: "main"}},
		{"a model called tree", "/api/models/org/tree", address{route: routeAPI, repo: models("org/tree")}},
		{"an unknown word of the API", "/api/models/org/name/whatever/x", address{route: routeAPI, repo: models("org/name"), verb: "whatever"}},
		{"who am I", "/api/whoami-v2", address{route: routeAPI, verb: "whoami-v2"}},
		{"a bucket", "/buckets/ns/name/resolve/x", address{route: routeBucket}},
		{"the API of buckets", "/api/buckets/ns/name/tree", address{route: routeBucket, verb: "buckets"}},
		{"a manifest", "/v2/org/name/manifests/Q4_K_M", address{route: routeManifest, repo: models("org/name"), rev: "Q4_K_M"}},
		{
			"a layer", "/v2/org/name/blobs/sha256:" + strings.Repeat("ab", 32),
			address{route: routeBlob, repo: models("org/name"), path: "sha256:" + strings.Repeat("ab", 32)},
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := parse(row.path)
			if err != nil {
				t.Fatal(err)
			}
			row.want.rest = strings.TrimPrefix(row.path, row.want.prefix)
			if diff := cmp.Diff(row.want, got, cmp.AllowUnexported(address{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHostileAddressesAreRefused(t *testing.T) {
	rows := []struct{ name, path string }{
		{"a path that climbs", "/org/name/resolve/main/../../../etc/passwd"},
		{"a path that climbs in disguise", "/org/name/resolve/main/%2e%2e/x"},
		{"a path that climbs by an escaped slash", "/org/name/resolve/main/a%2F..%2F..%2Fx"},
		{"a path with an empty segment", "/org/name/resolve/main//x"},
		{"a path with a zero byte", "/org/name/resolve/main/a%00b"},
		{"no path", "/org/name/resolve/main/"},
		{"no revision", "/org/name/resolve//x"},
		{"a revision that climbs", "/org/name/resolve/..%2Fx/y"},
		{"a revision with a line break", "/org/name/resolve/a%0D%0AX-Evil:%201/y"},
		{"a revision that is too long", "/org/name/resolve/" + strings.Repeat("a", 300) + "/y"},
		{"an address that is too long", "/org/name/resolve/main/" + strings.Repeat("a", 9000)},
		{"an organization of dots", "/../name/resolve/main/x"},
		{"a name with two dashes", "/org/a--b/resolve/main/x"},
		{"a name with a percent sign", "/org/a%2Fb/resolve/main/x"},
		{"a name with a line break", "/org/a%0Ab/resolve/main/x"},
		{"a name that is too long", "/org/" + strings.Repeat("a", 97) + "/resolve/main/x"},
		{"a name that ends as git's do", "/org/name.git/resolve/main/x"},
		{"an API path that climbs to files", "/api/models/../../org/name/resolve/main/x"},
		{"an API path that climbs in disguise", "/api/%2e%2e/org/name/resolve/main/x"},
		{"an API path that climbs by escaped slashes", "/api/models/org/name/tree/main/a%2F..%2F..%2Fx"},
		{"an API path with backslashes", `/api/models/..\..\org/name/tree/main`},
		{"an API path with an empty segment", "/api/models//resolve/main/x"},
		{"an API word in disguise", "/api/models/org/name/%72esolve/main/x"},
		{"an API kind in disguise", "/api/%6dodels/org/name/resolve/main/x"},
		{"a cached file in capitals", "/api/Resolve-Cache/models/org/name/main/x"},
		{"a cached file of no commit", "/api/resolve-cache/models/org/name/main/x"},
		{"a cached file that climbs", "/api/resolve-cache/models/org/name/" + commit + "/../x"},
		{"a layer of another algorithm", "/v2/org/name/blobs/md5:abc"},
		{"a tag that climbs", "/v2/org/name/manifests/..%2Fx"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := parse(row.path)
			var bad badAddress
			if !errors.As(err, &bad) {
				t.Errorf("parse(%q) = %v, want a refusal", row.path, err)
			}
		})
	}
}

func TestOtherAddressesAreLeftToOthers(t *testing.T) {
	for _, path := range []string{
		"/", "/ui/scans/x", "/aims/data/v1/scans", "/guardian/v2/scans", "/healthz", "/metrics", "/pypi/simple/x/",
		"/org/name", "/datasets/org/name", "/v2/", "/g/lab/ui", "/resolve/main/x", "", "/datasets/resolve/x", "/buckets/a",
	} {
		if a, err := parse(path); !errors.Is(err, errNotOurs) {
			t.Errorf("parse(%q) = %+v, %v, want errNotOurs", path, a, err)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"/org/name/resolve/main/x", "/g/a/gpt2/resolve/refs%2Fpr%2F1/%2e%2e", "/api/models/a/tree/refs/pr/1/b%2Fc",
		"/v2/a/b/blobs/sha256:00", "/api/resolve-cache/models/a/" + commit + "/x", "/datasets/a/b.git/info/lfs/objects/batch",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		a, err := parse(p)
		if err != nil {
			return
		}
		if a.repo.ID != "" && !validID(a.repo.ID) {
			t.Errorf("repository %q", a.repo.ID)
		}
		if a.route == routeFile || a.route == routeRaw {
			if a.rev == "" || a.path == "" || climbs(a.path) || climbs(a.rev) || !printable(a.rev) || strings.ContainsRune(a.path, 0) {
				t.Errorf("revision %q, path %q", a.rev, a.path)
			}
		}
		if a.route == routeAPI {
			if decoded, err := url.PathUnescape(a.rest); err != nil || strings.Contains(decoded+"/", "/../") {
				t.Errorf("rest %q climbs", a.rest)
			}
		}
		if p != a.prefix+a.rest {
			t.Errorf("%q is not %q and %q", p, a.prefix, a.rest)
		}
	})
}
