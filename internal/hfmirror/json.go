package hfmirror

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Members of the Hub's JSON that the door acts on.
const (
	xetMember    = "xetHash"
	statusMember = "securityFileStatus"
	ourMember    = "modelgateScan"
)

// Bounds of what is read as JSON.
const (
	maxJSONDepth = 256
	maxJSONKey   = 64 << 10
	maxJSONSpace = 64 << 10 // in a row
)

// errNotJSON means that the Hub's answer is not the JSON that it says it is.
var errNotJSON = errors.New("the Hub's answer is not JSON")

// pruner copies JSON as it streams by. It leaves out every member "xetHash", adds a member to every object "securityFileStatus", and
// leaves all else byte for byte as it came: numbers of any size, the order of keys, spaces, escapes.
type pruner struct {
	in  *bufio.Reader
	out *bufio.Writer
	// verdict makes the member to add, as JSON, when the first place for it comes by; nil or an empty answer adds none.
	verdict func() []byte
	added   []byte
	asked   bool

	depth int
	key   []byte // of the member at hand, with its quotes
	gap   []byte // spaces, and what else waits for a decision
}

// prune copies one JSON value. An error wraps errNotJSON if it's not one.
func prune(out *bufio.Writer, in *bufio.Reader, verdict func() []byte) error {
	p := &pruner{in: in, out: out, verdict: verdict}
	if err := p.space(); err != nil {
		return err
	}
	p.flushGap(true)
	if err := p.value(true, false); err != nil {
		return err
	}
	if err := p.space(); err != nil {
		return err
	}
	p.flushGap(true)
	switch _, err := in.ReadByte(); {
	case err == nil:
		return fmt.Errorf("%w: something follows the value", errNotJSON)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// space reads spaces into the gap.
func (p *pruner) space() error {
	for {
		c, err := p.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return p.in.UnreadByte()
		}
		if len(p.gap) > maxJSONSpace {
			return fmt.Errorf("%w: too many spaces", errNotJSON)
		}
		p.gap = append(p.gap, c)
	}
}

// flushGap writes what waited, or forgets it.
func (p *pruner) flushGap(write bool) {
	p.emit(p.gap, write)
	p.gap = p.gap[:0]
}

// emit writes; the writer keeps its error for Flush.
func (p *pruner) emit(b []byte, write bool) {
	if write {
		_, _ = p.out.Write(b)
	}
}

func (p *pruner) emitByte(c byte, write bool) {
	if write {
		_ = p.out.WriteByte(c)
	}
}

// next reads one byte.
func (p *pruner) next() (byte, error) {
	c, err := p.in.ReadByte()
	if errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("%w: it ends too early", errNotJSON)
	}
	return c, err
}

// value copies one value, or skips it. Grow says that it is an object to which the verdict is added.
func (p *pruner) value(write, grow bool) error {
	c, err := p.next()
	if err != nil {
		return err
	}
	if c == '{' || c == '[' {
		if p.depth++; p.depth > maxJSONDepth {
			return fmt.Errorf("%w: it is too deep", errNotJSON)
		}
		defer func() { p.depth-- }()
	}
	switch c {
	case '{':
		p.emitByte('{', write)
		return p.object(write, grow)
	case '[':
		p.emitByte('[', write)
		return p.array(write)
	case '"':
		p.emitByte('"', write)
		return p.text(func(b []byte) error { p.emit(b, write); return nil })
	}
	return p.literal(c, write)
}

// object copies members up to the closing brace.
func (p *pruner) object(write, grow bool) error {
	kept := 0
	for first := true; ; first = false {
		if err := p.space(); err != nil {
			return err
		}
		c, err := p.next()
		if err != nil {
			return err
		}
		if first && c == '}' {
			break
		}
		if c != '"' {
			return fmt.Errorf("%w: an object without keys", errNotJSON)
		}
		if kept, err = p.member(write, kept); err != nil {
			return err
		}
		if c, err = p.next(); err != nil {
			return err
		}
		if c == '}' {
			break
		}
		if c != ',' {
			return fmt.Errorf("%w: members without a comma", errNotJSON)
		}
	}
	p.flushGap(write)
	if grow && write {
		p.add(kept)
	}
	p.emitByte('}', write)
	return nil
}

// member copies one member whose opening quote was read, with the comma before it unless it is the first that is kept, and the spaces
// around it. It returns how many members are kept.
func (p *pruner) member(write bool, kept int) (int, error) {
	p.key = append(p.key[:0], '"')
	err := p.text(func(b []byte) error {
		if p.key = append(p.key, b...); len(p.key) > maxJSONKey {
			return fmt.Errorf("%w: a key is too long", errNotJSON)
		}
		return nil
	})
	if err != nil {
		return kept, err
	}
	name := decoded(p.key)
	if name == xetMember {
		write = false
	} else if write {
		if kept++; kept > 1 {
			p.emitByte(',', true)
		}
	}
	p.flushGap(write)
	p.emit(p.key, write)
	if err := p.space(); err != nil {
		return kept, err
	}
	if c, err := p.next(); err != nil || c != ':' {
		return kept, errors.Join(err, fmt.Errorf("%w: a key without a value", errNotJSON))
	}
	p.gap = append(p.gap, ':')
	if err := p.space(); err != nil {
		return kept, err
	}
	p.flushGap(write)
	if err := p.value(write, name == statusMember); err != nil {
		return kept, err
	}
	if err := p.space(); err != nil {
		return kept, err
	}
	p.flushGap(write)
	return kept, nil
}

// decoded is a key without quotes and escapes, or "" for one of no interest.
func decoded(quoted []byte) string {
	if !bytes.ContainsRune(quoted, '\\') {
		switch string(quoted) {
		case `"` + xetMember + `"`:
			return xetMember
		case `"` + statusMember + `"`:
			return statusMember
		}
		return ""
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}

// add appends the verdict to an object of so many members.
func (p *pruner) add(members int) {
	if !p.asked && p.verdict != nil {
		p.added = p.verdict()
	}
	p.asked = true
	if len(p.added) == 0 {
		return
	}
	if members > 0 {
		p.emitByte(',', true)
	}
	p.emit([]byte(`"`+ourMember+`":`), true)
	p.emit(p.added, true)
}

// array copies elements up to the closing bracket.
func (p *pruner) array(write bool) error {
	for first := true; ; first = false {
		if err := p.space(); err != nil {
			return err
		}
		p.flushGap(write)
		c, err := p.next()
		if err != nil {
			return err
		}
		if first && c == ']' {
			p.emitByte(']', write)
			return nil
		}
		if err := p.in.UnreadByte(); err != nil {
			return err
		}
		if err := p.value(write, false); err != nil {
			return err
		}
		if err := p.space(); err != nil {
			return err
		}
		p.flushGap(write)
		if c, err = p.next(); err != nil {
			return err
		}
		if c != ',' && c != ']' {
			return fmt.Errorf("%w: elements without a comma", errNotJSON)
		}
		p.emitByte(c, write)
		if c == ']' {
			return nil
		}
	}
}

// text passes on the rest of a string whose opening quote was read, closing quote included.
func (p *pruner) text(take func([]byte) error) error {
	for escaped := false; ; {
		part, err := p.in.ReadSlice('"')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%w: a string does not end", errNotJSON)
			}
			return err
		}
		full := err != nil
		if err := take(part); err != nil {
			return err
		}
		// The quote ends the string unless an odd number of backslashes stands before it, possibly from the part before.
		body := part
		if !full {
			body = part[:len(part)-1]
		}
		run := 0
		for run < len(body) && body[len(body)-1-run] == '\\' {
			run++
		}
		odd := run%2 == 1
		if run == len(body) && escaped {
			odd = !odd
		}
		if full {
			escaped = odd
			continue
		}
		if !odd {
			return nil
		}
		escaped = false
	}
}

// literal copies a number, true, false or null that begins with c.
func (p *pruner) literal(c byte, write bool) error {
	for n := 0; ; n++ {
		if !inLiteral(c) {
			if n == 0 {
				return fmt.Errorf("%w: a value begins with %q", errNotJSON, c)
			}
			return p.in.UnreadByte()
		}
		p.emitByte(c, write)
		var err error
		if c, err = p.in.ReadByte(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func inLiteral(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}
