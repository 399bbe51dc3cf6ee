// Package python judges Python source that comes with a model, as loaders import it when the user trusts it: modeling code,
// tokenizers, handlers, and the code of TorchScript archives, whose printed form is a subset of Python.
//
// Nothing is run. The source is split into tokens and parsed by the rules of Python 3 (its reference, "Lexical analysis" and
// "Full Grammar specification"). What names stand for is followed through imports, assignments, getattr and constants that
// are put together or decoded; code in strings that exec would run is read as code. Every call is graded by what it does
// and by when it runs: at import, when a loader makes an object or asks it for an answer, or only if somebody calls it.
//
// Known limits: names are not kept apart by scope, containers other than lists are not followed, and what C extensions do is
// not known.
package python

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// maxSize is the longest source that is judged, in bytes.
const maxSize = 16 << 20

// Probe accepts Python files by their name, since nothing else makes a loader import them.
func Probe(f *source.File) (bool, error) {
	return source.Role(f.Path) == source.RolePython, nil
}

// Scan judges a file.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("python")
	text, err := f.Text(maxSize)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &judge{sink: s, notebook: f.Family == source.FamilyNotebook}
	text = j.decode(text)
	tree, fault := parse(text)
	if f.Family == source.FamilyTorchScript {
		j.torchScript(tree, fault)
		return errors.Join(ctx.Err(), spent(fault))
	}
	w := newWalker()
	w.run(tree)
	if err := ctx.Err(); err != nil {
		return err
	}
	j.source(w, fault)
	if err := j.members(ctx, w); err != nil {
		return err
	}
	for _, a := range w.relative {
		name, _, _ := strings.Cut(a.name, ".")
		s.Refer(finding.Reference{Kind: finding.RefPython, Target: name + ".py", Offset: a.at})
	}
	if err := spent(fault); err != nil {
		return err
	}
	if !j.found {
		f := finding.New(threat.MGPY500, -1, "The model brings Python code, in which nothing was found.")
		s.Find(f)
	}
	return nil
}

// spent is the error of a source that was not read to its end because it is too large, nil for every other fault.
func spent(fault error) error {
	if errors.Is(fault, source.ErrBudget) {
		return fmt.Errorf("read the source: %w", fault)
	}
	return nil
}

// decode makes UTF-8 of a source in the encoding that it declares in one of its first two lines. An encoding in which
// letters are not what they seem is suspicious.
func (j *judge) decode(text string) string {
	switch name := declared(text); name {
	case "", "utf8", "utf8sig", "ascii", "usascii":
		if !utf8.ValidString(text) {
			j.odd(0, "", "", "", "The source is not in the encoding that it declares, so it cannot be read.")
		}
	case "latin1", "iso88591", "iso885915", "latin9", "cp1252", "windows1252", "iso88592":
		runes := make([]rune, 0, len(text))
		for i := range len(text) {
			runes = append(runes, rune(text[i]))
		}
		return string(runes)
	case "gbk", "gb2312", "gb18030", "big5", "shiftjis", "sjis", "cp932", "euckr", "eucjp", "cp949", "koi8r", "cp1251", "windows1251":
		return strings.ToValidUTF8(text, "\uFFFD") // of these the ASCII part is itself, and the rest stands in comments and strings
	default:
		j.odd(0, "", name, name, "The source is in an encoding that hides what it does.")
	}
	return text
}

// declared returns the encoding that a source declares (PEP 263), in lower case without separators.
func declared(text string) string {
	for range 2 {
		line, rest, _ := strings.Cut(text, "\n")
		line = strings.TrimPrefix(line, "\ufeff")
		if trimmed := strings.TrimLeft(line, " \t\f"); !strings.HasPrefix(trimmed, "#") && strings.TrimSpace(trimmed) != "" {
			return ""
		}
		for _, mark := range []string{"coding:", "coding="} {
			if _, after, found := strings.Cut(line, mark); found {
				after = strings.TrimLeft(after, " \t")
				if end := strings.IndexFunc(after, func(r rune) bool {
					return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
				}); end >= 0 {
					after = after[:end]
				}
				return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(after))
			}
		}
		text = rest
	}
	return ""
}
