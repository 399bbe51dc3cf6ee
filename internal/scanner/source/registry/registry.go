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
)

// Table is a table of names. It is immutable.
type Table struct {
	names []string   // sorted
	rest  [][]string // columns behind each name
	notes []string
}

// Parse reads a table. The order of the lines does not matter; of a name that stands twice the first line counts.
func Parse(text string) Table {
	type row struct {
		name string
		rest []string
	}
	var rows []row
	var t Table
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if note, ok := strings.CutPrefix(line, "#"); ok {
			t.notes = append(t.notes, strings.TrimSpace(note))
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
		t.names, t.rest = append(t.names, r.name), append(t.rest, r.rest)
	}
	return t
}

// Lookup returns what is known of a name: the columns behind it, of which there may be none.
func (t Table) Lookup(name string) (columns []string, ok bool) {
	i, ok := slices.BinarySearch(t.names, name)
	if !ok {
		return nil, false
	}
	return t.rest[i], true
}

// Has tells whether a name is known.
func (t Table) Has(name string) bool {
	_, ok := t.Lookup(name)
	return ok
}

// Len is how many names the table has.
func (t Table) Len() int { return len(t.names) }

// Notes are the lines that say what the table was made of.
func (t Table) Notes() []string { return slices.Clone(t.notes) }
