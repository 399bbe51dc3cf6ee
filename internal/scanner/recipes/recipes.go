// Package recipes reads the text files beside a model by which people, and tools that they start, build something around it.
// No loader runs them, so what they do is suspicious at most, and most of it is said for information only.
//
//	README.md           front matter: base_model, a name or a list of names (the Hub's model card)
//	requirements.txt    what pip fetches and runs: indexes, addresses, repositories, paths (pip, "Requirements File Format")
//	Dockerfile          ADD and RUN
//	Modelfile           FROM and ADAPTER: a model or a path (ollama, "Modelfile Reference"); TEMPLATE and the rest are prose
//
// Words count only as arguments of these instructions.
package recipes

import (
	"context"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// maxSize is the longest recipe that is read, in bytes. Nothing longer is one.
const maxSize = 4 << 20

// maxNames is how many base models of a card are told.
const maxNames = 100

// Probe accepts the files by their names, since nothing else makes anybody use them, if they are text to their end.
func Probe(f *source.File) (bool, error) {
	if source.Role(f.Path) != source.RoleRecipe {
		return false, nil
	}
	size, err := f.Size()
	if err != nil || size > maxSize {
		return false, err
	}
	text, err := f.Text(maxSize)
	return err == nil && utf8.ValidString(text) && strings.IndexByte(text, 0) < 0, err
}

// Scan judges a recipe.
func Scan(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("not_model")
	text, err := f.Text(maxSize)
	if err != nil {
		return err
	}
	j := judge{sink: s}
	switch base := strings.ToLower(path.Base(strings.ReplaceAll(f.Path, `\`, "/"))); {
	case base == "readme.md":
		j.card(text)
	case strings.HasSuffix(base, ".txt"):
		j.requirements(text)
	case strings.Contains(base, "modelfile"):
		j.modelfile(text)
	default:
		j.dockerfile(text)
	}
	return nil
}

type judge struct {
	sink source.Sink
}

func (j judge) find(id threat.ID, at int, what, evidence, text string) {
	f := finding.New(id, int64(at), text)
	f.Role, f.Operator, f.Evidence = finding.RolePath, what, source.Evidence(evidence)
	j.sink.Find(f)
}

// odd is something that no honest recipe needs.
func (j judge) odd(at int, what, evidence, text string) {
	j.find(threat.MGPY101, at, what, evidence, text)
}

// remark is something that a reader wants to know.
func (j judge) remark(at int, what, evidence, text string) {
	j.find(threat.MGINFO500, at, what, evidence, text)
}

// line is a line, or several that a backslash continues.
type line struct {
	at   int // offset of its first byte
	text string
}

// lines splits a text into lines without the comments that are lines of their own.
func lines(text string) []line {
	var out []line
	open := false
	for at := 0; at < len(text); {
		raw, _, _ := strings.Cut(text[at:], "\n")
		trimmed := strings.TrimSpace(raw)
		body, more := strings.CutSuffix(trimmed, `\`)
		switch {
		case strings.HasPrefix(trimmed, "#"):
			more = open
		case open:
			out[len(out)-1].text += " " + body
		case body != "":
			out = append(out, line{at, body})
		default:
			more = false
		}
		open = more && len(out) > 0
		at += len(raw) + 1
	}
	return out
}

// address judges where something is fetched from: "" if nothing is wrong with it.
func address(text string) (fault string) {
	u, err := url.Parse(strings.TrimPrefix(strings.TrimPrefix(text, "git+"), "hg+"))
	if err != nil {
		return "is no address"
	}
	_, notIP := netip.ParseAddr(u.Hostname())
	switch {
	case u.Scheme == "file":
		return "is a file of the machine that installs it"
	case notIP == nil:
		return "is a machine without a name"
	case u.Scheme == "http" || u.Scheme == "ftp" || u.Scheme == "git":
		return "is fetched without protection against change"
	}
	return ""
}
