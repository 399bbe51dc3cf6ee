package hdf5

import (
	"bytes"
	"fmt"

	"modelgate/internal/scanner/source"
	h5 "modelgate/internal/scanner/source/hdf5"
	"modelgate/internal/threat"
)

// Bounds of values.
const (
	maxValue    = 32 << 20 // bytes of one
	maxElements = 100_000  // of an array
	maxVersion  = 64       // bytes of keras_version and backend
)

// attributes judges the attributes of an object.
func (w *walk) attributes(o *h5.Object, path string) error {
	names := map[string]struct{}{}
	err := w.h.Attributes(o, func(a h5.Attribute) error {
		member := "#" + a.Name
		if path != "" {
			member = at(path) + "@" + a.Name
		}
		if _, twice := names[a.Name]; twice {
			w.find(threat.MGFMT403, a.Off, member, source.Evidence(a.Name), "An object has two attributes of the name, and readers differ in which one they take.")
		}
		names[a.Name] = struct{}{}
		w.name(a.Name, a.Off, member)
		w.ofKeras(a, member)
		return w.tolerate(w.attribute(a, member), member)
	})
	return w.tolerate(err, at(path))
}

// window is in how many bytes of a value of a type a word is looked for.
func window(t h5.Type) int {
	if t.Class == h5.ClassInteger || t.Class == h5.ClassBits {
		return wordInNumbers
	}
	return wordInValues
}

// isConfig tells whether Keras builds objects from the JSON in an attribute.
func isConfig(name string) bool { return name == "model_config" || name == "training_config" }

// ofKeras judges the form of the attributes that Keras reads besides its configuration.
func (w *walk) ofKeras(a h5.Attribute, member string) {
	text := a.Type.Class == h5.ClassString || a.Type.Class == h5.ClassVariable && a.Type.Text
	switch a.Name {
	case "keras_version", "backend":
		if value := firstText(w.h, a); !text || len(a.Space.Dims) > 0 || len(value) > maxVersion {
			w.find(threat.MGFMT400, a.Off, member, source.Evidence(value), "The attribute %s is not a short text, as Keras writes it.", a.Name)
		}
	case "layer_names", "weight_names":
		// Keras writes an empty list as numbers.
		if len(a.Space.Dims) != 1 && !a.Space.Null || !text && a.Space.Count() > 0 {
			w.find(threat.MGFMT400, a.Off, member, "", "The attribute %s is not a list of names, as Keras writes it.", a.Name)
		}
	}
}

// attribute hands the values of an attribute to the engine, if they are bytes or texts.
func (w *walk) attribute(a h5.Attribute, member string) error {
	config := isConfig(a.Name)
	if !a.Type.Bytes() && !config {
		return nil
	}
	i := 0
	return w.h.Values(a.Type, a.Data, a.Off, maxElements, func(v h5.Value) error {
		name := member
		if a.Space.Count() > 1 && a.Type.Class != h5.ClassInteger {
			name = fmt.Sprintf("%s[%d]", member, i)
		}
		i++
		if config {
			return w.config(a.Type, v, name)
		}
		return w.value(v, name, window(a.Type))
	})
}

// config hands on the text that Keras would decode. What lies behind the end of the text is another reading.
func (w *walk) config(t h5.Type, v h5.Value, member string) error {
	if v.Size > maxValue {
		return fmt.Errorf("a configuration of %d bytes: %w", v.Size, source.ErrBudget)
	}
	b, err := h5.ReadAll(v.Bytes, maxValue)
	if err != nil {
		return err
	}
	text, rest := ended(t, b)
	if len(text) > 0 {
		if err := w.member(member, source.Bytes(text), source.FamilyKeras, false); err != nil {
			return err
		}
	}
	if rest = bytes.Trim(rest, "\x00"); len(rest) == 0 {
		return nil
	}
	w.find(threat.MGFMT403, v.Off+int64(len(text)), member, source.Evidence(string(rest)), "The configuration goes on behind a NUL byte, where some readers end it.")
	return w.member(member+"#rest", source.Bytes(rest), source.FamilyKeras, true)
}

// ended cuts a text where its type says that it ends: at the first NUL, or before the NULs or blanks that fill it up.
func ended(t h5.Type, b []byte) (text, rest []byte) {
	if t.Class == h5.ClassString && t.Padding == h5.PadBlank {
		b = bytes.TrimRight(b, " ")
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i], b[i:]
	}
	return b, nil
}

// firstText is the first value of an attribute, as far as it is a short text.
func firstText(file *h5.File, a h5.Attribute) string {
	out := ""
	err := file.Values(a.Type, a.Data, a.Off, 1, func(v h5.Value) error {
		b, err := h5.ReadAll(v.Bytes, 4*maxVersion)
		text, _ := ended(a.Type, b)
		out = string(text)
		return err
	})
	if err != nil {
		return ""
	}
	return out
}

// value hands on a value that might be something: neither numbers nor a text of one line, which names are. A word is looked for in so
// many of its bytes.
func (w *walk) value(v h5.Value, member string, window int) error {
	if v.Size < minValue {
		return nil
	}
	head, err := h5.ReadAll(v.Bytes, maxLine)
	if err != nil || !speaks(head, window) || v.Size <= maxLine && isLine(head) {
		return err
	}
	return w.take(v.Bytes, v.Size, member)
}

// minValue is the least that any pickle or program takes; maxLine is the longest text that is looked at here.
const (
	minValue = 8
	maxLine  = 64 << 10
)

// isLine tells whether bytes are one line of printable ASCII that begins as no document does: no pickle that names anything is, nor
// any binary format.
func isLine(b []byte) bool {
	b = bytes.TrimRight(b, "\x00")
	if len(b) == 0 {
		return true
	}
	if bytes.IndexByte([]byte("{[<#%!"), b[0]) >= 0 {
		return false
	}
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
