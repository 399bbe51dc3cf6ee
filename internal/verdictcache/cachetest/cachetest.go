// Package cachetest holds the cache to the same behaviour with and without Redis.
package cachetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"modelgate/internal/finding"
	"modelgate/internal/threat"
	"modelgate/internal/verdictcache"
)

// Open gives a test an empty cache. It is closed when the test ends.
type Open func(t *testing.T) *verdictcache.Cache

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *verdictcache.Cache)
	}{
		{"a verdict comes back as it was put", verdicts},
		{"a report comes back as it was put", reports},
		{"verdicts and reports of one key are two things", apart},
		{"nobody can change what is kept", copies},
		{"a value that is too large is not kept", large},
		{"a lock has one owner, whom others can see", locks},
		{"a lock is renewed", renewal},
		{"whoever waits is woken", waiting},
		{"one of many gets the lock", contention},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// ttl is how long the locks of the suite live without renewal.
const ttl = 300 * time.Millisecond

func verdicts(t *testing.T, c *verdictcache.Cache) {
	ctx := t.Context()
	key := "HUGGING_FACE|models|org/näme with \"odd\" parts|7b40\n|{}"
	if _, ok := c.Verdict(ctx, key); ok {
		t.Error("a verdict that nobody put")
	}
	for _, value := range []string{"old", "new", ""} {
		c.PutVerdict(ctx, key, []byte(value))
		if got, ok := c.Verdict(ctx, key); !ok || string(got) != value {
			t.Errorf("got %q, %v; want %q", got, ok, value)
		}
	}
	c.ForgetVerdict(ctx, key)
	if _, ok := c.Verdict(ctx, key); ok {
		t.Error("a verdict that was forgotten")
	}
}

func reports(t *testing.T, c *verdictcache.Cache) {
	ctx := t.Context()
	if _, ok := c.Report(ctx, "k"); ok {
		t.Error("a report that nobody put")
	}
	want := finding.FileReport{Digest: "sha256:00", Size: 1 << 40, Formats: []string{"pickle"}, Coverage: finding.Analysed, Scanner: "s"}
	want.Add(finding.New(threat.PKL100, 7, "bad"))
	c.PutReport(ctx, "k", want)
	got, ok := c.Report(ctx, "k")
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); !ok || diff != "" {
		t.Errorf("report %v\n%s", ok, diff)
	}
}

func apart(t *testing.T, c *verdictcache.Cache) {
	c.PutVerdict(t.Context(), "k", []byte(`{"size":1}`))
	if _, ok := c.Report(t.Context(), "k"); ok {
		t.Error("a verdict was read as a report")
	}
}

func copies(t *testing.T, c *verdictcache.Cache) {
	value := []byte("value")
	c.PutVerdict(t.Context(), "k", value)
	value[0] = 'X'
	got, _ := c.Verdict(t.Context(), "k")
	got[1] = 'X'
	if again, _ := c.Verdict(t.Context(), "k"); string(again) != "value" {
		t.Errorf("the kept value became %q", again)
	}
}

func large(t *testing.T, c *verdictcache.Cache) {
	c.PutVerdict(t.Context(), "k", []byte("small"))
	c.PutVerdict(t.Context(), "k", bytes.Repeat([]byte("x"), 64<<20))
	if got, ok := c.Verdict(t.Context(), "k"); ok && len(got) != len("small") {
		t.Errorf("a value of %d bytes was kept", len(got))
	}
}

func locks(t *testing.T, c *verdictcache.Cache) {
	ctx := t.Context()
	lease, holder := c.Lock(ctx, "k", "scan 1", ttl)
	if lease == nil {
		t.Fatalf("a free lock is held by %q", holder)
	}
	if second, holder := c.Lock(ctx, "k", "scan 2", ttl); second != nil || holder != "scan 1" {
		t.Errorf("a taken lock: %v, %q", second, holder)
	}
	other, _ := c.Lock(ctx, "another", "scan 3", ttl)
	if other == nil {
		t.Fatal("another key is locked too")
	}
	other.Release()
	lease.Release()
	lease.Release()
	third, holder := c.Lock(ctx, "k", "scan 4", ttl)
	if third == nil {
		t.Fatalf("a released lock is held by %q", holder)
	}
	lease.Release() // of a lock that somebody else has by now
	if fourth, holder := c.Lock(ctx, "k", "scan 5", ttl); fourth != nil || holder != "scan 4" {
		t.Errorf("a former owner released the lock of another: %v, %q", fourth, holder)
	}
	third.Release()
}

func renewal(t *testing.T, c *verdictcache.Cache) {
	lease, _ := c.Lock(t.Context(), "k", "mine", ttl)
	defer lease.Release()
	for range 6 {
		time.Sleep(ttl / 3)
		if second, _ := c.Lock(t.Context(), "k", "theirs", ttl); second != nil {
			t.Fatal("a lock in use went to another")
		}
	}
	select {
	case <-lease.Lost():
		t.Error("a lock that is renewed was lost")
	default:
	}
}

func waiting(t *testing.T, c *verdictcache.Cache) {
	if err := c.Wait(t.Context(), "nobody's"); err != nil {
		t.Errorf("a free lock: %v", err)
	}
	lease, _ := c.Lock(t.Context(), "k", "v", ttl)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Wait(ended, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("an impatient waiter: %v", err)
	}
	var wg sync.WaitGroup
	started := make(chan struct{}, 5)
	for range 5 {
		wg.Go(func() {
			started <- struct{}{}
			if err := c.Wait(t.Context(), "k"); err != nil {
				t.Error(err)
			}
		})
	}
	for range 5 {
		<-started
	}
	lease.Release()
	wg.Wait()
}

func contention(t *testing.T, c *verdictcache.Cache) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	inside, done := 0, 0
	for n := range 20 {
		wg.Go(func() {
			for {
				lease, holder := c.Lock(t.Context(), "k", fmt.Sprint(n), ttl)
				if lease == nil {
					if holder == "" {
						t.Error("somebody holds the lock and nobody knows who")
					}
					if err := c.Wait(t.Context(), "k"); err != nil {
						t.Error(err)
						return
					}
					continue
				}
				mu.Lock()
				if inside++; inside > 1 {
					t.Error("two have the lock")
				}
				mu.Unlock()
				mu.Lock()
				inside--
				done++
				mu.Unlock()
				lease.Release()
				return
			}
		})
	}
	wg.Wait()
	if done != 20 {
		t.Errorf("%d had the lock, want 20", done)
	}
}
