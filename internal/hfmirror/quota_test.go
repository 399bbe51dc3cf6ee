package hfmirror

import (
	"context"
	"net/http"
	"testing"
	"time"

	"modelgate/internal/hubtest"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/hub"
)

// usedUp is a Hub whose quota is used up: it answers 429 to who can't wait, and after a moment to who can.
type usedUp struct {
	Hub
	renewed time.Duration
}

func (u usedUp) Resolve(ctx context.Context, tok hub.Token, repo hub.Repo, rev string) (hub.Revision, error) {
	if patience, ok := upstream.Patience(ctx); !ok || patience < u.renewed {
		return hub.Revision{}, &hub.Error{Status: http.StatusTooManyRequests, Message: "wait", Header: http.Header{"Retry-After": {"7"}}}
	}
	select {
	case <-time.After(u.renewed):
		return u.Hub.Resolve(ctx, tok, repo, rev)
	case <-ctx.Done():
		return hub.Revision{}, ctx.Err()
	}
}

func TestClientsThatAreKeptAliveWaitForTheHubsQuota(t *testing.T) {
	tests := []struct {
		name, method, agent string
		hold                time.Duration
		status              int
	}{
		{"GET of a client that is kept alive", "GET", "hf_hub/2.4.0", time.Minute, http.StatusOK},
		{"GET of a client that would wait in silence", "GET", "curl/8", time.Minute, http.StatusTooManyRequests},
		{"GET that may not wait as long", "GET", "hf_hub/2.4.0", time.Millisecond, http.StatusTooManyRequests},
		{"HEAD never waits", "HEAD", "hf_hub/2.4.0", time.Minute, http.StatusTooManyRequests},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, func(c *Config) { c.Hub, c.Hold = usedUp{c.Hub, 100 * time.Millisecond}, tt.hold })
			s.hub.AddModel("org/name", hubtest.Files{"config.json": hubtest.Text("{}")})
			a := s.ask(tt.method, "/org/name/resolve/main/config.json", "User-Agent", tt.agent)
			if a.StatusCode != tt.status {
				t.Errorf("%s: %s", a.Status, a.body)
			}
			if tt.status == http.StatusTooManyRequests && a.Header.Get("Retry-After") != "7" {
				t.Error("the client is not told when to come back")
			}
		})
	}
}
