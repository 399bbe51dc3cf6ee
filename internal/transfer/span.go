// Package transfer is what doors share that hold back the answer of an origin until its verdict stands, and check it while it passes: which
// bytes of which whole an answer has, and whether they are those that were judged.
package transfer

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"modelgate/internal/upstream"
)

// ErrUnclear is wrapped when an answer does not tell which bytes it has.
var ErrUnclear = errors.New("the origin does not tell which bytes it sends")

// Span is which bytes of a whole an answer has.
type Span struct {
	First, Last int64 // of the whole; Last is First-1 if there is none
	Total       int64 // size of the whole; -1 if it is not told
}

// Whole tells whether all bytes are in it.
func (s Span) Whole() bool { return s.First == 0 && s.Last == s.Total-1 }

// Size is the number of bytes.
func (s Span) Size() int64 { return s.Last - s.First + 1 }

// SpanOf reads it from the header of a 200 or 206. Of a 200 whose length is not told, Total is -1 and Last is not known; anything that
// contradicts itself wraps ErrUnclear, and so do several ranges in one answer.
func SpanOf(res *http.Response) (Span, error) {
	switch res.StatusCode {
	case http.StatusOK:
		if res.ContentLength < 0 {
			return Span{Last: -1, Total: -1}, nil
		}
		return Span{Last: res.ContentLength - 1, Total: res.ContentLength}, nil
	case http.StatusPartialContent:
	default:
		return Span{}, fmt.Errorf("status %d: %w", res.StatusCode, ErrUnclear)
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); strings.HasPrefix(kind, "multipart/byteranges") {
		return Span{}, fmt.Errorf("several ranges at once: %w", ErrUnclear)
	}
	if len(res.Header.Values("Content-Range")) != 1 {
		return Span{}, fmt.Errorf("a part without one range: %w", ErrUnclear)
	}
	first, last, total, err := upstream.ContentRange(res.Header.Get("Content-Range"))
	if err != nil {
		return Span{}, fmt.Errorf("%w: %w", ErrUnclear, err)
	}
	if res.ContentLength >= 0 && res.ContentLength != last-first+1 {
		return Span{}, fmt.Errorf("%d bytes as %q: %w", res.ContentLength, res.Header.Get("Content-Range"), ErrUnclear)
	}
	return Span{First: first, Last: last, Total: total}, nil
}

// Asked is the range that a request asks for, by the one header that counts; ok is false if it is none, or one of several ranges.
func Asked(value string, total int64) (s Span, ok bool) {
	unit, spec, _ := strings.Cut(value, "=")
	from, to, found := strings.Cut(strings.TrimSpace(spec), "-")
	if !strings.EqualFold(strings.TrimSpace(unit), "bytes") || !found || strings.Contains(spec, ",") {
		return Span{}, false
	}
	s = Span{Last: total - 1, Total: total}
	switch {
	case from == "" && to == "":
		return Span{}, false
	case from == "":
		n, err := strconv.ParseUint(to, 10, 63)
		if err != nil {
			return Span{}, false
		}
		s.First = max(0, total-int64(n))
		return s, true
	}
	n, err := strconv.ParseUint(from, 10, 63)
	if err != nil {
		return Span{}, false
	}
	s.First = int64(n)
	if to != "" {
		n, err := strconv.ParseUint(to, 10, 63)
		if err != nil || int64(n) < s.First {
			return Span{}, false
		}
		s.Last = min(s.Last, int64(n))
	}
	return s, true
}
