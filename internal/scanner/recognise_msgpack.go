package scanner

import "encoding/binary"

// packed walks MessagePack values (github.com/msgpack/msgpack, spec.md) within a head, without building them.
type packed struct {
	b     []byte
	at    int
	items int
	array bool // an extension of type 1 was met: an array of Flax
}

// maxPacked bounds the values that are walked.
const maxPacked = 4096

// isFlax tells whether a head is that of a MessagePack map of strings to further maps and, somewhere, an array (extension of
// type 1) or a chunked one.
func isFlax(head []byte) bool {
	if len(head) < 4 || head[0]&0xf0 != 0x80 && head[0] != 0xde && head[0] != 0xdf {
		return false
	}
	p := packed{b: head}
	return p.value(0) != notPacked && p.array
}

// walked says how a walk ended.
type walked int

const (
	complete  walked = iota
	cutOff           // the head, or the patience, ended first
	notPacked        // no MessagePack, or none of Flax
)

// value walks one value.
func (p *packed) value(depth int) walked {
	p.items++
	if depth > 32 || p.items > maxPacked || p.at >= len(p.b) {
		return cutOff
	}
	c := p.b[p.at]
	p.at++
	switch {
	case c < 0x80, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3:
		return complete
	case c&0xf0 == 0x80:
		return p.entries(int64(c&0xf), depth)
	case c&0xf0 == 0x90:
		return p.values(int64(c&0xf), depth)
	case c&0xe0 == 0xa0:
		return p.skip(int64(c & 0x1f))
	case c == 0xc1:
		return notPacked
	}
	return p.sized(c, depth)
}

// sized walks a value whose tag is followed by a length or a number.
func (p *packed) sized(c byte, depth int) walked {
	switch c {
	case 0xc4, 0xc5, 0xc6: // binary
		return p.withLength(1<<(c-0xc4), p.skip)
	case 0xd9, 0xda, 0xdb: // string
		return p.withLength(1<<(c-0xd9), p.skip)
	case 0xc7, 0xc8, 0xc9: // extension
		return p.withLength(1<<(c-0xc7), p.extension)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return p.extension(1 << (c - 0xd4))
	case 0xca, 0xce, 0xd2:
		return p.skip(4)
	case 0xcb, 0xcf, 0xd3:
		return p.skip(8)
	case 0xcc, 0xd0:
		return p.skip(1)
	case 0xcd, 0xd1:
		return p.skip(2)
	case 0xdc, 0xdd: // array
		return p.withLength(2<<(c-0xdc), func(n int64) walked { return p.values(n, depth) })
	default: // 0xde, 0xdf: map
		return p.withLength(2<<(c-0xde), func(n int64) walked { return p.entries(n, depth) })
	}
}

// withLength reads a big-endian length of the given width and goes on.
func (p *packed) withLength(width int, next func(int64) walked) walked {
	if p.at+width > len(p.b) {
		return cutOff
	}
	var wide [8]byte
	copy(wide[8-width:], p.b[p.at:p.at+width])
	p.at += width
	return next(int64(binary.BigEndian.Uint64(wide[:])))
}

func (p *packed) skip(n int64) walked {
	if n > int64(len(p.b)-p.at) {
		p.at = len(p.b)
		return cutOff
	}
	p.at += int(n)
	return complete
}

// extension walks the payload of an extension, whose type comes first. Flax has types 1 to 3.
func (p *packed) extension(n int64) walked {
	if p.at >= len(p.b) {
		return cutOff
	}
	kind := p.b[p.at]
	p.at++
	if kind < 1 || kind > 3 {
		return notPacked
	}
	p.array = p.array || kind == 1
	return p.skip(n)
}

func (p *packed) values(n int64, depth int) walked {
	for ; n > 0; n-- {
		if w := p.value(depth + 1); w != complete {
			return w
		}
	}
	return complete
}

// entries walks n keys, which are strings, and their values.
func (p *packed) entries(n int64, depth int) walked {
	for ; n > 0; n-- {
		if p.at >= len(p.b) {
			return cutOff
		}
		if c := p.b[p.at]; c&0xe0 != 0xa0 && c != 0xd9 && c != 0xda {
			return notPacked
		}
		for range 2 {
			if w := p.value(depth + 1); w != complete {
				return w
			}
		}
	}
	return complete
}
