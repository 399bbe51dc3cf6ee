package hdf5

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	h5 "modelgate/internal/scanner/source/hdf5"
	"modelgate/internal/threat"
)

// walk is a walk over all objects of a file.
type walk struct {
	ctx  context.Context
	f    *source.File
	s    source.Sink
	h    *h5.File
	size int64 // of the stream

	seen  map[uint64]struct{} // addresses of objects that were met
	queue queue
	small []candidate
	bad   int // parts that break the rules
	// members counts what was handed to the engine, bytes how much of it.
	members, bytes int64
}

// Bounds of one file.
const (
	maxObjects = 1_000_000
	maxWaiting = 100_000 // datasets that are looked into
	maxPath    = 1 << 10 // bytes of the path of an object, as findings show it
	maxBad     = 10_000  // parts that break the rules, before the walk ends
)

// place is an object that is still to be visited.
type place struct {
	addr uint64
	path string
}

// queue has the objects to visit, the lowest address first: the file is read from front to back as far as it allows.
type queue []place

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].addr < q[j].addr }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	if p, ok := x.(place); ok {
		*q = append(*q, p)
	}
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// objects visits every object once, however many links lead to it.
func (w *walk) objects() error {
	w.seen = map[uint64]struct{}{}
	if err := w.meet(w.h.Super.Root, ""); err != nil {
		return err
	}
	for len(w.queue) > 0 {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		next, _ := heap.Pop(&w.queue).(place)
		if err := w.object(next); err != nil {
			return err
		}
	}
	return nil
}

// meet notes an object that a link leads to.
func (w *walk) meet(addr uint64, path string) error {
	if _, ok := w.seen[addr]; ok {
		return nil
	}
	if len(w.seen) >= maxObjects {
		return fmt.Errorf("%d objects in a file: %w", len(w.seen), source.ErrBudget)
	}
	w.seen[addr] = struct{}{}
	heap.Push(&w.queue, place{addr, path})
	return nil
}

// tolerate makes a finding of an error of the bytes, so that the rest of the file is still looked at. It returns all others.
func (w *walk) tolerate(err error, member string) error {
	var bad *source.Malformed
	switch {
	case errors.As(err, &bad):
		w.find(threat.MGFMT400, bad.Offset, member, "", "The bytes break the format's rules: %s.", bad.Reason)
		if w.bad++; w.bad > maxBad {
			return fmt.Errorf("more than %d parts of the file break the format's rules: %w", maxBad, source.ErrBudget)
		}
		return nil
	case errors.Is(err, h5.ErrElsewhere):
		w.find(threat.MGFMT404, -1, member, "", "Metadata are stored in a way that is not read: %s.", err)
		return nil
	}
	return err
}

// object judges one object and notes those that it leads to.
func (w *walk) object(p place) error {
	member := at(p.path)
	o, err := w.h.Object(p.addr)
	if err := w.tolerate(err, member); err != nil {
		return err
	}
	w.messages(o, member)
	if err := w.attributes(o, p.path); err != nil {
		return err
	}
	if o.IsDataset() {
		if err := w.dataset(o, p.path); err != nil {
			return err
		}
	}
	return w.links(o, p.path)
}

// messages judges which messages an object has. Of those that say what it is there can be one each: readers take the first, or the
// last.
func (w *walk) messages(o *h5.Object, member string) {
	var seen uint32 // a bit for each type
	for _, m := range o.Messages {
		switch m.Type {
		case h5.MsgDataspace, h5.MsgDatatype, h5.MsgLayout, h5.MsgFilters, h5.MsgExternal, h5.MsgSymbolTable, h5.MsgLinkInfo, h5.MsgAttributeInfo:
			if seen>>m.Type&1 != 0 {
				w.find(threat.MGFMT403, m.Off, member, fmt.Sprintf("type %#x", m.Type), "The object has two messages of a type of which readers take one.")
			}
			seen |= 1 << m.Type
		}
		if m.Type > h5.MsgCacheImage {
			w.find(threat.MGFMT404, m.Off, member, fmt.Sprintf("type %#x", m.Type), "The object has a message of a type that is not known, so nothing can be said of it.")
		}
	}
	const old, young, values = 1 << h5.MsgSymbolTable, 1 << h5.MsgLinkInfo, 1 << h5.MsgLayout
	if kinds := seen & (old | young | values); kinds&(kinds-1) != 0 {
		w.find(threat.MGFMT403, o.Off, member, "", "The object is a dataset and a group at once, or two groups, and readers differ in which one they see.")
	}
}

// links judges the links of a group.
func (w *walk) links(o *h5.Object, path string) error {
	names := map[string]struct{}{}
	err := w.h.Links(o, func(l h5.Link) error {
		child := below(path, l.Name)
		if _, twice := names[l.Name]; twice {
			w.find(threat.MGFMT403, l.Off, "#"+child, source.Evidence(l.Name), "A group has two links of the name, and readers differ in which one they follow.")
		}
		names[l.Name] = struct{}{}
		w.name(l.Name, l.Off, "#"+child)
		return w.link(l, child)
	})
	return w.tolerate(err, at(path))
}

// at is how findings name an object: the root group is the file itself.
func at(path string) string {
	if path == "" {
		return ""
	}
	return "#" + path
}

// link judges where a link leads.
func (w *walk) link(l h5.Link, path string) error {
	switch l.Kind {
	case h5.LinkHard:
		if l.Addr == h5.Undefined {
			w.find(threat.MGFMT400, l.Off, "#"+path, "", "A link leads to no address.")
			return nil
		}
		return w.meet(l.Addr, path)
	case h5.LinkSoft:
	case h5.LinkExternal:
		w.outside(l.Off, path, "external link", l.File, "A link leads to "+source.Evidence(l.Target)+" in another file, which whoever loads the model opens and reads (CVE-2026-1669).")
	default:
		w.find(threat.MGFMT404, l.Off, "#"+path, fmt.Sprintf("class %d", l.Kind), "A link is of a class that the program which follows it defines, so nothing can be said of where it leads.")
	}
	return nil
}

// outside is the finding of a name of another file that a reader of this one opens.
func (w *walk) outside(off int64, path, operator, file, text string) {
	f := finding.New(threat.MGPATH100, off, text)
	f.Role, f.Member, f.Operator, f.Evidence = finding.RolePath, "#"+path, operator, source.Evidence(file)
	w.s.Find(f)
}

// name judges the name of a link or an attribute. Those that people cannot see, or that some readers cut, are not honest.
func (w *walk) name(name string, off int64, member string) {
	switch {
	case strings.ContainsRune(name, 0):
		w.find(threat.MGFMT403, off, member, source.Evidence(name), "A name contains a NUL byte, where some readers end it.")
	case strings.ContainsFunc(name, hidden):
		w.find(threat.MGFMT400, off, member, source.Evidence(name), "A name contains control characters.")
	}
}

// hidden tells whether a character of a name is not seen, or changes how others are.
func hidden(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// below is the path of a child, as findings show it.
func below(path, name string) string {
	path += "/" + name
	if len(path) <= maxPath {
		return path
	}
	cut := len(path) - maxPath
	for cut < len(path) && !utf8.RuneStart(path[cut]) {
		cut++
	}
	return "…" + path[cut:]
}
