package dist

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// Version is a version number of a release (PyPA specifications, "Version specifiers"; PEP 440). The zero value is no version.
type Version struct {
	epoch   string
	release []string // numbers without leading zeros; trailing zeros are cut, since 1.0 is 1
	pre     string   // "a", "b", "rc" or ""
	preN    string
	post    string // number, or "" for none
	dev     string // number, or "" for none
	local   []string
	shown   string
}

// ErrNoVersion is returned for texts that are no version by PEP 440.
var ErrNoVersion = errors.New("not a version by PEP 440")

// maxVersion is how many bytes a version may have.
const maxVersion = 256

// grammar is that of PEP 440, appendix B, anchored; blanks around it are cut before.
var grammar = regexp.MustCompile(`(?i)^v?(?:(\d+)!)?(\d+(?:\.\d+)*)` +
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?` +
	`(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?` +
	`(?:[-_.]?(dev)[-_.]?(\d*))?` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)

// ParseVersion reads a version in any of its spellings.
func ParseVersion(s string) (Version, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxVersion {
		return Version{}, ErrNoVersion
	}
	m := grammar.FindStringSubmatch(s)
	if m == nil {
		return Version{}, ErrNoVersion
	}
	v := Version{epoch: number(m[1]), pre: preName(m[3])}
	for part := range strings.SplitSeq(m[2], ".") {
		v.release = append(v.release, number(part))
	}
	if v.pre != "" {
		v.preN = number(m[4])
	}
	switch {
	case m[5] != "":
		v.post = number(m[5])
	case m[6] != "":
		v.post = number(m[7])
	}
	if m[8] != "" {
		v.dev = number(m[9])
	}
	if m[10] != "" {
		for _, part := range strings.FieldsFunc(strings.ToLower(m[10]), func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
			if isNumber(part) {
				part = number(part)
			}
			v.local = append(v.local, part)
		}
	}
	v.shown = v.canonical()
	for len(v.release) > 1 && v.release[len(v.release)-1] == "0" {
		v.release = v.release[:len(v.release)-1]
	}
	return v, nil
}

// canonical is the normal form, with the release as long as it was written.
func (v Version) canonical() string {
	var b strings.Builder
	if v.epoch != "0" {
		b.WriteString(v.epoch + "!")
	}
	b.WriteString(strings.Join(v.release, "."))
	b.WriteString(v.pre + v.preN)
	if v.post != "" {
		b.WriteString(".post" + v.post)
	}
	if v.dev != "" {
		b.WriteString(".dev" + v.dev)
	}
	if len(v.local) > 0 {
		b.WriteString("+" + strings.Join(v.local, "."))
	}
	return b.String()
}

// String is the version in its normal form: "1.0rc1" for "v1.0-RC.1".
func (v Version) String() string { return v.shown }

// Key is equal exactly for equal versions: "1.0" and "1" have one.
func (v Version) Key() string {
	if v.release == nil {
		return ""
	}
	return v.canonical()
}

// Equal tells whether two versions are the same, however they are spelled.
func (v Version) Equal(w Version) bool { return v.Compare(w) == 0 }

// Compare orders versions as PEP 440 does: 1.dev1 < 1a1 < 1rc1 < 1 < 1+local < 1.post1.
func (v Version) Compare(w Version) int {
	return cmp.Or(
		compareNumbers(v.epoch, w.epoch),
		slices.CompareFunc(v.release, w.release, compareNumbers),
		cmp.Compare(v.phase(), w.phase()),
		strings.Compare(v.pre, w.pre),
		compareNumbers(v.preN, w.preN),
		compareAbsentFirst(v.post, w.post),
		compareAbsentLast(v.dev, w.dev),
		slices.CompareFunc(v.local, w.local, compareLocal),
	)
}

// phase puts versions that are in development only before pre-releases, and these before the rest.
func (v Version) phase() int {
	switch {
	case v.pre == "" && v.post == "" && v.dev != "":
		return 0
	case v.pre != "":
		return 1
	default:
		return 2
	}
}

// compareAbsentFirst and compareAbsentLast compare numbers of which one may be absent.
func compareAbsentFirst(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(a), len(b))
	}
	return compareNumbers(a, b)
}

func compareAbsentLast(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a))
	}
	return compareNumbers(a, b)
}

// compareLocal compares segments of local versions: words before numbers.
func compareLocal(a, b string) int {
	x, y := isNumber(a), isNumber(b)
	switch {
	case x && y:
		return compareNumbers(a, b)
	case x:
		return 1
	case y:
		return -1
	default:
		return strings.Compare(a, b)
	}
}

// compareNumbers compares numbers of any length, written without leading zeros.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// number cuts leading zeros; nothing is 0.
func number(s string) string {
	s = strings.TrimLeft(s, "0")
	if s == "" {
		return "0"
	}
	return s
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// preName is the normal name of a kind of pre-release.
func preName(s string) string {
	switch s = strings.ToLower(s); s {
	case "alpha":
		return "a"
	case "beta":
		return "b"
	case "c", "pre", "preview":
		return "rc"
	default:
		return s
	}
}
