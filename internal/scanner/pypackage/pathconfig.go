package pypackage

import (
	"crypto/sha256"
	"fmt"
	"path"
	"regexp"
	"strings"

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
//
// A line that its project is known to ship is none. Others are told with their SHA-256 as the operator, by which a group can allow them.
func pathConfig(f *source.File, text []byte, s source.Sink) {
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
		if !strings.HasPrefix(code, "import ") && !strings.HasPrefix(code, "import\t") || knownPathLine(f.Project, f.Path, code) {
			continue
		}
		id, when := threat.MGPKG100, "is executed at every start of the interpreter"
		switch {
		case f.Installed && localLine(f.Project, code): // the module is beside it, for everyone to read
			id = threat.MGPKG104
		case !atSiteTop(f.Path):
			id, when = threat.MGPKG104, "is executed if the package makes its folder one of site's"
		}
		line := found(id, "", int64(start), code, fmt.Sprintf("A line of %s %s.", source.Evidence(f.Path), when))
		line.Excerpt = []string{source.Evidence(code)}
		line.Operator = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(code)))
		s.Find(line)
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
