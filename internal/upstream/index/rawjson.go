package index

import (
	"bytes"
	"encoding/json"
	"errors"
)

// member is a key of a JSON object and its value, both as they were written.
type member struct {
	name string // decoded
	key  []byte // with its quotes and escapes
	raw  json.RawMessage
}

// errNotObject is returned for JSON that is no object.
var errNotObject = errors.New("not a JSON object")

// members splits a JSON object, which must be valid, into its members in their order. What is written stays as it is: order, spelling
// of numbers and escapes.
func members(doc []byte) ([]member, error) {
	s := splitter{doc: doc}
	if s.next() != '{' {
		return nil, errNotObject
	}
	s.at++
	var out []member
	for {
		switch s.next() {
		case '}':
			return out, nil
		case ',':
			s.at++
			continue
		}
		m := member{key: s.value()}
		if err := json.Unmarshal(m.key, &m.name); err != nil {
			return nil, err
		}
		s.next() // the colon
		s.at++
		s.next()
		m.raw = s.value()
		out = append(out, m)
		if s.at >= len(doc) {
			return nil, errNotObject // cannot be, of valid JSON
		}
	}
}

// elements splits a JSON array, which must be valid. ok is false if raw is something else.
func elements(raw []byte) (out []json.RawMessage, ok bool) {
	s := splitter{doc: raw}
	if s.next() != '[' {
		return nil, false
	}
	s.at++
	for s.at < len(raw) {
		switch s.next() {
		case ']':
			return out, true
		case ',':
			s.at++
			continue
		}
		out = append(out, s.value())
	}
	return nil, false
}

// splitter goes through valid JSON.
type splitter struct {
	doc []byte
	at  int
}

// next passes over white space and returns the byte behind it, 0 at the end.
func (s *splitter) next() byte {
	for s.at < len(s.doc) && bytes.IndexByte([]byte(" \t\r\n"), s.doc[s.at]) >= 0 {
		s.at++
	}
	if s.at >= len(s.doc) {
		return 0
	}
	return s.doc[s.at]
}

// value passes over one value and returns it.
func (s *splitter) value() []byte {
	start, depth := s.at, 0
	for ; s.at < len(s.doc); s.at++ {
		switch c := s.doc[s.at]; c {
		case '"':
			s.str()
			if depth == 0 {
				return s.doc[start:s.at]
			}
			s.at--
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.doc[start:s.at]
			}
			if depth--; depth == 0 {
				s.at++
				return s.doc[start:s.at]
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.doc[start:s.at]
			}
		}
	}
	return s.doc[start:s.at]
}

// str passes over a string.
func (s *splitter) str() {
	for s.at++; s.at < len(s.doc); s.at++ {
		switch s.doc[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return
		}
	}
}
