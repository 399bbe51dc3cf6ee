package scanner

import (
	"modelgate/internal/scanner/source/jsontree"
)

// jsonFormats are known by the keys of their outermost object.
func jsonFormats() []recogniser {
	is := func(matches func(s jsontree.Shape) bool) func(*header) (bool, error) {
		return func(h *header) (bool, error) {
			s, err := jsontree.ShapeOf(h.file)
			return s != nil && matches(s), err
		}
	}
	return []recogniser{
		{name: "paddle", title: "PaddlePaddle program in JSON", text: true, by: "base_code and program", matches: is(func(s jsontree.Shape) bool {
			return s.Has("base_code", "program")
		})},
	}
}
