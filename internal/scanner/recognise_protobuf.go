package scanner

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is a field of a protobuf message, as its encoding shows it. Bytes of a field that the head cuts are shorter than Len.
type field struct {
	num   protowire.Number
	typ   protowire.Type
	value uint64 // of a varint
	bytes []byte // of a length-delimited field, as far as they are there
	size  int64  // of a length-delimited field, as stated
}

// maxFields bounds the fields that a recogniser looks at.
const maxFields = 64

// fields reads the first fields of a message of the given size, of which b is the beginning. ok is false if what is there is no
// message: a number is 0, a group, or a length passes the end.
func fields(b []byte, size int64) (out []field, ok bool) {
	left := size
	for len(b) > 0 && len(out) < maxFields {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return out, left > int64(len(b)) || int64(len(b)) < 10 && size > left
		}
		if num > 100_000 {
			return out, false
		}
		b, left = b[n:], left-int64(n)
		f := field{num: num, typ: typ}
		switch typ {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			_, n = protowire.ConsumeFixed32(b)
		case protowire.Fixed64Type:
			_, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			var length uint64
			if length, n = protowire.ConsumeVarint(b); n > 0 {
				if length > uint64(left-int64(n)) {
					return out, false
				}
				f.size = int64(length)
				f.bytes = b[n:min(int64(len(b)), int64(n)+f.size)]
				n += len(f.bytes)
				if int64(len(f.bytes)) < f.size { // the head ends inside
					return append(out, f), true
				}
			}
		default:
			return out, false
		}
		if n < 0 {
			return out, left > int64(len(b))
		}
		b, left = b[n:], left-int64(n)
		out = append(out, f)
	}
	return out, true
}

// message is the first fields of one, by number.
type message map[protowire.Number][]field

// messageOf reads a message; nil if it is none.
func messageOf(b []byte, size int64) message {
	list, ok := fields(b, size)
	if !ok || len(list) == 0 {
		return nil
	}
	m := message{}
	for _, f := range list {
		m[f.num] = append(m[f.num], f)
	}
	return m
}

func (f field) message() message { return messageOf(f.bytes, f.size) }

// text returns the string in a field, "" if it is none or is cut.
func (f field) text() string {
	if f.typ != protowire.BytesType || int64(len(f.bytes)) < f.size || !utf8.Valid(f.bytes) {
		return ""
	}
	return string(f.bytes)
}

// only tells whether all fields are among the given ones with their wire types.
func (m message) only(types map[protowire.Number]protowire.Type) bool {
	for num, list := range m {
		want, ok := types[num]
		if !ok {
			return false
		}
		for _, f := range list {
			if f.typ != want {
				return false
			}
		}
	}
	return true
}

// varint returns the first value of a varint field.
func (m message) varint(num protowire.Number) (uint64, bool) {
	if len(m[num]) == 0 || m[num][0].typ != protowire.VarintType {
		return 0, false
	}
	return m[num][0].value, true
}

// str returns the first string of a field.
func (m message) str(num protowire.Number) string {
	if len(m[num]) == 0 {
		return ""
	}
	return m[num][0].text()
}

// types makes the map that only takes: varints first, then length-delimited fields.
func types(varints, lengths []protowire.Number) map[protowire.Number]protowire.Type {
	out := map[protowire.Number]protowire.Type{}
	for _, n := range varints {
		out[n] = protowire.VarintType
	}
	for _, n := range lengths {
		out[n] = protowire.BytesType
	}
	return out
}

// nums is shorthand for a list of field numbers.
func nums(n ...protowire.Number) []protowire.Number { return n }

// protobufFormats are known by numbers and types of their first fields.
func protobufFormats() []recogniser {
	is := func(matches func(m message) bool) func(*header) (bool, error) {
		return func(h *header) (bool, error) {
			m := messageOf(h.head, h.size)
			return m != nil && matches(m), nil
		}
	}
	return []recogniser{
		{name: "paddle", title: "PaddlePaddle program", by: "ProgramDesc: blocks with index and parent", matches: is(isPaddle)},
		{name: "caffe", title: "Caffe model", by: "NetParameter: name and layers", matches: is(func(m message) bool {
			return m.str(1) != "" && (layers(m[100], 2) || layers(m[2], 4)) && m.only(types(nums(5, 7), nums(1, 2, 3, 4, 6, 8, 100)))
		})},
	}
}

// identifier tells whether a string is a name of letters, digits, dots, > and underscores, as operators have.
func identifier(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '.' && r != '>' {
			return false
		}
	}
	return s != ""
}

// isPaddle recognises paddle's ProgramDesc: 1 blocks (1 index, 2 parent, 3 variables, 4 operators), 4 version, 5 operator
// versions.
func isPaddle(m message) bool {
	if len(m[1]) == 0 || !m.only(types(nums(2), nums(1, 4, 5))) {
		return false
	}
	block := m[1][0].message()
	index, ok := block.varint(1)
	_, parent := block.varint(2)
	return ok && index == 0 && parent && block.only(types(nums(1, 2, 5), nums(3, 4)))
}

// layers tells whether the fields are layers of Caffe, whose type stands in the given field.
func layers(list []field, typ protowire.Number) bool {
	if len(list) == 0 {
		return false
	}
	m := list[0].message()
	return m.str(1) != "" && (identifier(m.str(typ)) || len(m[5]) > 0 && m[5][0].typ == protowire.VarintType)
}
