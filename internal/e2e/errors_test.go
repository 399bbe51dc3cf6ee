package e2e

import (
	"net/http"
	"strings"
	"testing"

	"modelgate/internal/hubtest"
)

func TestTheHubsOwnRefusalsPassUnchanged(t *testing.T) {
	on, _ := through(t, newWorld(t))
	alice, bob := "Bearer "+aliceToken, "Bearer "+bobToken
	rows := []struct{ name, path, auth string }{
		{"a repository that is not there, anonymous", "/api/models/org/none", ""},
		{"a repository that is not there, with a token", "/api/models/org/none", bob},
		{"its tree", "/api/models/org/none/tree/main", bob},
		{"a file of it, anonymous", "/org/none/resolve/main/config.json", ""},
		{"a file of it, with a token", "/org/none/resolve/main/config.json", bob},
		{"a private one, anonymous", "/api/models/org/private", ""},
		{"a private one, by a stranger", "/org/private/resolve/main/config.json", bob},
		{"a private one, by a stranger, at a commit", "/org/private/resolve/" + on.repo("org/private").Head() + "/config.json", bob},
		{"a file of a gated one, anonymous", "/org/gated/resolve/main/config.json", ""},
		{"a file of a gated one, by a stranger", "/org/gated/resolve/main/config.json", bob},
		{"auth-check of a gated one", "/api/models/org/gated/auth-check", bob},
		{"a token that is nobody's", "/api/models/" + modelID, "Bearer hf_wrong"},
		{"a file with a token that is nobody's", "/" + modelID + "/resolve/main/config.json", "Bearer hf_wrong"},
		{"a disabled one", "/api/models/org/off", ""},
		{"a file of a disabled one", "/org/off/resolve/main/config.json", alice},
		{"a revision that is not there", "/api/models/" + modelID + "/revision/none", ""},
		{"a tree at a revision that is not there", "/api/models/" + modelID + "/tree/none", ""},
		{"a file at a revision that is not there", "/" + modelID + "/resolve/none/config.json", ""},
		{"a commit that is not there", "/" + modelID + "/resolve/" + strings.Repeat("ab", 20) + "/config.json", ""},
		{"a file that is not there", "/" + modelID + "/resolve/main/none.json", ""},
		{"a file that is not there, at a commit", "/" + modelID + "/resolve/" + on.model.Head() + "/none.json", ""},
		{"a folder that is not there", "/api/models/" + modelID + "/tree/main/none", ""},
		{"whoami of nobody", "/api/whoami-v2", ""},
		{"an organization that is a user", "/api/organizations/alice/overview", ""},
		{"a route that nobody knows", "/api/none/of/this", ""},
	}
	for _, row := range rows {
		for _, method := range []string{"GET", "HEAD"} {
			hub, gate := ask(t, method, on.URL+row.path, "Authorization", row.auth), ask(t, method, on.endpoint+row.path, "Authorization", row.auth)
			code := hub.header.Get("X-Error-Code")
			if hub.status == http.StatusUnauthorized && code == "" && row.auth == "" && strings.Contains(row.path, "/resolve/") {
				code = "RepoNotFound" // said aloud, because clients do not recognise a Hub at an http:// address
			}
			if gate.status != hub.status || gate.header.Get("X-Error-Code") != code {
				t.Errorf("%s %s: %d %q, the Hub says %d %q", method, row.name, gate.status, gate.header.Get("X-Error-Code"), hub.status, code)
			}
			if want := hub.header.Get("X-Error-Message"); gate.header.Get("X-Error-Message") != want {
				t.Errorf("%s %s: %q, the Hub says %q", method, row.name, gate.header.Get("X-Error-Message"), want)
			}
			if want := hub.header.Get("X-Repo-Commit"); gate.header.Get("X-Repo-Commit") != want {
				t.Errorf("%s %s: commit %q, the Hub says %q", method, row.name, gate.header.Get("X-Repo-Commit"), want)
			}
		}
	}
}

func TestAQuotaThatIsUsedUpIsToldToWhoCannotWait(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	w.Inject(hubtest.Fault{Host: hubtest.Main, Status: http.StatusTooManyRequests, RetryAfter: 900}) // longer than scan.hold
	for _, path := range []string{"/api/models/" + modelID, "/" + modelID + "/resolve/main/config.json"} {
		for _, method := range []string{"GET", "HEAD"} {
			got := ask(t, method, on.endpoint+path)
			if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" || got.header.Get("RateLimit") == "" {
				t.Errorf("%s %s: %d %v", method, path, got.status, got.header)
			}
		}
	}
}
