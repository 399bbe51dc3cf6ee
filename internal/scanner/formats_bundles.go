package scanner

import "modelgate/internal/scanner/skops"

// bundleRows are the rows of bundles: archives of models, packages of several files and launchers.
func bundleRows() []Format {
	return []Format{
		{
			Name: "skops", Title: "skops model", Version: 1, Covers: []string{"zip", "numpy_zip"},
			Recognised: "ZIP with schema.json that is a node: __class__, __module__ and __loader__",
			Threats:    "names that loading imports, makes or calls, by what the loader does and not by what the node says; operators and methods; members that are no arrays",
			Limits:     "a schema of more than 64 MiB is reported as not read",
			Probe:      skops.Probe, Scan: skops.Scan,
		},
	}
}
