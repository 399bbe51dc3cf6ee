package python

// kind tells expressions apart.
type kind uint8

const (
	kName   kind = iota // name
	kString             // name is the text
	kBytes              // name is the text
	kNumber             // text
	kFormat             // kids: literals and fields of an f-string
	kAttr               // kids[0] . name
	kIndex              // kids[0] [ kids[1] ]
	kSlice              // kids: start, stop, step; each may be nil
	kCall               // kids[0] ( args )
	kBinary             // kids[0] name kids[1]
	kUnary              // name kids[0]
	kIf                 // kids[1] if kids[0] else kids[2]
	kList               // kids: a list, tuple or set
	kDict               // kids: key, value, key, value …; a nil key is **value
	kLambda             // kids[0] is the body, params
	kComp               // a comprehension: kids[0] (and kids[1] of a dict), clauses
	kStar               // *kids[0]
	kAssign             // name := kids[0]
	kYield              // yield or await of kids[0], which may be nil
	kOther              // ...
	kSpared             // constants of a list that are not kept
)

// node is an expression.
type node struct {
	kind   kind
	at     int64
	name   string // or the text
	kids   []*node
	args   []arg
	*scope // of a lambda or comprehension
}

// scope is what binds the names of an expression that has some of its own.
type scope struct {
	params  []param
	clauses []clause
}

// arg is an argument of a call.
type arg struct {
	name  string // of a keyword argument
	star  bool   // *args or **kwargs
	value *node
}

// clause is a "for targets in iter if conditions" of a comprehension.
type clause struct {
	target *node
	iter   *node
	ifs    []*node
}

// param is a parameter of a function.
type param struct {
	name       string
	star       bool // takes the arguments that are left
	annotation *node
	value      *node // its default
}

// stmtKind tells statements apart.
type stmtKind uint8

const (
	sExpr   stmtKind = iota // exprs are evaluated: also of return, raise, assert, del
	sAssign                 // targets = exprs[0]
	sImport                 // names
	sFrom                   // from module (of level dots) import names
	sDef                    // function name
	sClass                  // class name
	sIf                     // exprs[0], body, orelse
	sFor                    // targets[0] in exprs[0]
	sReturn                 // exprs
	sMatch                  // exprs[0]; body holds the cases, of which names are what their patterns capture
	sBlock                  // with, while, try and the like: exprs, targets, body, orelse
)

// stmt is a statement. Sources have so many that it is kept small.
type stmt struct {
	kind    stmtKind
	level   uint8 // dots of a relative import, as far as they matter: distant stands for more
	at      int64
	name    string // of a function, class or module
	names   []alias
	targets []*node
	exprs   []*node
	head    *head // of a function or class, or of what is decorated as if it were one
	body    []*stmt
	orelse  []*stmt
}

// head is what functions and classes have and other statements do not.
type head struct {
	decorators []*node
	params     []param
	args       []arg // bases of a class
}

// top is the head of a statement, which is empty if there is none.
func (s *stmt) top() head {
	if s.head == nil {
		return head{}
	}
	return *s.head
}

// alias is a name that is imported, and the name that it gets.
type alias struct {
	name, as string
	at       int64
}

// expr returns an expression of a statement; nil if the source broke off before it.
func (s *stmt) expr(i int) *node {
	if i < len(s.exprs) {
		return s.exprs[i]
	}
	return nil
}

// kid returns a part of an expression; nil if the source broke off before it.
func (n *node) kid(i int) *node {
	if i >= 0 && i < len(n.kids) {
		return n.kids[i]
	}
	return nil
}

// distant is the level of an import from elsewhere than the directory of the source.
const distant = 2
