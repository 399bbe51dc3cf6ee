package scanner

import (
	"context"

	"modelgate/internal/scanner/executable"
	"modelgate/internal/scanner/pypackage"
	"modelgate/internal/scanner/source"
)

// packageRows are the rows of Python packages. They accept nothing but what comes from a package index, or is named as its files are.
func packageRows() []Format {
	return []Format{
		{
			Name: "wheel", Title: "Python wheel", Version: 3, Package: true, Covers: []string{"zip"},
			Recognised: "ZIP of a package index with a folder of a wheel's metadata",
			Threats:    "files and digests that RECORD does not have, names that disagree, programs in pure wheels; models in it by their own scanners",
			Probe:      pypackage.ProbeWheel, Scan: pypackage.ScanWheel,
		},
		{
			Name: "sdist", Title: "Python source distribution", Version: 4, Package: true, Covers: []string{"tar", "zip"},
			Recognised: "tar of a package index, or a ZIP that is named as a source distribution",
			Threats:    "names that disagree, links and paths that lead outside; models in it by their own scanners",
			Probe:      pypackage.ProbeSdist, Scan: pypackage.ScanSdist,
		},
		{
			Name: "python", Title: "Python source in packages", Version: 2, Text: true, Package: true,
			Recognised: "name in a package",
			Threats:    "lines of .pth files that are executed, code that is decoded and executed, what runs at install, signs of malicious packages",
			Limits:     "no data flow through functions and files; what is computed at run time is not seen",
			Probe:      pypackage.ProbeSource, Scan: pypackage.ScanSource,
		},
		{
			Name: "executable", Title: "Programs and libraries in packages", Version: 1, Package: true, Text: true,
			Recognised: "headers of ELF, PE, Mach-O and WebAssembly, #!",
			Limits:     "stated; what they do is not analysed",
			Probe: func(f *source.File) (bool, error) {
				if f.Family != source.FamilyPackage {
					return false, nil
				}
				return executable.Probe(f)
			},
			Scan: func(_ context.Context, _ *source.File, sink source.Sink) error {
				sink.Format("executable")
				return nil
			},
		},
	}
}
