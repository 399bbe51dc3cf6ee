package pypackage

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// atSiteTop tells whether a file of a package lands at the top of site-packages, where the interpreter looks for .pth files and for
// sitecustomize: the root of a wheel, of its purelib and platlib, and what its data put there by path. Where the files of a source
// distribution land, its build says, so all of them may.
func atSiteTop(name string) bool {
	dir := path.Dir(path.Clean(name))
	if dir == "." {
		return true
	}
	top, rest, _ := strings.Cut(dir, "/")
	if stem, ok := strings.CutSuffix(top, ".data"); ok && strings.Contains(stem, "-") {
		switch kind, below, _ := strings.Cut(rest, "/"); kind {
		case "purelib", "platlib":
			return below == ""
		case "data":
			base := path.Base(below)
			return base == "site-packages" || base == "dist-packages"
		}
		return false
	}
	return sdistTop.MatchString(top)
}

// sdistTop is the folder of a source distribution: name and version. The packages of a wheel have no such names.
var sdistTop = regexp.MustCompile(`^.+-[0-9]`)

// pathConfig finds lines of a .pth file that the interpreter executes: those that begin with import and a blank (Python, module site). Lines
// end where str.splitlines ends them.
func pathConfig(name string, text []byte, s source.Sink) {
	lines := string(text)
	for at := 0; at < len(lines); {
		n, next := pathLine(lines[at:])
		code := lines[at : at+n]
		start := at
		at += next
		if start == 0 {
			code = strings.TrimPrefix(code, "\ufeff")
		}
		code = strings.TrimRight(code, " \t")
		if !strings.HasPrefix(code, "import ") && !strings.HasPrefix(code, "import\t") || knownPathLine(code) {
			continue
		}
		id, when := threat.MGPKG100, "is executed at every start of the interpreter"
		if !atSiteTop(name) {
			id, when = threat.MGPKG104, "is executed if the package makes its folder one of site's"
		}
		f := found(id, "", int64(start), code, fmt.Sprintf("A line of %s %s.", source.Evidence(name), when))
		f.Excerpt = []string{source.Evidence(code)}
		s.Find(f)
	}
}

// pathLine returns the length of the first line of a text, and where the next one begins.
func pathLine(text string) (n, next int) {
	for i, r := range text {
		switch r {
		case '\r':
			if strings.HasPrefix(text[i+1:], "\n") {
				return i, i + 2
			}
			return i, i + 1
		case '\n', '\v', '\f', '\x1c', '\x1d', '\x1e':
			return i, i + 1
		case '\u0085':
			return i, i + 2
		case '\u2028', '\u2029':
			return i, i + 3
		}
	}
	return len(text), len(text)
}

// knownPathLine tells whether a line is one that well-known tools write: the hook of setuptools, and namespace packages of its old
// versions, whose text is the same but for names.
func knownPathLine(code string) bool {
	return code == setuptoolsLine || code == coverageLine || namespaceLine().MatchString(code)
}

const setuptoolsLine = `import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim();`

// coverageLine is the hook of coverage (a1_coverage.pth of 7.17), by which programs that a test starts are measured too.
const coverageLine = `import sys; exec('import os\n\nif os.getenv("COVERAGE_PROCESS_START") or os.getenv("COVERAGE_PROCESS_CONFIG"):\n try:\n  import coverage\n except:\n  pass\n else:\n  coverage.process_startup(slug="pth")')`

// namespaceLine is what setuptools wrote into *-nspkg.pth: four texts, of which the
// first is that of version 28 and before, the second of 30, the fourth of 31 (setuptools/namespaces.py and
// setuptools/command/install_egg_info.py, 18.0 to 40.0). $pth is a tuple of names, $pkg a dotted name.
var namespaceLine = sync.OnceValue(func() *regexp.Regexp {
	const (
		begin = `import sys, types, os;`
		dir   = `p = os.path.join(sys._getframe(1).f_locals['sitedir'], *$pth);`
		exist = `ie = os.path.exists(os.path.join(p,'__init__.py'));`
		add   = `mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p)`
		set   = `sys.modules.setdefault($pkg, types.ModuleType($pkg));`
		own   = `;m and setattr(sys.modules[$pkg], $pkg, m)`
	)
	quoted := strings.NewReplacer(regexp.QuoteMeta(`$pth`), `\('[A-Za-z0-9_]+',(?: ?'[A-Za-z0-9_]+',?)*\)`, regexp.QuoteMeta(`$pkg`), `'[A-Za-z0-9_.]+'`)
	const mfs = begin + `has_mfs = sys.version_info > (3, 5);` + dir +
		`importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');` +
		`m = has_mfs and sys.modules.setdefault($pkg, importlib.util.module_from_spec(importlib.machinery.PathFinder.find_spec($pkg, [os.path.dirname(p)])));`
	shapes := []string{
		begin + dir + exist + `m = not ie and ` + set + add,
		begin + `pep420 = sys.version_info > (3, 3);` + dir + exist + `m = not ie and not pep420 and ` + set + add,
		mfs + `m = m or ` + set + add,
		mfs + `m = m or not has_mfs and ` + set + add,
	}
	for i, shape := range shapes {
		shapes[i] = quoted.Replace(regexp.QuoteMeta(shape))
	}
	return regexp.MustCompile(`^(?:` + strings.Join(shapes, "|") + `)(?:` + quoted.Replace(regexp.QuoteMeta(own)) + `)?$`)
})
