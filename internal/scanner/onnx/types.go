package onnx

import "modelgate/internal/scanner/source/wire"

// Bounds of the settings of a model: numbers in one of them, and in all together. What is more could be a sample.
const (
	maxSetting  = 4
	maxSettings = 8
)

// Fields of a TypeProto, of the type of a tensor, and of a dimension of its shape.
const (
	typeTensor     = 1
	typeDenotation = 6

	tensorElements = 1
	tensorShape    = 2

	shapeDim = 1

	dimValue = 1
	dimParam = 2
)

// numbersOf reads a TypeProto and returns how many numbers a value of the type has, if it is a tensor of one dimension that is fixed, or of none,
// and has at most maxSetting of them; otherwise 0. Runtimes hold what they are given to the type. A string is no number: it has room for
// a whole text.
func numbersOf(f wire.Field) (int64, error) {
	numbers, types := int64(0), 0
	err := f.Walk(func(f wire.Field) (err error) {
		switch f.Num {
		case typeTensor:
			types++
			numbers, err = numbersIn(f)
		case typeDenotation:
		default:
			types += 2 // a sequence, a map or what else there may be
		}
		return err
	})
	if types != 1 || numbers > maxSetting {
		return 0, err
	}
	return numbers, err
}

// numbersIn reads the type of a tensor: as many numbers as its shape says, 0 if the elements are none or it has no shape.
func numbersIn(f wire.Field) (numbers int64, err error) {
	kind, shapes := int64(0), 0
	err = f.Walk(func(f wire.Field) (err error) {
		switch f.Num {
		case tensorElements:
			kind = f.Int()
		case tensorShape:
			shapes++
			numbers, err = fixed(f)
		}
		return err
	})
	if kind == 0 || kind == typeString || shapes != 1 {
		return 0, err
	}
	return numbers, err
}

// fixed reads a TensorShapeProto: 1 if it has no dimension, its size if it has one that is fixed, otherwise 0.
func fixed(f wire.Field) (numbers int64, err error) {
	dims := 0
	numbers = 1
	err = f.Walk(func(f wire.Field) error {
		if f.Num != shapeDim {
			return nil
		}
		dims++
		sizes := 0
		err := f.Walk(func(f wire.Field) error {
			switch f.Num {
			case dimValue:
				sizes++
				numbers = f.Int()
			case dimParam:
				sizes += 2 // a name, for any size
			}
			return nil
		})
		if sizes != 1 {
			numbers = 0
		}
		return err
	})
	if dims > 1 || numbers < 0 {
		return 0, err
	}
	return numbers, err
}
