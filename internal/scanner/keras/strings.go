package keras

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/pycode"
	"modelgate/internal/threat"
)

// Bounds of what is looked for in strings: shorter ones hold nothing, so many are handed on or parsed, and documents lie so deep in
// documents.
const (
	shortest      = 16
	shortestCoded = 32
	maxNested     = 1000
	maxInner      = 3
)

// text looks into a string: whether it is a configuration, code, or something else that a loader could act on.
func (j *scanner) text(n *jsontree.Node) error {
	if len(n.Text) < shortest || j.code[n] {
		return nil
	}
	if s := strings.TrimLeft(n.Text, " \t\r\n"); len(s) > 0 && (s[0] == '{' || s[0] == '[') && strings.Contains(s, "class_name") {
		return j.innerDocument(n)
	}
	for _, form := range forms(n.Text) {
		if pycode.LooksLike(form.data) {
			if _, err := pycode.Parse(form.data); err == nil {
				j.code[n] = true
				j.judgeText(n, "")
				return nil
			}
		}
		if !acted(form.data) {
			continue
		}
		known, err := j.member(n, form.name, form.data, source.FamilyNone, true)
		if err != nil || known {
			return err
		}
	}
	return nil
}

// innerDocument judges a configuration that stands in a string of another.
func (j *scanner) innerDocument(n *jsontree.Node) error {
	if j.inner >= maxInner || j.nested >= maxNested {
		f := finding.New(threat.MGFMT406, j.at+n.At, "Configurations lie in strings of configurations too often or too deep, so the rest was not read.")
		f.Role = finding.RoleStructure
		j.sink.Find(f)
		return nil
	}
	j.nested++
	doc, err := jsontree.ParseFile(source.Bytes(n.Text), maxSize)
	if doc == nil || err != nil && !doc.Is(jsontree.Object) && !doc.Is(jsontree.List) {
		return nil
	}
	at := j.at
	j.at += n.At
	j.inner++
	defer func() { j.at, j.inner = at, j.inner-1 }()
	return j.value(doc, where{})
}

// form is one reading of a string as bytes.
type form struct {
	name string
	data []byte
}

// forms are the readings of a string: its characters as bytes, and what it is in base64 or hexadecimal.
func forms(text string) []form {
	var out []form
	if text[0] < ' ' || strings.ContainsAny(text[:shortest], "\x00\u0080") || strings.HasPrefix(text, "PK") || !strings.ContainsAny(text[:shortest], " ,;") {
		out = append(out, form{"#bytes", rawEscape(text)})
	}
	if len(text) < shortestCoded {
		return out
	}
	clean := strings.NewReplacer("\n", "", "\r", "").Replace(text)
	clean = strings.TrimRight(clean, "=")
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if data, err := enc.DecodeString(clean); err == nil {
			out = append(out, form{"#base64", data})
			break
		}
	}
	if data, err := hex.DecodeString(clean); err == nil {
		out = append(out, form{"#hex", data})
	}
	return out
}

// acted tells whether bytes begin like something that a loader could act on: a container, a program, a pickle of any protocol.
func acted(data []byte) bool {
	for _, magic := range []string{
		"PK\x03\x04", "\x1f\x8b\x08", "BZh", "\xfd7zXZ\x00", "\x5d\x00\x00", "\x04\x22\x4d\x18", "\x28\xb5\x2f\xfd", "7z\xbc\xaf\x27\x1c",
		"\x93NUMPY", "\x7fELF", "MZ", "\x89HDF\r\n\x1a\n", "\x80\x01", "\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05", "\x78\x01", "\x78\x9c", "\x78\xda",
	} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	// Protocol 0 and 1 begin with an opcode and hold a line of a global.
	return len(data) > 0 && strings.IndexByte("(c]}iI0KS\x8cU", data[0]) >= 0 && bytes.IndexByte(data, '\n') > 0
}

// member hands bytes in a string to the engine, and states that they are there if it knows them.
func (j *scanner) member(n *jsontree.Node, name string, data []byte, family source.Family, prose bool) (known bool, err error) {
	if j.nested++; j.nested > maxNested {
		return false, fmt.Errorf("more than %d strings that hold something: %w", maxNested, source.ErrBudget)
	}
	out, err := j.sink.Member(j.ctx, source.Member{
		Name: fmt.Sprintf("%s@%d", name, j.at+n.At), Bytes: source.Bytes(data), Family: family, Prose: prose,
	})
	if err != nil {
		return false, err
	}
	for _, format := range out.Formats {
		known = known || !textual[format]
	}
	if !known && prose {
		return false, nil
	}
	id, text := threat.KERAS102, "A string of the configuration holds bytes that a loader could load, which no configuration needs."
	switch {
	case family == source.FamilyTorch && out.Level == threat.Malicious:
		id, text = threat.KERAS101, "The layer loads a pickled module of PyTorch, which runs code when it is loaded."
	case family == source.FamilyTorch:
		text = "The layer loads a pickled module of PyTorch, which could run code when it is loaded."
	case out.Level == threat.Malicious:
		id, text = threat.KERAS101, "A string of the configuration holds bytes that run code when they are loaded."
	}
	f := finding.New(id, j.at+n.At, text)
	f.Role, f.Evidence = finding.RoleArgument, source.Evidence(strings.Join(out.Formats, " "))
	if family == source.FamilyTorch {
		f.Module, f.Operator = "keras.layers", "TorchModuleWrapper"
	}
	j.sink.Find(f)
	return true, nil
}

// textual are formats that text is taken for.
var textual = words("json yaml xml python jinja not_model hydra")

// torchModule judges the pickle in a layer that wraps a module of PyTorch, which torch.load gets (CVE-2025-49655).
func (j *scanner) torchModule(n *jsontree.Node) error {
	found := false
	for _, c := range n.All("config") {
		for _, v := range c.All("module") {
			if v.Is(jsontree.Object) {
				found = true // a reference, judged as one
				continue
			}
			data := lenientBase64(v.Content())
			if len(data) == 0 {
				continue
			}
			found, j.code[v] = true, true
			if _, err := j.member(v, "#module", data, source.FamilyTorch, false); err != nil {
				return err
			}
		}
	}
	if !found {
		f := finding.New(threat.KERAS102, j.at+n.At, "The layer loads a pickled module of PyTorch, which is not where the loader would find it.")
		f.Module, f.Operator, f.Role = "keras.layers", "TorchModuleWrapper", finding.RoleArgument
		j.sink.Find(f)
	}
	return nil
}
