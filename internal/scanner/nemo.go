package scanner

import (
	"errors"
	"io"
	"path"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/tarview"
)

// isNeMo recognises NeMo's archives: a tar with model_config.yaml among its first entries.
func isNeMo(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || !tarview.Probe(head) {
		return false, err
	}
	t, err := tarview.NewReader(f)
	if err != nil {
		return false, err
	}
	for range maxTarEntries {
		e, err := t.Next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if path.Clean(e.Name) == "model_config.yaml" {
			return true, nil
		}
	}
	return false, nil
}

// maxTarEntries bounds the entries that are looked at: each may cost a request.
const maxTarEntries = 8
