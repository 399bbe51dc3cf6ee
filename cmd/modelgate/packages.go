package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/model/dist"
	"modelgate/internal/scanner/source"
	"modelgate/internal/upstream/folder"
	"modelgate/internal/upstream/index"
)

// foundPackage is a Python package to scan.
type foundPackage struct {
	gate.Origin
	version  model.Version
	uri      string
	release  string    // number of the version
	uploaded time.Time // zero if that is not known
}

// packageFinder finds Python packages to scan.
type packageFinder struct {
	advisories func(project, version string) []model.Advisory
	// index finds packages that requirements name; it is nil if none is configured.
	index *index.Index
	// wheels are those that are wanted of a release.
	wheels wheelFilter
	// remark tells of a choice that was made.
	remark func(format string, args ...any)
}

// localPackage is a Python package on this machine: a distribution file, or the files of an installed one.
type localPackage struct {
	*folder.Folder
	meta model.Metadata
}

// Metadata tells what is known of the package. An index could tell more: when it was uploaded, and whether it is yanked.
func (p *localPackage) Metadata(context.Context) (model.Metadata, error) { return p.meta, nil }

// local makes a package of files and its core metadata. Its revision is no digest alone: such a verdict, for which no index was
// asked, is not that of the door.
func (p packageFinder) local(f *folder.Folder, place, filename string, text []byte) foundPackage {
	m := dist.ParseMetadata(text)
	project, ok := dist.Normalize(m.Name)
	if !ok {
		project = filepath.Base(place)
	}
	version := m.Version
	if v, err := dist.ParseVersion(version); err == nil {
		version = v.String()
	}
	meta := model.Metadata{URI: filepath.ToSlash(place), LicenseUnknown: true, Package: &model.Package{
		Project: project, Version: version, Filename: filename, Licenses: m.Licenses(), LicenseUnknown: len(text) == 0,
		Advisories: p.advisories(project, version),
	}}
	return foundPackage{
		Origin: &localPackage{Folder: f, meta: meta}, uri: meta.URI, release: version,
		version: model.Version{Source: model.PyPI, Name: project, Revision: "local-" + f.Version("").Revision},
	}
}

// find finds the Python packages at a place: a wheel, an sdist, a folder of such files, a requirements file that names some, or a
// folder into which packages were installed. There are none if the place is of another kind.
func (p packageFinder) find(ctx context.Context, place string) ([]foundPackage, error) {
	info, err := os.Stat(place)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place, err)
	}
	if info.IsDir() {
		return p.inFolder(ctx, place)
	}
	if isRequirements(place) {
		return p.inRequirements(ctx, place)
	}
	found, err := p.inFile(ctx, place)
	if found == nil || err != nil {
		return nil, err
	}
	return []foundPackage{*found}, nil
}

// isDistribution tells whether a file can be one of a package by its name.
func isDistribution(name string) bool {
	_, ok := dist.GuessProject(name)
	return strings.HasSuffix(name, ".whl") || ok && (strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".zip"))
}

// inFile opens a distribution file; nil if the file is none. A wheel is one by its name, an archive if it has a package's metadata.
func (p packageFinder) inFile(ctx context.Context, place string) (*foundPackage, error) {
	base := filepath.Base(place)
	if !isDistribution(base) {
		return nil, nil
	}
	r, err := source.Open(place)
	if err != nil {
		return nil, err
	}
	info, err := r.Stat()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	text, errText := dist.ArchiveMetadata(r, info.Size(), base)
	if err := r.Close(); err != nil {
		return nil, err
	}
	if errText != nil && !strings.HasSuffix(base, ".whl") {
		return nil, nil
	}
	f, err := folder.Open(ctx, place)
	if err != nil {
		return nil, err
	}
	found := p.local(f, place, base, text)
	return &found, nil
}

// inFolder opens a folder of distribution files and nothing else, or one into which packages were installed.
func (p packageFinder) inFolder(ctx context.Context, place string) ([]foundPackage, error) {
	entries, err := os.ReadDir(place)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", place, err)
	}
	only := len(entries) > 0
	for _, e := range entries {
		if e.IsDir() && strings.HasSuffix(e.Name(), ".dist-info") {
			return p.inEnvironment(ctx, place, entries)
		}
		only = only && isDistribution(e.Name())
	}
	if !only {
		return nil, nil
	}
	var out []foundPackage
	for _, e := range entries {
		found, err := p.inFile(ctx, filepath.Join(place, e.Name()))
		if found == nil || err != nil {
			return nil, err
		}
		out = append(out, *found)
	}
	return out, nil
}

// inEnvironment opens every package that was installed into a folder, and what lies there without belonging to one.
func (p packageFinder) inEnvironment(ctx context.Context, place string, entries []fs.DirEntry) ([]foundPackage, error) {
	var out []foundPackage
	owned := map[string]bool{}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasSuffix(e.Name(), ".dist-info") {
			continue
		}
		chosen, err := recorded(place, e.Name(), owned)
		if err != nil {
			return nil, err
		}
		f, err := folder.Select(ctx, filepath.Join(place, e.Name()), chosen)
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(filepath.Join(place, e.Name(), "METADATA"))
		if err != nil {
			return nil, fmt.Errorf("read what %s is: %w", e.Name(), err)
		}
		out = append(out, p.local(f, filepath.Join(place, e.Name()), e.Name(), text))
	}
	rest := map[string]string{}
	err := filepath.WalkDir(place, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || owned[name] || isBytecode(name) {
			return err
		}
		inside, err := filepath.Rel(place, name)
		rest[filepath.ToSlash(inside)] = name
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", place, err)
	}
	if len(rest) == 0 {
		return out, nil
	}
	f, err := folder.Select(ctx, place, rest)
	if err != nil {
		return nil, err
	}
	return append(out, p.local(f, filepath.Join(place, "files-of-no-package"), "files-of-no-package", nil)), nil
}

// recorded are the files of an installed package as its RECORD lists them. What installers compile is left out.
func recorded(place, info string, owned map[string]bool) (map[string]string, error) {
	r, err := os.Open(filepath.Join(place, info, "RECORD"))
	if err != nil {
		return nil, fmt.Errorf("which files %s has is not known: %w", info, err)
	}
	defer func() { _ = r.Close() }()
	rows := csv.NewReader(r)
	rows.FieldsPerRecord = -1
	list, err := rows.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the RECORD of %s: %w", info, err)
	}
	chosen := map[string]string{}
	for _, row := range list {
		name := filepath.Join(place, filepath.FromSlash(row[0]))
		if filepath.IsAbs(filepath.FromSlash(row[0])) {
			name = filepath.Clean(row[0])
		}
		owned[name] = true
		if isBytecode(name) {
			continue
		}
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			continue // it was removed, so it cannot do anything
		}
		inside := path.Clean("/" + row[0])[1:] // scripts lie outside: ../../../bin/name
		chosen[inside] = name
	}
	return chosen, nil
}

// isBytecode tells whether a file is one that the interpreter compiles from another.
func isBytecode(name string) bool {
	return filepath.Ext(name) == ".pyc" && filepath.Base(filepath.Dir(name)) == "__pycache__"
}
