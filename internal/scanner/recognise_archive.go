package scanner

import (
	"errors"
	"io"
	"path"
	"slices"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/tarview"
	"modelgate/internal/scanner/source/zipview"
)

// archiveFormats are ZIP archives that mean something by the names of their members. Their members are scanned like those
// of any archive; what is missing is what the archive itself makes a loader do.
func archiveFormats() []recogniser {
	is := func(matches func(names []string) bool) func(*header) (bool, error) {
		return func(h *header) (bool, error) {
			names, err := memberNames(h)
			return len(names) > 0 && matches(names), err
		}
	}
	return []recogniser{
		{name: "torchserve", title: "TorchServe archive", by: "ZIP with MAR-INF/MANIFEST.json", matches: is(func(names []string) bool {
			return slices.Contains(names, "MAR-INF/MANIFEST.json")
		})},
	}
}

// maxNames bounds the names that are looked at.
const maxNames = 10_000

// memberNames are the names of the members of a ZIP archive in its central directory; none if it is no archive.
func memberNames(h *header) ([]string, error) {
	view, err := zipview.Of(h.file)
	if err != nil || view == nil {
		return nil, err
	}
	var names []string
	for _, e := range view.Entries[:min(len(view.Entries), maxNames)] {
		names = append(names, e.Name())
	}
	return names, nil
}

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
