package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
)

// halting is an origin whose file "broken" cannot be opened before all others were.
type halting struct {
	*origin
	broken bool
	others sync.WaitGroup

	mu   sync.Mutex
	read []string
}

func (h *halting) Open(ctx context.Context, f model.File) (source.Content, error) {
	h.mu.Lock()
	h.read = append(h.read, f.Path)
	h.mu.Unlock()
	if h.broken && f.Path == "broken" {
		h.others.Wait()
		return nil, errors.New("disk on fire")
	}
	c, err := h.origin.Open(ctx, f)
	return closing{c, &h.others}, err
}

// closing tells when a file was read.
type closing struct {
	source.Content
	done *sync.WaitGroup
}

func (c closing) Close() error {
	c.done.Done()
	return c.Content.Close()
}

// TestAScanThatFailsLeavesTheReportsThatItMade scans again in another process, which finds them in the record alone.
func TestAScanThatFailsLeavesTheReportsThatItMade(t *testing.T) {
	const others = 2*mostUnrecorded + 7
	files := map[string]string{"broken": good}
	for i := range others {
		files[fmt.Sprintf("a%03d.json", i)] = fmt.Sprintf(`{"n": %d}`, i)
	}
	dir := t.TempDir()
	many := func(c *Config) { c.MaxFiles = len(files) }
	first := open(t, dir, many)
	h := &halting{origin: newOrigin(files), broken: true}
	h.others.Add(others)
	if v := check(t, first, request(h, "")); v.Outcome != model.Errored || len(h.read) != len(files) {
		t.Fatalf("%s after %d files", v.Outcome, len(h.read))
	}
	first.Close()

	second := open(t, dir, many)
	again := &halting{origin: newOrigin(files)}
	again.others.Add(others)
	req := request(again, "")
	req.Version.Name = "org/fork" // the same bytes
	if v := check(t, second, req); v.Outcome != model.Allowed {
		t.Fatalf("%+v", v)
	}
	// The file that was about to be reported when the other failed may be missing.
	if len(again.read) > 2 || !slices.Contains(again.read, "broken") {
		t.Errorf("read again: %q", again.read)
	}
}
