// Package pypackage looks at Python packages as their installers do: wheels and source distributions, what installing and importing them
// runs, and whether they are what they say. The models in them are for the scanners of models: every member goes back to the engine.
//
//	wheel = ZIP: {name}-{version}.dist-info/{METADATA, WHEEL, RECORD, entry_points.txt}, {name}-{version}.data/{scripts, data, …}/, packages
//	sdist = tar.gz: {name}-{version}/{PKG-INFO, pyproject.toml, setup.py, …}
//
// (PyPA specifications, "Binary distribution format", "Source distribution format", "Recording installed packages"; Python's site module
// for .pth files.)
//
// What it says is stated for the rules of packages, which have their own states: most of it warns. Text is read by expressions of RE2 and
// by the analysis of Python sources; there is no data flow through functions and files, and nothing is run. "No known sign" is not
// "safe".
package pypackage

import (
	"path"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// found makes a finding at a place in a member.
func found(id threat.ID, member string, at int64, evidence, description string) finding.Finding {
	f := finding.New(id, at, description)
	f.Member, f.Role, f.Evidence = member, finding.RoleStructure, source.Evidence(evidence)
	return f
}

// place says when a file of a package runs.
type place int

const (
	placeOther   place = iota
	placeSetup         // when a source distribution is built or installed
	placeImport        // as soon as the package is imported
	placePath          // at every start of the interpreter
	placeStartup       // sitecustomize and usercustomize: the same
)

// placeOf tells when a file runs, by its path in the archive.
func placeOf(name string) place {
	base := path.Base(name)
	switch {
	case base == "setup.py":
		return placeSetup
	case base == "__init__.py" || base == "__main__.py":
		return placeImport
	case strings.HasSuffix(base, ".pth"):
		return placePath
	case base == "sitecustomize.py" || base == "usercustomize.py":
		return placeStartup
	default:
		return placeOther
	}
}

// isText tells whether a member is text that is read for signs, by its name.
func isText(name string) bool {
	switch path.Ext(name) {
	case ".py", ".pyw", ".pth":
		return true
	default:
		return false
	}
}
