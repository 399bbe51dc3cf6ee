// Package dist has the names of Python packages: projects, versions, and the files in which releases are distributed. It knows how
// they are spelled and when two spellings mean the same, and nothing else; it imports nothing of ours.
package dist

import (
	"strings"
)

// Bounds of names, in bytes. Indexes allow far less.
const (
	maxProject  = 256
	maxFilename = 512
)

// Normalize returns the normal form of a project's name: lower case, each run of "-", "_" and "." one "-" (PEP 503). ok is false for
// names that have anything but ASCII letters, digits and these, or that do not begin and end with a letter or digit.
func Normalize(name string) (normal string, ok bool) {
	if name == "" || len(name) > maxProject {
		return "", false
	}
	b := make([]byte, 0, len(name))
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b = append(b, c)
		case c == '-' || c == '_' || c == '.':
			if i == 0 || i == len(name)-1 {
				return "", false
			}
			if b[len(b)-1] != '-' {
				b = append(b, '-')
			}
		default:
			return "", false
		}
	}
	return string(b), true
}

// Kind is what a distribution file is.
type Kind string

// The kinds of distribution files. Eggs and installers are listed by old indexes; no installer of today takes them.
const (
	Wheel Kind = "wheel"
	Sdist Kind = "sdist"
	Other Kind = "other"
)

// Filename is what the name of a distribution file says.
type Filename struct {
	Project string // normal form
	Version Version
	Kind    Kind
	// Tags of a wheel: Python, ABI and platform, each one or more joined by ".": "py3-none-any".
	Python, ABI, Platform string
}

// Pure tells whether a wheel says that it has no code for a certain machine.
func (f Filename) Pure() bool { return f.Kind == Wheel && f.ABI == "none" && f.Platform == "any" }

// SafeFilename tells whether a name is one of a file in a folder and nothing more: no separator, no control character, no way up.
func SafeFilename(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxFilename {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool { return r == '/' || r == '\\' || r < ' ' || r == 0x7f || r == '\ufffd' }) < 0
}

// ParseFilename reads the name of a file of a project, whose name must be given in its normal form: only it tells where the name of an
// sdist ends and its version begins. ok is false if the name is none of that project's.
func ParseFilename(project, name string) (Filename, bool) { return NewNames(project).Parse(name) }

// Names reads the names of the files of one project. Each version is read once, however many files have it.
type Names struct {
	project  string
	versions map[string]Version
}

// NewNames reads names of files of a project, whose name must be given in its normal form.
func NewNames(project string) *Names { return &Names{project: project} }

// version reads a version, or knows it.
func (n *Names) version(text string) (Version, error) {
	if v, ok := n.versions[text]; ok {
		return v, nil
	}
	v, err := ParseVersion(text)
	if err == nil {
		if n.versions == nil {
			n.versions = map[string]Version{}
		}
		n.versions[strings.Clone(text)] = v
	}
	return v, err
}

// Parse is [ParseFilename] for the project.
func (n *Names) Parse(name string) (Filename, bool) {
	if !SafeFilename(name) {
		return Filename{}, false
	}
	if stem, ok := strings.CutSuffix(name, ".whl"); ok {
		return n.wheel(stem)
	}
	for _, ext := range []string{".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tar.Z", ".tgz", ".tar"} {
		if stem, ok := strings.CutSuffix(name, ext); ok {
			return n.sdist(stem, Sdist)
		}
	}
	for _, ext := range []string{".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg"} {
		if stem, ok := strings.CutSuffix(name, ext); ok {
			return n.sdist(stem, Other)
		}
	}
	return Filename{}, false
}

// wheel reads {name}-{version}[-{build}]-{python}-{abi}-{platform} (PyPA specifications, "Binary distribution format").
func (n *Names) wheel(stem string) (Filename, bool) {
	parts := strings.Split(stem, "-")
	if len(parts) != 5 && len(parts) != 6 {
		return Filename{}, false
	}
	name, ok := Normalize(parts[0])
	if !ok || name != n.project {
		return Filename{}, false
	}
	version, err := n.version(strings.ReplaceAll(parts[1], "_", "-"))
	if err != nil {
		return Filename{}, false
	}
	tags := parts[len(parts)-3:]
	return Filename{Project: name, Version: version, Kind: Wheel, Python: tags[0], ABI: tags[1], Platform: tags[2]}, true
}

// sdist reads {name}-{version}, where the name may hold hyphens: the one that is the project's decides. What follows the version
// of an egg or an installer is cut.
func (n *Names) sdist(stem string, kind Kind) (Filename, bool) {
	for i := range len(stem) {
		if stem[i] != '-' {
			continue
		}
		name, ok := Normalize(stem[:i])
		if !ok || name != n.project {
			continue
		}
		text := stem[i+1:]
		if kind == Other {
			text, _, _ = strings.Cut(text, "-")
			text, _, _ = strings.Cut(text, ".win")
		}
		if version, err := n.version(text); err == nil {
			return Filename{Project: n.project, Version: version, Kind: kind}, true
		}
	}
	return Filename{}, false
}

// GuessProject reads the project out of a file name of which nothing else is known. For wheels it is certain; the name of an sdist
// ends before the last hyphen that a version follows.
func GuessProject(name string) (project string, ok bool) {
	if stem, wheel := strings.CutSuffix(name, ".whl"); wheel {
		first, _, found := strings.Cut(stem, "-")
		project, ok = Normalize(first)
		return project, ok && found
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i] != '-' {
			continue
		}
		project, ok = Normalize(name[:i])
		if _, fits := ParseFilename(project, name); ok && fits {
			return project, true
		}
	}
	return "", false
}
