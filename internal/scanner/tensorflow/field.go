package tensorflow

import (
	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/wire"
)

// field is a field of a message in one of the three encodings in which TensorFlow writes graphs: binary, text and JSON. It is valid
// until the visit that was given it returns.
type field interface {
	// num is the field's number in its schema; 0 says that the schema does not have it, or not in the form in which it stands here,
	// and that a reader passes over it.
	num() int32
	// at is where the field stands.
	at() int64
	// integer is the value of a number.
	integer() int64
	// str reads a string or bytes. More than limit bytes are cut off at limit, and whole is false.
	str(limit int64) (s string, whole bool, err error)
	// bytes are those of a string, to be handed on or read later. A str that follows returns them too.
	bytes() (source.Reader, error)
	// walk reads the message in the field from front to back.
	walk(visit func(field) error) error
}

// wireField is a field in the binary encoding. There is one for each message around the place that is read.
type wireField struct {
	f     wire.Field
	spec  spec       // of number 0 for fields that the schema does not have
	inner *wireField // for the fields of the message that it is
}

func (w *wireField) num() int32     { return w.spec.num }
func (w *wireField) at() int64      { return w.f.At }
func (w *wireField) integer() int64 { return w.f.Int() }

func (w *wireField) str(limit int64) (s string, whole bool, err error) {
	f := w.f
	f.Size = min(f.Size, limit)
	s, err = f.Text(limit)
	return s, f.Size == w.f.Size, err
}

func (w *wireField) bytes() (source.Reader, error) { return w.f.Reader(), nil }

func (w *wireField) walk(visit func(field) error) error {
	if w.inner == nil {
		w.inner = &wireField{}
	}
	s := w.spec.inner()
	return w.f.Walk(func(f wire.Field) error {
		w.inner.f, w.inner.spec = f, s.of(f)
		return visit(w.inner)
	})
}

// of finds what the schema says of a field in the binary encoding.
func (s *schema) of(f wire.Field) spec {
	if s == nil {
		return spec{}
	}
	found, ok := s.byNum[f.Num]
	if !ok || (found.kind == number) != (f.Type == protowire.VarintType) || found.kind != number && !f.IsBytes() {
		return spec{}
	}
	return found
}

// walkWire reads a file in the binary encoding as one message of the given type.
func walkWire(r source.Reader, of string, visit func(field) error) error {
	w, err := wire.New(r)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	s := schemas[of]
	outer := &wireField{}
	return w.Walk(whole, func(f wire.Field) error {
		outer.f, outer.spec = f, s.of(f)
		return visit(outer)
	})
}
