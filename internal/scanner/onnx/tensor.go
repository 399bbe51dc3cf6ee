package onnx

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/threat"
)

// tensor reads a TensorProto, and what it says of other files.
func (r *reader) tensor(f wire.Field) (*tensor, error) { return r.tensorMessage(f.At, f.Walk) }

// tensorMessage reads a TensorProto whose fields walk visits.
func (r *reader) tensorMessage(at int64, walk func(func(wire.Field) error) error) (*tensor, error) {
	t := &tensor{at: at}
	if r.tensors++; r.tensors > maxTensors {
		return t, fmt.Errorf("more than %d tensors: %w", maxTensors, source.ErrBudget)
	}
	if err := r.use(sizeTensor); err != nil {
		return t, err
	}
	o := once{r: r, what: "tensor"}
	var entries []entry
	var raw wire.Field
	err := walk(func(f wire.Field) (err error) {
		switch f.Num {
		case 2:
			o.field(f)
			t.kind = f.Int()
		case 4, 5, 7, 10, 11:
			t.place(f, f.Num == 5 || f.Num == 7 || f.Num == 11)
		case 6:
			err = r.maybePickled(t, f)
		case 8:
			o.field(f)
			t.name, err = r.text(f)
		case 9:
			o.field(f)
			t.place(f, false)
			raw = f
		case 13:
			var e entry
			e, err = r.entry(f)
			entries = append(entries, e)
		case 14:
			o.field(f)
			t.outside = f.Value == 1
		}
		return err
	})
	if err == nil && (t.kind == typeUint8 || t.kind == typeInt8) {
		err = r.maybePickled(t, raw)
	}
	r.outside(t, entries)
	return t, err
}

// maybePickled looks at the beginning of a tensor's bytes.
func (r *reader) maybePickled(t *tensor, f wire.Field) error {
	if !f.IsBytes() || f.Size < minPickle {
		return nil
	}
	head := f
	head.Size = 2
	begin, err := head.Bytes(2)
	if err != nil {
		return err
	}
	return r.pickled(t.name, begin, f.Offset, f.Size)
}

// place notes where the data of a tensor lies.
func (t *tensor) place(f wire.Field, packed bool) {
	if f.IsBytes() {
		t.offset, t.size, t.packed = f.Offset, f.Size, packed
	}
}

// sparse reads a SparseTensorProto: 1 values, 2 indices, 3 dimensions. Its name is that of its values.
func (r *reader) sparse(f wire.Field) (*tensor, error) {
	t := &tensor{at: f.At, sparse: true}
	if err := r.use(sizeTensor); err != nil {
		return t, err
	}
	o := once{r: r, what: "sparse tensor"}
	return t, f.Walk(func(f wire.Field) error {
		if f.Num != 1 && f.Num != 2 {
			return nil
		}
		o.field(f)
		part, err := r.tensor(f)
		if f.Num == 1 {
			t.name, t.kind = part.name, part.kind
		}
		return err
	})
}

// entry is one of a tensor's external data.
type entry struct {
	key, value string
	at         int64
}

// entry reads a StringStringEntryProto: 1 key, 2 value.
func (r *reader) entry(f wire.Field) (entry, error) {
	e := entry{at: f.At}
	if err := r.use(sizeEntry); err != nil {
		return e, err
	}
	err := f.Walk(func(f wire.Field) (err error) {
		switch {
		case f.Num == 1 && f.IsBytes():
			e.key, err = f.Text(maxName)
		case f.Num == 2 && f.IsBytes():
			e.value, err = f.Text(maxName)
		}
		return err
	})
	return e, err
}

// memoryTag is the location by which ONNX Runtime, in memory, marks a tensor whose offset is an address.
const memoryTag = "_ORT_MEM_ADDR_"

// outside judges where a tensor says that its data lies.
func (r *reader) outside(t *tensor, entries []entry) {
	offset, length := int64(0), int64(-1)
	var locations []entry
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[e.key] {
			r.twofold(e.at, e.key+" "+e.value, "A tensor says twice where its data lies, and readers differ in which they take.")
		}
		seen[e.key] = true
		switch e.key {
		case "location":
			locations = append(locations, e)
		case "offset":
			offset = r.number(e)
		case "length":
			length = r.number(e)
		case "checksum", "basepath":
		default:
			if !strings.HasPrefix(e.key, "prepacked") {
				r.find(threat.MGINFO500, finding.RoleStructure, e.at, "", "", e.key, "A tensor's external data has a key that the format does not know.")
			}
		}
	}
	if t.outside && len(locations) == 0 {
		r.malformed(t.at, t.name, "A tensor lies in another file and does not say in which.")
	}
	for _, e := range locations {
		r.locate(t, e, offset, length)
	}
}

// number is an offset or length of external data; -1, and a finding, if it is none.
func (r *reader) number(e entry) int64 {
	n, err := strconv.ParseUint(e.value, 10, 63)
	if err != nil {
		r.malformed(e.at, e.key+" "+e.value, "The place of a tensor in another file is no number.")
		return -1
	}
	return int64(n)
}

// locate notes the file that a tensor lies in.
func (r *reader) locate(t *tensor, e entry, offset, length int64) {
	if strings.Contains(e.value, memoryTag) {
		r.find(threat.MGPATH100, finding.RolePath, e.at, "", "", e.value, "A tensor names an address in the memory of the process in place of a file.")
		return
	}
	if e.value == "" {
		r.malformed(e.at, t.name, "A tensor lies in a file without a name.")
		return
	}
	x := r.external[e.value]
	if x == nil {
		if len(r.external) >= maxExternal {
			r.malformed(e.at, e.value, "The tensors lie in more files than anybody writes.")
			return
		}
		x = &external{at: e.at}
		r.external[e.value] = x
		r.locations = append(r.locations, e.value)
	}
	x.needed = x.needed || t.outside
	if offset >= 0 && length >= 0 {
		if end := offset + length; end < 0 {
			r.malformed(e.at, e.value, "A tensor ends beyond what can be counted.")
		} else {
			x.end = max(x.end, end)
		}
	}
}

// refer hands the files that tensors lie in to the engine. A file that no loader opens is judged by its name alone.
func (r *reader) refer() {
	for _, location := range r.locations {
		x := r.external[location]
		if !x.needed {
			if f, bad := paths.Reference(location, x.at); bad {
				r.s.Find(f)
			}
			continue
		}
		r.s.Refer(finding.Reference{Kind: finding.RefFile, Target: location, Offset: x.at, Need: x.end})
	}
}

// Bounds of the tensors that may be pickles: of one, and of all together.
const (
	minPickle  = 4
	maxPickle  = 4 << 20
	maxPickles = 32 << 20
)

// pickled hands on a tensor of bytes or a string that begins and ends like a pickle. It is for nobody to load; that it is there says
// that somebody means to. Begin is its beginning, of two bytes at least.
func (r *reader) pickled(name string, begin []byte, offset, size int64) error {
	if len(begin) < 2 || size < minPickle || size > maxPickle || !pickleBegins(begin) {
		return nil
	}
	var end [1]byte
	if _, err := r.f.ReadAt(end[:], offset+size-1); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !pickleEnds(end[0]) || !r.look(size) {
		return nil
	}
	return r.hand(source.Section(r.f, offset, size), offset, name)
}

// pickleBegins tells whether two bytes are a protocol, or the first opcode of a pickle without one.
func pickleBegins(b []byte) bool {
	return b[0] == 0x80 && b[1] >= 1 && b[1] <= 5 || strings.ContainsRune("(c]}[", rune(b[0]))
}

// pickleEnds tells whether a byte is the opcode that ends a pickle.
func pickleEnds(c byte) bool { return c == '.' }

// look takes bytes from the bound of what is handed on, and tells whether there were enough.
func (r *reader) look(size int64) bool {
	if r.looked+size > maxPickles {
		return false
	}
	r.looked += size
	return true
}

// hand gives the data of a tensor to the engine, and says what it is there for if it is malicious.
func (r *reader) hand(data source.Reader, offset int64, name string) error {
	out, err := r.s.Member(r.ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", offset), Bytes: data, Prose: true})
	if err == nil && out.Level >= threat.Malicious {
		r.find(threat.MGFMT402, finding.RoleStructure, offset, "", "", name, "A tensor holds a pickle, which does harm when it is loaded.")
	}
	return err
}

// behind judges bytes that no reader of models looks at.
func (r *reader) behind(offset, size int64, evidence string) error {
	r.find(threat.MGFMT402, finding.RoleStructure, offset, "", "", evidence,
		fmt.Sprintf("%d bytes lie in the file that no reader of models looks at.", size))
	_, err := r.s.Member(r.ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", offset), Bytes: source.Section(r.f, offset, size), Prose: true})
	return err
}
