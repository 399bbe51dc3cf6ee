package gate

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"modelgate/internal/finding"
)

// reports are the reports of files: in the cache, else in the record.
type reports struct{ gate *Gate }

func (r reports) Report(ctx context.Context, key string) (finding.FileReport, bool) {
	if rep, ok := r.gate.cache.Report(ctx, key); ok {
		return rep, true
	}
	rep, ok, err := r.gate.store.Report(ctx, key)
	if err != nil || !ok {
		return finding.FileReport{}, false
	}
	r.gate.cache.PutReport(ctx, key, rep)
	return rep, true
}

func (r reports) PutReport(ctx context.Context, key string, rep finding.FileReport) {
	r.gate.cache.PutReport(ctx, key, rep)
	if err := r.gate.store.PutReport(ctx, key, rep); err != nil {
		r.gate.log("report of a file could not be recorded", uuid.Nil, err)
	}
}

// manyReports are the reports of the files of one version. What the record knows of them is asked for at once, and new reports are recorded
// many at a time: with a folder of small files, each by itself costs more than its scan. Others see them in the cache as soon as they are
// made.
type manyReports struct {
	gate     *Gate
	recorded map[string]finding.FileReport

	mu    sync.Mutex
	fresh map[string]finding.FileReport
	bytes int64 // of their files
}

// A process that is killed forgets the reports that were not recorded yet: so many at most, of files of so many bytes together.
const (
	mostUnrecorded      = 100
	mostUnrecordedBytes = 64 << 20
)

// manyReports returns the reports of the files of those keys.
func (g *Gate) manyReports(ctx context.Context, keys []string) *manyReports {
	m := &manyReports{gate: g, fresh: map[string]finding.FileReport{}}
	var err error
	if m.recorded, err = g.store.Reports(ctx, keys); err != nil {
		g.log("reports of files could not be read", uuid.Nil, err) // the files are scanned then
	}
	return m
}

// Report implements scanner.Known.
func (m *manyReports) Report(ctx context.Context, key string) (finding.FileReport, bool) {
	if rep, ok := m.recorded[key]; ok {
		return rep, true
	}
	return m.gate.cache.Report(ctx, key)
}

// PutReport implements scanner.Known.
func (m *manyReports) PutReport(ctx context.Context, key string, rep finding.FileReport) {
	m.gate.cache.PutReport(ctx, key, rep)
	m.mu.Lock()
	m.fresh[key] = rep
	m.bytes += rep.Size
	full := len(m.fresh) >= mostUnrecorded || m.bytes >= mostUnrecordedBytes
	m.mu.Unlock()
	if full {
		m.flush(ctx)
	}
}

// flush records what is new, even if ctx is over: the next try does not begin anew then.
func (m *manyReports) flush(ctx context.Context) {
	m.mu.Lock()
	fresh := m.fresh
	m.fresh, m.bytes = map[string]finding.FileReport{}, 0
	m.mu.Unlock()
	if len(fresh) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer cancel()
	if err := m.gate.store.PutReports(ctx, fresh); err != nil {
		m.gate.log("reports of files could not be recorded", uuid.Nil, err)
	}
}
