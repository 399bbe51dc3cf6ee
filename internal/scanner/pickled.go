package scanner

import (
	"modelgate/internal/scanner/pickle"
	"modelgate/internal/scanner/source"
)

// Pickled tells whether bytes begin as a pickle does. What can't be told is taken for one.
func Pickled(head []byte) bool {
	f := &source.File{Reader: source.Bytes(head), Path: "head", Budget: source.NewBudget(source.DefaultLimits(), int64(len(head)))}
	ok, err := pickle.Probe(f)
	return ok || err != nil
}
