package dist

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Specifiers are what a requirement demands of a version (PyPA specifications, "Version specifiers"): clauses that must all hold. None at
// all hold for every version.
type Specifiers []clause

// clause is an operator with a version.
type clause struct {
	operator string
	version  Version
	prefix   bool   // the version ends in ".*"
	text     string // of the operator "===", which compares text
}

// operators, those that another one begins with last.
func operators() []string { return []string{"===", "==", "~=", "!=", "<=", ">=", "<", ">"} }

// maxClauses bounds what a requirement may demand.
const maxClauses = 100

// ErrNoSpecifier is returned for texts that are no specifiers.
var ErrNoSpecifier = errors.New("not a version specifier")

// ParseSpecifiers reads clauses that are separated by commas: ">=1.0, !=1.5.*".
func ParseSpecifiers(s string) (Specifiers, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	parts := strings.Split(s, ",")
	if len(parts) > maxClauses {
		return nil, ErrNoSpecifier
	}
	var out Specifiers
	for _, part := range parts {
		part = strings.TrimSpace(part)
		i := slices.IndexFunc(operators(), func(operator string) bool { return strings.HasPrefix(part, operator) })
		if i < 0 {
			return nil, fmt.Errorf("%q: %w", part, ErrNoSpecifier)
		}
		c := clause{operator: operators()[i]}
		text := strings.TrimSpace(part[len(c.operator):])
		if c.operator == "===" {
			if c.text = text; text == "" {
				return nil, fmt.Errorf("%q: %w", part, ErrNoSpecifier)
			}
			out = append(out, c)
			continue
		}
		if stem, ok := strings.CutSuffix(text, ".*"); ok && (c.operator == "==" || c.operator == "!=") {
			text, c.prefix = stem, true
		}
		var err error
		if c.version, err = ParseVersion(text); err != nil || !c.makesSense() {
			return nil, fmt.Errorf("%q: %w", part, ErrNoSpecifier)
		}
		out = append(out, c)
	}
	return out, nil
}

// makesSense tells whether an operator goes with the version: local versions are for equality alone, a prefix is of a release, and "~=" needs
// two parts.
func (c clause) makesSense() bool {
	v := c.version
	if len(v.local) > 0 && c.operator != "==" && c.operator != "!=" {
		return false
	}
	if c.prefix && (v.pre != "" || v.post != "" || v.dev != "" || len(v.local) > 0) {
		return false
	}
	return c.operator != "~=" || len(c.parts()) > 1
}

// parts are the numbers of the release as they were written, with zeros at their end.
func (c clause) parts() []string {
	text := c.version.shown
	if _, rest, ok := strings.Cut(text, "!"); ok {
		text = rest
	}
	end := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end >= 0 {
		text = text[:end]
	}
	return strings.Split(strings.TrimRight(text, "."), ".")
}

// Match tells whether a version is one that all clauses take. Whether a pre-release is wanted at all is another question: see [Specifiers.Newest].
func (s Specifiers) Match(v Version) bool {
	for _, c := range s {
		if !c.match(v) {
			return false
		}
	}
	return true
}

func (c clause) match(v Version) bool {
	w := c.version
	switch c.operator {
	case "===":
		return strings.EqualFold(c.text, v.shown)
	case "==":
		return c.equal(v)
	case "!=":
		return !c.equal(v)
	case "~=":
		parts := c.parts()
		return v.public().Compare(w) >= 0 && v.begins(w.epoch, parts[:len(parts)-1])
	case "<=":
		return v.public().Compare(w) <= 0
	case ">=":
		return v.public().Compare(w) >= 0
	case "<": // 1.0rc1 is before 1.0, and is not what "<1.0" is about
		return v.Compare(w) < 0 && (!v.IsPrerelease() || v.announced().Compare(w) != 0)
	default: // nor are 1.0.post1 and 1.0+local what ">1.0" is about
		return v.public().Compare(w) > 0 && (v.post == "" || v.corrected().Compare(w) != 0)
	}
}

// equal compares as "==" does: a local version counts if the clause has one.
func (c clause) equal(v Version) bool {
	switch {
	case c.prefix:
		return v.begins(c.version.epoch, c.parts())
	case len(c.version.local) == 0:
		return v.public().Equal(c.version)
	default:
		return v.Equal(c.version)
	}
}

// begins tells whether the release of a version begins with some numbers. What it does not have counts as 0.
func (v Version) begins(epoch string, parts []string) bool {
	if v.epoch != epoch {
		return false
	}
	for i, part := range parts {
		have := "0"
		if i < len(v.release) {
			have = v.release[i]
		}
		if have != part {
			return false
		}
	}
	return true
}

// public is the version without its local part.
func (v Version) public() Version {
	v.local = nil
	return v
}

// announced is the version that a pre-release comes before: 1.0 for 1.0rc1, 1.0.post1 for 1.0.post1.dev2.
func (v Version) announced() Version {
	if v.pre != "" {
		return Version{epoch: v.epoch, release: v.release}
	}
	return Version{epoch: v.epoch, release: v.release, post: v.post}
}

// corrected is the version that a post-release comes after.
func (v Version) corrected() Version {
	return Version{epoch: v.epoch, release: v.release, pre: v.pre, preN: v.preN}
}

// IsPrerelease tells whether a version is one in development: an alpha, a beta, a candidate, or a snapshot.
func (v Version) IsPrerelease() bool { return v.pre != "" || v.dev != "" }

// Pinned tells whether one version alone can match, but for its local part.
func (s Specifiers) Pinned() bool {
	return slices.ContainsFunc(s, func(c clause) bool { return c.operator == "===" || c.operator == "==" && !c.prefix })
}

// Newest is the newest version that matches. Pre-releases count if a clause names one, or if nothing else matches. ok is false if nothing does.
func (s Specifiers) Newest(versions []Version) (newest Version, ok bool) {
	wanted := slices.ContainsFunc(s, func(c clause) bool { return c.operator != "!=" && c.version.IsPrerelease() })
	for _, pre := range []bool{wanted, true} {
		for _, v := range versions {
			if s.Match(v) && (pre || !v.IsPrerelease()) && (!ok || v.Compare(newest) > 0) {
				newest, ok = v, true
			}
		}
		if ok {
			break
		}
	}
	return newest, ok
}
