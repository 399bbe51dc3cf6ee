package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFailuresAreRepeated(t *testing.T) {
	for why, row := range map[string]struct {
		answers []int // 0 hangs up
		status  int
		asked   int32
	}{
		"the connection breaks once":  {[]int{0}, 200, 2},
		"the connection breaks twice": {[]int{0, 0}, 200, 3},
		"it breaks each time":         {[]int{0, 0, 0, 0}, 0, 3},
		"bad gateway":                 {[]int{502, 504}, 200, 3},
		"unavailable each time":       {[]int{503, 503, 503, 503}, 503, 3},
		"an error of the server":      {[]int{500}, 500, 1},
		"not found":                   {[]int{404}, 404, 1},
	} {
		t.Run(why, func(t *testing.T) {
			var asked atomic.Int32
			hub := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				n := int(asked.Add(1)) - 1
				if n >= len(row.answers) {
					return
				}
				if row.answers[n] == 0 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(row.answers[n])
			})
			s := newSite(t, Config{}, hub.URL)
			status, _, err := ask(t.Context(), s, hub.URL)
			if status != row.status || (err != nil) != (row.status == 0) || err != nil && !errors.Is(err, ErrUnreachable) {
				t.Errorf("%d, %v", status, err)
			}
			// The transport itself repeats once what broke on a connection that was used before.
			if asked.Load() != row.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), row.asked)
			}
		})
	}
}

func TestPostsAreRepeatedWithTheirBody(t *testing.T) {
	var bodies []string
	hub := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(text))
		switch len(bodies) {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			w.Header().Set("Location", "/new")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	})
	s := newSite(t, Config{}, hub.URL)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, hub.URL, strings.NewReader("paths=a"))
	res, err := s.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if diff := cmp.Diff([]string{"paths=a", "paths=a", "paths=a"}, bodies); diff != "" || res.StatusCode != 200 {
		t.Errorf("%s %s", res.Status, diff)
	}
}

func TestNobodyAnswers(t *testing.T) {
	hub := httptest.NewServer(http.NotFoundHandler())
	address := hub.URL
	hub.Close()
	s := newSite(t, Config{}, address)
	if _, _, err := ask(t.Context(), s, address); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := ask(ctx, s, address); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("a caller that left: %v", err)
	}
}

func TestSlowUpstreamIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	hub := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "some")
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	s := newSite(t, Config{HeaderTimeout: 50 * time.Millisecond, StallTimeout: 50 * time.Millisecond}, hub.URL)
	if _, _, err := ask(t.Context(), s, hub.URL+"/header"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("no header: %v", err)
	}
	if _, text, err := ask(t.Context(), s, hub.URL+"/body"); !errors.Is(err, ErrStalled) || text != "some" {
		t.Errorf("a body that stalls: %q, %v", text, err)
	}
}

func TestSlowReaderIsNotAStall(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 1<<20)
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
	s := newSite(t, Config{StallTimeout: 100 * time.Millisecond}, hub.URL)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, hub.URL, http.NoBody)
	res, err := s.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	head := make([]byte, 10)
	if _, err := io.ReadFull(res.Body, head); err != nil {
		t.Fatal(err)
	}
	time.Sleep(250 * time.Millisecond)
	if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, content[10:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	hub := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 1000 {
			w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("x", 1000))
		}
	})
	s := newSite(t, Config{}, hub.URL)
	if _, _, err := ask(t.Context(), s, hub.URL); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
}
