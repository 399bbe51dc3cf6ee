package pypackage

import (
	"path"
	"regexp"
	"strings"

	"modelgate/internal/model/dist"
)

// knownPathLine tells whether a project is known to ship an executable line. Neither the name of the file nor the text is enough: what a
// line runs is a module that the project has to bring.
func knownPathLine(project, name, code string) bool {
	for _, line := range pathLines[project] {
		if line == code {
			return true
		}
	}
	return project != "" && namespaceLine(project, name, code)
}

// pathLines are the lines that projects ship, as they are in their wheels, by the normal form of the project's name.
var pathLines = map[string][]string{
	"setuptools": { // distutils-precedence.pth, since 60 and before
		`import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim();`,
		`import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'stdlib') == 'local'; enabled and __import__('_distutils_hack').add_shim();`,
	},
	"coverage": { // a1_coverage.pth of 7.17: programs that a test starts are measured too
		`import sys; exec('import os\n\nif os.getenv("COVERAGE_PROCESS_START") or os.getenv("COVERAGE_PROCESS_CONFIG"):\n try:\n  import coverage\n except:\n  pass\n else:\n  coverage.process_startup(slug="pth")')`,
	},
	"pytest-cov": { // pytest-cov.pth, up to 5.0
		`import os, sys;exec('if \'COV_CORE_SOURCE\' in os.environ:\n try:\n  from pytest_cov.embed import init\n  init()\n except Exception as exc:\n  sys.stderr.write(\n   "pytest-cov: Failed to setup subprocess coverage. "\n   "Environ: {0!r} "\n   "Exception: {1!r}\\n".format(\n    dict((k, v) for k, v in os.environ.items() if k.startswith(\'COV_CORE\')),\n    exc\n   )\n  )\n')`,
	},
	"future-fstrings": { // aaaaa_future_fstrings.pth
		`import sys; exec('try:\n    import future_fstrings\nexcept ImportError:\n    pass\nelse:\n    future_fstrings.register()\n')`,
	},
	"manhole": { // manhole.pth, which does nothing unless the environment asks for it
		`import os, sys;exec('if "PYTHONMANHOLE" in os.environ:\n try:\n  from manhole import install\n  eval("install({0[PYTHONMANHOLE]})".format(os.environ))\n except Exception as exc:\n  sys.stderr.write("Failed to manhole.install({[PYTHONMANHOLE]}): {!r}\\n".format(os.environ, exc))\n')`,
	},
	"hunter": { // hunter.pth
		`import hunter; hunter._embed_via_environment()`,
	},
}

// namespaceTuple is where the line of a namespace package names it, as a tuple of Python.
var namespaceTuple = regexp.MustCompile(`\*\(('[A-Za-z0-9_]+'(?:,|(?:, '[A-Za-z0-9_]+')+))\)\);`)

// namespaceLine tells whether a line is one that setuptools writes into *-nspkg.pth for a namespace package: all of it is made of the
// package's name, and the file is named after the project.
func namespaceLine(project, name, code string) bool {
	stem, ok := strings.CutSuffix(path.Base(name), "-nspkg.pth")
	first, _, _ := strings.Cut(stem, "-")
	if owner, valid := dist.Normalize(first); !ok || !valid || owner != project {
		return false
	}
	m := namespaceTuple.FindStringSubmatch(code)
	if m == nil {
		return false
	}
	parts := strings.Split(strings.TrimSuffix(strings.ReplaceAll(m[1], "'", ""), ","), ", ")
	if standardLibrary[parts[0]] {
		return false
	}
	quoted := func(s string) string { return "'" + s + "'" }
	child := len(parts) - 1
	own := ""
	if child > 0 {
		own = `;m and setattr(sys.modules[` + quoted(strings.Join(parts[:child], ".")) + `], ` + quoted(parts[child]) + `, m)`
	}
	fill := strings.NewReplacer("$pth", "("+m[1]+")", "$pkg", quoted(strings.Join(parts, ".")))
	for _, shape := range namespaceShapes {
		if fill.Replace(shape)+own == code {
			return true
		}
	}
	return false
}

// namespaceShapes are the texts of setuptools' releases (setuptools/namespaces.py, and before it setuptools/command/install_egg_info.py,
// 18.0 to 75): that of 28 and before, of 30, of 31, and of those that no longer run on Python 2. $pth is a tuple of names, $pkg a dotted name.
var namespaceShapes = func() []string {
	const (
		begin = `import sys, types, os;`
		dir   = `p = os.path.join(sys._getframe(1).f_locals['sitedir'], *$pth);`
		exist = `ie = os.path.exists(os.path.join(p,'__init__.py'));`
		add   = `mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)`
		set   = `sys.modules.setdefault($pkg, types.ModuleType($pkg));`
		spec  = `sys.modules.setdefault($pkg, importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec($pkg, [os.path.dirname(p)])));`
		both  = begin + `has_mfs = sys.version_info > (3, 5);` + dir +
			`importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');m = has_mfs and ` + spec
	)
	return []string{
		begin + dir + exist + `m = not ie and ` + set + add,
		begin + `pep420 = sys.version_info > (3, 3);` + dir + exist + `m = not ie and not pep420 and ` + set + add,
		both + `m = m or ` + set + add,
		both + `m = m or not has_mfs and ` + set + add,
		begin + dir + `importlib = __import__('importlib.util');__import__('importlib.machinery');m = ` + spec + `m = m or ` + set + add,
	}
}()

// editableFinder is the module by which setuptools imports a project from where its source lies.
var editableFinder = regexp.MustCompile(`^import (__editable___([A-Za-z0-9_]+)_finder); (__editable___[A-Za-z0-9_]+_finder)\.install\(\)$`)

// localLine tells whether a line is one that tools write on the machine itself: virtualenv and uv into the environments that they make, and
// setuptools and hatchling to import a project from where its source lies. No distribution file has a reason to bring one.
func localLine(project, code string) bool {
	if code == "import _virtualenv" {
		return true
	}
	safe := strings.ReplaceAll(project, "-", "_")
	if rest, ok := strings.CutPrefix(code, "import _editable_impl_"); ok {
		return strings.EqualFold(rest, safe)
	}
	m := editableFinder.FindStringSubmatch(code)
	return m != nil && m[1] == m[3] && strings.HasPrefix(strings.ToLower(m[2]), safe+"_")
}
