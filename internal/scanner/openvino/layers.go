package openvino

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/scanner/source/xmltokens"
	"modelgate/internal/threat"
)

//go:embed operators.txt
var operatorsText string

// operators are the types of layers, with the operation sets that have them.
var operators = registry.Parse(operatorsText)

// folded are the types of layers in lower case, which OpenVINO takes for the same.
var folded = sync.OnceValue(func() map[string][]string {
	out := map[string][]string{}
	for _, name := range operators.Names() {
		sets, _ := operators.Lookup(name)
		key := strings.ToLower(name) // of two spellings the sets of both
		out[key] = append(out[key], strings.Fields(strings.Join(sets, " "))...)
	}
	return out
})

// begin judges a layer.
func (m *model) begin(t xmltokens.Token) error {
	if m.layers++; m.layers > maxLayers {
		return fmt.Errorf("more than %d layers: %w", maxLayers, source.ErrBudget)
	}
	l := &layer{at: t.At, name: t.Attr("name"), kind: t.Attr("type")}
	if len(m.blocks) > 0 {
		ids, id := m.blocks[len(m.blocks)-1].ids, t.Attr("id")
		if ids[id] {
			m.find(threat.MGFMT400, finding.RoleStructure, t.At, "", "", id, "Two layers have the same id.")
		}
		ids[id] = true
	}
	for _, a := range t.Attributes { // each of those that stand twice
		if a.Name == "type" {
			m.judge(l, a.Value, t.Attr("version"))
		}
		if a.Name == "version" && a.Value != t.Attr("version") {
			m.judge(l, l.kind, a.Value)
		}
	}
	if l.kind == "" {
		m.find(threat.MGFMT400, finding.RoleStructure, t.At, "", "", l.name, "A layer has no type.")
	}
	m.layer = l
	m.attributes(t)
	return nil
}

// firstWithSets is the version of the format since which layers name their operation set.
const firstWithSets = 10

// judge looks up the type of a layer in its operation set.
func (m *model) judge(l *layer, kind, version string) {
	if kind == "" {
		return
	}
	sets, known := folded()[strings.ToLower(kind)]
	switch {
	case !known || !knownSet(version):
		m.miss(l, kind, version)
	case version == "" && m.version >= firstWithSets:
		m.find(threat.MGINFO500, finding.RoleOperator, l.at, "", kind, l.name, "A layer does not name its operation set.")
	case version != "" && strings.HasPrefix(version, "opset") && !slices.Contains(sets, version):
		m.find(threat.MGINFO500, finding.RoleOperator, l.at, version, kind, l.name, "The type of a layer is not part of the operation set that it names.")
	}
}

// knownSet tells whether an operation set is one of OpenVINO's own.
func knownSet(version string) bool {
	switch version {
	case "", "extension", "experimental", "util", "ie_internal_opset":
		return true
	}
	n, err := strconv.Atoi(strings.TrimPrefix(version, "opset"))
	return err == nil && strings.HasPrefix(version, "opset") && n >= 1 && n <= newestSet()
}

// newestSet is the newest operation set that the table knows of.
var newestSet = sync.OnceValue(func() int {
	newest := 0
	for _, sets := range folded() {
		for _, s := range sets {
			if n, err := strconv.Atoi(strings.TrimPrefix(s, "opset")); err == nil {
				newest = max(newest, n)
			}
		}
	}
	return newest
})

// miss notes a type of layers that OpenVINO does not have.
func (m *model) miss(l *layer, kind, version string) {
	key := version + ":" + kind
	u := m.unknown[key]
	if u == nil {
		if len(m.unknown) >= finding.MaxFindings {
			return
		}
		u = &unknown{at: l.at, kind: kind, version: version, name: l.name}
		m.unknown[key] = u
		m.order = append(m.order, key)
	}
	u.count++
}

// attributes judges what an element of a layer names: libraries, kernels, files.
func (m *model) attributes(t xmltokens.Token) {
	for _, a := range t.Attributes {
		switch strings.ToLower(a.Name) {
		case "library":
			if a.Value != "" {
				m.find(threat.MGOP301, finding.RoleOperator, a.At, a.Value, m.layer.kind, a.Name+"="+a.Value, "A layer names a library, which the runtime loads and calls.")
			}
		case "path", "kernel", "source":
			m.file(a)
		}
	}
}

// file judges an attribute that names a file, or the size of a kernel in numbers.
func (m *model) file(a xmltokens.Attribute) {
	if strings.Trim(a.Value, "0123456789,; .-x") == "" {
		return
	}
	switch ext := strings.ToLower(path.Ext(a.Value)); ext {
	case ".so", ".dll", ".dylib", ".cl":
		m.find(threat.MGOP301, finding.RoleOperator, a.At, a.Value, m.layer.kind, a.Name+"="+a.Value, "A layer names a library or a kernel, which the runtime loads and calls.")
		return
	}
	if strings.ContainsAny(a.Value, "/\\.:~%") {
		m.s.Refer(finding.Reference{Kind: finding.RefFile, Target: a.Value, Offset: a.At})
	}
}

// data judges where the data of a layer lies in the file beside the model: in data of constants, and in the elements weights, biases and
// those of blobs of old models.
func (m *model) data(t xmltokens.Token) {
	if t.Name == "data" && !strings.EqualFold(m.layer.kind, "Const") {
		return
	}
	offset, size := int64(-1), int64(-1)
	for _, a := range t.Attributes {
		if a.Name != "offset" && a.Name != "size" {
			continue
		}
		n, err := strconv.ParseUint(a.Value, 10, 62)
		if err != nil {
			if t.Name == "data" {
				m.find(threat.MGFMT400, finding.RoleStructure, a.At, "", "Const", a.Name+"="+a.Value, "The place of a constant in the weights is no number.")
			}
			return
		}
		if a.Name == "offset" {
			offset = max(offset, int64(n))
		} else {
			size = max(size, int64(n))
		}
	}
	if offset < 0 || size <= 0 {
		return
	}
	if end := offset + size; end > m.end {
		m.end, m.endAt = end, t.At
	}
}

// edge judges an edge: its ends are layers of the same network.
func (m *model) edge(t xmltokens.Token) {
	if len(m.blocks) == 0 {
		return
	}
	ids := m.blocks[len(m.blocks)-1].ids
	for _, end := range []string{"from-layer", "to-layer"} {
		if id := t.Attr(end); !ids[id] {
			m.find(threat.MGFMT400, finding.RoleStructure, t.At, "", "", end+"="+id, "An edge leads from or to a layer that the network does not have.")
			return
		}
	}
}
