package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/testenv"
)

// hfOf is the command line of 2.4.
func hfOf(t *testing.T) string { return testenv.HF(t, testenv.Hub24) }

func TestClientsWorkUnderTheNameOfAGroup(t *testing.T) {
	on, _ := through(t, newWorld(t))
	on.endpoint += "/g/Default%20HUGGING_FACE"
	for _, env := range hubs {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			var got map[string]any
			newClient(t, on.endpoint).python(t, env, "snapshots.py", &got, []labelled{
				{"main", arguments{"repo_id": modelID}}, {"renamed", arguments{"repo_id": "org/new"}}, {"evil", arguments{"repo_id": evilID}},
			})
			if diff := cmp.Diff(plain(digests(on.contents[modelID])), got["main"]); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(plain(digests(on.contents["org/new"])), got["renamed"]); diff != "" {
				t.Error(diff)
			}
			if text := fmt.Sprint(got["evil"]); !strings.Contains(text, "Blocked by modelgate") {
				t.Error(text)
			}
		})
	}
}

func TestATreeKeptFromBeforeTheGateIsExplained(t *testing.T) {
	// A client of 2.4 that has once listed the repository at the Hub itself asks the gate for Xet's token at once.
	w := newWorld(t)
	on, _ := through(t, w)
	c := newClient(t, w.URL)
	var got map[string]any
	snapshot := []labelled{{"model", arguments{"repo_id": modelID, "allow_patterns": []string{"README.md"}}}}
	c.python(t, testenv.Hub24, "snapshots.py", &got, snapshot)
	if len(got) != 1 {
		t.Fatal(got)
	}
	c.env = append(c.env, "HF_ENDPOINT="+on.endpoint)
	snapshot[0][1] = arguments{"repo_id": modelID}
	c.python(t, testenv.Hub24, "snapshots.py", &got, snapshot)
	text := fmt.Sprint(got["model"])
	if !strings.Contains(text, "modelgate serves files over HTTP only") || !strings.Contains(text, "HF_HUB_DISABLE_XET=1") {
		t.Error(text)
	}
	c.env = append(c.env, "HF_HUB_DISABLE_XET=1")
	c.python(t, testenv.Hub24, "snapshots.py", &got, snapshot)
	if diff := cmp.Diff(plain(digests(on.contents[modelID])), got["model"]); diff != "" {
		t.Errorf("having done what it was told: %s", diff)
	}
}
