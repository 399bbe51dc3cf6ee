package scanner

import (
	"context"

	"modelgate/internal/scanner/source"
)

// Format is a row of the table: how bytes of one kind are recognised, and who scans them.
type Format struct {
	// Name is the machine name that findings carry unless the scanner states another one.
	Name string
	// Title is how people call it.
	Title string
	// Version is raised with every change of what Probe or Scan say; it invalidates the reports of files.
	Version int
	// Recognised, Threats and Limits are for the documentation: by what it is recognised, what is looked for, and
	// what is not.
	Recognised, Threats, Limits string
	// Covers are rows that need not scan what this one accepted, since its Scan does all that theirs would.
	Covers []string
	// Text marks formats that are text: several of them may accept the same bytes without contradiction.
	Text bool
	// Package marks formats of packages alone, whose text is looked at by nobody else.
	Package bool
	// Probe tells whether the bytes are of this format, by magic and structure, from a bounded part of them. Errors
	// that say the bytes are malformed mean no.
	Probe func(f *source.File) (bool, error)
	// Scan says what is wrong with bytes that Probe accepted. Errors are those of package source.
	Scan func(ctx context.Context, f *source.File, sink source.Sink) error
}

// NotModel is the name of what no loader of models takes: text, pictures, sound, fonts.
const NotModel = "not_model"
