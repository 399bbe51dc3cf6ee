package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"modelgate/internal/model/dist"
	"modelgate/internal/upstream/index"
)

// isRequirements tells whether a file is one of requirements, by its name.
func isRequirements(place string) bool {
	base := strings.ToLower(filepath.Base(place))
	return strings.HasSuffix(base, ".txt") && strings.Contains(base, "requirements")
}

// requirement is a line of a requirements file that names a package (pip, "Requirements file format").
type requirement struct {
	place  string // file and line
	text   string
	file   string // of the distribution, if it names one
	name   string // of the project, in its normal form
	wanted dist.Specifiers
	hashes []string // SHA-256, of which the file must have one; none: any
}

// Bounds of requirements files: bytes of a line, and how many files may include one another.
const (
	maxRequirementLine  = 1 << 20
	maxRequirementFiles = 100
)

// requirementLine is a name, extras and what follows.
var requirementLine = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*)$`)

// inRequirements finds the packages that a requirements file names: files, and what an index has for the rest. A line that cannot be followed is
// an error, and nothing is scanned then: a scan that left it out would look as if it had passed.
func (p packageFinder) inRequirements(ctx context.Context, place string) ([]foundPackage, error) {
	list, err := p.readRequirements(place, map[string]bool{})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s names no packages", place)
	}
	var out []foundPackage
	var errs []error
	for _, r := range list {
		found, err := p.resolve(ctx, r)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w", r.place, r.text, err))
		}
		out = append(out, found...)
	}
	return out, errors.Join(errs...)
}

// readRequirements reads a file, and those that it includes. Errors name every line that is not understood.
func (p packageFinder) readRequirements(place string, seen map[string]bool) ([]requirement, error) {
	place = filepath.Clean(place)
	if seen[place] {
		return nil, nil
	}
	if seen[place] = true; len(seen) > maxRequirementFiles {
		return nil, fmt.Errorf("%s: more than %d files include one another", place, maxRequirementFiles)
	}
	f, err := os.Open(place)
	if err != nil {
		return nil, fmt.Errorf("open requirements: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxRequirementLine)
	var out []requirement
	var errs []error
	line := ""
	for n, begin := 1, 1; lines.Scan(); n++ {
		if line == "" {
			begin = n
		}
		part, more := strings.CutSuffix(lines.Text(), "\\")
		if line += part; more {
			continue
		}
		list, err := p.readRequirement(fmt.Sprintf("%s:%d", place, begin), filepath.Dir(place), uncommented(line), seen)
		out, errs, line = append(out, list...), append(errs, err), ""
	}
	if line != "" {
		errs = append(errs, fmt.Errorf("%s: the last line goes on nowhere", place))
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("read %s: %w", place, err))
	}
	return out, errors.Join(errs...)
}

// uncommented cuts a comment, which begins a line or follows a blank.
func uncommented(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}

// readRequirement reads one line, without its comment.
func (p packageFinder) readRequirement(place, dir, line string, seen map[string]bool) ([]requirement, error) {
	if line == "" {
		return nil, nil
	}
	if line[0] == '-' {
		return p.readOption(place, dir, line, seen)
	}
	r := requirement{place: place, text: line}
	words := strings.Fields(line)
	for len(words) > 1 && strings.HasPrefix(words[len(words)-1], "--hash=") {
		algorithm, sum, _ := strings.Cut(strings.TrimPrefix(words[len(words)-1], "--hash="), ":")
		if algorithm != "sha256" {
			return nil, fmt.Errorf("%s: %q: only hashes by SHA-256 are compared", place, line)
		}
		r.hashes, words = append(r.hashes, strings.ToLower(sum)), words[:len(words)-1]
	}
	text := strings.Join(words, " ")
	r.text = text
	m := requirementLine.FindStringSubmatch(text)
	if m != nil {
		if at, ok := strings.CutPrefix(m[2], "@"); ok {
			text, m = strings.TrimSpace(at), nil
		}
	}
	if m == nil || strings.Contains(text, "://") || isDistribution(path.Base(text)) {
		file, _, _ := strings.Cut(text, " ;")
		file = strings.TrimPrefix(file, "file://")
		if strings.Contains(file, "://") || !isDistribution(filepath.Base(file)) {
			return nil, fmt.Errorf("%s: %q is neither a file on this machine nor a package of an index: download it first (pip download -d FOLDER) and scan the folder", place, r.text)
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		r.file = file
		return []requirement{r}, nil
	}
	demands, _, _ := strings.Cut(m[2], ";") // whatever a marker says: what may be installed is scanned
	demands = strings.TrimSpace(demands)
	if inner, ok := strings.CutPrefix(demands, "("); ok {
		demands = strings.TrimSuffix(inner, ")")
	}
	var ok bool
	var err error
	if r.name, ok = dist.Normalize(m[1]); !ok {
		return nil, fmt.Errorf("%s: %q is no name of a package", place, m[1])
	}
	if r.wanted, err = dist.ParseSpecifiers(demands); err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	return []requirement{r}, nil
}

// readOption reads a line that begins with an option. Those that change what is installed are refused, but for files to include.
func (p packageFinder) readOption(place, dir, line string, seen map[string]bool) ([]requirement, error) {
	name, value, _ := strings.Cut(strings.Replace(line, " ", "=", 1), "=")
	value = strings.TrimSpace(value)
	switch name {
	case "-r", "--requirement":
		if !filepath.IsAbs(value) {
			value = filepath.Join(dir, value)
		}
		return p.readRequirements(value, seen)
	case "--require-hashes", "--prefer-binary", "--trusted-host":
		return nil, nil
	case "-i", "--index-url":
		p.remark("%s: the index that the file names is not asked: name it by --index-url", place)
		return nil, nil
	default:
		return nil, fmt.Errorf("%s: the option %s changes what is installed, and is not followed here", place, name)
	}
}

// resolve finds what is to be scanned for a requirement: a file on this machine, or files of one release of an index.
func (p packageFinder) resolve(ctx context.Context, r requirement) ([]foundPackage, error) {
	if r.file != "" {
		found, err := p.inFile(ctx, r.file)
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, errors.New("this is no package")
		}
		return []foundPackage{*found}, nil
	}
	if p.index == nil {
		return nil, errors.New("it is to be found in an index, and none is configured: give --index-url or set pypi.upstreams")
	}
	page, err := p.index.Project(ctx, r.name)
	if errors.Is(err, index.ErrNotFound) {
		return nil, errors.New("no index has the project")
	}
	if err != nil {
		return nil, err
	}
	files, err := p.choose(page, r)
	if err != nil {
		return nil, err
	}
	var out []foundPackage
	for _, f := range files {
		e, err := p.index.Entry(ctx, page.Upstream, page.Project, f.ID(), f.Filename)
		if err != nil {
			return nil, err
		}
		bytes, err := p.index.Bytes(ctx, e)
		if err != nil {
			return nil, err
		}
		o := &index.Origin{Index: p.index, Entry: e, File: bytes}
		out = append(out, foundPackage{
			Origin: o, version: o.Version(), uri: "pypi://" + e.Project, release: e.Version(), uploaded: e.Uploaded,
		})
	}
	return out, nil
}

// choose chooses the files of a page for a requirement: those of one release, its wheels if any is wanted, else its source distribution.
// A release that was yanked is for those who insist on it.
func (p packageFinder) choose(page *index.Page, r requirement) ([]index.File, error) {
	var versions []dist.Version
	names := dist.NewNames(page.Project)
	for _, f := range page.Files {
		if name, ok := names.Parse(f.Filename); ok && name.Kind != dist.Other && (!f.Yanked || r.wanted.Pinned()) {
			versions = append(versions, name.Version)
		}
	}
	release, ok := r.wanted.Newest(versions)
	if !ok {
		return nil, errors.New("no release fits")
	}
	if !r.wanted.Pinned() {
		p.remark("%s: %q is not pinned: %s is taken, the newest that fits now", r.place, r.text, release)
	}
	var wheels, sdists []index.File
	for _, f := range page.Files {
		name, ok := names.Parse(f.Filename)
		if !ok || !name.Version.Equal(release) || len(r.hashes) > 0 && !slices.Contains(r.hashes, f.SHA256().Hex()) {
			continue
		}
		switch {
		case name.Kind == dist.Sdist:
			sdists = append(sdists, f)
		case name.Kind == dist.Wheel && p.wheels.fits(name):
			wheels = append(wheels, f)
		}
	}
	switch {
	case len(wheels) > 0:
		return wheels, nil
	case len(sdists) > 0:
		return sdists, nil
	default:
		return nil, fmt.Errorf("release %s has no file that fits", release)
	}
}

// wheelFilter tells which wheels are wanted. The zero value wants all.
type wheelFilter struct {
	minor     int      // of Python 3; -1: any
	platforms []string // globs; none: any
}

// newWheelFilter reads a version of Python, "3.12", and globs of platforms.
func newWheelFilter(python string, platforms []string) (wheelFilter, error) {
	w := wheelFilter{minor: -1, platforms: platforms}
	if python != "" {
		minor, ok := strings.CutPrefix(python, "3.")
		n, err := strconv.ParseUint(minor, 10, 8)
		if !ok || err != nil {
			return w, fmt.Errorf("--python-version %q is not like 3.12", python)
		}
		w.minor = int(n)
	}
	for _, glob := range platforms {
		if _, err := path.Match(glob, ""); err != nil {
			return w, fmt.Errorf("--platform %q: %w", glob, err)
		}
	}
	return w, nil
}

func (w wheelFilter) fits(f dist.Filename) bool {
	python := w.minor < 0 || slices.ContainsFunc(strings.Split(f.Python, "."), func(tag string) bool { return w.fitsPython(tag, f.ABI) })
	platform := len(w.platforms) == 0 || slices.ContainsFunc(strings.Split(f.Platform, "."), w.fitsPlatform)
	return python && platform
}

// fitsPython compares a tag: py3 and py310 are for every Python from there on, and so is cp310 with the stable interface; cp312 is for that one.
func (w wheelFilter) fitsPython(tag, abi string) bool {
	rest, ok := strings.CutPrefix(tag, "py3")
	if !ok {
		rest, ok = strings.CutPrefix(tag, "cp3")
		if ok && !slices.Contains(strings.Split(abi, "."), "abi3") {
			return rest == strconv.Itoa(w.minor)
		}
	}
	n, err := strconv.Atoi("0" + rest)
	return ok && err == nil && n <= w.minor
}

func (w wheelFilter) fitsPlatform(tag string) bool {
	return tag == "any" || slices.ContainsFunc(w.platforms, func(glob string) bool {
		ok, err := path.Match(glob, tag)
		return ok && err == nil
	})
}
