package policy

import "fmt"

// suggestion is `; did you mean "x"?` for the candidate that is nearest to what was written, or "" if none is near.
func suggestion(written string, candidates []string) string {
	best, distance := "", 1+max(2, len(written)/3)
	for _, c := range candidates {
		if d := editDistance(written, c); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// maxCompared bounds what editDistance compares, which is quadratic.
const maxCompared = 64

// editDistance counts the bytes to insert, remove or replace to make b of a. Of longer strings only the beginning counts.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), maxCompared)], b[:min(len(b), maxCompared)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
