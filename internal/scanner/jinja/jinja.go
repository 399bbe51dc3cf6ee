// Package jinja judges templates in the language of Jinja 2 (its documentation, "Template Designer Documentation"), as chat
// templates of language models are written in it:
//
//	text {{ expression }} text {% statement %} text {# comment #} text
//
// Many loaders render the template that comes with a model, some of them outside a sandbox, and then an attribute such as
// __class__ leads from any value to everything that Python can do. A template is never rendered here. It is split into
// tokens, parsed to a tree, its constants are folded, so that a name that is put together from pieces is seen as what it
// becomes, and the tree is judged: names count only where they are looked up as attributes, never as text.
//
// A template is recognised by its role: a member that another format hands on as one (source.FamilyTemplate,
// source.FamilyGGUF), or a file that loaders know by its name (source.RoleTemplate). Content alone never makes a template: a
// model card with {{ in it is prose.
package jinja

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// maxSize is the longest template that is judged, in bytes. The longest chat template known to us has 40 KiB.
const maxSize = 4 << 20

// Probe accepts what is a template by its role.
func Probe(f *source.File) (bool, error) {
	switch f.Family {
	case source.FamilyTemplate:
		return true, nil
	case source.FamilyGGUF:
		return probeGGUF(f)
	default:
		return source.Role(f.Path) == source.RoleTemplate, nil
	}
}

// probeGGUF accepts the strings under the keys of chat templates, and others only if they are templates without doubt.
func probeGGUF(f *source.File) (bool, error) {
	if strings.Contains(f.Path, "chat_template") {
		return true, nil
	}
	text, err := f.Text(maxSize)
	if err != nil || !strings.Contains(text, "{{") && !strings.Contains(text, "{%") {
		return false, err
	}
	_, err = parse(text)
	return err == nil, nil
}

// Scan parses and judges a template.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("jinja")
	text, err := f.Text(maxSize)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tree, err := parse(text)
	out := report{sink: s, evil: threat.MGTPL100, odd: threat.MGTPL101}
	if f.Family == source.FamilyGGUF {
		out.evil, out.odd = threat.GGUF101, threat.GGUF100
	}
	var bad *syntaxError
	if errors.As(err, &bad) {
		out.suspicious(bad.at, "", excerpt(text, bad.at), "The template cannot be parsed ("+bad.reason+"), so what a more lenient renderer makes of it is not known.")
	}
	newJudge(tree, &out).run(ctx)
	return ctx.Err()
}

// excerpt is the beginning of a text from an offset, as evidence.
func excerpt(text string, at int64) string {
	const most = 80
	at = min(max(at, 0), int64(len(text)))
	return text[at:min(at+most, int64(len(text)))]
}

// report turns what the judge sees into findings: the same name at the same place once.
type report struct {
	sink      source.Sink
	evil, odd threat.ID
	seen      map[seenKey]bool
}

type seenKey struct {
	at       int64
	operator string
	id       threat.ID
}

func (r *report) find(id threat.ID, at int64, operator, evidence, text string) {
	key := seenKey{at, operator, id}
	if r.seen[key] {
		return
	}
	if r.seen == nil {
		r.seen = map[seenKey]bool{}
	}
	r.seen[key] = true
	f := finding.New(id, at, text)
	f.Operator, f.Role, f.Evidence = source.Evidence(operator), finding.RoleAttribute, source.Evidence(evidence)
	r.sink.Find(f)
}

// dangerous states an attribute that leads out of the template.
func (r *report) dangerous(at int64, operator, evidence string) {
	r.find(r.evil, at, operator, evidence,
		fmt.Sprintf("The model will execute remote code since it contains operator `%s` in Jinja template.", source.Evidence(operator)))
}

// suspicious states what cannot be proved harmless.
func (r *report) suspicious(at int64, operator, evidence, text string) {
	r.find(r.odd, at, operator, evidence, text)
}
