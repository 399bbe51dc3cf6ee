package reply

import (
	"net/http"
	"strings"
	"time"
)

// Ended is how a wait ended.
type Ended int

// Ends of waits.
const (
	Ready   Ended = iota // what was waited for is there
	TooLong              // the request has waited as long as it may
	Gone                 // the client left
)

// Times of waiting: most of what is waited for is there before the first sign of life, and the shortest patience that is measured of a
// client that takes them is five seconds.
const (
	quietFor  = 2 * time.Second
	beatEvery = 3 * time.Second
)

// Wait keeps a client until done is closed, at most for the limit. Clients that are known to take any number of 100 Continue are given one
// every three seconds, which their time limits take for a sign of life; all others, and everybody on HTTP/2, wait in silence. No other
// interim status is ever sent: some clients take 102 and 103 for the final one.
func Wait(w *Writer, r *http.Request, done <-chan struct{}, limit time.Duration) Ended {
	select {
	case <-done:
		return Ready
	default:
	}
	end := time.NewTimer(limit)
	defer end.Stop()
	var beat <-chan time.Time
	if TakesContinue(r) {
		first := time.NewTimer(quietFor)
		defer first.Stop()
		beat = first.C
	}
	var ticker *time.Ticker
	for {
		select {
		case <-done:
			return Ready
		case <-beat:
			w.WriteHeader(http.StatusContinue)
			if ticker == nil {
				ticker = time.NewTicker(beatEvery)
				defer ticker.Stop()
				beat = ticker.C
			}
		case <-end.C:
			return TooLong
		case <-r.Context().Done():
			return Gone
		}
	}
}

// TakesContinue tells whether the client is one that takes 100 Continue repeatedly. Measured: those of Python's http.client and of aiohttp
// do; Go, Rust and Node end the connection.
func TakesContinue(r *http.Request) bool {
	agent := r.UserAgent()
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 || strings.Contains(agent, "md/awscrt") || strings.Contains(agent, "grpc") {
		return false
	}
	for _, mark := range []string{
		"md/Botocore#", "gcloud-python/", "python-gcsfs/", "azsdk-python-", "python-requests/", "python-httpx", "Python-urllib/", "aiohttp/", "hf_hub/", "pip/",
	} {
		if strings.Contains(agent, mark) {
			return true
		}
	}
	return false
}
