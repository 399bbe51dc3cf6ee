package gate

import (
	"context"
	"fmt"
	"time"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/policy"
)

// Announced is a file that an index lists, with what is known of it while its bytes are not.
type Announced struct {
	// Release is equal for the files of one release.
	Release string
	// Revision is that of the version which the file is: its SHA-256, or another name of it where the index tells none.
	Revision string
	File     model.File // the digest may be missing
	Metadata model.Metadata
}

// Rules names all that a verdict on what an index lists depends on besides the list: group, rules, facts and scanner.
func (g *Gate) Rules(ctx context.Context, req Request) (string, error) {
	group, err := g.groups.find(ctx, req)
	return group.suffix, err
}

// Announce judges files by what is known of them without their bytes: an advisory, a denied name or digest, their age. Of each release in
// which one fails a BLOCKING rule, one scan is recorded, as BLOCKED, on the first such file, unless one of its files is known to be blocked
// already. [Gate.Blocked] finds it, and so does whoever asks for the file. The request's version names the project.
func (g *Gate) Announce(ctx context.Context, req Request, list []Announced) error {
	uploaded, releases := map[string]time.Time{}, map[string]string{}
	for _, a := range list {
		releases[a.Revision] = a.Release
		if p := a.Metadata.Package; p != nil {
			uploaded[a.Revision] = p.Uploaded
		}
	}
	req.UploadedOf = func(revision string) time.Time { return uploaded[revision] }
	known, err := g.Blocked(ctx, req)
	if err != nil {
		return err
	}
	blocked := map[string]bool{}
	for _, s := range known {
		blocked[releases[s.Revision]] = true
	}
	group, err := g.groups.find(ctx, req)
	if err != nil {
		return err
	}
	rules := policy.ListedRules(group.Group)
	for _, a := range list {
		if blocked[a.Release] {
			continue
		}
		of := req
		of.Version.Revision, of.Uploaded = a.Revision, uploaded[a.Revision]
		if p := a.Metadata.Package; p != nil {
			of.RequestedRevision = p.Version
		}
		if blocked[a.Release], err = g.judgeAnnounced(ctx, of, rules, a); err != nil {
			return err
		}
	}
	return nil
}

// judgeAnnounced judges one file, and records a scan if it is blocked.
func (g *Gate) judgeAnnounced(ctx context.Context, req Request, rules policy.Listed, a Announced) (blocked bool, err error) {
	j := rules.Evaluate(req.Version, a.Metadata)
	if j.Outcome != model.Blocked {
		return false, nil
	}
	group, err := g.groups.find(ctx, req) // which tells how young the file is
	if err != nil {
		return false, err
	}
	s := &scanning{gate: g, req: req, group: group, keys: g.keys(req, group)}
	if err := s.announce(ctx, false); err != nil {
		return false, err
	}
	s.settle(finding.Report{Version: req.Version}, a.Metadata)
	s.scan.Outcome, s.scan.Evaluations, s.scan.ErrorCode, s.scan.ErrorMessage = j.Outcome, j.Evaluations, "", ""
	s.scan.EnabledRules = len(j.Evaluations)
	s.scan.Files = []model.ScanFile{{Path: a.File.Path, Size: a.File.Size, Digest: a.File.Digest, Result: model.FileSkipped}}
	s.scan.FilesSkipped = 1
	s.scan.ModelVersionUUID = model.VersionUUID(req.Version.Name, model.Fingerprint([]model.File{a.File}))
	if err := g.store.PutScan(ctx, &s.scan); err != nil {
		return false, fmt.Errorf("record what is known of %s: %w", req.Version, err)
	}
	g.cache.PutVerdict(ctx, s.keys.version, recordOf(s.scan).encode())
	return true, nil
}
