package upstream

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestPausesAreRead(t *testing.T) {
	for _, row := range []struct {
		why    string
		status int
		header http.Header
		want   time.Duration
		ok     bool
	}{
		{"no quota spoken of", 200, http.Header{}, 0, false},
		{"something remains", 200, http.Header{"Ratelimit": {`"api";r=5;t=100`}}, 0, false},
		{"nothing remains", 200, http.Header{"Ratelimit": {`"api";r=0;t=100`}}, 100 * time.Second, true},
		{"nothing remains, in other order", 200, http.Header{"Ratelimit": {`"api"; t=7; r=0, "x";r=9;t=1`}}, 7 * time.Second, true},
		{"half a header", 200, http.Header{"Ratelimit": {`"api";r=0`}}, 0, false},
		{"nonsense", 200, http.Header{"Ratelimit": {`r=0t=1`}}, 0, false},
		{"negative numbers", 200, http.Header{"Ratelimit": {`"api";r=0;t=-5`}}, 0, false},
		{"too many, seconds", 429, http.Header{"Retry-After": {"12"}}, 12 * time.Second, true},
		{"too many, by RateLimit", 429, http.Header{"Ratelimit": {`"api";r=1;t=9`}}, 9 * time.Second, true},
		{"too many, without a word", 429, http.Header{}, 5 * time.Second, true},
		{"too many, for ages", 429, http.Header{"Retry-After": {"999999999999"}}, time.Hour, true},
		{"too many, until long ago", 429, http.Header{"Retry-After": {"Mon, 02 Jan 2006 15:04:05 GMT"}}, 0, true},
		{"unavailable", 503, http.Header{"Retry-After": {"3"}}, 3 * time.Second, true},
		{"Retry-After of a redirect", 302, http.Header{"Retry-After": {"3"}}, 0, false},
	} {
		if got, ok := pauseOf(row.status, row.header); got != row.want || ok != row.ok {
			t.Errorf("%s: %v, %v", row.why, got, ok)
		}
	}
}

// TestQuotaIsShared lets one request learn that the quota is used up, and sees all wait until it is renewed.
func TestQuotaIsShared(t *testing.T) {
	var mu sync.Mutex
	var open time.Time
	early := 0
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if open.IsZero() {
			open = time.Now().Add(time.Second)
		} else if time.Now().Before(open) {
			early++
		} else {
			return
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	s := newSite(t, Config{}, hub.URL)
	if status, _, err := ask(WithPatience(t.Context(), 0), s, hub.URL); status != http.StatusTooManyRequests || err != nil {
		t.Fatalf("who can't wait: %d, %v", status, err)
	}
	var limited *LimitError
	if _, _, err := ask(WithPatience(t.Context(), 0), s, hub.URL); !errors.As(err, &limited) || limited.Header.Get("Retry-After") != "1" || limited.Seconds() != 1 {
		t.Fatalf("who asks again and can't wait: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := ask(short, s, hub.URL); !errors.As(err, &limited) {
		t.Fatalf("who can wait a moment: %v", err)
	}
	if status, _, err := ask(WithPatience(t.Context(), 0), s, hub.URL, "Authorization", "Bearer other"); status != http.StatusTooManyRequests || err != nil {
		t.Fatalf("who has a quota of its own is asked for: %d, %v", status, err)
	}
	early = 0
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if status, _, err := ask(t.Context(), s, hub.URL); status != 200 || err != nil {
				t.Errorf("who can wait: %d, %v", status, err)
			}
		})
	}
	group.Wait()
	if early > 0 {
		t.Errorf("%d requests came too early", early)
	}
}

// table is a Pauses over a map, as two instances would share it.
type table struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (p *table) Pause(_ context.Context, key string, until time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until[key] = until
	return nil
}

func (p *table) Until(_ context.Context, key string) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until[key], nil
}

func TestQuotaIsSharedBetweenInstances(t *testing.T) {
	var asked atomic.Int32
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("RateLimit", `"api";r=0;t=60`)
	})
	shared := &table{until: map[string]time.Time{}}
	one, two := newSite(t, Config{Pauses: shared}, hub.URL), newSite(t, Config{Pauses: shared}, hub.URL)
	if status, _, err := ask(t.Context(), one, hub.URL, "Authorization", "Bearer secret"); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	var limited *LimitError
	if _, _, err := ask(WithPatience(t.Context(), time.Second), two, hub.URL, "Authorization", "Bearer secret"); !errors.As(err, &limited) || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	for key := range shared.until {
		if strings.Contains(key, "secret") {
			t.Errorf("the key %q holds the token", key)
		}
	}
}

func FuzzPauseOf(f *testing.F) {
	f.Add(429, "12", `"api";r=0;t=55`)
	f.Add(200, "", `;;r=;t==1`)
	f.Fuzz(func(t *testing.T, status int, after, limit string) {
		d, _ := pauseOf(status, http.Header{"Retry-After": {after}, "Ratelimit": {limit}})
		if d < 0 {
			t.Errorf("%v", d)
		}
	})
}
