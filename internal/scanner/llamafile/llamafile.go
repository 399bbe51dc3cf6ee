// Package llamafile scans models that bring their program along: a launcher of Cosmopolitan (an "actually portable executable"),
// with a ZIP archive behind it that holds the weights and the arguments.
//
// The launcher (jart/cosmopolitan, tool/build/apelink.c) is a program to Windows and a script to every Unix shell:
//
//	MZqFpD='␊␊ (header of a Windows program) ' <<'@'␊ (boot sector) ␊@␊#'"␊␊ script … exit 127␊ (programs, archive)
//
// or the same behind jartsr='. The shell assigns the header to a variable and reads the boot sector as a document, so that the first
// command is that of the script. The linker writes the script from few lines, with numbers in them: it looks for a loader, or
// extracts one from its own file. A line that the linker does not write is a command that somebody added.
//
// What the programs do is not analysed: an untouched launcher is an executable still, and is reported as one.
package llamafile

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// Marks of the launcher.
const (
	windows = "MZqFpD='"
	others  = "jartsr='"
	toDoc   = "' <<'@'\n"
	docEnd  = "\n@\n"
	comment = "#'\"\n"
)

// maxLines is of how many lines of the script is told.
const maxLines = 50

// Probe accepts files that begin as a launcher.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	return bytes.HasPrefix(head, []byte(windows)) || bytes.HasPrefix(head, []byte(others)), err
}

// Scan compares the launcher's script with those that the linker writes, and judges the arguments in the archive, whose members
// are scanned as those of any archive.
func Scan(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("llamafile")
	s.Opaque()
	head, err := f.Head()
	if err != nil {
		return err
	}
	found := finding.New(threat.MGEXE101, 0, "The model is a program with the weights inside, which runs as it is.")
	found.Role, found.Operator = finding.RoleStructure, "an actually portable executable"
	s.Find(found)
	script(s, head)
	return arguments(f, s)
}

// script finds the script in the head of a launcher and judges its lines.
func script(s source.Sink, head []byte) {
	at := len(windows)
	quote := bytes.IndexByte(head[at:], '\'')
	if quote < 0 || !bytes.HasPrefix(head[at+quote:], []byte(toDoc)) {
		added(s, int64(at+max(quote, 0)), head[at+max(quote, 0):], "The header of the launcher ends where a shell finds something else than the launcher's own document.")
		return
	}
	at += quote + len(toDoc)
	end := bytes.Index(head[at-1:], []byte(docEnd))
	if end < 0 {
		added(s, int64(at), nil, "The document in the launcher has no end where the linker writes it.")
		return
	}
	at += end - 1 + len(docEnd)
	if !bytes.HasPrefix(head[at:], []byte(comment)) {
		added(s, int64(at), head[at:], "The script of the launcher does not begin as the linker writes it.")
		return
	}
	lines(s, head, at+len(comment))
}

// lines judges the lines of the script. It ends where it exits outside of every condition.
func lines(s source.Sink, head []byte, at int) {
	told, depth := 0, 0
	for at < len(head) {
		line, _, whole := bytes.Cut(head[at:], []byte("\n"))
		if string(line) == "exit 127" && depth == 0 {
			return
		}
		if !whole || bytes.IndexByte(line, 0) >= 0 {
			break
		}
		switch text := string(line); {
		case strings.HasPrefix(text, "if "):
			depth++
		case text == "fi":
			depth--
		}
		if !known(string(line)) {
			if told++; told > maxLines {
				return
			}
			added(s, int64(at), line, "The script of the launcher has a command that the linker does not write.")
		}
		at += len(line) + 1
	}
	added(s, int64(at), nil, "The script of the launcher has no end.")
}

// added reports what is in a launcher and in no known build.
func added(s source.Sink, at int64, evidence []byte, description string) {
	f := finding.New(threat.LMAFL300, at, description)
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(string(evidence[:min(len(evidence), finding.MaxEvidence)]))
	s.Find(f)
}

// fixed are the lines of the script that have nothing in them that varies.
var fixed = func() map[string]bool {
	t := map[string]bool{}
	for line := range strings.Lines(`
o=$(command -v "$0")
[ x"$1" != x--assimilate ] && type ape >/dev/null 2>&1 && exec ape "$o" "$@"
type ape >/dev/null 2>&1 && exec ape "$o" "$@"
[ x"$1" != x--assimilate ] && [ -x "$t" ] && exec "$t" "$o" "$@"
m=$(uname -m)
m=$(uname -m 2>/dev/null) || m=x86_64
if [ ! -d /Applications ]; then
if [ -d /Applications ]; then
if [ x"$1" = x--assimilate ]; then
if [ "$m" = x86_64 ] || [ "$m" = amd64 ]; then
if [ "$m" = aarch64 ] || [ "$m" = arm64 ]; then
if [ "$m" = ppc64le ]; then
exec 7<> "$o" || exit 121
exec 7<&-
fi
else
true
exit
exit 1
exec "$o" "$@"
mkdir -p "${t%/*}" ||exit
chmod 755 "$t.$$" ||exit
mv -f "$t.$$" "$t" ||exit
mv -f "$t.c.$$" "$t.c" ||exit
exec "$t" "$o" "$@"
if ! type cc >/dev/null 2>&1; then
echo "$0: please run: xcode-select --install" >&2
cc -w -O -o "$t.$$" "$t.c" ||exit
echo "$0: this ape program lacks $m support" >&2
`) {
		t[strings.TrimSuffix(line, "\n")] = true
	}
	return t
}()

// varying are the lines with numbers in them: the version of the loader, the header that makes the file an ELF program, places in
// the file.
var varying = regexp.MustCompile(`^(` + strings.Join([]string{
	`t="\$\{TMPDIR:-\$\{HOME:-\.\}\}/\.ape-[0-9]+(\.[0-9]+)*"`,
	`printf '\\177ELF(\\[0-7]{1,3})*' >&7`,
	`dd if="\$o" of="\$o" bs=1 skip= *[0-9]+ *count= *[0-9]+ *conv=notrunc 2>/dev/null \|\|exit`,
	`dd if="\$o" skip= *[0-9]+ *count= *[0-9]+ *bs=1 2>/dev/null \| gzip -dc >"\$t(\.c)?\.\$\$" \|\|exit`,
	`dd if="\$t\.\$\$" of="\$t\.\$\$" skip=[0-9]+ *count=[0-9]+ *bs=64 conv=notrunc 2>/dev/null \|\|exit`,
}, "|") + `)$`)

// known tells whether the linker writes a line.
func known(line string) bool { return fixed[line] || varying.MatchString(line) }

// maxArguments is the longest list of arguments that is read, in bytes.
const maxArguments = 1 << 20

// arguments judges the default arguments of the program (.args, one a line): files and addresses that it opens.
func arguments(f *source.File, s source.Sink) error {
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return err
	}
	for _, e := range view.Entries {
		if e.Name() != ".args" {
			continue
		}
		text, err := view.Content(e, maxArguments)
		if err != nil {
			return err
		}
		at, flag := int64(0), ""
		for line := range bytes.Lines(text) {
			word := strings.TrimRight(string(line), "\r\n")
			if opens(flag) {
				argument(s, at, flag, word)
			}
			flag, at = word, at+int64(len(line))
		}
	}
	return nil
}

// opens tells whether a flag's value is a file or an address that the program opens.
func opens(flag string) bool {
	switch flag {
	case "-m", "--model", "--mmproj", "--lora", "--lora-base", "-mu", "--model-url", "--mmproj-url", "-f", "--file", "--grammar-file", "-md", "--model-draft", "--path", "--ssl-key-file":
		return true
	}
	return false
}

// argument judges the value of such a flag. What begins with /zip/ lies in the archive.
func argument(s source.Sink, at int64, flag, value string) {
	rest, inside := strings.CutPrefix(value, "/zip/")
	if found, bad := paths.Reference(rest, at); bad {
		found.Member, found.Operator = ".args", flag
		found.Evidence = source.Evidence(fmt.Sprintf("%s %s", flag, value))
		s.Find(found)
	} else if !inside && flag == "--path" {
		found := finding.New(threat.MGINFO500, at, "The program serves files of a directory by default.")
		found.Member, found.Role, found.Evidence = ".args", finding.RolePath, source.Evidence(value)
		s.Find(found)
	}
}
