package scanner

import "modelgate/internal/scanner/flax"

// classicRows are the rows of boosted trees, word vectors, MessagePack and other classic libraries.
func classicRows() []Format {
	return []Format{
		{
			Name: "flax", Title: "Flax parameters, and MessagePack of spaCy and Orbax", Version: 1,
			Recognised: "one MessagePack value, a map or list, that covers the file, or leads to arrays",
			Threats:    "extensions that are none of Flax's, leaves that are pickles or other formats, keys by which objects are built, counts and depths that lie, bytes behind the end",
			Probe:      flax.Probe, Scan: flax.Scan,
		},
		{
			Name: "flax", Title: "Orbax database", Version: 1,
			Recognised: "magic of a manifest or of a node",
			Threats:    "lengths that lie, bytes behind the manifest",
			Limits:     "keys and arrays inside are opaque: the loader makes arrays of them and nothing else",
			Probe:      flax.ProbeOrbax, Scan: flax.ScanOrbax,
		},
	}
}
