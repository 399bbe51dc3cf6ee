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
	own map[string]bool // packages and modules at the top of the wheel
	tar bool            // a tar archive that is malformed was not read to its end, but for devices, which have no content
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

// Member implements source.Sink: it says which modules are the package's own, so that a pickle of its classes is taken for what it is.
func (h hygiene) Member(ctx context.Context, m source.Member) (source.Outcome, error) {
	if len(h.own) > 0 {
		m.Own = func(module string) bool { return h.own[module] }
	}
	return h.Sink.Member(ctx, m)
}
