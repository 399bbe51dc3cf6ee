// Package devices scans models that were compiled for an accelerator: KModel (nncase), Ascend OM, RKNN and TensorRT engines. What runs on
// the device is opaque by design: no host loader interprets it. What matters is the container around it, which the host reads, and
// whether something is in it that the host would run: a library where a section begins, a plugin, a kernel for the host's processor.
package devices

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// file is a compiled model that is being read.
type file struct {
	*source.Cursor
	ctx    context.Context
	f      *source.File
	s      source.Sink
	size   int64
	faults int
	looked int
	seen   map[string]bool
}

// open returns a file whose cursor stands at an offset. Integers are little-endian.
func open(ctx context.Context, f *source.File, s source.Sink, at int64) (*file, error) {
	c, err := source.NewCursor(f, at, binary.LittleEndian)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	return &file{Cursor: c, ctx: ctx, f: f, s: s, size: size, seen: map[string]bool{}}, err
}

// words reads n integers of 32 bits.
func (d *file) words(n int) ([]uint32, error) {
	out := make([]uint32, n)
	for i := range out {
		v, err := d.U32()
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// find reports something, within what one report keeps.
func (d *file) find(id threat.ID, at int64, evidence, format string, args ...any) {
	if d.faults++; d.faults > finding.MaxFindings {
		return
	}
	f := finding.New(id, at, fmt.Sprintf(format, args...))
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(evidence)
	d.s.Find(f)
}

// operator reports an operator, once for each name.
func (d *file) operator(id threat.ID, module, name string, at int64, evidence, words string) {
	key := string(id) + name
	if d.seen[key] || len(d.seen) > finding.MaxFindings {
		return
	}
	d.seen[key] = true
	f := finding.New(id, at, words)
	f.Role, f.Module, f.Operator, f.Evidence = finding.RoleOperator, module, name, source.Evidence(evidence)
	d.s.Find(f)
}

// within tells whether n bytes at an offset lie in the file.
func (d *file) within(at, n int64) bool { return at >= 0 && n >= 0 && at <= d.size && n <= d.size-at }

// maxLooked bounds the regions that are looked into.
const maxLooked = 1024

// look says what a region begins as: code for the host is reported, code for a device is left to it, and everything else goes back to the
// engine, which says nothing of what nobody knows. It returns the formats that are known.
func (d *file) look(what string, at, n int64) ([]string, error) {
	if d.looked++; n < 4 || d.looked > maxLooked {
		return nil, nil
	}
	title, host, err := d.code(at, n)
	if err != nil {
		return nil, err
	}
	switch {
	case host:
		d.find(threat.MGEXE101, at, what, "%s is %s, which is code for a host and not for a device.", what, title)
		return []string{"executable"}, nil
	case title != "":
		d.s.Opaque()
		return nil, nil
	}
	out, err := d.s.Member(d.ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", at), Bytes: source.Section(d.f, at, n), Prose: true})
	return out.Formats, err
}

// unaccounted is how many bytes behind a model are too many to be alignment.
const unaccounted = 64

// behind looks at what follows a model that ends at an offset.
func (d *file) behind(end int64) error {
	rest := d.size - end
	formats, err := d.look("What follows the model", end, rest)
	if err != nil {
		return err
	}
	what := "they are " + strings.Join(formats, ", ")
	if len(formats) == 0 {
		if rest < unaccounted {
			return nil
		}
		head := make([]byte, min(rest, 1<<10))
		if n, err := d.f.ReadAt(head, end); err != nil && (!errors.Is(err, io.EOF) || n == 0) {
			return err
		}
		if len(bytes.Trim(head, "\x00")) == 0 {
			return nil
		}
		what = "they are of no format that is known"
	}
	d.find(threat.MGFMT402, end, "", "%d bytes follow the model, and %s.", rest, what)
	return nil
}

// Machines of ELF files (System V ABI, e_machine) that are no host's: processors for graphics, tensors and signals.
func isDevice(machine uint16) bool {
	switch machine {
	case 0, 164, 190, 224: // none, as Ascend's compiler leaves it, Hexagon, CUDA, AMD GPU
		return true
	}
	return machine > 258 // beyond LoongArch, the last that is a host's
}

// codeHead is how much of a program is looked at: the headers that tell what it is.
const codeHead = 1 << 10

// code reads the head of a region and tells what program it begins as, and whether a host could run it.
func (d *file) code(at, n int64) (title string, host bool, err error) {
	head := make([]byte, min(n, codeHead))
	got, err := d.f.ReadAt(head, at)
	if err != nil && (!errors.Is(err, io.EOF) || got == 0) {
		return "", false, err
	}
	title, host = codeOf(head[:got])
	return title, host, nil
}

// codeOf recognises programs and libraries by their headers: ELF with its class, byte order, version and kind, PE with its second
// signature, Mach-O with a processor and a kind.
func codeOf(head []byte) (title string, host bool) {
	switch {
	case len(head) >= 24 && bytes.HasPrefix(head, []byte("\x7fELF")):
		var order binary.ByteOrder = binary.LittleEndian
		if head[5] == 2 {
			order = binary.BigEndian
		}
		kind := order.Uint16(head[16:])
		if head[4] < 1 || head[4] > 2 || head[5] < 1 || head[5] > 2 || head[6] != 1 || kind < 1 || kind > 4 && kind < 0xfe00 {
			return "", false
		}
		return "an ELF file", !isDevice(order.Uint16(head[18:]))
	case len(head) >= 64 && head[0] == 'M' && head[1] == 'Z':
		pe := int64(binary.LittleEndian.Uint32(head[60:]))
		if pe+4 <= int64(len(head)) && string(head[pe:pe+4]) == "PE\x00\x00" {
			return "a Windows program or library", true
		}
	case len(head) >= 16:
		magic, kind := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[12:])
		if (magic == 0xfeedface || magic == 0xfeedfacf) && kind >= 1 && kind <= 12 {
			return "a Mach-O file", true
		}
	}
	return "", false
}
