package pypackage

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
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
	members, texts := &memberNames{s: s, byKey: map[string]string{}}, &texts{s: s}
	var info []byte
	infoName := ""
	err := tarview.Scan(ctx, f, hygiene{Sink: s, tar: true}, func(e *tarview.Entry, bytes source.Reader) error {
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
		members.add(e.Name, e.At)
		if path.Clean(e.Header) != name && max(len(e.Header), len(e.Name)) < headerName && isASCII(e.Name) {
			f := found(threat.MGPKG108, "", e.At, e.Header+" -> "+e.Name, "An extension gives the entry another name than its header, which older readers take.")
			s.Find(f)
		}
		if rest == "pyproject.toml" {
			if err := backend(e.Name, e.Size, bytes, s); err != nil {
				return err
			}
		}
		if !texts.take(e.Name, e.Size) {
			return nil
		}
		_, err := s.Member(ctx, source.Member{Name: e.Name, Bytes: bytes, Family: source.FamilyPackage})
		return err
	})
	if err != nil {
		return err
	}
	compiled(slices.Sorted(maps.Values(members.byKey)), s)
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
