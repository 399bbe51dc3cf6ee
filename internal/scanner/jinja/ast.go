package jinja

// exprKind tells expressions apart.
type exprKind int

const (
	exName      exprKind = iota // name
	exString                    // text
	exNumber                    // text
	exList                      // kids: a list or tuple
	exDict                      // kids: key, value, key, value …
	exAttr                      // kids[0] . name
	exIndex                     // kids[0] [ kids[1] ]
	exSlice                     // kids: start, stop, step; each may be nil
	exCall                      // kids[0] ( args )
	exFilter                    // kids[0] | name ( args ); kids[0] is nil in a filter block
	exTest                      // kids[0] is name ( args )
	exBinary                    // kids[0] name kids[1]
	exUnary                     // name kids[0]
	exCompare                   // kids[0] name kids[1]
	exCondition                 // kids[1] if kids[0] else kids[2], which may be nil
)

// expr is an expression.
type expr struct {
	kind exprKind
	at   int64
	name string // variable, attribute, filter, test or operator
	text string // of a constant
	kids []*expr
	args []arg
}

// arg is an argument of a call, filter or test.
type arg struct {
	name  string // of a keyword argument
	splat bool   // *args or **kwargs
	value *expr
}

// stmtKind tells statements apart.
type stmtKind int

const (
	stText     stmtKind = iota // text
	stOutput                   // exprs[0]
	stFor                      // for targets in exprs[0] if exprs[1]; orelse
	stIf                       // if exprs[0]; orelse
	stSet                      // targets = exprs[0]
	stBlockSet                 // targets = body, through the filter exprs[0] if it is not nil
	stMacro                    // name, params
	stCall                     // exprs[0] is called with body as its caller; params
	stFilter                   // body through the filter exprs[0]
	stBody                     // block name, with, autoescape, generation: targets[i] = exprs[i], body
	stLoad                     // include, import, from, extends: name; exprs
	stDo                       // exprs are evaluated
	stUnknown                  // a tag that is none of Jinja's: name
)

// stmt is a statement.
type stmt struct {
	kind    stmtKind
	at      int64
	name    string
	text    string
	targets []*expr
	exprs   []*expr
	params  []param
	body    []*stmt
	orelse  []*stmt
}

// param is a parameter of a macro.
type param struct {
	name  string
	value *expr // its default, or nil
}

// expr returns an expression of a statement; nil if the template broke off before it.
func (s *stmt) expr(i int) *expr {
	if i < len(s.exprs) {
		return s.exprs[i]
	}
	return nil
}
