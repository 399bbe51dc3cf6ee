package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"modelgate/internal/config"
	"modelgate/internal/model"
	"modelgate/internal/upstream/osv"
)

// advisories are the records that tell of known bad releases, read again from time to time.
type advisories struct {
	cfg config.OSV
	log zerolog.Logger
	set atomic.Pointer[osv.Set]
}

// openAdvisories reads the records. That none of them can be read is an error at the start; later the records that there were stay.
func openAdvisories(cfg config.OSV, log zerolog.Logger) (*advisories, error) {
	a := &advisories{cfg: cfg, log: log}
	if len(cfg.Paths) == 0 {
		return a, nil
	}
	set, err := osv.Load(cfg.Paths...)
	if err != nil {
		return nil, err
	}
	a.set.Store(set)
	a.tell(set)
	return a, nil
}

// keep reads the records again and again until ctx ends.
func (a *advisories) keep(ctx context.Context) {
	if len(a.cfg.Paths) == 0 {
		return
	}
	ticker := time.NewTicker(a.cfg.Reload.Std())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		set, err := osv.Load(a.cfg.Paths...)
		if err != nil {
			a.log.Warn().Err(err).Msg("advisories cannot be read: those that were read before stay")
			continue
		}
		if set.Digest() != a.digest() {
			a.set.Store(set)
			a.tell(set)
		}
	}
}

func (a *advisories) tell(s *osv.Set) {
	e := a.log.Info()
	if s.Broken > 0 {
		e = a.log.Warn().Str("first_broken", s.FirstBroken)
	}
	e.Int("records", s.Records).Int("broken", s.Broken).Int("unusable", s.Unusable).Msg("advisories read")
}

// digest names the records as they are now.
func (a *advisories) digest() string { return a.set.Load().Digest() }

// find finds what is known against a release.
func (a *advisories) find(project, version string) []model.Advisory {
	var out []model.Advisory
	for _, m := range a.set.Load().Match(project, version) {
		out = append(out, model.Advisory{ID: m.ID, Malicious: m.Malicious, Severity: m.Severity})
	}
	return out
}
