// Package registry holds tables of known names: the operators of a framework, the classes of a library. A table is text that a
// tool under tools/registry writes from the framework's own package, checked in beside the scanner that embeds it:
//
//	# TensorFlow 2.20.0, core operators
//	# tools/registry/tensorflow.py
//	Abs
//	WriteFile	writes
//	ReadFile	reads	since 1
//
// Lines that begin with # say what the table was made of. Every other line is a name and, after tabs, what is known of it.
package registry

import (
	"slices"
	"strings"
	"sync"
)

// Table is a table of names. It is immutable, and read at its first use: a process that needs none of its names does not pay for it.
type Table struct {
	read func() *content
}

// content is what the text of a table says.
type content struct {
	names []string   // sorted
	rest  [][]string // columns behind each name
	notes []string
}

// Parse returns the table that a text holds. The order of the lines does not matter; of a name that stands twice the first line counts.
func Parse(text string) Table {
	return Table{sync.OnceValue(func() *content { return parse(text) })}
}

func parse(text string) *content {
	type row struct {
		name string
		rest []string
	}
	var rows []row
	var c content
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if note, ok := strings.CutPrefix(line, "#"); ok {
			c.notes = append(c.notes, strings.TrimSpace(note))
			continue
		}
		if line == "" {
			continue
		}
		columns := strings.Split(line, "\t")
		rows = append(rows, row{columns[0], columns[1:]})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	for i, r := range rows {
		if i > 0 && rows[i-1].name == r.name {
			continue
		}
		c.names, c.rest = append(c.names, r.name), append(c.rest, r.rest)
	}
	return &c
}

// Lookup returns what is known of a name: the columns behind it, of which there may be none.
func (t Table) Lookup(name string) (columns []string, ok bool) {
	c := t.read()
	i, ok := slices.BinarySearch(c.names, name)
	if !ok {
		return nil, false
	}
	return c.rest[i], true
}

// Has tells whether a name is known.
func (t Table) Has(name string) bool {
	_, ok := t.Lookup(name)
	return ok
}

// Names are the names of the table, sorted.
func (t Table) Names() []string { return slices.Clone(t.read().names) }

// Len is how many names the table has.
func (t Table) Len() int { return len(t.read().names) }

// Notes are the lines that say what the table was made of.
func (t Table) Notes() []string { return slices.Clone(t.read().notes) }
