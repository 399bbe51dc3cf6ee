package keras

import (
	"encoding/base64"
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/pycode"
	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/threat"
)

// maxCode is how many bytes of text are read as code.
const maxCode = 8 << 20

// lambdas judges every value beside which a key says that it is a lambda: function and function_type, output_shape and
// output_shape_type, mask and mask_type, in Keras 1 mode and mode_type.
func (j *scanner) lambdas(n jsontree.Node) {
	called, modules := map[string]bool{}, map[string]string{}
	for m := range n.Members() {
		if what, found := strings.CutSuffix(m.Key, "_type"); found && m.Value.Content() == "lambda" {
			called[what] = true
		}
	}
	if len(called) == 0 {
		return
	}
	for m := range n.Members() {
		if m.Key == "module" || strings.HasSuffix(m.Key, "_module") {
			modules[m.Key] = m.Value.Content()
		}
	}
	for m := range n.Members() {
		if called[m.Key] {
			j.lambda(n, m.Value, m.Key, modules[moduleKey(m.Key)])
		}
	}
}

// modules states which modules the keys of an object name beside functions, if nothing in them computes: output_shape_module and its like.
func (j *scanner) modules(n jsontree.Node) {
	for m := range n.Members() {
		if m.Key != "module" && !strings.HasSuffix(m.Key, "_module") || m.Value.Content() == "" {
			continue
		}
		name := m.Value.Text()
		if pynames.FamilyOf(name) == pynames.None && pynames.FamilyOf(name+".system") == pynames.None {
			continue
		}
		f := finding.New(threat.KERAS102, j.at+m.Value.At(), "The configuration names the module "+source.Evidence(name)+" as one whose functions a layer uses.")
		f.Module, f.Role, f.Evidence = name, finding.RoleImport, source.Evidence(name)
		j.sink.Find(f)
	}
}

// moduleKey is the key of the module whose globals the code of a lambda sees, if the host has imported it.
func moduleKey(what string) string {
	if what == "function" {
		return "module"
	}
	return what + "_module"
}

// lambdaLayer judges what a Lambda layer calls: code, or a function by its name, and the arguments that it is called with.
func (j *scanner) lambdaLayer(n jsontree.Node) {
	for _, c := range n.All("config") {
		functions, module, kind := c.All("function"), c.Str("module"), c.Str("function_type")
		if len(functions) == 0 {
			j.codeFound(n.At(), threat.KERAS102, "", "The Lambda layer names no function, so what it runs cannot be told.")
		}
		for _, v := range functions {
			switch {
			case v.Is(jsontree.List):
				j.lambda(c, v, "function", module)
			case v.Is(jsontree.String) && kind != "lambda":
				if code := decode(v.Text()); len(code) > 0 && pycode.LooksLike(code[0]) {
					j.lambda(c, v, "function", module)
					continue
				}
				if strings.ContainsAny(v.Text(), "(: ") {
					j.codeFound(v.At(), threat.KERAS102, "", "The Lambda layer has source text where the name of a function belongs.")
					continue
				}
				j.tell(v, "function", module, v.Text(), worse(gradeOf(module, v.Text(), true), gradeOf("", v.Text(), true)), true)
			}
		}
		for _, v := range c.All("arguments") {
			j.arguments(v, "arguments")
		}
	}
}

func worse(a, b verdict) verdict {
	if b.grade > a.grade {
		return b
	}
	return a
}

// arguments states which strings among the arguments of a Lambda layer, or those that a layer is called with, lead out of the model.
// Those under a key may lie in others under it, which were looked at then.
func (j *scanner) arguments(n jsontree.Node, key string) {
	if !n.Within(j.argued[key]) {
		j.argued[key] = n
		j.argument(n, 0)
	}
}

func (j *scanner) argument(n jsontree.Node, depth int) {
	if n.IsNone() || depth > maxDepth {
		return
	}
	if len(n.Content()) > 1 && strings.ContainsAny(n.Text(), `/\`) {
		if f, bad := paths.Reference(n.Text(), j.at+n.At()); bad && f.Threat == threat.MGPATH100 {
			j.sink.Find(f)
		}
	}
	for item := range n.Items() {
		j.argument(item, depth+1)
	}
	for m := range n.Members() {
		j.argument(m.Value, depth+1)
	}
}

// lambda judges a value that is the code of a function, in any form that Keras has ever written. Module is the one whose globals
// the code may see.
func (j *scanner) lambda(n, v jsontree.Node, what, module string) {
	if v.IsNone() {
		v = n
	}
	found := codeTexts(v, 0)
	if v.Is(jsontree.Object) && len(found) == 0 && v.Str("class_name") != "" && what != "" {
		return // a reference, which is judged as one
	}
	if len(found) == 0 {
		j.codeFound(v.At(), threat.KERAS102, "", "The code of a lambda is not where the loader would find it, so it cannot be judged.")
		return
	}
	for _, s := range found {
		if j.code[s] {
			continue
		}
		j.code[s] = true
		j.judgeText(s, module)
	}
}

// codeTexts are the strings in a value that a loader would take for code: the value itself, the first of a list of code, defaults
// and closure, or what stands under code or value.
func codeTexts(v jsontree.Node, depth int) []jsontree.Node {
	if v.IsNone() || depth > 4 {
		return nil
	}
	var out []jsontree.Node
	switch {
	case v.Is(jsontree.String):
		return []jsontree.Node{v}
	case v.Is(jsontree.List):
		return codeTexts(v.First(), depth+1)
	case v.Is(jsontree.Object):
		for _, key := range []string{"code", "value", "items"} {
			for _, inner := range v.All(key) {
				out = append(out, codeTexts(inner, depth+1)...)
			}
		}
		if v.Str("class_name") == "__lambda__" || v.Str("class_name") == "__tuple__" || v.Str("class_name") == "__bytes__" {
			for _, inner := range v.All("config") {
				out = append(out, codeTexts(inner, depth+1)...)
			}
		}
	}
	return out
}

// judgeText judges code in text.
func (j *scanner) judgeText(s jsontree.Node, module string) {
	for _, data := range decode(s.Text()) {
		c, err := pycode.Parse(data)
		if err != nil {
			continue
		}
		v := judgeCode(c, module)
		id := map[grade]threat.ID{dangerous: threat.KERAS101, suspicious: threat.KERAS102, custom: threat.KERAS102}[v.grade]
		if id == "" {
			id = threat.KERAS100
		}
		j.codeFound(s.At(), id, v.name, v.text())
		return
	}
	j.codeFound(s.At(), threat.KERAS102, "", "The code of a lambda cannot be decoded, so what it does cannot be told.")
}

// codeFound states what is thought of a lambda. Of many that do nothing but compute, the first is told.
func (j *scanner) codeFound(at int64, id threat.ID, name, text string) {
	if id == threat.KERAS100 {
		if j.told[text] {
			return
		}
		j.told[text] = true
	}
	f := finding.New(id, j.at+at, text)
	f.Operator, f.Role = "Lambda", finding.RoleCall
	if name != "" {
		f.Operator, f.Evidence = name, source.Evidence(name)
		if i := strings.LastIndexByte(name, '.'); i > 0 {
			f.Module, f.Operator = name[:i], name[i+1:]
		}
	}
	j.sink.Find(f)
}

// decode returns the bytes that the loader may take a text for: those that it encodes in base64, read as leniently as Python's
// codecs do, and those that it is itself as raw_unicode_escape, which is how early versions wrote code.
func decode(text string) [][]byte {
	if len(text) > maxCode {
		return nil
	}
	var out [][]byte
	if coded := lenientBase64(text); len(coded) > 0 {
		out = append(out, coded)
	}
	return append(out, rawEscape(text))
}

// lenientBase64 decodes base64 as binascii.a2b_base64 does: characters outside the alphabet are passed over, and a complete padding
// ends it. It is nil where Python raises an error.
func lenientBase64(text string) []byte {
	clean := make([]byte, 0, len(text))
	pads := 0
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 0x80:
			return nil
		case c == '=':
			if len(clean)%4 >= 2 {
				pads++
			}
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			clean, pads = append(clean, c), 0
		default:
			continue
		}
		if pads > 0 && len(clean)%4+pads >= 4 {
			break
		}
	}
	if (len(clean)+pads)%4 != 0 {
		return nil
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, err := base64.RawStdEncoding.Decode(out, clean)
	if err != nil {
		return nil
	}
	return out[:n]
}

// rawEscape encodes text as Python's raw_unicode_escape: characters up to U+00FF are bytes, others are written out.
func rawEscape(text string) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		switch {
		case r < 0x100:
			out = append(out, byte(r))
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = fmt.Appendf(out, `\U%08x`, r)
		}
	}
	return out
}
