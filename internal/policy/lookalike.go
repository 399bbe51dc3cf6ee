package policy

import (
	_ "embed"
	"slices"
	"strings"
)

// popularNames is the list of names that others are compared with. Its first lines tell its date and how it was made.
//
//go:embed data/popular.txt
var popularNames string

// popular are the names of the list by their length, and all of them.
var popular = func() (p struct {
	known    map[string]bool
	byLength map[int][]string
},
) {
	p.known, p.byLength = map[string]bool{}, map[int][]string{}
	for line := range strings.Lines(popularNames) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			p.known[line] = true
			p.byLength[len(line)] = append(p.byLength[len(line)], line)
		}
	}
	return p
}()

// longestName is the length from which names are not compared letter by letter.
const longestName = 64

// resembles finds a popular name, or one of one's own, that a name could be read as, and says how they differ: by no more letters than most,
// or in a way that letters do not measure. Names are in their normal form. like is "" if there is none.
func resembles(name string, own []string, most int) (like, how string) {
	if popular.known[name] || slices.Contains(own, name) || len(name) < 4 || len(name) > longestName {
		return "", ""
	}
	for _, affix := range []string{"python-", "py-", "py"} {
		if rest, ok := strings.CutPrefix(name, affix); ok && len(rest) > 3 && (popular.known[rest] || slices.Contains(own, rest)) {
			return rest, affix + " stands before it"
		}
	}
	for _, affix := range []string{"-python", "-sdk", "-client"} {
		if rest, ok := strings.CutSuffix(name, affix); ok && (popular.known[rest] || slices.Contains(own, rest)) {
			return rest, affix + " stands behind it"
		}
	}
	parts := strings.Split(name, "-")
	slices.Sort(parts)
	folded := foldName(name)
	compare := func(names []string) (like, how string) {
		for _, p := range names {
			switch {
			case foldName(p) == folded:
				return p, "digits stand for letters, or letters are repeated"
			case sameParts(parts, p):
				return p, "its parts are in another order, or one is missing"
			case near(name, p, most):
				return p, "they differ by a letter or two"
			}
		}
		return "", ""
	}
	if like, how = compare(own); like != "" {
		return like, how
	}
	for n := len(name) - 2; n <= len(name)+8 && like == ""; n++ {
		like, how = compare(popular.byLength[n])
	}
	return like, how
}

// foldName writes letters for the digits that look like them, and one letter for several equal ones.
func foldName(s string) string {
	s = strings.NewReplacer("0", "o", "1", "l", "3", "e", "5", "s", "-", "").Replace(s)
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if i == 0 || s[i] != s[i-1] {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// sameParts tells whether a popular name has the given parts, sorted, in another order, or one more where two are left.
func sameParts(parts []string, p string) bool {
	theirs := strings.Split(p, "-")
	if len(parts) < 2 || len(theirs) < len(parts) || len(theirs) > len(parts)+1 {
		return false
	}
	slices.Sort(theirs)
	if len(theirs) == len(parts) {
		return slices.Equal(theirs, parts)
	}
	for i := range theirs {
		if slices.Equal(slices.Concat(theirs[:i], theirs[i+1:]), parts) {
			return true
		}
	}
	return false
}

// near tells whether two names differ by one step where they have 5 to 8 letters, by two where they have more, and by no more than most.
func near(a, b string, most int) bool {
	switch n := min(len(a), len(b)); {
	case n >= 9:
		most = min(most, 2)
	case n >= 5:
		most = min(most, 1)
	default:
		return false
	}
	if d := len(a) - len(b); d > most || d < -most || most == 0 {
		return false
	}
	return distance(a, b) <= most
}

// distance is that of Damerau and Levenshtein, with swaps of neighbours: how many letters must be added, dropped, replaced or swapped. The
// names must have at most longestName bytes.
func distance(a, b string) int {
	rows := [3][longestName + 16]int{}
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(now[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
