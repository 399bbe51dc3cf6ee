// Package hubfiles judges JSON: the configurations by which loaders of the Hub's libraries find code, templates and other
// files, and the directives that make any reader of JSON import something.
//
//	auto_map, custom_pipelines, trust_remote_code    code of the repository, or of another one
//	model_index.json                                 [library, class] of each component (diffusers)
//	modules.json, activation_function                dotted names that are imported (sentence-transformers)
//	adapter_config.json                              the library of the base model, and its name (PEFT)
//	chat_template                                    templates, handed back to the engine
//	_target_, class_path, target with params         what Hydra, Lightning and diffusion configurations call
//	py/object and its kin                            jsonpickle
//	cells                                            the code of a notebook, handed back to the engine
//
// What a file is follows from its keys, never from its name. A document is read as a stream and only what is judged is kept,
// each object no longer than until it ends, so that neither a vocabulary nor a list of objects costs memory. A key that is judged and stands twice in an object is judged both times.
package hubfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// maxSize is the longest document that is read, in bytes.
const maxSize = 512 << 20

// Probe accepts an object or a list in JSON, as far as the head shows it.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	start := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(start) < 2 || start[0] != '{' && start[0] != '[' {
		return false, nil
	}
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	r := &reader{lex: jsontree.NewLexer(source.NewForward(source.Bytes(head), 0, int64(len(head))))}
	_, err = r.document()
	switch {
	case err == nil:
		return size <= int64(len(head)), nil
	case size > int64(len(head)) && errors.Is(err, io.ErrUnexpectedEOF):
		return true, nil
	}
	return !r.whole && broken(start), nil
}

// broken tells whether text that begins as JSON, and breaks its grammar, was meant to make a loader act: it has a key that is
// judged. (Lines of JSON are data, of which the first is whole.) Text is no JSON because it begins with a bracket.
func broken(text []byte) bool {
	rest := bytes.TrimLeft(text[1:], " \t\r\n")
	if len(rest) == 0 || text[0] == '{' && rest[0] != '"' || text[0] == '[' && rest[0] != '{' {
		return false
	}
	for key := range judged {
		for at := 0; ; {
			i := bytes.Index(text[at:], []byte(`"`+key+`"`))
			if i < 0 {
				break
			}
			at += i + len(key) + 2
			if bytes.HasPrefix(bytes.TrimLeft(text[at:], " \t\r\n"), []byte(":")) {
				return true
			}
		}
	}
	return false
}

// Scan judges a document.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("json")
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size > maxSize {
		return fmt.Errorf("a document of %d bytes: %w", size, source.ErrBudget)
	}
	j := judge{ctx: ctx, sink: s}
	r := &reader{lex: jsontree.NewLexer(source.NewForward(f, 0, size)), judge: func(n *node) error { return j.visit(n, 1) }}
	doc, readErr := r.document()
	if doc != nil {
		if err := j.visit(doc, 0); err != nil {
			return err
		}
		if err := j.notebook(doc); err != nil {
			return err
		}
	}
	return readErr
}

// watched are the keys whose values are kept.
var watched = words(`auto_map chat_template trust_remote_code custom_pipelines _target_ target class_path activation_function
	parent_library auto_mapping base_model_name_or_path py/object py/type py/function py/reduce py/repr py/newobj py/newargs py/newargsex py/initargs
	_class_name _diffusers_version type name path _args_ impl template params init_args
	sbert_ce_default_activation_function`)

// judged are the keys of which two in one object contradict each other.
var judged = words(`auto_map chat_template trust_remote_code custom_pipelines _target_ class_path activation_function parent_library
	base_model_name_or_path py/object py/type py/function py/reduce py/repr _class_name`)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}

// judge walks what was kept of a document.
type judge struct {
	ctx  context.Context
	sink source.Sink
}

// find states a finding about a name.
func (j *judge) find(id threat.ID, at int64, name, evidence, text string) {
	f := finding.New(id, at, text)
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		f.Module, f.Operator = name[:i], name[i+1:]
	} else {
		f.Operator = name
	}
	f.Module, f.Operator = source.Evidence(f.Module), source.Evidence(f.Operator)
	f.Role, f.Evidence = finding.RoleImport, source.Evidence(evidence)
	j.sink.Find(f)
}

// visit judges a value and everything in it.
func (j *judge) visit(n *node, depth int) error {
	if n == nil || depth > maxDepth {
		return nil
	}
	if err := j.ctx.Err(); err != nil {
		return err
	}
	for _, item := range n.items {
		if err := j.visit(item, depth+1); err != nil {
			return err
		}
	}
	if len(n.members) > 0 {
		j.directives(n)
		if depth == 0 && n.has("_class_name") && n.has("_diffusers_version") {
			j.pipeline(n)
		}
		if n.has("idx") || n.has("type") && n.has("path") && n.has("name") {
			j.module(n)
		}
	}
	for _, m := range n.members {
		if m.twice {
			f := finding.New(threat.MGFMT403, m.at, "A key that loaders act on stands twice in an object, and readers differ in which value they take.")
			f.Role, f.Evidence = finding.RoleStructure, source.Evidence(m.key)
			j.sink.Find(f)
		}
		if err := j.member(m); err != nil {
			return err
		}
		if err := j.visit(m.value, depth+1); err != nil {
			return err
		}
	}
	return nil
}
