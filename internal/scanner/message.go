package scanner

import (
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
