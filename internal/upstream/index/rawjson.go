package index

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// member is a key of a JSON object and its value, both as they were written.
type member struct {
	name string // decoded
	key  string // with its quotes and escapes
	raw  string
}

// errNotObject is returned for JSON that is no object.
var errNotObject = errors.New("not a JSON object")

// members goes through the members of a JSON object, which must be valid, in their order. What is written stays as it is: order, spelling
// of numbers and escapes. What is visited is a part of doc.
func members(doc string, visit func(m member)) error {
	s := splitter{doc: doc}
	if s.next() != '{' {
		return errNotObject
	}
	s.at++
	for {
		switch s.next() {
		case '}':
			return nil
		case ',':
			s.at++
			continue
		}
		m := member{key: s.value()}
		m.name = text(m.key)
		s.next() // the colon
		s.at++
		s.next()
		m.raw = s.value()
		visit(m)
		if s.at >= len(doc) {
			return errNotObject // cannot be, of valid JSON
		}
	}
}

// elements goes through the elements of a JSON array, which must be valid. ok is false if raw is something else.
func elements(raw string, visit func(raw string) error) (ok bool, err error) {
	s := splitter{doc: raw}
	if s.next() != '[' {
		return false, nil
	}
	s.at++
	for s.at < len(raw) {
		switch s.next() {
		case ']':
			return true, nil
		case ',':
			s.at++
			continue
		}
		if err := visit(s.value()); err != nil {
			return true, err
		}
	}
	return false, nil
}

// text is a JSON string, "" if raw is none. Most have nothing to be decoded, and are a part of raw.
func text(raw string) string {
	if n := len(raw); n >= 2 && raw[0] == '"' && strings.IndexByte(raw, '\\') < 0 && utf8.ValidString(raw) {
		return raw[1 : n-1]
	}
	var s string
	if json.Unmarshal([]byte(raw), &s) != nil {
		return ""
	}
	return s
}

// splitter goes through valid JSON.
type splitter struct {
	doc string
	at  int
}

// next passes over white space and returns the byte behind it, 0 at the end.
func (s *splitter) next() byte {
	for ; s.at < len(s.doc); s.at++ {
		switch c := s.doc[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// value passes over one value and returns it.
func (s *splitter) value() string {
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
