// Package cntk scans models of the Cognitive Toolkit. Version 2 (Source/CNTKv2LibraryDll/proto/CNTK.proto) is a protobuf message
//
//	Dictionary      { 1 version, 2 data: map of { 1 key, 2 DictionaryValue } }
//	DictionaryValue { 1 version, 2 type, 5 number, 8 string, 11 Vector, 12 Dictionary, 13 NDArrayView, … }
//	Vector          { 1 DictionaryValue }          NDArrayView { …, 6 BytesValue { 1 bytes }, … }
//
// in which each function is a dictionary: a primitive one has an operator under "op", a user's own names a module and the method that makes
// it again, which loading imports and calls, or a native library. Version 1 is a row of sections in UTF-16,
//
//	"BCN", "BVersion", version u64, "EVersion", nodes u64, "BNodeList" … "ENodeList", "BRelation" … "ERootNodes", "ECN"
//
// whose nodes are chosen from a list inside the program: nothing in it is code.
package cntk

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/threat"
)

// wide is a section marker of version 1: UTF-16, little-endian, with a zero behind it.
func wide(s string) []byte {
	var out []byte
	for _, u := range append(utf16.Encode([]rune(s)), 0) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// Probe1 accepts the first marker of version 1.
func Probe1(f *source.File) (bool, error) {
	head, err := f.Head()
	return err == nil && bytes.HasPrefix(head, wide("BCN")), err
}

// Scan1 checks the frame of version 1, and looks at what follows it.
func Scan1(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("cntk")
	head, err := f.Head()
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	if rest, ok := bytes.CutPrefix(head, append(wide("BCN"), wide("BVersion")...)); !ok || len(rest) < 8 || !bytes.HasPrefix(rest[8:], wide("EVersion")) {
		return source.Malformedf(int64(len(wide("BCN"))), "the version of the model is missing")
	}
	tail, err := f.Tail()
	if err != nil {
		return err
	}
	i := bytes.LastIndex(tail, wide("ECN"))
	if i < 0 {
		return source.Malformedf(size, "the last section is missing")
	}
	end := size - int64(len(tail)) + int64(i+len(wide("ECN")))
	if size == end {
		return nil
	}
	out, err := s.Member(ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", end), Bytes: source.Section(f, end, size-end), Prose: true})
	if err != nil {
		return err
	}
	what := "they are of no format that is known"
	if len(out.Formats) > 0 {
		what = "they are " + strings.Join(out.Formats, ", ")
	}
	found := finding.New(threat.MGFMT402, end, fmt.Sprintf("%d bytes follow the model, and %s.", size-end, what))
	found.Role = finding.RoleStructure
	s.Find(found)
	return nil
}

// Bounds of a dictionary: bytes of a string that is kept, strings that are kept of one dictionary.
const (
	maxText  = 4 << 10
	maxTexts = 64
)

// Probe2 accepts dictionaries with the keys of a function: its root or its primitive functions, and its type or its uid.
func Probe2(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 8 || head[0] != 1<<3 || head[1] > 100 {
		return false, err
	}
	w, err := wire.New(f)
	if err != nil {
		return false, err
	}
	whole, err := w.Whole()
	if err != nil {
		return false, err
	}
	keys := map[string]bool{}
	err = w.Walk(whole, func(field wire.Field) error {
		switch {
		case field.Num == 1 && !field.IsBytes() && field.Value < 100:
			return nil
		case field.Num == 2 && field.IsBytes():
			return field.Walk(func(f wire.Field) error {
				if f.Num == 1 && f.IsBytes() && f.Size < 256 {
					key, err := f.Text(256)
					keys[key] = true
					return err
				}
				if f.Num != 2 || !f.IsBytes() {
					return source.Malformedf(f.At, "no entry of a dictionary")
				}
				return nil
			})
		}
		return source.Malformedf(field.At, "no field of a dictionary")
	})
	return err == nil && (keys["primitive_functions"] || keys["root"]) && (keys["type"] || keys["uid"]), err
}

// model is a model of version 2 that is being read.
type model struct {
	ctx    context.Context
	s      source.Sink
	seen   map[string]bool
	looked int
}

// Scan2 walks every dictionary.
func Scan2(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("cntk")
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	m := &model{ctx: ctx, s: s, seen: map[string]bool{}}
	var d dictionary
	err = w.Walk(whole, func(field wire.Field) error { return m.entry(field, &d) })
	m.judge(d, 0)
	return err
}

// dictionary is what matters of one: its operator, and its strings by key.
type dictionary struct {
	hasOp bool
	op    uint64
	texts map[string]string
}

// entry reads an entry of a dictionary, and the dictionaries in it.
func (m *model) entry(field wire.Field, d *dictionary) error {
	if field.Num != 2 || !field.IsBytes() {
		return nil
	}
	var key string
	return field.Walk(func(f wire.Field) (err error) {
		switch {
		case f.Num == 1 && f.IsBytes():
			if f.Size <= maxText {
				key, err = f.Text(maxText)
			}
		case f.Num == 2 && f.IsBytes():
			err = m.value(f, key, d)
		}
		return err
	})
}

// value reads a value that stands under a key.
func (m *model) value(field wire.Field, key string, d *dictionary) error {
	return field.Walk(func(f wire.Field) error {
		switch {
		case f.Num == 5 && !f.IsBytes() && key == "op":
			d.hasOp, d.op = true, f.Value
		case f.Num == 8 && f.IsBytes():
			return m.text(f, key, d)
		case f.Num == 11 && f.IsBytes():
			return f.Walk(func(element wire.Field) error {
				if element.Num != 1 || !element.IsBytes() {
					return nil
				}
				var of dictionary // a list has no keys
				return m.value(element, "", &of)
			})
		case f.Num == 12 && f.IsBytes():
			var inner dictionary
			err := f.Walk(func(entry wire.Field) error { return m.entry(entry, &inner) })
			m.judge(inner, f.Offset)
			return err
		case f.Num == 13 && f.IsBytes():
			return m.array(f)
		}
		return nil
	})
}

// text keeps a string under its key.
func (m *model) text(f wire.Field, key string, d *dictionary) error {
	if key == "" || f.Size > maxText || len(d.texts) >= maxTexts {
		return nil
	}
	s, err := f.Text(maxText)
	if d.texts == nil {
		d.texts = map[string]string{}
	}
	d.texts[key] = s
	return err
}

// maxLooked bounds the byte strings that are looked into.
const maxLooked = 256

// array looks at an array of bytes, in which a user's function keeps its state.
func (m *model) array(field wire.Field) error {
	return field.Walk(func(f wire.Field) error {
		if f.Num != 6 || !f.IsBytes() {
			return nil
		}
		return f.Walk(func(b wire.Field) error {
			if b.Num != 1 || !b.IsBytes() || b.Size < 8 || m.looked >= maxLooked {
				return nil
			}
			m.looked++
			_, err := m.s.Member(m.ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", b.Offset), Bytes: b.Reader(), Prose: true})
			return err
		})
	})
}

// library is the path of a library.
var library = regexp.MustCompile(`(?i)[\w./\\:-]*\w\.(so(\.\d+)*|dll|dylib|pyd)\b`)

// isUser tells whether a dictionary is a function of a user's own: by its type, or by what it names.
func (d dictionary) isUser() bool {
	kind := d.texts["type"]
	if strings.Contains(kind, "UserDefined") || strings.Contains(kind, "UserFunction") {
		return true
	}
	for _, key := range []string{"module", "deserialize_method", "native_user_function", "native_module", "library"} {
		if d.texts[key] != "" {
			return true
		}
	}
	return false
}

//go:embed operators.txt
var operatorsText string

// operators are the primitive ones, by code.
var operators = registry.Parse(operatorsText)

// judge judges a dictionary that is a function.
func (m *model) judge(d dictionary, at int64) {
	if d.hasOp && !operators.Has(strconv.FormatUint(d.op, 10)) {
		m.find(threat.MGOP300, strconv.FormatUint(d.op, 10), "", at, "", "The operator's code is beyond those of CNTK, so nothing is known of what it does.")
	}
	if !d.isUser() {
		return
	}
	name, method := d.texts["module"], d.texts["deserialize_method"]
	if method == "" {
		method = d.texts["class"]
	}
	evidence := name
	if method != "" {
		evidence = strings.TrimPrefix(name+"."+method, ".")
	}
	id, words := threat.MGOP300, "The function is a user's own: loading the model imports its module and calls the method that makes it."
	for _, key := range sortedKeys(d.texts) {
		if l := library.FindString(d.texts[key]); l != "" {
			id, words, evidence = threat.MGOP301, "The function is a user's own, and names a library that is loaded with the model.", l
			break
		}
	}
	switch {
	case id == threat.MGOP301:
	case strings.ContainsAny(name, `/\`):
		id, words = threat.MGOP301, "The function is a user's own, and names a file of code that is loaded with the model."
	case pynames.Target(strings.TrimPrefix(name+"."+method, ".")) == pynames.Dangerous:
		id, words = threat.MGOP301, "The function is a user's own: loading the model calls a function of Python that runs code or reaches the system."
	}
	m.find(id, method, name, at, evidence, words)
}

// find reports an operator, once for each name.
func (m *model) find(id threat.ID, operator, module string, at int64, evidence, words string) {
	key := string(id) + "\x00" + operator + "\x00" + module + "\x00" + evidence
	if m.seen[key] || len(m.seen) > finding.MaxFindings {
		return
	}
	m.seen[key] = true
	f := finding.New(id, at, words)
	f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, operator, module, source.Evidence(evidence)
	m.s.Find(f)
}

// sortedKeys are the keys of a map in order, so that equal models get equal reports. The uid is a text that means nothing.
func sortedKeys(texts map[string]string) []string {
	var keys []string
	for k := range texts {
		if k != "uid" && k != "name" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
