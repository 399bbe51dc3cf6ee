package upstream

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestLargeAnswersComeWholeAndInLargePieces(t *testing.T) {
	data := make([]byte, 20<<20+12345)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // which never fails
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	defer site.Close()
	r := newRelay(t, Config{CABundle: writePEM(t, site)}, RelayConfig{AllowPrivate: true})
	for _, size := range []int{1, 100, 16 << 10, 40_000, relayCopy, 1 << 20} {
		if size < 100 && testing.Short() {
			continue
		}
		want := data
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if size < 1000 {
			want = data[:700_000]
			req.Header.Set("Range", "bytes=0-699999")
		}
		res, err := r.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		sum, reads, total := sha256.New(), 0, 0
		b := make([]byte, size)
		for {
			n, err := res.Body.Read(b)
			sum.Write(b[:n])
			total += n
			reads++
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		_ = res.Body.Close()
		if got := fmt.Sprintf("%x", sum.Sum(nil)); total != len(want) || got != fmt.Sprintf("%x", sha256.Sum256(want)) {
			t.Errorf("pieces of %d: %d bytes, which are others", size, total)
		}
		if size == relayCopy && total/reads < 20<<10 {
			t.Errorf("pieces of %d: %d reads", size, reads)
		}
	}
}

func TestALargeAnswerThatComesSlowlyIsNotHeldBack(t *testing.T) {
	goOn := make(chan struct{})
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(10<<20))
		for _, n := range []int{1, 5000, 16 << 10, 17 << 10, 100_000} {
			_, _ = io.WriteString(w, strings.Repeat("x", n))
			_ = http.NewResponseController(w).Flush()
			<-goOn
		}
	}))
	defer site.Close()
	r := newRelay(t, Config{CABundle: writePEM(t, site)}, RelayConfig{AllowPrivate: true})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, relayCopy)
	for _, n := range []int{1, 5000, 16 << 10, 17 << 10, 100_000} {
		for got := 0; got < n; { // each comes though the next has not been sent
			more, err := res.Body.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			got += more
		}
		goOn <- struct{}{}
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("an answer that is cut short ends well")
	}
	_ = res.Body.Close()
}
