package scanner

import "modelgate/internal/model"

// Key is what the report of a file is kept under, "" if its digest is not known: the same bytes under a name that gives them
// another meaning have a report of their own.
func (e *Engine) Key(f model.File) string { return e.key(f) }
