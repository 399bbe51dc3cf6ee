package pypackage

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"modelgate/internal/model/dist"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/zipview"
)

// probeZip accepts a ZIP whose name is that of a source distribution. One with a wheel's metadata is a wheel.
func probeZip(f *source.File) (bool, error) {
	project, ok := dist.GuessProject(path.Base(f.Path))
	if !ok {
		return false, nil
	}
	if name, ok := dist.ParseFilename(project, path.Base(f.Path)); !ok || name.Kind != dist.Sdist || path.Ext(f.Path) != ".zip" {
		return false, nil
	}
	v, err := zipview.Of(f)
	if err != nil || v == nil {
		return false, err
	}
	isWheel, err := ProbeWheel(f)
	return err == nil && !isWheel, err
}

// zipped is a source distribution that is a ZIP, as Windows' tools wrote them and some projects still do.
type zipped struct {
	wheel // its members, which are read in the same way
	tops  []string
}

// roots implements tree, as those of a tar.
func (z *zipped) roots() []string { return rootsOf(z.tops) }

// scanZip scans a source distribution that is a ZIP: every member by the engine, and what it says of itself.
func scanZip(ctx context.Context, f *source.File, s source.Sink) error {
	v, err := zipview.Of(f)
	if err != nil || v == nil {
		return err
	}
	z := &zipped{wheel: wheel{s: s, view: v, members: map[string]*zipview.Entry{}}}
	tops := map[string]bool{}
	infoName := ""
	for _, e := range v.Entries {
		name := path.Clean(e.Name())
		z.members[name] = e
		top, rest, inside := strings.Cut(name, "/")
		if len(tops) < maxTops && (inside || !e.IsDir()) {
			tops[top] = true
		}
		if rest == "PKG-INFO" && infoName == "" {
			infoName = name
		}
	}
	for top := range tops {
		z.tops = append(z.tops, top+"/")
	}
	slices.Sort(z.tops)
	if err := z.each(ctx, f); err != nil {
		return err
	}
	compiled(slices.Sorted(maps.Keys(z.members)), s)
	info, err := z.content(infoName, maxMetadata)
	if err != nil {
		return err
	}
	folders(tops, infoName, info, s)
	return nil
}

// each hands every member to the engine, as the archive's own scan would.
func (z *zipped) each(ctx context.Context, f *source.File) error {
	project, _ := dist.GuessProject(path.Base(f.Path))
	texts, own := &texts{s: z.s}, hygiene{Sink: z.s, sources: newSources(z, project)}
	done := map[*zipview.Entry]bool{}
	for _, e := range z.view.Entries {
		if e.IsDir() {
			continue
		}
		done[e] = true
		if !texts.take(e.Name(), e.Size()) {
			continue
		}
		if err := z.build(e); err != nil {
			return err
		}
		if _, err := z.view.Member(ctx, f, own, e, source.FamilyPackage); err != nil {
			return err
		}
	}
	return zipview.Scan(ctx, f, own, zipview.Plan{Done: func(e *zipview.Entry) bool { return done[e] }})
}

// build looks at the file that names what builds the project.
func (z *zipped) build(e *zipview.Entry) error {
	if _, rest, _ := strings.Cut(path.Clean(e.Name()), "/"); rest != "pyproject.toml" {
		return nil
	}
	text, err := z.content(path.Clean(e.Name()), maxMetadata)
	if err != nil || text == nil {
		return err
	}
	return backend(e.Name(), int64(len(text)), source.Bytes(text), z.s)
}
