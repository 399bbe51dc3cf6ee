package scanner

import (
	"modelgate/internal/scanner/llamafile"
	"modelgate/internal/scanner/skops"
	"modelgate/internal/scanner/torchserve"
)

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
		{
			Name: "torchserve", Title: "TorchServe archive", Version: 1, Covers: []string{"zip", "pytorch_v1_13"},
			Recognised: "ZIP with MAR-INF/MANIFEST.json",
			Threats:    "those of its members, files that the manifest names and lacks",
			Probe:      torchserve.Probe, Scan: torchserve.Scan,
		},
		{
			Name: "torchserve", Title: "TorchServe manifest", Version: 1, Text: true,
			Recognised: "MAR-INF/MANIFEST.json with a model, in archives and directories",
			Threats:    "handlers that are modules of Python or unknown, paths that leave the archive, two handlers",
			Probe:      torchserve.ProbeManifest, Scan: torchserve.ScanManifest,
		},
		{
			Name: "llamafile", Title: "llamafile", Version: 1, Covers: []string{"executable"},
			Recognised: "MZqFpD=' or jartsr=' at 0",
			Threats:    "commands in the launcher's script that its linker does not write, files and addresses in its arguments, what its archive holds",
			Limits:     "the programs inside are opaque: an untouched launcher is reported as a program (MG-EXE-101); no package ships a launcher, so tests hold it to one that is written as its linker does",
			Probe:      llamafile.Probe, Scan: llamafile.Scan,
		},
	}
}
