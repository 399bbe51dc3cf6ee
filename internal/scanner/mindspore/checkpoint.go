package mindspore

import (
	"context"
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/wire"
)

// Fields of a checkpoint (mindspore/ccsrc/utils/checkpoint.proto):
//
//	Checkpoint  { 1 values … }
//	Value       { 1 name, 2 TensorProto }
//	TensorProto { 1 sizes …, 2 type of the elements as a text, 3 elements }
const (
	checkpointValue = 1

	valueName   = 1
	valueTensor = 2

	tensorSize     = 1
	tensorType     = 2
	tensorElements = 3
)

// elementTypes are the types of elements, as checkpoints write them.
var elementTypes = strings.Fields(`Int8 UInt8 Int16 UInt16 Int32 UInt32 Int64 UInt64 Int4 QInt4x2 Float16 Float32 Float64 BFloat16 Bool Complex64 Complex128
	HiFloat8 Float8_E4M3FN Float8_E5M2 str int float bool tuple list dict`)

// errProbed ends a probe.
var errProbed = errors.New("probed")

// ProbeCheckpoint accepts messages whose first value is a tensor with a name and a type.
func ProbeCheckpoint(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 8 || head[0] != checkpointValue<<3|byte(protowire.BytesType) {
		return false, err
	}
	w, err := wire.New(f)
	if err != nil {
		return false, err
	}
	whole, err := w.Whole()
	if err != nil {
		return false, err
	}
	err = w.Walk(whole, func(field wire.Field) error {
		if err := value(field); err != nil {
			return err
		}
		return errProbed
	})
	var malformed *source.Malformed
	switch {
	case errors.Is(err, errProbed):
		return true, nil
	case errors.As(err, &malformed):
		return false, nil
	}
	return false, err
}

// ScanCheckpoint checks that there is nothing but tensors: loaders make arrays of them and nothing else.
func ScanCheckpoint(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("mindspore_checkpoint")
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	return w.Walk(whole, value)
}

// value checks one value of a checkpoint.
func value(field wire.Field) error {
	if field.Num != checkpointValue {
		return source.Malformedf(field.At, "field %d is none of a checkpoint", field.Num)
	}
	named, typed := false, false
	err := field.Walk(func(f wire.Field) error {
		switch f.Num {
		case valueName:
			named = f.IsBytes()
			return nil
		case valueTensor:
			ok, err := tensor(f)
			typed = typed || ok
			return err
		}
		return source.Malformedf(f.At, "field %d is none of a value", f.Num)
	})
	if err == nil && (!named || !typed) {
		return source.Malformedf(field.At, "a value without a name, or without a tensor of a known type")
	}
	return err
}

// tensor checks a tensor, and tells whether its type is known.
func tensor(field wire.Field) (typed bool, err error) {
	err = field.Walk(func(f wire.Field) error {
		switch f.Num {
		case tensorSize:
			return nil
		case tensorType:
			name, err := f.Text(maxName)
			typed = slices.Contains(elementTypes, name)
			return err
		case tensorElements:
			if !f.IsBytes() {
				return source.Malformedf(f.At, "elements that are no bytes")
			}
			return nil
		}
		return source.Malformedf(f.At, "field %d is none of a tensor", f.Num)
	})
	return typed, err
}
