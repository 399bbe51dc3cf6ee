package devices

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"regexp"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// trtTag begins an engine: written by the trtexec of a full runtime, or for safety.
func trtTag(b []byte) bool { return string(b) == "ftrt" || string(b) == "ptrt" }

// trtHeader is how long the header of an engine is, in bytes.
const trtHeader = 24

// ProbeTensorRT accepts engines, also behind the metadata in JSON that some tools put before them: its length u32, then the object.
func ProbeTensorRT(f *source.File) (bool, error) {
	_, ok, err := engineAt(f)
	return ok, err
}

// engineAt finds where an engine begins.
func engineAt(f *source.File) (int64, bool, error) {
	head, err := f.Head()
	if err != nil || len(head) <= trtHeader {
		return 0, false, err
	}
	if trtTag(head[:4]) {
		return 0, true, nil
	}
	n := int64(binary.LittleEndian.Uint32(head)) + 4
	if head[3] != 0 || head[4] != '{' || n+trtHeader > int64(len(head)) {
		return 0, false, nil
	}
	return n, trtTag(head[n : n+4]), nil
}

// ScanTensorRT looks through an engine:
//
//	"ftrt" or "ptrt", version u32, u32, then size of the plan u64 and u32, or in the first versions u32 and size; plan
//
// The plan is NVIDIA's own and undocumented. Its kernels are ELF files for the GPU, which no host runs. Engines may also carry plugin
// libraries, which the runtime unpacks and loads if its caller permits that; such an ELF or PE file is found by its header.
func ScanTensorRT(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("tensorrt")
	s.Opaque()
	at, ok, err := engineAt(f)
	if err != nil || !ok {
		return err
	}
	d, err := open(ctx, f, s, at)
	if err != nil {
		return err
	}
	if at > 0 {
		if _, err := d.look("The metadata", 4, at-4); err != nil {
			return err
		}
	}
	if err := d.planSize(at); err != nil {
		return err
	}
	if _, err := d.look("The plan", at+trtHeader, d.size-at-trtHeader); err != nil {
		return err
	}
	return d.plugins(at + trtHeader)
}

// planSize checks that the file has the whole plan, in versions of which it is known where its size stands.
func (d *file) planSize(at int64) error {
	head := make([]byte, trtHeader)
	if n, err := d.f.ReadAt(head, at); err != nil && n < len(head) {
		return err
	}
	place := 0
	switch binary.LittleEndian.Uint32(head[4:]) {
	case 0, 0x2b:
		place = 16
	case 0x57, 0x59, 0x60, 0x61:
		place = 12
	default:
		return nil
	}
	size, rest := binary.LittleEndian.Uint64(head[place:]), d.size-at-trtHeader
	if size > uint64(rest) {
		d.find(threat.MGFMT400, at+int64(place), "", "The plan has %d bytes, of which the file has %d.", size, rest)
	}
	return nil
}

// pluginPath is the path of a library, as loaders of plugins spell it.
var pluginPath = regexp.MustCompile(`(?i)(/[\w.+-]{2,})+/[\w.+-]{3,}\.so(\.\d+)*\b|\blib[\w.+-]{3,}\.so(\.\d+)*\b|\b[a-z]:\\[\w.\\ +-]{3,}\.dll\b`)

// Bounds of the search: bytes that are read at once, bytes that a header or path may pass from one piece to the next, and bytes at either
// end of a plan that are searched.
const (
	trtPiece   = 1 << 20
	trtOverlap = 4 << 10
	trtEnd     = 32 << 20
)

// plugins searches both ends of the plan, or all of one that is small.
func (d *file) plugins(from int64) error {
	if d.size-from <= 2*trtEnd {
		return d.search(from, d.size-from)
	}
	if err := d.search(from, trtEnd); err != nil {
		return err
	}
	return d.search(d.size-trtEnd, trtEnd)
}

// search reads n bytes from front to back, once, for headers of host libraries and paths to plugins. A GPU's ELF files are passed over by
// their machine.
func (d *file) search(from, n int64) error {
	in := source.NewForward(d.f, from, n)
	window := make([]byte, 0, trtPiece+trtOverlap)
	base := from
	for {
		n := len(window)
		got, err := io.ReadFull(in, window[n:cap(window)])
		window = window[:n+got]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		if in.Fault() != nil {
			return in.Fault()
		}
		d.searchPiece(window, base)
		if last {
			return nil
		}
		keep := min(trtOverlap, len(window))
		base += int64(len(window) - keep)
		window = window[:copy(window, window[len(window)-keep:])]
	}
}

// searchPiece looks through a piece of the plan that begins at an offset of the file.
func (d *file) searchPiece(b []byte, base int64) {
	for _, magic := range []string{"\x7fELF", "MZ"} {
		for at := 0; ; at += len(magic) {
			i := bytes.Index(b[at:], []byte(magic))
			if i < 0 {
				break
			}
			at += i
			if title, host := codeOf(b[at:min(len(b), at+codeHead)]); host {
				d.operator(threat.MGOP301, "tensorrt", "plugin library", base+int64(at), title, "The engine carries a library for the host, which a runtime loads that permits it.")
			}
		}
	}
	for _, suffix := range []string{".so", ".dll"} {
		for at := 0; ; at += len(suffix) {
			i := bytes.Index(b[at:], []byte(suffix))
			if i < 0 {
				break
			}
			at += i
			from := max(0, at-maxPath)
			if place := pluginPath.FindIndex(b[from:min(len(b), at+maxPath)]); place != nil {
				l := string(b[from+place[0] : from+place[1]])
				d.operator(threat.MGOP301, "tensorrt", "plugin path", base+int64(from+place[0]), l, "The engine names a plugin library, whose code runs in the host.")
				return
			}
		}
	}
}

// maxPath is how much around a suffix may be a path, in bytes.
const maxPath = 256
