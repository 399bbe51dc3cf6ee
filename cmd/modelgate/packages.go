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

	"modelgate/internal/model"
	"modelgate/internal/model/dist"
	"modelgate/internal/scanner/source"
	"modelgate/internal/upstream/folder"
)

// localPackage is a Python package on this machine: a distribution file, or the files of an installed one.
type localPackage struct {
	*folder.Folder
	version model.Version
	meta    model.Metadata
}

// Metadata tells what is known of the package. An index could tell more: when it was uploaded, and whether it is yanked.
func (p *localPackage) Metadata(context.Context) (model.Metadata, error) { return p.meta, nil }

// newLocalPackage makes a package of files and its core metadata. Its revision is no digest alone: such a verdict, for which no index was
// asked, is not that of the door.
func newLocalPackage(f *folder.Folder, place, filename string, text []byte, advisories func(project, version string) []model.Advisory) *localPackage {
	m := dist.ParseMetadata(text)
	project, ok := dist.Normalize(m.Name)
	if !ok {
		project = filepath.Base(place)
	}
	version := m.Version
	if v, err := dist.ParseVersion(version); err == nil {
		version = v.String()
	}
	return &localPackage{
		Folder:  f,
		version: model.Version{Source: model.PyPI, Name: project, Revision: "local-" + f.Version("").Revision},
		meta: model.Metadata{URI: filepath.ToSlash(place), LicenseUnknown: true, Package: &model.Package{
			Project: project, Version: version, Filename: filename, Licenses: m.Licenses(), LicenseUnknown: len(text) == 0,
			Advisories: advisories(project, version),
		}},
	}
}

// localPackages finds the Python packages at a place: a wheel, an sdist, a folder of such files, a requirements file that names some, or a
// folder into which packages were installed. There are none if the place is of another kind.
func localPackages(ctx context.Context, place string, advisories func(project, version string) []model.Advisory) ([]*localPackage, error) {
	info, err := os.Stat(place)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place, err)
	}
	if info.IsDir() {
		return packagesOfFolder(ctx, place, advisories)
	}
	base := filepath.Base(place)
	if strings.HasSuffix(base, ".txt") && strings.Contains(strings.ToLower(base), "requirements") {
		return packagesOfRequirements(ctx, place, advisories)
	}
	p, err := packageOfFile(ctx, place, advisories)
	if p == nil || err != nil {
		return nil, err
	}
	return []*localPackage{p}, nil
}

// isDistribution tells whether a file can be one of a package by its name.
func isDistribution(name string) bool {
	_, ok := dist.GuessProject(name)
	return strings.HasSuffix(name, ".whl") || ok && (strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".zip"))
}

// packageOfFile opens a distribution file; nil if the file is none. A wheel is one by its name, an archive if it has a package's metadata.
func packageOfFile(ctx context.Context, place string, advisories func(project, version string) []model.Advisory) (*localPackage, error) {
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
	return newLocalPackage(f, place, base, text, advisories), nil
}

// packagesOfFolder opens a folder of distribution files and nothing else, or one into which packages were installed.
func packagesOfFolder(ctx context.Context, place string, advisories func(project, version string) []model.Advisory) ([]*localPackage, error) {
	entries, err := os.ReadDir(place)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", place, err)
	}
	only := len(entries) > 0
	for _, e := range entries {
		if e.IsDir() && strings.HasSuffix(e.Name(), ".dist-info") {
			return packagesOfEnvironment(ctx, place, entries, advisories)
		}
		only = only && isDistribution(e.Name())
	}
	if !only {
		return nil, nil
	}
	var out []*localPackage
	for _, e := range entries {
		p, err := packageOfFile(ctx, filepath.Join(place, e.Name()), advisories)
		if err != nil {
			return nil, err
		}
		if p == nil {
			return nil, nil
		}
		out = append(out, p)
	}
	return out, nil
}

// packagesOfEnvironment opens every package that was installed into a folder, and what lies there without belonging to one.
func packagesOfEnvironment(ctx context.Context, place string, entries []fs.DirEntry, advisories func(project, version string) []model.Advisory) ([]*localPackage, error) {
	var out []*localPackage
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
		out = append(out, newLocalPackage(f, filepath.Join(place, e.Name()), e.Name(), text, advisories))
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
	return append(out, newLocalPackage(f, filepath.Join(place, "files-of-no-package"), "files-of-no-package", nil, advisories)), nil
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

// packagesOfRequirements opens the distribution files that a requirements file names. A line that names a package of an index is an error:
// a scan that left it out would look as if it had passed.
func packagesOfRequirements(ctx context.Context, place string, advisories func(project, version string) []model.Advisory) ([]*localPackage, error) {
	text, err := os.ReadFile(place)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", place, err)
	}
	var out []*localPackage
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, " #")
		line, _, _ = strings.Cut(line, " --hash")
		if line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "\\")); line == "" || line[0] == '#' || strings.HasPrefix(line, "--hash") {
			continue
		}
		if _, at, ok := strings.Cut(line, " @ "); ok {
			line = strings.TrimSpace(at)
		}
		file := strings.TrimPrefix(line, "file://")
		if !isDistribution(filepath.Base(file)) || strings.Contains(file, "://") {
			return nil, fmt.Errorf("%s:%d: %q is no file on this machine: download the packages first (pip download -r %s -d FOLDER) and scan the folder", place, n, line, place)
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(place), file)
		}
		p, err := packageOfFile(ctx, file, advisories)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", place, n, err)
		}
		if p == nil {
			return nil, fmt.Errorf("%s:%d: %s is no package", place, n, file)
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s names no packages", place)
	}
	return out, nil
}
