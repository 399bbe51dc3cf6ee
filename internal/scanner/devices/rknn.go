package devices

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/flatbuf"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// isMalformed tells whether an error is one of the bytes.
func isMalformed(err error) bool {
	var bad *source.Malformed
	return errors.As(err, &bad)
}

// Beginnings of models of Rockchip's chips.
const (
	rknnMagic      = "RKNN\x00\x00\x00\x00"
	rknnEncrypted  = "CYPTRKNN"
	rknnThird      = "RKNX"
	rknnOpenVX     = "VPMN"
	rknnFlatBuffer = "RKNN" // at 4
)

// ProbeRKNN accepts the container, its encrypted form, and the models that may also stand alone.
func ProbeRKNN(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 64 {
		return false, err
	}
	text := string(head[:8])
	root := int64(binary.LittleEndian.Uint32(head))
	size, err := f.Size()
	return text == rknnMagic || text == rknnEncrypted || text[:4] == rknnThird || text[:4] == rknnOpenVX ||
		text[4:] == rknnFlatBuffer && root >= 8 && root+4 <= size, err
}

// ScanRKNN reads the chain of a container:
//
//	"RKNN", 0 u32, version u64, length u64, 40 bytes since version 2; model of that length: a FlatBuffer with RKNN at 4, or VPMN
//	length u64, description in JSON { nodes, target_platform, … }
func ScanRKNN(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("rknn")
	s.Opaque()
	d, err := open(ctx, f, s, 0)
	if err != nil {
		return err
	}
	head, err := d.Bytes(8, 8)
	if err != nil {
		return err
	}
	switch {
	case string(head) == rknnEncrypted:
		d.find(threat.MGFMT404, 0, "", "The model is encrypted, so nothing can be said of it.")
		return nil
	case string(head) == rknnMagic:
		return d.container()
	case string(head[4:]) == rknnFlatBuffer:
		return d.flatBuffer(0, d.size)
	case string(head[:4]) == rknnThird:
		const header = 0x50 // then a FlatBuffer
		_, err := d.look("The model behind its header", header, d.size-header)
		return err
	}
	return nil // a model that only the device's driver reads, to its end
}

// container reads a model and its description.
func (d *file) container() error {
	version, err := d.U64()
	if err != nil {
		return err
	}
	length, err := d.U64()
	if err != nil {
		return err
	}
	const padding = 40
	if version&0xff > 1 && length > 0 {
		if err := d.Skip(padding); err != nil {
			return err
		}
	}
	at := d.Offset()
	if length > uint64(d.Remaining()) {
		return source.Malformedf(16, "a model of %d bytes, of which %d remain", length, d.Remaining())
	}
	if err := d.payload(at, int64(length)); err != nil {
		return err
	}
	d.MoveTo(at + int64(length))
	described, err := d.U64()
	if err != nil {
		return err
	}
	if described > uint64(d.Remaining()) {
		return source.Malformedf(d.Offset()-8, "a description of %d bytes, of which %d remain", described, d.Remaining())
	}
	start := d.Offset()
	if err := d.description(start, int64(described)); err != nil {
		return err
	}
	return d.behind(start + int64(described))
}

// payload looks at the model for the device.
func (d *file) payload(at, n int64) error {
	head := make([]byte, min(n, 8))
	if _, err := d.f.ReadAt(head, at); err != nil {
		return err
	}
	if len(head) == 8 && string(head[4:]) == rknnFlatBuffer {
		return d.flatBuffer(at, n)
	}
	if len(head) == 8 && string(head[:4]) == rknnOpenVX {
		return nil
	}
	formats, err := d.look("The model inside the container", at, n)
	if err != nil || len(formats) == 0 {
		return err
	}
	d.find(threat.MGFMT402, at, "", "The container holds no model for the device, but %s.", strings.Join(formats, ", "))
	return nil
}

// flatBuffer checks the root of a model for the device. What follows in it is the driver's.
func (d *file) flatBuffer(at, n int64) error {
	b, err := flatbuf.New(source.Section(d.f, at, n))
	if err != nil {
		return err
	}
	_, err = b.Root()
	return err
}

// maxDescription is the largest description that is read, in bytes.
const maxDescription = 64 << 20

// description judges the nodes of a description: a custom operator may name a library.
func (d *file) description(at, n int64) error {
	if n == 0 {
		return nil
	}
	if n > maxDescription {
		return fmt.Errorf("a description of %d bytes: %w", n, source.ErrBudget)
	}
	root, err := jsontree.Parse(source.NewForward(d.f, at, n))
	if !root.Is(jsontree.Object) {
		formats, lookErr := d.look("The description of the model", at, n)
		if lookErr != nil {
			return lookErr
		}
		d.find(threat.MGFMT400, at, "", "The description of the model is no JSON object. %s", strings.Join(formats, ", "))
		return nil
	}
	if isMalformed(err) {
		d.find(threat.MGFMT400, at, "", "The description of the model breaks off: %s.", err)
	} else if err != nil {
		return err
	}
	for node := range root.Get("nodes").Items() {
		d.node(at, node)
	}
	return nil
}

// node judges a node of a description. Its operator stands under one of several keys, by release.
func (d *file) node(base int64, n jsontree.Node) {
	name := ""
	for _, key := range []string{"lid", "op", "type", "name"} {
		if name == "" {
			name = n.Str(key)
		}
	}
	for _, text := range texts(n, 0) {
		if l := libraryName.FindString(text); l != "" {
			d.operator(threat.MGOP301, "rknn", name, base+n.At(), l, "The operator names a library, whose code runs with the model.")
		}
	}
}

// texts are the strings below a node, as deep as descriptions go.
func texts(n jsontree.Node, depth int) []string {
	const deepest = 6
	if n.IsNone() || depth > deepest {
		return nil
	}
	out := []string{}
	if n.Is(jsontree.String) {
		return append(out, n.Text())
	}
	for item := range n.Items() {
		out = append(out, texts(item, depth+1)...)
	}
	for m := range n.Members() {
		out = append(out, texts(m.Value, depth+1)...)
	}
	return out
}
