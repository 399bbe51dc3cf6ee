package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// mismatch is why a version is in quarantine: a file whose bytes were not those announced or scanned.
type mismatch struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func quarantineKey(v model.Version) string { return "quarantine|" + v.Key() }

// Quarantine states that the bytes of a file were not those that were announced, or not those that were scanned. The
// version is blocked from now on, under a new scan that says why.
func (g *Gate) Quarantine(ctx context.Context, req Request, reason string) error {
	text, err := json.Marshal(mismatch{Path: req.Path, Reason: reason})
	if err != nil {
		return err
	}
	if err := g.store.Remember(ctx, quarantineKey(req.Version), text); err != nil {
		return fmt.Errorf("quarantine %s: %w", req.Version, err)
	}
	group, err := g.groups.find(ctx, req)
	if err != nil {
		return err
	}
	k := g.keys(req, group)
	g.cache.ForgetVerdict(ctx, k.version)
	g.cache.ForgetVerdict(ctx, k.file)
	sc := scanning{gate: g, req: req, group: group, keys: k}
	if err := sc.announce(ctx, req.ByFile); err != nil {
		return err
	}
	g.log("version quarantined: "+req.Version.String()+": "+req.Path+": "+reason, sc.scan.UUID, nil)
	if err := sc.record(ctx); err != nil {
		return err
	}
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		ctx, cancel := context.WithTimeout(g.base, g.timeout)
		defer cancel()
		if _, _, err := sc.run(ctx, req.ByFile); err != nil {
			g.log("quarantine could not be recorded", sc.scan.UUID, err)
		}
	}()
	return nil
}

// quarantined tells since when a version is in quarantine, the zero time if it is not, and why.
func (g *Gate) quarantined(ctx context.Context, v model.Version) (m mismatch, since time.Time, err error) {
	fact, ok, err := g.store.Recall(ctx, quarantineKey(v))
	if err != nil || !ok {
		return mismatch{}, time.Time{}, err
	}
	if err := json.Unmarshal(fact.Value, &m); err != nil {
		return mismatch{}, time.Time{}, fmt.Errorf("read the quarantine of %s: %w", v, err)
	}
	return m, fact.At, nil
}

// addQuarantine adds the finding to the report of a version that is in quarantine.
func (g *Gate) addQuarantine(ctx context.Context, r *finding.Report) error {
	m, since, err := g.quarantined(ctx, r.Version)
	if err != nil || since.IsZero() {
		return err
	}
	f := finding.New(threat.MGFMT408, -1, "The bytes of this file did not match: "+m.Reason)
	for i := range r.Files {
		if r.Files[i].Path == m.Path {
			r.Files[i].Context = append(r.Files[i].Context, f)
			return nil
		}
	}
	r.Files = append(r.Files, finding.NamedReport{
		Path:    m.Path,
		Report:  finding.FileReport{Formats: []string{"not_model"}, Coverage: finding.Analysed},
		Context: []finding.Finding{f},
	})
	return nil
}
