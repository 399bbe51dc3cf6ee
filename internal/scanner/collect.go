package scanner

import (
	"modelgate/internal/finding"
	"modelgate/internal/threat"
)

// collector keeps the findings of one file: each cause in each place once, and at most finding.MaxFindings of them. A flood
// of findings must not push out what matters, so when it is full a finding of a new threat, or of a higher level than some
// that are kept, takes the place of one of which there are many.
type collector struct {
	list     []finding.Finding
	level    threat.Level
	dropped  int
	seen     map[cause]struct{}
	byThreat map[threat.ID]int
}

// cause is what makes two findings the same.
type cause struct {
	threat           threat.ID
	member           string
	offset           int64
	format           string
	module, operator string
	role             finding.Role
}

// maxSeen bounds the memory for duplicates: beyond it they may be counted as dropped. maxRanked bounds the work: after so many
// dropped findings only those of new threats are kept.
const (
	maxSeen   = 20_000
	maxRanked = 10_000
)

// add keeps a finding, and returns the kept one for whoever wants to polish it, or nil if it is not kept.
func (c *collector) add(f finding.Finding) *finding.Finding {
	c.level = max(c.level, f.Level)
	key := cause{f.Threat, f.Member, f.Offset, f.Format, f.Module, f.Operator, f.Role}
	if _, dup := c.seen[key]; dup {
		return nil
	}
	if c.seen == nil {
		c.seen, c.byThreat = map[cause]struct{}{}, map[threat.ID]int{}
	}
	if len(c.seen) < maxSeen {
		c.seen[key] = struct{}{}
	}
	if len(c.list) >= finding.MaxFindings {
		c.dropped++
		i := c.victim(f)
		if i < 0 {
			return nil
		}
		c.byThreat[c.list[i].Threat]--
		c.list = append(c.list[:i], c.list[i+1:]...)
	}
	c.byThreat[f.Threat]++
	c.list = append(c.list, f)
	return &c.list[len(c.list)-1]
}

// victim chooses which of the kept findings makes room for f, or -1 if f is not worth one. A threat keeps its last finding.
func (c *collector) victim(f finding.Finding) int {
	best := -1
	if c.dropped > maxRanked && c.byThreat[f.Threat] > 0 {
		return best
	}
	for i := len(c.list) - 1; i >= 0; i-- {
		g := c.list[i]
		if c.byThreat[g.Threat] < 2 || c.byThreat[f.Threat] > 0 && g.Level >= f.Level {
			continue
		}
		if best < 0 || g.Level < c.list[best].Level {
			best = i
		}
	}
	return best
}
