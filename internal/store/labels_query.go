package store

import (
	"fmt"
	"regexp"
	"strings"
)

// QueryError says what is wrong with a query for labels.
type QueryError struct{ Reason string }

func (e *QueryError) Error() string { return "labels query: " + e.Reason }

// Bounds of a query for labels.
const (
	maxLabelsQuery = 4096 // bytes
	maxLabelTerms  = 100
	maxLabelKey    = 128
	maxLabelValue  = 256
)

// labelTerm is `key:value` or `key:*`, of the characters that labels are made of. Their lengths are compared apart: a repetition
// with a bound is a large automaton.
var labelTerm = regexp.MustCompile(`^([a-zA-Z0-9_-]+):([a-zA-Z0-9_-]+|\*)$`)

// labelsQuery is a query for labels while it is read:
//
//	query = and { "OR" and }
//	and   = item { "AND" item }
//	item  = key ":" ( value | "*" ) | "(" query ")"
//
// AND binds tighter than OR. Parentheses do not nest.
type labelsQuery struct {
	tokens []string
	args   []any
	terms  int
}

// parseLabelsQuery turns a query for labels into a condition on scans. Its errors are [*QueryError].
func parseLabelsQuery(text string) (condition string, args []any, err error) {
	if len(text) > maxLabelsQuery {
		return "", nil, &QueryError{fmt.Sprintf("it has %d characters, %d are possible", len(text), maxLabelsQuery)}
	}
	text = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	q := labelsQuery{tokens: strings.Fields(text)}
	condition, err = q.any(false)
	if err != nil {
		return "", nil, err
	}
	if len(q.tokens) > 0 {
		return "", nil, &QueryError{fmt.Sprintf("%q comes too much", q.tokens[0])}
	}
	return condition, q.args, nil
}

// take removes the next token if it is the one given, whatever its case.
func (q *labelsQuery) take(token string) bool {
	if len(q.tokens) == 0 || !strings.EqualFold(q.tokens[0], token) {
		return false
	}
	q.tokens = q.tokens[1:]
	return true
}

func (q *labelsQuery) any(inside bool) (string, error) {
	condition, err := q.all(inside)
	for err == nil && q.take("OR") {
		var next string
		next, err = q.all(inside)
		condition += " OR " + next
	}
	return "(" + condition + ")", err
}

func (q *labelsQuery) all(inside bool) (string, error) {
	condition, err := q.item(inside)
	for err == nil && q.take("AND") {
		var next string
		next, err = q.item(inside)
		condition += " AND " + next
	}
	return condition, err
}

func (q *labelsQuery) item(inside bool) (string, error) {
	if q.take("(") {
		if inside {
			return "", &QueryError{"parentheses within parentheses are not possible"}
		}
		condition, err := q.any(true)
		if err == nil && !q.take(")") {
			err = &QueryError{"a parenthesis is not closed"}
		}
		return condition, err
	}
	if len(q.tokens) == 0 {
		return "", &QueryError{"it ends where key:value is expected"}
	}
	token := q.tokens[0]
	q.tokens = q.tokens[1:]
	parts := labelTerm.FindStringSubmatch(token)
	if parts == nil || len(parts[1]) > maxLabelKey || len(parts[2]) > maxLabelValue {
		return "", &QueryError{fmt.Sprintf("%q is not key:value or key:*", token)}
	}
	if q.terms++; q.terms > maxLabelTerms {
		return "", &QueryError{fmt.Sprintf("more than %d terms", maxLabelTerms)}
	}
	if parts[2] == "*" {
		q.args = append(q.args, parts[1])
		return "id IN (SELECT scan_id FROM scan_labels WHERE key = ?)", nil
	}
	q.args = append(q.args, parts[1], parts[2])
	return "id IN (SELECT scan_id FROM scan_labels WHERE key = ? AND value = ?)", nil
}
