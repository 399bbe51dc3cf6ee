package hfmirror

import (
	"net/url"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/upstream/hub"
)

// apiVerb is what the door knows of a word that follows a repository in the API.
type apiVerb struct {
	// revision says that a revision follows, so that the answer speaks of one version.
	revision bool
	// refused says that the answer can hold bytes of files, or lead to them.
	refused bool
}

// apiVerbs are the words that the door knows. Others are forwarded too, but must answer with JSON, soon.
var apiVerbs = func() map[string]apiVerb {
	return map[string]apiVerb{
		"revision": {revision: true}, "tree": {revision: true}, "paths-info": {revision: true}, "commits": {revision: true},
		"treesize": {revision: true}, "safetensors-metadata": {}, "refs": {}, "auth-check": {}, "parquet": {}, "croissant": {},
		"discussions": {}, "xet-read-token": {revision: true},

		"resolve": {refused: true}, "resolve-cache": {refused: true}, "raw": {refused: true}, "blob": {refused: true},
		"compare": {refused: true}, "archive": {refused: true}, "notebook": {refused: true}, "xet-write-token": {refused: true},
	}
}()

// known tells what the door knows of a word, in whatever case the Hub might take it too.
func known(verb string) (apiVerb, bool) {
	v, ok := apiVerbs[strings.ToLower(verb)]
	return v, ok
}

// parseAPI reads what follows /api/. A path that climbs is refused, since the Hub might take it for another route; so is a word in
// disguise.
func parseAPI(segs []string) (address, error) {
	a := address{route: routeAPI, verb: segs0(segs)}
	if strings.Contains(a.verb, "%") {
		return a, badAddress{"no route of the API is spelled like this"}
	}
	decoded, err := url.PathUnescape(strings.Join(segs, "/"))
	if err != nil || climbs(strings.TrimSuffix(decoded, "/")) || strings.ContainsAny(decoded, "\\\x00") {
		return a, badAddress{"no route of the API has such a path"}
	}
	switch kind := model.Kind(a.verb); kind {
	case model.Models, model.Datasets, model.Spaces, model.Kernels:
		if len(segs) > 1 {
			return a.apiRepo(kind, segs[1:])
		}
	default:
		switch strings.ToLower(a.verb) {
		case "resolve-cache":
			return parseResolveCache(segs[1:])
		case "buckets":
			a.route = routeBucket
		}
	}
	return a, nil
}

func segs0(segs []string) string {
	if len(segs) == 0 {
		return ""
	}
	return segs[0]
}

// apiRepo reads {id}[/{verb}[/{rev}[/{path}]]].
func (a address) apiRepo(kind model.Kind, segs []string) (address, error) {
	at := min(2, len(segs))
	for i := 1; i <= 2 && i < len(segs); i++ {
		v, ok := known(segs[i])
		if ok && i == 1 && len(segs) == 2 && (v.revision || v.refused) {
			continue // a repository of that name: the verb would be followed by something
		}
		if ok {
			at = i
			break
		}
	}
	a.repo, a.verb = hub.Repo{Kind: kind, ID: strings.Join(segs[:at], "/")}, ""
	if !validID(a.repo.ID) {
		return a, badAddress{"no repository has such a name"}
	}
	if at == len(segs) {
		return a, nil
	}
	a.verb = segs[at]
	if strings.Contains(a.verb, "%") {
		return a, badAddress{"no route of the API is spelled like this"}
	}
	if v, _ := known(a.verb); !v.revision || at+1 == len(segs) {
		return a, nil
	}
	var err error
	a.rev, _, err = revision(append(segs[at+1:len(segs):len(segs)], "")) // refs/pr/1 may be the last
	return a, err
}

// parseResolveCache reads {kind}/{id}/{commit}/{path}: where the Hub redirects downloads of small files to.
func parseResolveCache(segs []string) (address, error) {
	if len(segs) < 2 {
		return address{route: routePage}, nil
	}
	kind, segs := model.Kind(segs[0]), segs[1:]
	for at := 1; at <= 2 && at < len(segs); at++ {
		if !isCommit(segs[at]) {
			continue
		}
		a := address{route: routeFile, repo: hub.Repo{Kind: kind, ID: strings.Join(segs[:at], "/")}}
		switch kind {
		case model.Models, model.Datasets, model.Spaces, model.Kernels:
			if validID(a.repo.ID) {
				return a.file(segs[at:])
			}
		}
	}
	return address{}, badAddress{"no file is cached there"}
}

// isCommit tells whether a revision is a whole commit, which stands for itself.
func isCommit(rev string) bool {
	if len(rev) != 40 {
		return false
	}
	for i := range len(rev) {
		if c := rev[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
