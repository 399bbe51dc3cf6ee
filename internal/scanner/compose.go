package scanner

import (
	"path"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// composition judges that more than one format accepts the same stream, each of which some loader would take it for. Formats
// that are text overlap by nature; so do some binary ones, as their specifications say.
func (p *place) composition(accepted []Format) {
	var names []string
	binary := false
	for _, row := range accepted {
		binary = binary || !row.Text
		if !slices.Contains(names, row.Name) {
			names = append(names, row.Name)
		}
	}
	if !binary || len(names) < 2 || slices.ContainsFunc(names, func(a string) bool { return goesWithAll(a, names) }) {
		return
	}
	f := finding.New(threat.MGFMT402, 0, "The bytes are "+strings.Join(names, " and ")+" at once, and a loader may take them for either.")
	f.Format, f.Role, f.Evidence = names[0], finding.RoleStructure, strings.Join(names, ", ")
	p.Find(f)
}

// compositions are the pairs of rows that honest files are at once: a graph with metadata appended, a launcher in front of
// its archive, formats that are kinds of archives.
var compositions = [][2]string{
	{"litert", "zip"},
	{"llamafile", "zip"},
	{"llamafile", "executable"},
	{"llamafile", "gguf"},
	{"zip", "executable"}, // a self-extracting archive: both findings are made by their scanners
	{"mediapipe", "zip"},
	{"skops", "zip"},
	{"skops", "numpy_zip"}, // most of its members are arrays
	{"keras3", "zip"},
	{"torchserve", "zip"},
	{"torchserve", "pytorch_v1_13"},
	{"nemo", "tar"},
	{"tf_hub", "tar"},
	{"coreml", "zip"},
}

// goesWithAll tells whether a row is a known composition with each of the others.
func goesWithAll(name string, names []string) bool {
	for _, other := range names {
		if other == name {
			continue
		}
		if !slices.Contains(compositions, [2]string{name, other}) && !slices.Contains(compositions, [2]string{other, name}) {
			return false
		}
	}
	return true
}

// role is what a file's name means to those who scan by it, reports of the same bytes in different roles being kept apart: its
// role for loaders, and whether it says openly that it is a program.
func role(name string) string { return source.Role(name) + "|" + strings.ToLower(path.Base(name)) }
