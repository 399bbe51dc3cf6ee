package pypackage

import (
	"context"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// hygiene turns what is said of a package's own archive into what the rules of packages judge: odd and unread are two things. What leads
// outside of the archive stays what it is. Members are not touched.
type hygiene struct {
	source.Sink
	sources *sources // of the package, nil where nobody asks
	tar     bool     // a tar archive that is malformed was not read to its end, but for devices, which have no content
}

// Find implements source.Sink.
func (h hygiene) Find(f finding.Finding) {
	var id threat.ID
	switch f.Threat {
	case threat.MGFMT400, threat.MGFMT402, threat.MGFMT403:
		if id = threat.MGPKG108; h.tar && f.Threat == threat.MGFMT400 && f.Severity != threat.High {
			id = threat.MGPKG400
		}
	case threat.MGFMT404, threat.MGFMT405, threat.MGFMT406:
		id = threat.MGPKG400
	default:
		h.Sink.Find(f)
		return
	}
	row := threat.Get(id)
	f.Threat, f.Level, f.Severity = id, row.Level, row.Severity
	h.Sink.Find(f)
}

// Member implements source.Sink.
func (h hygiene) Member(ctx context.Context, m source.Member) (source.Outcome, error) {
	if h.sources != nil {
		m.Amend = func(f finding.Finding) (finding.Finding, bool) { return h.sources.amend(m.Name, f) }
	}
	return h.Sink.Member(ctx, m)
}
