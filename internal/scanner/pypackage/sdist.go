package pypackage

import (
	"context"
	"fmt"
	"path"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/model/dist"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/tarview"
	"modelgate/internal/threat"
)

// ProbeSdist accepts the tar archives of packages.
func ProbeSdist(f *source.File) (bool, error) {
	if f.Family != source.FamilyPackage {
		return false, nil
	}
	head, err := f.Head()
	return err == nil && tarview.Probe(head), err
}

// ScanSdist scans a source distribution: every member by the engine, and what it says of itself.
func ScanSdist(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("sdist")
	tops := map[string]bool{}
	var info []byte
	infoName := ""
	err := tarview.Scan(ctx, f, hygiene{s}, func(e *tarview.Entry, bytes source.Reader) error {
		name := path.Clean(e.Name)
		top, rest, _ := strings.Cut(name, "/")
		if len(tops) < 16 {
			tops[top] = true
		}
		if rest == "PKG-INFO" && info == nil {
			infoName = e.Name
			text := make([]byte, min(e.Size, maxMetadata))
			if n, err := bytes.ReadAt(text, 0); n == len(text) || soft(err) {
				info = text[:n]
			} else if err != nil {
				return err
			}
		}
		_, err := s.Member(ctx, source.Member{Name: e.Name, Bytes: bytes, Family: source.FamilyPackage})
		return err
	})
	if err != nil {
		return err
	}
	delete(tops, ".")
	delete(tops, "pax_global_header")
	if len(tops) > 1 {
		s.Find(finding.New(threat.MGPKG108, 0, "The archive has more than one folder at its top."))
	}
	if info == nil {
		return nil // old tools and plain archives of repositories have none
	}
	says := headers(info)
	for top := range tops {
		project, ok := dist.Normalize(says["name"])
		parsed, fits := dist.ParseFilename(project, top+".tar.gz")
		v, err := dist.ParseVersion(says["version"])
		if !ok || !fits || err != nil || !v.Equal(parsed.Version) {
			s.Find(found(threat.MGPKG107, infoName, -1, says["name"]+" "+says["version"], fmt.Sprintf(
				"The metadata tell of %s %s, the folder is %s.", source.Evidence(says["name"]), source.Evidence(says["version"]), source.Evidence(top))))
		}
	}
	return nil
}
