package scanner

import (
	"path"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/threat"
)

// chunk tells whether a file holds arrays of an Orbax checkpoint: it lies in the directory d beside the manifest of a database, or
// it is a chunk of an array of Zarr (zarr-specs, v2), named by numbers, beside the array's description .zarray.
func (v *version) chunk(name string, known map[string][]string) bool {
	dir, base := path.Split(name)
	dir = path.Clean(dir)
	if path.Base(dir) == "d" && slices.Contains(known[path.Join(path.Dir(dir), "manifest.ocdbt")], "flax") {
		return true
	}
	return strings.Trim(base, "0123456789.") == "" && slices.Contains(known[path.Join(dir, ".zarray")], "json")
}

// packedRaw tells whether a report says no more than that bytes are compressed, and that nothing recognises what is inside: chunks
// of arrays are compressed one by one, and lie one behind the other, with nodes of the database between them.
func packedRaw(r finding.FileReport) bool {
	for _, name := range r.Formats {
		if !slices.Contains([]string{"flax", "zstd", "gzip", "zlib", "lz4"}, name) {
			return false
		}
	}
	for _, f := range r.Findings {
		if f.Threat != threat.MGFMT404 && f.Threat != threat.MGFMT402 && f.Threat != threat.MGFMT400 {
			return false
		}
	}
	return true
}
