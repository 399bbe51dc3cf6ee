package gate

import (
	"context"
	"slices"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// Bounds of judging the repositories that a version imports code from: how many may lead to each other, and how long the scan of one
// waits for that of another. Repositories that import from each other in a circle are left unjudged.
const (
	maxChain    = 4
	otherWithin = time.Minute
)

// judge tells how another repository fares under the same group, by its own scan. It is what the engine asks when a file makes
// loaders import code from there.
func (s *scanning) judge(ctx context.Context, repo string) (threat.Level, bool) {
	if s.req.Other == nil || len(s.req.chain) >= maxChain {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, otherWithin)
	defer cancel()
	version, origin, err := s.req.Other(ctx, repo)
	if err != nil {
		return 0, false
	}
	chain := append(slices.Clone(s.req.chain), s.req.Version)
	if slices.Contains(chain, version) {
		return 0, false
	}
	ticket, err := s.gate.Check(ctx, Request{
		Version: version, GroupUUID: s.group.UUID, Origin: origin, Owner: s.req.Owner, ScanOrigin: s.req.ScanOrigin,
		RequestedRevision: "main", Other: s.req.Other, chain: chain,
	})
	if err != nil {
		return 0, false
	}
	v, err := ticket.Verdict(ctx)
	if err != nil {
		return 0, false
	}
	return levelOf(v)
}

// levelOf tells what a verdict says of code that is imported from the version.
func levelOf(v Verdict) (threat.Level, bool) {
	level := threat.Clean
	for _, f := range v.Failed {
		switch threat.Rule(f.Name) {
		case threat.LoadTime, threat.Runtime:
			level = threat.Malicious
		case threat.SuspiciousComponents, threat.KnownOperators, threat.Backdoor:
			level = max(level, threat.Suspicious)
		}
	}
	return level, v.Outcome == model.Allowed || v.Outcome == model.Blocked
}
