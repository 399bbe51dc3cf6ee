package coreml

import (
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/wire"
)

// maxBlocks bounds blocks inside each other, maxNested values inside each other.
const (
	maxBlocks = 40
	maxNested = 30
)

// program walks an ML program (mlmodel/format/MIL.proto): functions and their blocks, which are maps, and attributes.
func (j *judge) program(f wire.Field) error {
	return f.Walk(func(part wire.Field) error {
		switch {
		case part.Num == 2 && part.IsBytes():
			return entry(part, func(function wire.Field) error {
				return function.Walk(func(inner wire.Field) error {
					switch {
					case inner.Num == 3 && inner.IsBytes():
						return entry(inner, func(block wire.Field) error { return j.block(block, 0) })
					case inner.Num == 4 && inner.IsBytes():
						return entry(inner, func(v wire.Field) error { return j.value(v, 0) })
					}
					return nil
				})
			})
		case part.Num == 4 && part.IsBytes():
			return entry(part, func(v wire.Field) error { return j.value(v, 0) })
		}
		return nil
	})
}

// entry walks the value of an entry of a map.
func entry(f wire.Field, value func(wire.Field) error) error {
	return f.Walk(func(inner wire.Field) error {
		if inner.Num != 2 || !inner.IsBytes() {
			return nil
		}
		return value(inner)
	})
}

// block walks the operations of a block.
func (j *judge) block(f wire.Field, depth int) error {
	if depth > maxBlocks {
		return source.Malformedf(f.At, "blocks are nested more than %d deep", maxBlocks)
	}
	return f.Walk(func(part wire.Field) error {
		switch {
		case part.Num == 3 && part.IsBytes():
			return j.operation(part, depth)
		case part.Num == 4 && part.IsBytes():
			return entry(part, func(v wire.Field) error { return j.value(v, 0) })
		}
		return nil
	})
}

// operation judges an operation: its type, the values of its inputs and attributes, and the blocks in it.
func (j *judge) operation(f wire.Field, depth int) error {
	return f.Walk(func(part wire.Field) error {
		if !part.IsBytes() {
			return nil
		}
		switch part.Num {
		case 1:
			op, err := part.Text(maxName)
			switch {
			case err != nil:
				return err
			case op == "custom_layer" || op == "custom":
				j.operator(part.At, op, "", "The operator is code of the application that loads the model, which is no part of it.")
			case !names.Has("operator " + op):
				j.operator(part.At, op, "", "Core ML has no operator of this name.")
			}
		case 2:
			return entry(part, func(argument wire.Field) error {
				return argument.Walk(func(binding wire.Field) error {
					if binding.Num != 1 || !binding.IsBytes() {
						return nil
					}
					return entry(binding, func(v wire.Field) error { return j.value(v, 0) })
				})
			})
		case 4:
			return j.block(part, depth+1)
		case 5:
			return entry(part, func(v wire.Field) error { return j.value(v, 0) })
		}
		return nil
	})
}

// value looks for files in a value, and in the values that it holds.
func (j *judge) value(f wire.Field, depth int) error {
	if depth > maxNested {
		return source.Malformedf(f.At, "values are nested more than %d deep", maxNested)
	}
	return f.Walk(func(part wire.Field) error {
		switch {
		case part.Num == 5 && part.IsBytes():
			name, err := stringIn(part, 1)
			if err == nil {
				j.file(name, part.At)
			}
			return err
		case part.Num == 3 && part.IsBytes():
			return part.Walk(func(kind wire.Field) error {
				if kind.Num < 2 || kind.Num > 4 || !kind.IsBytes() {
					return nil // tensors
				}
				return j.values(kind, depth)
			})
		}
		return nil
	})
}

// values walks a tuple, a list or a dictionary.
func (j *judge) values(f wire.Field, depth int) error {
	return f.Walk(func(item wire.Field) error {
		if item.Num != 1 || !item.IsBytes() {
			return nil
		}
		if f.Num < 4 {
			return j.value(item, depth+1)
		}
		return item.Walk(func(side wire.Field) error {
			if !side.IsBytes() {
				return nil
			}
			return j.value(side, depth+1)
		})
	})
}

// path judges a directory in which a file is looked for.
func (j *judge) path(dir string, at int64) {
	if dir == "." || dir == "" {
		return
	}
	if found, bad := paths.Reference(dir, at); bad {
		j.sink.Find(found)
	}
}
