package hubtest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"modelgate/internal/model"
)

// info is what info routes answer of a repository at a commit.
func (h *Hub) info(repo *Repo, c *commit, query url.Values) map[string]any {
	h.mu.RLock()
	defer h.mu.RUnlock()
	org, _, _ := strings.Cut(repo.id, "/")
	var gated any = false
	if repo.gate != Open {
		gated = string(repo.gate)
	}
	all := map[string]any{
		"_id": id24(repo.id), "id": repo.id, "author": org, "sha": c.id, "private": repo.private, "gated": gated, "disabled": repo.disabled,
		"lastModified": stamp(c.date), "createdAt": stamp(repo.commits[0].date), "downloads": 7, "likes": 2,
		"tags": repo.allTags(), "cardData": repo.card, "siblings": siblings(c, truthy(query.Get("blobs"))), "usedStorage": usedStorage(c),
	}
	switch repo.kind {
	case model.Models:
		all["modelId"], all["pipeline_tag"], all["library_name"] = repo.id, "text-generation", "transformers"
		all["config"], all["spaces"] = map[string]any{}, []string{}
	case model.Datasets:
		all["description"] = ""
	case model.Spaces:
		all["sdk"], all["subdomain"], all["host"] = "gradio", id24(repo.id), h.URL
		all["runtime"] = map[string]any{"stage": "RUNNING", "hardware": map[string]any{"current": "cpu-basic", "requested": "cpu-basic"}}
	}
	for k, v := range repo.extra {
		all[k] = v
	}
	if fields := expanded(query); len(fields) > 0 {
		some := map[string]any{"_id": all["_id"], "id": repo.id}
		for _, f := range fields {
			if v, ok := all[f]; ok {
				some[f] = v
			}
		}
		all = some
	}
	if truthy(query.Get("securityStatus")) || slices.Contains(expanded(query), "securityRepoStatus") {
		all["securityRepoStatus"] = repo.securityStatus(c)
	}
	return all
}

// expanded are the fields that a query asks for by expand, or expand[].
func expanded(query url.Values) []string {
	return append(slices.Clone(query["expand"]), query["expand[]"]...)
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z") }

// allTags are the repository's tags, with one for the licence that its card names.
func (r *Repo) allTags() []string {
	tags := append([]string{"region:us"}, r.tags...)
	if l, ok := r.card["license"].(string); ok {
		tags = append(tags, "license:"+l)
	}
	return tags
}

func siblings(c *commit, blobs bool) []map[string]any {
	list := make([]map[string]any, 0, len(c.paths))
	for _, p := range c.paths {
		s := map[string]any{"rfilename": p}
		if f := c.files[p]; blobs {
			s["size"], s["blobId"] = f.Size(), f.oid()
			if f.lfs {
				s["lfs"] = map[string]any{"sha256": f.SHA256(), "size": f.Size(), "pointerSize": len(f.pointer())}
			}
		}
		list = append(list, s)
	}
	return list
}

func usedStorage(c *commit) int64 {
	var n int64
	for _, f := range c.files {
		n += f.Size()
	}
	return n
}

// securityStatus sums up what the Hub's scanners say of the files.
func (r *Repo) securityStatus(c *commit) map[string]any {
	issues := []map[string]any{}
	for _, p := range c.paths {
		if s := r.security[p]; s != nil && slices.Contains([]any{"unsafe", "suspicious", "caution"}, s["status"]) {
			issues = append(issues, map[string]any{"path": p, "level": s["status"]})
		}
	}
	return map[string]any{"scansDone": true, "filesWithIssues": issues}
}

// serveRefs lists branches, conversions, tags and, if asked for, pull requests.
func (h *Hub) serveRefs(w http.ResponseWriter, r *http.Request, repo *Repo) {
	h.mu.RLock()
	answer := map[string]any{
		"branches": refs("refs/heads/", repo.branches),
		"converts": refs("refs/convert/", repo.converts),
		"tags":     refs("refs/tags/", repo.tagRefs),
	}
	if truthy(r.URL.Query().Get("include_prs")) {
		answer["pullRequests"] = refs("", repo.pulls)
	}
	h.mu.RUnlock()
	reply(w, r, answer)
}

func refs(prefix string, of map[string]*commit) []map[string]any {
	list := make([]map[string]any, 0, len(of))
	for name, c := range of {
		list = append(list, map[string]any{"name": strings.TrimPrefix(name, "refs/"), "ref": prefix + name, "targetCommit": c.id})
	}
	sort.Slice(list, func(i, j int) bool { return list[i]["ref"].(string) < list[j]["ref"].(string) })
	return list
}

// serveCommits lists a commit and those before it, 50 to a page unless limit says otherwise.
func (h *Hub) serveCommits(w http.ResponseWriter, r *http.Request, repo *Repo, c *commit) {
	h.mu.RLock()
	upto := slices.Index(repo.commits, c)
	list := slices.Clone(repo.commits[:upto+1])
	h.mu.RUnlock()
	slices.Reverse(list)
	q := r.URL.Query()
	limit, page := number(q.Get("limit"), 50), number(q.Get("p"), 0)
	from, to := min(page*limit, len(list)), min((page+1)*limit, len(list))
	answer := []map[string]any{}
	for _, c := range list[from:to] {
		answer = append(answer, map[string]any{
			"id": c.id, "title": c.title, "message": "", "date": stamp(c.date),
			"authors": []map[string]any{{"user": "stand-in", "avatar": "/avatars/1.svg"}},
		})
	}
	w.Header().Set("X-Total-Count", strconv.Itoa(len(list)))
	if to < len(list) {
		h.next(w, r, "p", strconv.Itoa(page+1))
	}
	reply(w, r, answer)
}

// number reads a natural number of at most a thousand, or gives the default.
func number(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return min(n, 1000)
	}
	return otherwise
}

// next sets the Link to the next page: this request's address with one parameter changed.
func (h *Hub) next(w http.ResponseWriter, r *http.Request, key, value string) {
	q := r.URL.Query()
	q.Set(key, value)
	w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, h.URL, r.URL.EscapedPath(), q.Encode()))
}

// cursor makes and reads the opaque places at which pages begin.
func cursor(n int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"offset":%d}`, n))
}

func offset(cursor string) int {
	b, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil {
		return 0
	}
	var n int
	if _, err := fmt.Sscanf(string(b), `{"offset":%d}`, &n); err != nil || n < 0 {
		return 0
	}
	return n
}

// serveSearch lists repositories, filtered by author, search and filter, paged by limit and cursor.
func (h *Hub) serveSearch(w http.ResponseWriter, r *http.Request, kind model.Kind) {
	q, a := r.URL.Query(), h.asker(r)
	if a.bad {
		refuse(w, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return
	}
	h.mu.RLock()
	var found []*Repo
	for _, repo := range h.order {
		org, _, _ := strings.Cut(repo.id, "/")
		if repo.kind == kind && (!repo.private || repo.may(a)) && strings.Contains(repo.id, q.Get("search")) &&
			(q.Get("author") == "" || q.Get("author") == org) &&
			(q.Get("filter") == "" || slices.Contains(repo.allTags(), q.Get("filter"))) {
			found = append(found, repo)
		}
	}
	h.mu.RUnlock()
	from := min(offset(q.Get("cursor")), len(found))
	to := min(from+max(number(q.Get("limit"), 1000), 1), len(found))
	answer := []map[string]any{}
	for _, repo := range found[from:to] {
		h.mu.RLock()
		c := repo.branches["main"]
		h.mu.RUnlock()
		one := h.info(repo, c, q)
		if !truthy(q.Get("full")) {
			delete(one, "siblings")
			delete(one, "cardData")
		}
		answer = append(answer, one)
	}
	if to < len(found) {
		h.next(w, r, "cursor", cursor(to))
	}
	reply(w, r, answer)
}

// serveWhoami tells who a token belongs to.
func (h *Hub) serveWhoami(w http.ResponseWriter, r *http.Request) {
	a := h.asker(r)
	switch {
	case a.bad:
		refuse(w, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
	case a.user == nil:
		refuse(w, http.StatusUnauthorized, "", "Invalid username or password.")
	default:
		orgs := []map[string]any{}
		for _, o := range a.user.orgs {
			orgs = append(orgs, map[string]any{"type": "org", "id": id24(o), "name": o, "fullname": o, "isEnterprise": false})
		}
		reply(w, r, map[string]any{
			"type": "user", "id": id24(a.user.name), "name": a.user.name, "fullname": a.user.name, "isPro": false, "orgs": orgs,
			"auth": map[string]any{"type": "access_token", "accessToken": map[string]any{"displayName": "stand-in", "role": "read"}},
		})
	}
}

// serveOverview tells of an organization or a user. The one asked for as the other is not found.
func (h *Hub) serveOverview(w http.ResponseWriter, r *http.Request, what, name string) {
	h.mu.RLock()
	org, u := h.orgs[name], h.users[name]
	h.mu.RUnlock()
	switch {
	case what == "organizations" && org != nil:
		reply(w, r, org)
	case what == "users" && u != nil:
		reply(w, r, map[string]any{
			"_id": id24(name), "user": name, "fullname": name, "type": "user", "isPro": false, "avatarUrl": "/avatars/1.svg",
			"numModels": 0, "numDatasets": 0, "numSpaces": 0, "numFollowers": 0, "numFollowing": 0, "orgs": []any{},
		})
	case what == "organizations":
		refuse(w, http.StatusNotFound, "", "This organization does not exist")
	default:
		refuse(w, http.StatusNotFound, "", "This user does not exist")
	}
}
