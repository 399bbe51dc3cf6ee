package hubtest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"modelgate/internal/model"
)

// Gate says who may read the files of a gated repository.
type Gate string

// Ways in which a repository is gated. Whoever the repository's readers are, they may read in each of them.
const (
	Open   Gate = ""
	Auto   Gate = "auto"
	Manual Gate = "manual"
)

// Repo is a repository of the Hub. Its methods may be called while the Hub serves; they return the Repo so that calls
// can be chained.
type Repo struct {
	hub  *Hub
	kind model.Kind

	id       string
	former   []string // ids it had before it was renamed
	private  bool
	disabled bool
	gate     Gate
	readers  map[string]bool // names of users who may read though it is private or gated
	card     map[string]any
	tags     []string
	security map[string]map[string]any // by path: securityFileStatus
	extra    map[string]any            // further fields of info

	commits  []*commit          // oldest first
	branches map[string]*commit // includes "main"
	tagRefs  map[string]*commit
	pulls    map[string]*commit // "refs/pr/1"
	converts map[string]*commit // "parquet"
}

// commit is one state of a repository.
type commit struct {
	id    string
	title string
	date  time.Time
	files map[string]*file
	paths []string // of files, sorted
	tree  []*entry // of files and folders, sorted by path
}

// entry is a line of a tree: a folder if file is nil.
type entry struct {
	path string
	file *file
}

// ID is the repository's present name.
func (r *Repo) ID() string {
	r.hub.mu.RLock()
	defer r.hub.mu.RUnlock()
	return r.id
}

// Head is the commit of main.
func (r *Repo) Head() string {
	r.hub.mu.RLock()
	defer r.hub.mu.RUnlock()
	return r.branches["main"].id
}

// Blob tells the git object id of a file at a revision, and whether it is kept with LFS. The id is "" if there is no such file.
func (r *Repo) Blob(rev, path string) (oid string, lfs bool) {
	r.hub.mu.RLock()
	defer r.hub.mu.RUnlock()
	c := r.resolve(rev)
	if c == nil || c.files[path] == nil {
		return "", false
	}
	return c.files[path].oid(), c.files[path].lfs
}

// Commit adds a commit to main that changes these files, deletes those whose Content is the zero value, and keeps the
// others. It returns the commit's id.
func (r *Repo) Commit(title string, changes Files) string { return r.CommitTo("main", title, changes) }

// CommitTo adds a commit to a branch, or to a ref such as refs/pr/1, which is made if need be, from main.
func (r *Repo) CommitTo(ref, title string, changes Files) string {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	parent := r.resolve(ref)
	if parent == nil {
		parent = r.branches["main"]
	}
	c := r.newCommit(parent, title, changes)
	r.point(ref, c)
	return c.id
}

func (r *Repo) newCommit(parent *commit, title string, changes Files) *commit {
	c := &commit{title: title, files: map[string]*file{}, date: time.Date(2026, 1, 2, 3, 4, len(r.commits), 0, time.UTC)}
	if parent != nil {
		maps.Copy(c.files, parent.files)
	}
	for name, content := range changes {
		if content.b == nil {
			delete(c.files, name)
			continue
		}
		c.files[name] = newFile(name, content)
	}
	c.paths = slices.Sorted(maps.Keys(c.files))
	c.tree = treeOf(c)
	h := sha1.New()
	fmt.Fprintf(h, "%s/%s %d %s\n", r.kind, r.id, len(r.commits), title)
	for _, p := range c.paths {
		fmt.Fprintf(h, "%s %d\n", p, c.files[p].Size())
	}
	c.id = hex.EncodeToString(h.Sum(nil))
	r.commits = append(r.commits, c)
	return c
}

// treeOf lists files and the folders that hold them.
func treeOf(c *commit) []*entry {
	seen := map[string]bool{}
	var tree []*entry
	for _, p := range c.paths {
		for i := range p {
			if p[i] == '/' && !seen[p[:i]] {
				seen[p[:i]] = true
				tree = append(tree, &entry{path: p[:i]})
			}
		}
		tree = append(tree, &entry{path: p, file: c.files[p]})
	}
	slices.SortFunc(tree, func(a, b *entry) int { return strings.Compare(a.path, b.path) })
	return tree
}

// Branch lets a branch, a tag ("refs/tags/v1"), a pull request ("refs/pr/1") or a conversion ("refs/convert/parquet")
// stand for the commit.
func (r *Repo) Branch(ref, id string) *Repo {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	c := r.resolve(id)
	if c == nil {
		panic(fmt.Sprintf("hubtest: %s has no commit %q", r.id, id))
	}
	r.point(ref, c)
	return r
}

// Tag lets a tag stand for the commit.
func (r *Repo) Tag(name, id string) *Repo { return r.Branch("refs/tags/"+name, id) }

func (r *Repo) point(ref string, c *commit) {
	if name, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		r.tagRefs[name] = c
		return
	}
	if name, ok := strings.CutPrefix(ref, "refs/convert/"); ok {
		r.converts[name] = c
		return
	}
	if strings.HasPrefix(ref, "refs/pr/") {
		r.pulls[ref] = c
		return
	}
	r.branches[strings.TrimPrefix(ref, "refs/heads/")] = c
}

// resolve finds the commit of a branch, tag, ref, commit id or the beginning of one; nil if there is none.
func (r *Repo) resolve(rev string) *commit {
	if c := r.branches[strings.TrimPrefix(rev, "refs/heads/")]; c != nil {
		return c
	}
	if c := r.tagRefs[strings.TrimPrefix(rev, "refs/tags/")]; c != nil {
		return c
	}
	if c := r.pulls[rev]; c != nil {
		return c
	}
	if name, ok := strings.CutPrefix(rev, "refs/convert/"); ok {
		return r.converts[name]
	}
	if _, err := strconv.ParseUint(rev[:min(len(rev), 7)], 16, 64); err != nil || len(rev) < 7 {
		return nil
	}
	for _, c := range r.commits {
		if strings.HasPrefix(c.id, rev) {
			return c
		}
	}
	return nil
}

// Rename gives the repository a new id. Under the old one the Hub redirects.
func (r *Repo) Rename(id string) *Repo {
	return r.change(func() {
		r.former = append(r.former, r.id)
		r.id = id
	})
}

// Private hides the repository from everybody but its readers.
func (r *Repo) Private() *Repo { return r.change(func() { r.private = true }) }

// Public takes Private and Gated back.
func (r *Repo) Public() *Repo { return r.change(func() { r.private, r.gate = false, Open }) }

// Gated closes the repository's files to everybody but its readers.
func (r *Repo) Gated(g Gate) *Repo { return r.change(func() { r.gate = g }) }

// Disabled lets the Hub refuse the repository to everybody.
func (r *Repo) Disabled() *Repo { return r.change(func() { r.disabled = true }) }

// Reader lets the named users read the repository though it is private or gated.
func (r *Repo) Reader(users ...string) *Repo {
	return r.change(func() {
		for _, u := range users {
			r.readers[u] = true
		}
	})
}

// NoReader takes Reader back.
func (r *Repo) NoReader(user string) *Repo { return r.change(func() { delete(r.readers, user) }) }

// Card sets a field of the model card's header. "license" also becomes a tag, as on the Hub.
func (r *Repo) Card(key string, value any) *Repo {
	return r.change(func() { r.card[key] = value })
}

// Tags adds tags.
func (r *Repo) Tags(tags ...string) *Repo {
	return r.change(func() { r.tags = append(r.tags, tags...) })
}

// Info sets a further field of the answer to info routes.
func (r *Repo) Info(key string, value any) *Repo {
	return r.change(func() { r.extra[key] = value })
}

// Security sets what the Hub's own scanners say of a file: status is one of unscanned, safe, queued, error, caution,
// suspicious, unsafe.
func (r *Repo) Security(path, status string) *Repo {
	scan := map[string]any{"status": status, "message": "stand-in: " + status}
	return r.change(func() {
		r.security[path] = map[string]any{
			"status": status, "avScan": scan, "pickleImportScan": scan, "protectAiScan": scan, "virusTotalScan": scan, "jFrogScan": scan,
		}
	})
}

func (r *Repo) change(f func()) *Repo {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	f()
	return r
}
