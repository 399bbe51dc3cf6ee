// Package paths judges names of files that come out of models: members of archives, weight shards, external data, links.
// One rule for all of them, since each loader that had its own was wrong in its own way.
//
// A name is judged as it stands and in every form that some loader makes of it: with percent signs and \u escapes decoded,
// with backslashes as slashes, before and after it is cleaned. A name that leads out of the directory of its model in any
// of these forms Escapes. A name that merely behaves differently from system to system (control characters, device names,
// trailing dots, writing direction overrides, endless length) is odd, and does not.
package paths

import (
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// maxLength is the longest name that file systems take, in bytes.
const maxLength = 4096

// Fault says what is wrong with a name.
type Fault struct {
	Reason  string // completes "the name …"
	Escapes bool
}

// Judge returns the worst fault of a name; ok means that it has none. The empty name has none.
func Judge(name string) (fault Fault, ok bool) {
	var odd Fault
	for _, form := range forms(name) {
		f, fine := judgeForm(form)
		if !fine && f.Escapes {
			return f, false
		}
		if !fine && odd.Reason == "" {
			odd = f
		}
	}
	return odd, odd.Reason == ""
}

// JudgeLink judges the target of a symbolic link that lies in an archive under the given name. Unlike a name, a relative
// target may go up as long as it ends inside the root.
func JudgeLink(name, target string) (fault Fault, ok bool) {
	for _, form := range forms(target) {
		if f, fine := escapesOutright(form); !fine {
			return f, false
		}
		joined := path.Join("/", path.Dir(slashes(name)), form)
		if depth := climb(path.Dir(slashes(name)), form); depth < 0 {
			return Fault{Reason: "is a link to " + source.Evidence(joined) + " above the root", Escapes: true}, false
		}
	}
	if len(target) > maxLength {
		return Fault{Reason: "is a link longer than any file system takes"}, false
	}
	return Fault{}, true
}

// Entry is the finding of an archive's member, if its name has a fault: PAIT-ARV-100 for one that escapes.
func Entry(name string, offset int64) (finding.Finding, bool) {
	fault, ok := Judge(name)
	return report(threat.ARV100, "Member", name, offset, fault), !ok
}

// Link is the finding of a symbolic link in an archive, if its target has a fault.
func Link(name, target string, offset int64) (finding.Finding, bool) {
	fault, ok := JudgeLink(name, target)
	return report(threat.ARV100, "Link", name+" -> "+target, offset, fault), !ok
}

// Reference is the finding of a path that a loader would open, if it has a fault: MG-PATH-100 for one that escapes.
func Reference(target string, offset int64) (finding.Finding, bool) {
	fault, ok := Judge(target)
	return report(threat.MGPATH100, "Reference", target, offset, fault), !ok
}

func report(id threat.ID, what, name string, offset int64, fault Fault) finding.Finding {
	if !fault.Escapes {
		id = threat.MGFMT400
	}
	f := finding.New(id, offset, what+" "+fault.Reason+".")
	f.Role = finding.RolePath
	f.Evidence = source.Evidence(name)
	return f
}

// Key is equal for names that some file system takes for the same: case folded, Unicode normalised, without "./",
// doubled slashes and trailing dots and blanks.
func Key(name string) string {
	name = strings.ToLower(norm.NFKC.String(slashes(name)))
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		if part = strings.TrimRight(part, ". "); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}

// forms returns the name in each form that a loader may give it, without duplicates.
func forms(name string) []string {
	out := []string{slashes(name)}
	add := func(s string) {
		if s = slashes(s); s != out[len(out)-1] {
			out = append(out, s)
		}
	}
	if strings.Contains(name, `\u`) {
		add(unescapeJSON(name))
	}
	s := name
	for range 3 { // decoded once more than anybody does by mistake
		decoded, err := url.PathUnescape(s)
		if err != nil || decoded == s {
			break
		}
		s = decoded
		add(s)
	}
	return out
}

func slashes(s string) string { return strings.ReplaceAll(s, `\`, "/") }

// unescapeJSON decodes \uXXXX and leaves everything else.
func unescapeJSON(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], `\u`) && i+6 <= len(s) {
			if n, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil {
				b.WriteRune(rune(n))
				i += 6
				continue
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// judgeForm judges one form of a name; its separators are slashes.
func judgeForm(s string) (Fault, bool) {
	if f, ok := escapesOutright(s); !ok {
		return f, false
	}
	for part := range strings.SplitSeq(s, "/") {
		if isParent(part) {
			return Fault{Reason: "goes up with " + source.Evidence(part), Escapes: true}, false
		}
	}
	return judgeOdd(s)
}

// escapesOutright finds what leaves the root wherever one starts from.
func escapesOutright(s string) (Fault, bool) {
	escape := func(reason string) (Fault, bool) { return Fault{Reason: reason, Escapes: true}, false }
	lower := strings.ToLower(s)
	switch {
	case strings.HasPrefix(s, "//"):
		return escape("is a network path")
	case strings.HasPrefix(s, "/"):
		return escape("is absolute")
	case len(s) >= 2 && s[1] == ':' && isLetter(s[0]):
		return escape("begins with a drive letter")
	case s == "~" || strings.HasPrefix(s, "~/"):
		return escape("begins in the home directory")
	case strings.ContainsRune(s, 0):
		return escape("contains a NUL byte")
	case hasScheme(lower):
		return escape("is a URL")
	}
	return Fault{}, true
}

// hasScheme tells whether a lower-case name begins like a URL.
func hasScheme(s string) bool {
	scheme, rest, found := strings.Cut(s, ":")
	if !found || len(scheme) < 2 {
		return false
	}
	for i := range len(scheme) {
		c := scheme[i]
		if !isLetter(c) && (i == 0 || c < '0' || c > '9') && (i == 0 || !strings.ContainsRune("+-.", rune(c))) {
			return false
		}
	}
	if strings.HasPrefix(rest, "//") {
		return true
	}
	switch scheme {
	case "file", "http", "https", "ftp", "data", "jar", "javascript", "smb", "s3", "gs", "hf":
		return true
	}
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isParent tells whether a part of a path means the directory above, on the systems that drop blanks and dots too.
func isParent(part string) bool {
	return strings.HasPrefix(part, "..") && strings.Trim(part, ". ") == ""
}

// climb returns how many directories below the root a target ends that is followed from dir; negative if it is above the
// root at any step.
func climb(dir, target string) int {
	depth := 0
	for part := range strings.SplitSeq(dir+"/"+target, "/") {
		switch {
		case isParent(part):
			if depth--; depth < 0 {
				return depth
			}
		case part != "" && part != ".":
			depth++
		}
	}
	return depth
}

// judgeOdd finds what is read differently from system to system.
func judgeOdd(s string) (Fault, bool) {
	odd := func(reason string) (Fault, bool) { return Fault{Reason: reason}, false }
	if len(s) > maxLength {
		return odd("is longer than any file system takes")
	}
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			// not UTF-8; archives of old systems hold such names, which is no fault
		case unicode.IsControl(r):
			return odd("contains control characters")
		case unicode.Is(unicode.Bidi_Control, r):
			return odd("contains overrides of the writing direction")
		}
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(s, "/"), "/") {
		if part != "." && part != "" && strings.TrimRight(part, ". ") != part {
			return odd("has a part that ends in a dot or blank")
		}
		if isDevice(part) {
			return odd("names a device of Windows")
		}
	}
	return Fault{}, true
}

// isDevice tells whether a part of a path is a device on Windows, whatever its extension.
func isDevice(part string) bool {
	stem, _, _ := strings.Cut(strings.ToLower(part), ".")
	switch strings.TrimRight(stem, " ") {
	case "con", "prn", "aux", "nul", "conin$", "conout$",
		"com0", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
		"lpt0", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9":
		return true
	}
	return false
}
