package devices

import (
	"context"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/threat"
)

// omHeader is how long the header of an OM model is, in bytes.
const omHeader = 256

// ProbeOM accepts models of Ascend: IMOD and the size of the header. (IMODV1.2 is a format of another science.)
func ProbeOM(f *source.File) (bool, error) {
	head, err := f.Head()
	return err == nil && len(head) > omHeader && string(head[:4]) == "IMOD" && binary.LittleEndian.Uint32(head[4:]) == omHeader, err
}

// Partitions of a model, by their type in the table.
const (
	omModel      = 0 // definition of the model, ge.proto.ModelDef
	omTBEKernels = 3 // code for the device
	omAICPU      = 4 // kernels for the device's processors, or the host's
	omLibraries  = 5 // libraries, or settings of devices
)

// partition is a part of a model.
type partition struct {
	kind     uint32
	at, size int64
}

// ScanOM reads the header and the partitions of a model:
//
//	"IMOD", size of the header u32, version u32, checksum (64 bytes), length u32, encrypted u8, …: 256 bytes
//	count u32, partitions { type u32, offset u32, size u32 }, each of 64 bits in newer models; their bytes
//
// Offsets count from the end of the table. Models that were split into several have a table each; the first is read.
func ScanOM(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("om")
	s.Opaque()
	d, err := open(ctx, f, s, 0)
	if err != nil {
		return err
	}
	head, err := d.Bytes(omHeader, omHeader)
	if err != nil {
		return err
	}
	if head[80] != 0 {
		d.find(threat.MGFMT404, 80, "", "The model is encrypted, so nothing can be said of it.")
		return nil
	}
	parts, end, err := d.partitions()
	if err != nil {
		return err
	}
	for _, p := range parts {
		end = max(end, p.at+p.size)
		if err := d.partition(p); err != nil {
			return err
		}
	}
	if version, models := binary.LittleEndian.Uint32(head[8:]), binary.LittleEndian.Uint32(head[156:]); version >= 0x20000000 && models > 1 {
		_, err := d.look("The second model", end, d.size-end)
		return err
	}
	return d.behind(end)
}

// partitions reads the table in whichever width it makes sense, and returns where it ends.
func (d *file) partitions() ([]partition, int64, error) {
	for _, width := range []int64{4, 8} {
		parts, end, err := d.table(width)
		if err != nil {
			return nil, 0, err
		}
		if len(parts) > 0 {
			return parts, end, nil
		}
	}
	return nil, 0, source.Malformedf(omHeader, "the table of partitions names none that the file has")
}

// table reads the table with integers of a width; it has no parts if it makes no sense.
func (d *file) table(width int64) (parts []partition, end int64, err error) {
	number := func() (uint64, error) {
		if width == 8 {
			return d.U64()
		}
		v, err := d.U32()
		return uint64(v), err
	}
	d.MoveTo(omHeader)
	const most = 64
	count, err := number()
	if err != nil || count == 0 || count > most || int64(count)*3*width > d.Remaining() {
		return nil, 0, ignoreShort(err)
	}
	end = omHeader + width + int64(count)*3*width
	for range count {
		var v [3]uint64
		for i := range v {
			if v[i], err = number(); err != nil {
				return nil, 0, ignoreShort(err)
			}
		}
		at := end + int64(v[1])
		if v[0] >= most || v[1] > uint64(d.size) || v[2] > uint64(d.size) || !d.within(at, int64(v[2])) {
			return nil, 0, nil
		}
		parts = append(parts, partition{uint32(v[0]), at, int64(v[2])})
	}
	return parts, end, nil
}

// ignoreShort turns the error of bytes that end too early into none: the table is tried in another width.
func ignoreShort(err error) error {
	if isMalformed(err) {
		return nil
	}
	return err
}

// partition judges a part by its type.
func (d *file) partition(p partition) error {
	if p.size == 0 {
		return nil
	}
	name := map[uint32]string{1: "weights", 2: "tasks", omTBEKernels: "kernels of the device", omAICPU: "custom AI CPU kernels", omLibraries: "libraries"}[p.kind]
	if name == "" {
		name = fmt.Sprintf("partition %d", p.kind)
	}
	switch p.kind {
	case omModel:
		return d.definition(p)
	case omTBEKernels:
		return nil // ELF files for the device, as every compiler run writes them
	case omAICPU:
		d.operator(threat.MGOP300, "ascend", "custom AI CPU kernel", p.at, name, "The model brings kernels for the device's general processors.")
		return nil
	case omLibraries:
		if d.holdsLibrary(p) {
			d.operator(threat.MGOP301, "ascend", "library", p.at, name, "The model brings libraries that are loaded with it.")
			return nil
		}
	}
	_, err := d.look("The part with "+name, p.at, p.size)
	return err
}

// holdsLibrary tells whether the head of a part has an ELF file in it: libraries stand behind their names there.
func (d *file) holdsLibrary(p partition) bool {
	head := make([]byte, min(p.size, 64<<10))
	n, err := d.f.ReadAt(head, p.at)
	return (err == nil || n > 0) && strings.Contains(string(head[:n]), "\x7fELF")
}

// libraryName is the path of a library.
var libraryName = regexp.MustCompile(`(?i)[\w./\\:-]*\w\.(so(\.\d+)*|dll|dylib)\b`)

// ownLibraries are those of the device's own software that operators name for its general processors.
func ownLibraries() []string {
	return []string{"libaicpu_kernels.so", "libcpu_kernels.so", "libtf_kernels.so", "libpt_kernels.so"}
}

// maxText bounds the strings that are read of a definition, in bytes.
const maxText = 4 << 10

// definition walks the definition of the model (ge.proto: ModelDef { 7 graphs, 11 attributes }, GraphDef { 6 operators, 11 attributes },
// OpDef { 1 name, 2 type, 10 attributes }, AttrDef { 2 text, 10 function or graph, … }).
func (d *file) definition(p partition) error {
	w, err := wire.New(source.Section(d.f, p.at, p.size))
	if err != nil {
		return err
	}
	return w.Walk(wire.Message{Size: p.size}, func(f wire.Field) error {
		switch {
		case f.Num == 7 && f.IsBytes():
			return f.Walk(func(f wire.Field) error {
				switch {
				case f.Num == 6 && f.IsBytes():
					return d.op(p.at, f)
				case f.Num == 11 && f.IsBytes():
					return d.attribute(p.at, "graph", f)
				}
				return nil
			})
		case f.Num == 11 && f.IsBytes():
			return d.attribute(p.at, "model", f)
		}
		return nil
	})
}

// op judges an operator: its attributes may name a library.
func (d *file) op(base int64, field wire.Field) error {
	kind := ""
	return field.Walk(func(f wire.Field) (err error) {
		switch {
		case f.Num == 2 && f.IsBytes():
			kind, err = f.Text(maxText)
		case f.Num == 10 && f.IsBytes():
			err = d.attribute(base, kind, f)
		}
		return err
	})
}

// attribute looks for the path of a library in an entry of a map: 1 name, 2 AttrDef, whose field 2 is a text.
func (d *file) attribute(base int64, operator string, entry wire.Field) error {
	return entry.Walk(func(value wire.Field) error {
		if value.Num != 2 || !value.IsBytes() {
			return nil
		}
		return value.Walk(func(f wire.Field) error {
			if f.Num != 2 || !f.IsBytes() || f.Size > maxText {
				return nil
			}
			text, err := f.Text(maxText)
			if err != nil {
				return err
			}
			if l := libraryName.FindString(text); l != "" && !slices.Contains(ownLibraries(), l) {
				d.operator(threat.MGOP301, "ascend", operator, base+f.Offset, l, "The operator names a library, whose code runs with the model.")
			}
			return nil
		})
	})
}
