package upstream

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestResumeGoesOnWhereItWasCut covers bodies that are cut, that never come to their end, and that cannot be opened again.
func TestResumeGoesOnWhereItWasCut(t *testing.T) {
	const text = "the whole of a file that is read by range"
	for _, c := range []struct {
		name string
		cuts []int // bytes that each opening gives before it ends
		want string
		ok   bool
	}{
		{"never cut", []int{100}, text, true},
		{"cut three times", []int{3, 0, 5, 100}, text, true},
		{"cut for ever", []int{1, 1, 1, 1, 100}, text[:4], false},
	} {
		opened := 0
		open := func(_ context.Context, off, n int64) (io.ReadCloser, error) {
			part := text[off : off+n]
			part = part[:min(len(part), c.cuts[opened])]
			opened++
			return io.NopCloser(strings.NewReader(part)), nil
		}
		body, err := Resume(t.Context(), "file", 0, int64(len(text)), open)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if string(got) != c.want || (err == nil) != c.ok || !c.ok && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if err := body.Close(); err != nil {
			t.Errorf("%s: close: %v", c.name, err)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 0-0/1")
	f.Add("bytes 5-9/*")
	f.Add("bytes */10")
	f.Fuzz(func(t *testing.T, value string) {
		first, last, total, err := ContentRange(value)
		if err == nil && (first < 0 || last < first || total >= 0 && last >= total) {
			t.Errorf("%q: %d-%d/%d", value, first, last, total)
		}
	})
}
