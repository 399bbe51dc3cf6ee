package api

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// selection turns allow and ignore patterns into a choice of files, as the clients of the Hub understand them: globs over
// the whole path in which "*" also crosses slashes, and a trailing slash means everything below. No patterns at
// all is a nil function.
func selection(allow, ignore []string) (func(path string) bool, error) {
	for _, p := range allow {
		if slices.Contains(ignore, p) {
			return nil, fmt.Errorf("%q is both allowed and ignored", p)
		}
	}
	if len(allow)+len(ignore) == 0 {
		return nil, nil
	}
	allowed, err := globs(allow)
	if err != nil {
		return nil, err
	}
	ignored, err := globs(ignore)
	if err != nil {
		return nil, err
	}
	return func(path string) bool {
		return (len(allowed) == 0 || matches(allowed, path)) && !matches(ignored, path)
	}, nil
}

func matches(globs []*regexp.Regexp, path string) bool {
	for _, g := range globs {
		if g.MatchString(path) {
			return true
		}
	}
	return false
}

func globs(patterns []string) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, p := range patterns {
		if strings.HasSuffix(p, "/") {
			p += "*"
		}
		re, err := regexp.Compile(globToRegexp(p))
		if err != nil {
			return nil, fmt.Errorf("%q is not a glob", p)
		}
		out = append(out, re)
	}
	return out, nil
}

// globToRegexp translates "*", "?", "[seq]" and "[!seq]"; everything else stands for itself. A bracket that is not closed
// is an ordinary character.
func globToRegexp(glob string) string {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(glob); {
		r, size := utf8.DecodeRuneInString(glob[i:])
		switch r {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			var class string
			class, size = bracket(glob[i:])
			b.WriteString(class)
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+size]))
		}
		i += size
	}
	b.WriteString(`\z`)
	return b.String()
}

// bracket translates a character class at the start of s and tells how many bytes it took.
func bracket(s string) (class string, n int) {
	end := strings.IndexByte(s[1:], ']')
	if end == 0 || (end == 1 && s[1] == '!') { // "]" directly after the opening is a member
		if next := strings.IndexByte(s[end+2:], ']'); next >= 0 {
			end += next + 1
		} else {
			end = -1
		}
	}
	if end < 0 {
		return `\[`, 1
	}
	body := s[1 : end+1]
	negate := ""
	if strings.HasPrefix(body, "!") {
		negate, body = "^", body[1:]
	}
	body = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`).Replace(body)
	return "[" + negate + body + "]", end + 2
}
