// Package jsontree reads JSON documents whose loaders build objects of them: graphs, configurations, manifests. It keeps what
// encoding/json drops and a judge needs: where each value stands, the order of the keys, and keys that stand twice, of which
// loaders differ in which they take. (RFC 8259; NaN and Infinity as Python writes them.)
//
// A tree takes 16 bytes for each value and each key, and each text once, whatever the document is made of. Of the numbers in a
// list the first few are kept, since lists of weights have millions. Depth is bounded, and so is memory: a tree may take what the
// document itself takes and 24 MiB more, which honest models do not come near. What is larger is read with a [Lexer] of one's own.
package jsontree

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
)

// Kind is what a value is.
type Kind uint8

// Kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Object

	key // of a member, in front of its value
)

// Node is a value of a document, and the zero Node is none. Nodes of the same value are equal.
type Node struct {
	tree *tree
	id   uint32
}

// Member is a key of an object with its value.
type Member struct {
	Key   string
	At    int64 // of the key
	Value Node
	Twice bool // the key stood in the object before
}

// IsNone tells whether n is no value.
func (n Node) IsNone() bool { return n.tree == nil }

// At is where the value begins in the document.
func (n Node) At() int64 {
	if n.IsNone() {
		return 0
	}
	return n.tree.base + int64(n.tree.values.at(n.id).offset)
}

// Within tells whether n is outer, or a value in it.
func (n Node) Within(outer Node) bool {
	return n.tree == outer.tree && !n.IsNone() && n.id >= outer.id && n.id < n.tree.after(outer.id)
}

// Is tells whether n is a value of a kind.
func (n Node) Is(k Kind) bool { return !n.IsNone() && n.tree.values.at(n.id).kind == k }

// Text is the content of a string, or the spelling of a number or literal.
func (n Node) Text() string {
	if n.IsNone() || n.Is(List) || n.Is(Object) {
		return ""
	}
	return n.tree.text(n.id)
}

// Content is the content of a string, "" for everything else.
func (n Node) Content() string {
	if !n.Is(String) {
		return ""
	}
	return n.Text()
}

// Int is the value of a number without fraction; ok is false for everything else.
func (n Node) Int() (v int64, ok bool) {
	if !n.Is(Number) {
		return 0, false
	}
	v, err := strconv.ParseInt(n.Text(), 10, 64)
	return v, err == nil
}

// Len is how many values a list has, of which not all numbers and literals are kept.
func (n Node) Len() int {
	if !n.Is(List) {
		return 0
	}
	return int(n.tree.values.at(n.id).text)
}

// Items are the values of a list that are kept.
func (n Node) Items() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if !n.Is(List) {
			return
		}
		for id, end := n.id+1, n.tree.after(n.id); id < end; id = n.tree.after(id) {
			if !yield(Node{n.tree, id}) {
				return
			}
		}
	}
}

// First is the first value of a list, none if it has none.
func (n Node) First() Node {
	for item := range n.Items() {
		return item
	}
	return Node{}
}

// Members are the keys of an object in their order.
func (n Node) Members() iter.Seq[Member] {
	return func(yield func(Member) bool) {
		n.members(func(id uint32, v Node) bool {
			return yield(Member{n.tree.text(id), Node{n.tree, id}.At(), v, n.tree.values.at(id).twice})
		})
	}
}

// members visits the values of an object, each with the place of its key.
func (n Node) members(visit func(id uint32, v Node) bool) {
	if !n.Is(Object) {
		return
	}
	for id, end := n.id+1, n.tree.after(n.id); id < end; id = n.tree.after(id + 1) {
		if !visit(id, Node{n.tree, id + 1}) {
			return
		}
	}
}

// IsEmpty tells whether n has neither items nor members.
func (n Node) IsEmpty() bool { return n.IsNone() || n.tree.after(n.id) == n.id+1 }

// Get returns the last value under a key, which is what most readers take; none if there is none or n is no object.
func (n Node) Get(name string) Node {
	var last Node
	n.members(func(id uint32, v Node) bool {
		if n.tree.text(id) == name {
			last = v
		}
		return true
	})
	return last
}

// All returns every value under a key.
func (n Node) All(name string) []Node {
	var out []Node
	n.members(func(id uint32, v Node) bool {
		if n.tree.text(id) == name {
			out = append(out, v)
		}
		return true
	})
	return out
}

// Some returns the values under a key of which no more than most are asked for: the first ones, and the last, which most readers
// take.
func (n Node) Some(name string, most int) []Node {
	all := n.All(name)
	if len(all) > most {
		all = append(slices.Clone(all[:most-1]), all[len(all)-1])
	}
	return all
}

// Has tells whether an object has a key.
func (n Node) Has(name string) bool {
	found := false
	n.members(func(id uint32, _ Node) bool {
		found = n.tree.text(id) == name
		return !found
	})
	return found
}

// Str is the string under a key, "" if there is none or it is no string.
func (n Node) Str(name string) string { return n.Get(name).Content() }

// entry is a value or a key of a document. The entries of what a value holds follow it.
type entry struct {
	offset uint32 // of its first byte in the document
	size   uint32 // of a list or object, how many entries it takes with its own; of others, the bytes of the text
	text   uint32 // where the text lies; of a list, how many values it has
	kind   Kind
	twice  bool
}

// tree is a document.
type tree struct {
	base   int64 // where it begins
	values rows
	texts  texts
}

// after is the place of the entry that follows a value.
func (t *tree) after(id uint32) uint32 {
	if e := t.values.at(id); e.kind == List || e.kind == Object {
		return id + e.size
	}
	return id + 1
}

// text is that of an entry that has one.
func (t *tree) text(id uint32) string {
	e := t.values.at(id)
	return t.texts.get(e.text, e.size)
}

// rows are entries in pieces, so that none is ever moved.
type rows struct {
	pieces [][]entry
	n      uint32
}

const piece = 1 << 12 // entries

func (r *rows) at(id uint32) *entry { return &r.pieces[id/piece][id%piece] }

// add appends an entry and tells its place.
func (r *rows) add(e entry) uint32 {
	if r.n%piece == 0 && int(r.n/piece) == len(r.pieces) {
		r.pieces = append(r.pieces, make([]entry, piece))
	}
	r.n++
	*r.at(r.n - 1) = e
	return r.n - 1
}

// texts are the texts of a document, each of which begins in one of many strings and lies in it to its end.
type texts struct {
	full  []string
	begin []uint32 // where each of the full ones begins
	last  []byte
	from  uint32 // where the last one begins
}

const textPiece = 64 << 10 // bytes

// add appends a text and tells its place.
func (t *texts) add(b []byte) uint32 {
	if len(t.last) > 0 && len(t.last)+len(b) > textPiece {
		t.flush()
	}
	t.last = append(t.last, b...)
	return t.from + uint32(len(t.last)-len(b))
}

// flush makes a string of what was written last.
func (t *texts) flush() {
	t.full, t.begin = append(t.full, string(t.last)), append(t.begin, t.from)
	t.from += uint32(len(t.last))
	t.last = t.last[:0]
}

// get returns a text.
func (t *texts) get(at, size uint32) string {
	if size == 0 {
		return ""
	}
	if at >= t.from {
		return string(t.last[at-t.from:][:size])
	}
	i, found := slices.BinarySearch(t.begin, at)
	if !found {
		i--
	}
	return t.full[i][at-t.begin[i]:][:size]
}

// is tells whether a text is b.
func (t *texts) is(at uint32, b []byte) bool {
	if at >= t.from {
		return bytes.Equal(t.last[at-t.from:][:len(b)], b)
	}
	return t.get(at, uint32(len(b))) == string(b)
}
