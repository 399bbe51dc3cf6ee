package pypackage

import (
	"iter"
	"path"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source/pytokens"
	"modelgate/internal/threat"
)

// Bounds of what is read of a package's sources to answer for names in its pickles.
const (
	maxSources  = 64 << 20 // bytes of all
	maxSource   = maxText  // bytes of one
	maxModules  = 500
	maxReexport = 8
)

// sources answers for the names that pickles in a package import, from the Python that the package brings. A name of the package's own is on no
// list of names, so it is unknown to whoever judges pickles alone. It is taken for harmless only if
//
//   - its module is a source in the package, at the place where Python imports it from, and no module of somebody else has that name;
//   - a class of that name stands there, and nothing else may be bound to it;
//   - what unpickling runs of the class, down to its last base, does nothing but move data: see [sources.quiet].
//
// A function of the package's own is never harmless: calling it with arguments that stand in a pickle is what hides a payload from people
// who read the source.
type sources struct {
	tree    tree
	project string
	modules map[string]*pymodule
	judged  map[question]bool
	left    int64
	// words are what the strings in all code but the tests say, if anybody asked.
	words map[string]bool
}

// tree is the files of a package, by their names in its archive.
type tree interface {
	has(name string) bool
	all() iter.Seq[string]
	// text returns a file's content; ok is false if there is none, or more than limit bytes.
	text(name string, limit int64) (text string, ok bool)
	// roots are the folders, with their slashes, that Python imports from once the package is installed.
	roots() []string
}

func newSources(t tree, project string) *sources {
	return &sources{tree: t, project: project, modules: map[string]*pymodule{}, judged: map[question]bool{}, left: maxSources}
}

// amend says how a finding in a member of the package is to be taken. It is asked of names that are on no list, and of archives in data of
// tests: those are odd on purpose, and nothing unpacks them.
func (s *sources) amend(member string, f finding.Finding) (finding.Finding, bool) {
	unknown := f.Level == threat.Suspicious && (f.Threat == threat.PKL101 || f.Threat == threat.JOBLIB101 || f.Threat == threat.PYTCH101)
	if unknown && s.own(f) {
		return f, false
	}
	if !unknown && !oddArchive[f.Threat] || !s.testData(member) {
		return f, true
	}
	row := threat.Get(threat.MGPKG104)
	f.Threat, f.Level, f.Severity = row.ID, row.Level, row.Severity
	f.Description = "In data that only tests or documentation of the package use: " + f.Description
	return f, true
}

// oddArchive are what nested archives are called that no tool writes, or that cannot be read.
var oddArchive = map[threat.ID]bool{
	threat.ARV100: true, threat.MGFMT400: true, threat.MGFMT402: true, threat.MGFMT403: true, threat.MGFMT404: true, threat.MGFMT405: true,
}

// own tells whether a finding is about a class of the package that runs nothing when it is unpickled.
func (s *sources) own(f finding.Finding) bool {
	if f.Module == "" || f.Operator == "" || strings.Contains(f.Operator, ".") {
		return false
	}
	switch f.Role {
	case finding.RoleImport, finding.RoleNew, finding.RoleBuild, finding.RoleFill, finding.RoleCall:
		return s.quiet(question{f.Module, f.Operator, f.Role == finding.RoleCall})
	default: // an argument, an attribute: what is done with it is not known
		return false
	}
}

// testFolders are the names of folders in packages that only tests and makers of documentation read.
var testFolders = setOf("test", "tests", "testing", "test_data", "testdata", "doc", "docs", ".doctrees")

// testData tells whether a member is data that only tests or documentation of the package use: it lies in a folder of them inside a package, and the
// strings of no other code name it.
func (s *sources) testData(member string) bool {
	dirs := strings.Split(path.Dir(member), "/")
	if len(dirs) < 2 || !slices.ContainsFunc(dirs[1:], func(d string) bool { return testFolders[d] }) {
		return false
	}
	if s.words == nil {
		s.words = s.strings()
	}
	base := path.Base(member)
	stem, _, _ := strings.Cut(base, ".")
	return s.words != nil && !s.words[base] && (!s.words[stem] || !s.words[path.Ext(base)])
}

// strings are the last parts of all paths that strings name in the code outside of tests, with and without their extensions, and the
// extensions, so that a name that is put together is seen as well. Tests that other code imports are code like any other. It is nil if not
// all of it could be read.
func (s *sources) strings() map[string]bool {
	words := map[string]bool{}
	var aside []string
	imported := false
	for name := range s.tree.all() {
		switch {
		case !isText(name):
		case slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(d string) bool { return testFolders[d] }):
			aside = append(aside, name)
		default:
			tests, ok := s.collect(name, words)
			if !ok {
				return nil
			}
			imported = imported || tests
		}
	}
	if imported {
		for _, name := range aside {
			if _, ok := s.collect(name, words); !ok {
				return nil
			}
		}
	}
	return words
}

// collect adds what the strings of a source say, and tells whether the source imports tests.
func (s *sources) collect(name string, words map[string]bool) (tests, ok bool) {
	text, ok := s.read(name)
	if !ok {
		return false, false
	}
	tokens, whole := pytokens.Split(nil, text)
	first := ""
	for i, k := range tokens {
		if i == 0 || tokens[i-1].Kind == pytokens.Newline || tokens[i-1].Text == ";" || tokens[i-1].Text == ":" {
			first = k.Text
		}
		switch k.Kind {
		case pytokens.String, pytokens.Bytes:
			if len(k.Text) < 1<<10 {
				base := path.Base(strings.ReplaceAll(strings.TrimSpace(k.Text), `\`, "/"))
				stem, _, _ := strings.Cut(base, ".")
				words[base], words[stem], words[path.Ext(base)] = true, true, true
			}
		case pytokens.Name:
			tests = tests || testFolders[k.Text] && (first == "import" || first == "from")
		default:
		}
	}
	return tests, whole
}

// read returns the text of a member; ok is false if there is none, or too much.
func (s *sources) read(name string) (text string, ok bool) {
	text, ok = s.tree.text(name, min(maxSource, s.left))
	s.left -= int64(len(text))
	return text, ok
}

// module returns a module of the package by its dotted name, nil if the package has no source of it or Python would import another one.
func (s *sources) module(dotted string) *pymodule {
	if m, ok := s.modules[dotted]; ok || len(s.modules) >= maxModules {
		return m
	}
	s.modules[dotted] = nil
	top, _, _ := strings.Cut(dotted, ".")
	if standardLibrary[top] || foreign(top, s.project) {
		return nil
	}
	for _, root := range s.tree.roots() {
		file := root + strings.ReplaceAll(dotted, ".", "/")
		name, isPackage := file+"/__init__.py", true
		if !s.tree.has(name) {
			if name, isPackage = file+".py", false; !s.tree.has(name) {
				continue
			}
			if s.extension(file) {
				return nil
			}
		}
		if text, ok := s.read(name); ok {
			s.modules[dotted] = parseModule(dotted, isPackage, text)
		}
		break
	}
	return s.modules[dotted]
}

// extension tells whether a module in machine code lies beside a source: Python imports that first.
func (s *sources) extension(file string) bool {
	for name := range s.tree.all() {
		if rest, ok := strings.CutPrefix(name, file+"."); ok && (strings.HasSuffix(rest, "so") || strings.HasSuffix(rest, "pyd")) && !strings.Contains(rest, "/") {
			return true
		}
	}
	return false
}

// find follows a name to the class that it stands for in the package's sources.
func (s *sources) find(module, name string) *pyclass {
	for range maxReexport {
		m := s.module(module)
		if m == nil {
			return nil
		}
		if c := m.class(name); c != nil {
			return c
		}
		full, ok := m.imports[name]
		if !ok || m.classes[name] > 0 {
			return nil
		}
		i := strings.LastIndexByte(full, '.')
		if i < 0 {
			return nil
		}
		module, name = full[:i], full[i+1:]
	}
	return nil
}
