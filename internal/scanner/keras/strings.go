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
func (j *scanner) text(n jsontree.Node) error {
	if len(n.Text()) < shortest || j.code[n] {
		return nil
	}
	if s := strings.TrimLeft(n.Text(), " \t\r\n"); len(s) > 0 && (s[0] == '{' || s[0] == '[') && strings.Contains(s, "class_name") {
		return j.innerDocument(n)
	}
	for _, r := range readings {
		if !acted(r.read(n.Text()[:min(len(n.Text()), sniffed)])) {
			continue
		}
		data := r.read(n.Text())
		if pycode.LooksLike(data) {
			if _, err := pycode.Parse(data); err == nil {
				j.code[n] = true
				j.judgeText(n, "")
				return nil
			}
		}
		known, err := j.member(n, r.name, data, source.FamilyNone, true)
		if err != nil || known {
			return err
		}
	}
	return nil
}

// innerDocument judges a configuration that stands in a string of another.
func (j *scanner) innerDocument(n jsontree.Node) error {
	if j.inner >= maxInner || j.nested >= maxNested {
		f := finding.New(threat.MGFMT406, j.at+n.At(), "Configurations lie in strings of configurations too often or too deep, so the rest was not read.")
		f.Role = finding.RoleStructure
		j.sink.Find(f)
		return nil
	}
	j.nested++
	doc, err := jsontree.ParseFile(source.Bytes(n.Text()), maxSize)
	if doc.IsNone() || err != nil && !doc.Is(jsontree.Object) && !doc.Is(jsontree.List) {
		return nil
	}
	at := j.at
	j.at += n.At()
	j.inner++
	defer func() { j.at, j.inner = at, j.inner-1 }()
	return j.value(doc, where{})
}

// readings are the ways to take a string for bytes: its characters as they are, or what it is in base64 or hexadecimal. What breaks off
// is read up to there.
var readings = []struct {
	name string
	read func(text string) []byte
}{
	{"#bytes", rawEscape},
	{"#base64", func(text string) []byte { return coded(text, base64.StdEncoding.Decode) }},
	{"#base64", func(text string) []byte { return coded(text, base64.URLEncoding.Decode) }},
	{"#hex", func(text string) []byte { return coded(text, hex.Decode) }},
}

// coded decodes text without line ends and padding, in groups of four characters; a last group that is not whole is filled up.
func coded(text string, decode func(dst, src []byte) (int, error)) []byte {
	if len(text) < shortestCoded || strings.ContainsAny(text[:shortestCoded], " .,:;<>(){}[]'") {
		return nil
	}
	clean := make([]byte, 0, len(text)+4)
	for i := range len(text) {
		if c := text[i]; c != '\n' && c != '\r' && c != '=' {
			clean = append(clean, c)
		}
	}
	for n := len(clean) % 4; n > 1 && n < 4; n++ {
		clean = append(clean, '=')
	}
	out := make([]byte, len(clean))
	n, _ := decode(out, clean[:len(clean)&^3]) // what precedes an error is decoded
	return out[:n]
}

// sniffed is how much of a string is read to tell whether the rest is worth it.
const sniffed = 256

// acted tells whether bytes begin like something that a loader could act on: code, a container, a program, a pickle of any protocol.
func acted(head []byte) bool {
	if len(head) == 0 {
		return false
	}
	for _, magic := range magics {
		if bytes.HasPrefix(head, magic) {
			return true
		}
	}
	// Protocol 0 and 1 begin with an opcode and hold a line of a global.
	return strings.IndexByte("(c]}iI0KS\x8cU", head[0]) >= 0 && bytes.IndexByte(head, '\n') > 0 || pycode.LooksLike(head)
}

// magics are beginnings of what loaders act on.
var magics = [][]byte{
	[]byte("PK\x03\x04"), []byte("\x1f\x8b\x08"), []byte("BZh"), []byte("\xfd7zXZ\x00"), []byte("\x5d\x00\x00"), []byte("\x04\x22\x4d\x18"),
	[]byte("\x28\xb5\x2f\xfd"), []byte("7z\xbc\xaf\x27\x1c"), []byte("\x93NUMPY"), []byte("\x7fELF"), []byte("MZ"), []byte("\x89HDF\r\n\x1a\n"),
	[]byte("\x80\x01"), []byte("\x80\x02"), []byte("\x80\x03"), []byte("\x80\x04"), []byte("\x80\x05"), []byte("\x78\x01"), []byte("\x78\x9c"), []byte("\x78\xda"),
}

// member hands bytes in a string to the engine, and states that they are there if it knows them.
func (j *scanner) member(n jsontree.Node, name string, data []byte, family source.Family, prose bool) (known bool, err error) {
	if j.nested++; j.nested > maxNested {
		return false, fmt.Errorf("more than %d strings that hold something: %w", maxNested, source.ErrBudget)
	}
	out, err := j.sink.Member(j.ctx, source.Member{
		Name: fmt.Sprintf("%s@%d", name, j.at+n.At()), Bytes: source.Bytes(data), Family: family, Prose: prose,
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
	f := finding.New(id, j.at+n.At(), text)
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
func (j *scanner) torchModule(n jsontree.Node) error {
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
		f := finding.New(threat.KERAS102, j.at+n.At(), "The layer loads a pickled module of PyTorch, which is not where the loader would find it.")
		f.Module, f.Operator, f.Role = "keras.layers", "TorchModuleWrapper", finding.RoleArgument
		j.sink.Find(f)
	}
	return nil
}
