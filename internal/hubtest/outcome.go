package hubtest

import (
	"compress/gzip"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"modelgate/internal/model"
)

// disabledText is what clients compare X-Error-Message with, full stop included.
const disabledText = "Access to this resource is disabled."

// refuse answers with an error in the Hub's shape: headers, and JSON with the message in "error".
func refuse(w http.ResponseWriter, status int, code, message string) {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	w.Header().Set("X-Error-Message", message)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="Authentication required", charset="UTF-8"`)
	}
	body, _ := json.Marshal(map[string]string{"error": message}) // a map of strings
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // who has gone away needs no answer
}

// asker is who sends a request: nil user without a token.
type asker struct {
	user *user
	bad  bool // the token is nobody's
}

func (h *Hub) asker(r *http.Request) asker {
	token := bearer(r.Header)
	if token == "" {
		return asker{}
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	u := h.tokens[token]
	return asker{user: u, bad: u == nil}
}

// may tells whether the asker is among the repository's readers, by name or by organization.
func (r *Repo) may(a asker) bool {
	if a.user == nil {
		return false
	}
	org, _, _ := strings.Cut(r.id, "/")
	for _, o := range a.user.orgs {
		if o == org {
			return true
		}
	}
	return r.readers[a.user.name] || a.user.name == org
}

// admit finds a repository for a request and answers in the Hub's way if the asker may not see it, or if it has moved; then it
// returns nil. Bytes says that content is asked for, which gated repositories give to their readers alone.
func (h *Hub) admit(w http.ResponseWriter, r *http.Request, kind model.Kind, id string, bytes bool) *Repo {
	a := h.asker(r)
	if a.bad {
		refuse(w, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return nil
	}
	repo, renamed := h.find(kind, id)
	h.mu.RLock()
	defer h.mu.RUnlock()
	if repo == nil || repo.private && !repo.may(a) {
		if a.user == nil {
			refuse(w, http.StatusUnauthorized, "", "Invalid username or password.")
		} else {
			refuse(w, http.StatusNotFound, "RepoNotFound", "Repository not found")
		}
		return nil
	}
	if renamed != "" {
		moved(w, r, id, renamed)
		return nil
	}
	if repo.disabled {
		refuse(w, http.StatusForbidden, "", disabledText)
		return nil
	}
	if bytes && repo.gate != Open && !repo.may(a) {
		name := strings.TrimSuffix(string(kind), "s") + " " + id
		if a.user == nil {
			refuse(w, http.StatusUnauthorized, "GatedRepo", "Access to "+name+
				" is restricted. You must have access to it and be authenticated to access it. Please log in.")
		} else {
			refuse(w, http.StatusForbidden, "GatedRepo", "Access to "+name+
				" is restricted and you are not in the authorized list. Visit "+h.URL+"/"+id+" to ask for access.")
		}
		return nil
	}
	return repo
}

// moved redirects to the same route under a repository's present id, by a relative Location.
func moved(w http.ResponseWriter, r *http.Request, old, now string) {
	to := strings.Replace(r.URL.EscapedPath(), "/"+old, "/"+now, 1)
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	body := "Temporary Redirect. Redirecting to " + to
	w.Header().Set("Location", to)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusTemporaryRedirect)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body))
	}
}

// commitOf finds a repository's commit and answers RevisionNotFound if there is none.
func (h *Hub) commitOf(w http.ResponseWriter, repo *Repo, rev string) *commit {
	h.mu.RLock()
	defer h.mu.RUnlock()
	c := repo.resolve(rev)
	if c == nil {
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+printable(rev))
	}
	return c
}

// noEntry answers EntryNotFound. It names the commit, so that clients can remember the absence.
func noEntry(w http.ResponseWriter, c *commit) {
	w.Header().Set("X-Repo-Commit", c.id)
	refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
}

// printable leaves of a text what a header may hold.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}

// reply writes JSON, compressed for who accepts that, with an ETag of its own like the Hub's API.
func reply(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "", "Internal Error - stand-in: "+printable(err.Error()))
		return
	}
	sum := sha1.Sum(body)
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("ETag", fmt.Sprintf(`W/"%x-%s"`, len(body), hex.EncodeToString(sum[:8])))
	h.Set("Vary", "Origin, Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			_, _ = w.Write(body)
		}
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	z := gzip.NewWriter(w)
	_, _ = z.Write(body)
	_ = z.Close()
}

// id24 is an object id in the manner of the Hub's database.
func id24(of string) string {
	sum := sha1.Sum([]byte(of))
	return hex.EncodeToString(sum[:12])
}
