package devices

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// kmodelMagic begins models since version 4.
const kmodelMagic = "LDMK"

// ProbeKModel accepts models of nncase: the magic and a version, or before that version 3, flags, architecture and plausible counts.
func ProbeKModel(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 36 {
		return false, err
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(head[at:]) }
	if string(head[:4]) == kmodelMagic {
		return u32(4) < 100, nil
	}
	if u32(0) != 3 || u32(4) > 1 || u32(8) != 0 || u32(12) == 0 || u32(12) >= 1024 || u32(24) == 0 || u32(24) >= 64 {
		return false, nil
	}
	size, err := f.Size()
	layers := 28 + 8*int64(u32(24))
	if err != nil || layers+8*int64(u32(12)) > size || layers+8 > int64(len(head)) {
		return false, err
	}
	_, known := layerTypes()[u32(int(layers))]
	return known, nil
}

// ScanKModel reads the tables of a model:
//
//	version 3: version, flags, architecture, layers, memory (2), outputs: u32 each; outputs { address, size }; layers { type, size };
//	           bodies of the layers, weights
//	version 4: "LDMK", version, flags, target, constants, memory, nodes, inputs, outputs, reserved: u32 each; ranges { type, element,
//	           start, size } of inputs and outputs, sizes of inputs; constants; nodes { operator, size }; bodies
//	version 5: "LDMK", version, size of the header, flags, alignment, modules, …; modules
//	version 6: "LDMK", version, flags, alignment, modules, …; modules
//
// A module has a type, its size, functions and sections with a name, where their body begins behind the header, and its size.
func ScanKModel(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("kmodel")
	s.Opaque()
	d, err := open(ctx, f, s, 0)
	if err != nil {
		return err
	}
	first, err := d.words(2)
	if err != nil {
		return err
	}
	version := first[1]
	if first[0] == 3 {
		version = 3
	}
	k := &kmodel{file: d, version: version}
	var end int64
	switch version {
	case 3:
		end, err = k.layers()
	case 4:
		end, err = k.nodes()
	case 5, 6, 7:
		end, err = k.modules()
	default:
		d.find(threat.MGFMT404, 4, "", "Version %d of the format is not known, so its sections were not read.", version)
		return nil
	}
	if err != nil {
		return err
	}
	return d.behind(end)
}

// kmodel is a model of nncase.
type kmodel struct {
	*file
	version uint32
}

// layerTypes are those of version 3 and operators of version 4.
func layerTypes() map[uint32]bool {
	out := map[uint32]bool{0xffffffff: true}
	for _, r := range [][2]uint32{{0, 23}, {1000, 1003}, {10240, 10243}} {
		for t := r[0]; t <= r[1]; t++ {
			out[t] = true
		}
	}
	return out
}

func isOperator(op uint32) bool {
	return op <= 0x20 || op >= 0x1001 && op <= 0x1010 || op >= 0x2001 && op <= 0x2010
}

// maxTable bounds the entries of one table.
const maxTable = 1 << 16

// layers reads a model of version 3, and returns where its bodies end.
func (k *kmodel) layers() (int64, error) {
	k.MoveTo(12)
	h, err := k.words(4) // layers, memory, outputs
	if err != nil {
		return 0, err
	}
	if err := k.Skip(8 * int64(h[3])); err != nil {
		return 0, err
	}
	known := layerTypes()
	return k.bodies(h[0], func(t uint32) bool { return known[t] })
}

// bodies reads a table of types and sizes, and looks at the bodies that follow it.
func (k *kmodel) bodies(n uint32, known func(uint32) bool) (int64, error) {
	if int64(n) > k.Remaining()/8 || n > maxTable {
		return 0, source.Malformedf(k.Offset(), "%d layers in the %d bytes that remain", n, k.Remaining())
	}
	table := k.Offset()
	at := table + 8*int64(n)
	for i := range int64(n) {
		k.MoveTo(table + 8*i)
		entry, err := k.words(2)
		if err != nil {
			return 0, err
		}
		if !known(entry[0]) {
			k.operator(threat.MGOP300, "nncase", fmt.Sprintf("%d", entry[0]), table+8*i, "", "The layer is of a type that nncase does not have.")
		}
		if !k.within(at, int64(entry[1])) {
			return 0, source.Malformedf(table+8*i, "layer %d has %d bytes at %d, which the file does not have", i, entry[1], at)
		}
		if _, err := k.look(fmt.Sprintf("Layer %d", i), at, int64(entry[1])); err != nil {
			return 0, err
		}
		at += int64(entry[1])
	}
	return at, nil
}

// nodes reads a model of version 4.
func (k *kmodel) nodes() (int64, error) {
	k.MoveTo(8)
	h, err := k.words(8)
	if err != nil {
		return 0, err
	}
	constants, nodes, inputs, outputs := int64(h[2]), h[4], int64(h[5]), int64(h[6])
	if err := k.Skip(16*inputs + 16*inputs + 16*outputs); err != nil {
		return 0, err
	}
	if _, err := k.look("The constants", k.Offset(), min(constants, k.Remaining())); err != nil {
		return 0, err
	}
	if err := k.Skip(constants); err != nil {
		return 0, err
	}
	return k.bodies(nodes, isOperator)
}

// modules reads the modules of a model since version 5.
func (k *kmodel) modules() (int64, error) {
	k.MoveTo(8)
	end := int64(32)
	if k.version == 5 {
		size, err := k.U32()
		if err != nil {
			return 0, err
		}
		end = max(end, int64(size))
	}
	h, err := k.words(3) // flags, alignment, modules
	if err != nil {
		return 0, err
	}
	if h[2] > maxTable {
		return 0, source.Malformedf(8, "%d modules", h[2])
	}
	for range h[2] {
		size, err := k.module(end)
		if err != nil {
			return 0, err
		}
		if size <= 0 || !k.within(end, size) {
			return 0, source.Malformedf(end, "a module of %d bytes, of which %d remain", size, k.size-end)
		}
		end += size
	}
	return end, nil
}

// header is what tables of versions 5 to 7 have in common.
type header struct {
	size                int64 // of the module or function with everything in it, 0 if the table does not say
	functions, sections uint32
	pools               uint32
}

// module reads a module, and returns its size.
func (k *kmodel) module(at int64) (int64, error) {
	k.MoveTo(at)
	kind, err := k.Bytes(16, 16)
	if err != nil {
		return 0, err
	}
	var h header
	switch k.version {
	case 5:
		w, err := k.words(8) // version, header, size, pools, shared pools, sections, functions, reserved
		if err != nil {
			return 0, err
		}
		h = header{size: int64(w[2]), pools: w[3] + w[4], sections: w[5], functions: w[6]}
		k.MoveTo(at + max(48, int64(w[1])))
	case 6:
		w, err := k.words(4) // version, size, sections, functions
		if err != nil {
			return 0, err
		}
		h = header{size: int64(w[1]), sections: w[2], functions: w[3]}
	default:
		w, err := k.words(6) // version, sections, functions, reserved, size of 64 bits
		if err != nil {
			return 0, err
		}
		h = header{sections: w[1], functions: w[2], size: int64(w[5])<<32 | int64(w[4])}
	}
	name := string(bytes.TrimRight(kind, "\x00"))
	if !slices.Contains([]string{"stackvm", "k210", "k230", "k510", "vulkan", "cpu", "xpu", "ncnn"}, name) {
		k.operator(threat.MGOP300, "nncase", name, at, name, "The module is of a type that nncase does not have.")
	}
	if h.functions > maxTable || h.sections > maxTable || h.pools > maxTable {
		return 0, source.Malformedf(at, "a module of %d functions and %d sections", h.functions, h.sections)
	}
	if err := k.Skip(8 * int64(h.pools)); err != nil {
		return 0, err
	}
	for range h.functions {
		if err := k.function(); err != nil {
			return 0, err
		}
	}
	for range h.sections {
		if err := k.section(name); err != nil {
			return 0, err
		}
	}
	return h.size, nil
}

// function passes over the description of a function.
func (k *kmodel) function() error {
	at := k.Offset()
	var size int64
	switch k.version {
	case 5, 6:
		w, err := k.words(6)
		if err != nil {
			return err
		}
		size = max(24, int64(w[map[uint32]int{5: 1, 6: 3}[k.version]]))
	default:
		w, err := k.words(8)
		if err != nil {
			return err
		}
		size = max(32, int64(w[7])<<32|int64(w[6]))
	}
	if !k.within(at, size) {
		return source.Malformedf(at, "a function of %d bytes, of which %d remain", size, k.size-at)
	}
	k.MoveTo(at + size)
	return nil
}

// section reads the header of a section, and looks at its body.
func (k *kmodel) section(module string) error {
	at := k.Offset()
	name, err := k.Bytes(16, 16)
	if err != nil {
		return err
	}
	var start, size int64
	switch k.version {
	case 5:
		w, err := k.words(4) // flags, start, size, reserved
		if err != nil {
			return err
		}
		start, size = int64(w[1]), int64(w[2])
	case 6:
		w, err := k.words(6) // size, flags, start, size of the body, memory, reserved
		if err != nil {
			return err
		}
		start, size = int64(w[2]), int64(w[3])
	default:
		w, err := k.words(10) // flags, reserved; size, start, size of the body, memory of 64 bits each
		if err != nil {
			return err
		}
		start, size = int64(w[5])<<32|int64(w[4]), int64(w[7])<<32|int64(w[6])
	}
	body := k.Offset() + start
	if start < 0 || size < 0 || !k.within(body, size) {
		return source.Malformedf(at, "section %q has %d bytes at %d, which the file does not have", bytes.TrimRight(name, "\x00"), size, body)
	}
	if _, err := k.look(fmt.Sprintf("Section %s of %s", bytes.TrimRight(name, "\x00"), module), body, size); err != nil {
		return err
	}
	k.MoveTo((body + size + 7) &^ 7)
	return nil
}
