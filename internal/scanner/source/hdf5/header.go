package hdf5

import "modelgate/internal/scanner/source"

// Types of messages that this package knows.
const (
	MsgNil            = 0x00
	MsgDataspace      = 0x01
	MsgLinkInfo       = 0x02
	MsgDatatype       = 0x03
	MsgOldFill        = 0x04
	MsgFill           = 0x05
	MsgLink           = 0x06
	MsgExternal       = 0x07
	MsgLayout         = 0x08
	MsgBogus          = 0x09
	MsgGroupInfo      = 0x0a
	MsgFilters        = 0x0b
	MsgAttribute      = 0x0c
	MsgComment        = 0x0d
	MsgOldTime        = 0x0e
	MsgSharedTable    = 0x0f
	MsgContinuation   = 0x10
	MsgSymbolTable    = 0x11
	MsgTime           = 0x12
	MsgBTreeK         = 0x13
	MsgDriver         = 0x14
	MsgAttributeInfo  = 0x15
	MsgReferenceCount = 0x16
	MsgFileSpace      = 0x17
	MsgCacheImage     = 0x18 // in the extension of the superblock: metadata that take the place of what lies in the file
)

// maxMessages bounds one object header.
const maxMessages = 1 << 17

// Object is an object header: that of a group, a dataset or a committed datatype.
type Object struct {
	Addr     uint64
	Off      int64 // in the stream
	Messages []Message
}

// Message is a message of an object header.
type Message struct {
	Type  uint16
	Flags uint8
	Data  []byte
	Off   int64 // in the stream, of Data
}

// shared tells whether the data are not the message but say where it is.
func (m Message) shared() bool { return m.Flags&2 != 0 }

// Has tells whether the header has a message of a type.
func (o *Object) Has(kind uint16) bool {
	for _, m := range o.Messages {
		if m.Type == kind {
			return true
		}
	}
	return false
}

// Object reads the object header at an address. What could be read before an error is returned with it.
func (f *File) Object(addr uint64) (*Object, error) {
	o := &Object{Addr: addr, Off: f.Offset(addr)}
	head, err := f.block(addr, 4)
	if err != nil {
		return o, err
	}
	if string(head) == "OHDR" {
		return o, f.header2(o)
	}
	if head[0] != 1 {
		return o, source.Malformedf(o.Off, "no object header of a known version")
	}
	return o, f.header1(o)
}

// headerReader reads the chunks of one object header.
type headerReader struct {
	*File
	o    *Object
	todo []chunk
	seen addresses
}

// chunk is a part of an object header.
type chunk struct{ addr, size uint64 }

// header1 reads an object header of version 1: version, reserved byte, number of messages u16, references u32, size of the first
// chunk u32, four bytes of padding; then messages of type u16, size u16, flags, three reserved bytes, data.
func (f *File) header1(o *Object) error {
	const prefix = 16
	b, err := f.block(o.Addr, prefix)
	if err != nil {
		return err
	}
	d := f.decode(b, o.Off)
	d.skip(8)
	r := headerReader{File: f, o: o, todo: []chunk{{o.Addr + prefix, uint64(d.u32())}}, seen: addresses{}}
	for len(r.todo) > 0 {
		d, err := r.next()
		if err != nil {
			return err
		}
		for d.left() >= 8 && d.err == nil {
			m := Message{Type: d.u16()}
			size := d.u16()
			m.Flags = d.u8()
			d.skip(3)
			m.Off, m.Data = d.here(), d.take(uint64(size))
			r.message(d, m)
		}
		if d.err != nil {
			return d.err
		}
	}
	return nil
}

// header2 reads an object header of version 2: OHDR, version, flags, times and limits if flags say so, size of the first chunk,
// messages of type u8, size u16, flags, order of creation if flags say so, data; a gap; a checksum.
func (f *File) header2(o *Object) error {
	const most, sum = 4 + 2 + 16 + 4 + 8, 4
	b, err := f.block(o.Addr, uint64(min(most, f.size-o.Off)))
	if err != nil {
		return err
	}
	d := f.decode(b, o.Off)
	d.magic("OHDR")
	d.version("the object header", 2, 2)
	flags := d.u8()
	if flags&0x20 != 0 {
		d.skip(16)
	}
	if flags&0x10 != 0 {
		d.skip(4)
	}
	size := d.num(1 << (flags & 3))
	if d.err == nil && size > uint64(f.size) {
		d.fail("an object header of %d bytes, which is beyond the end of the file", size)
	}
	if d.err != nil {
		return d.err
	}
	head := uint64(d.at)
	r := headerReader{File: f, o: o, todo: []chunk{{o.Addr, head + size + sum}}, seen: addresses{}}
	for first := true; len(r.todo) > 0; first = false {
		d, err := r.next()
		if err != nil {
			return err
		}
		if first {
			d.skip(head)
		} else {
			d.magic("OCHK")
		}
		if err := r.messages2(d, flags); err != nil {
			return err
		}
	}
	return nil
}

// messages2 reads the messages of a chunk of version 2 up to its checksum.
func (r *headerReader) messages2(d *decoder, flags uint8) error {
	const sum = 4
	prefix := 4
	if flags&4 != 0 {
		prefix += 2
	}
	for d.err == nil && d.left() >= prefix+sum {
		m := Message{Type: uint16(d.u8())}
		size := uint64(d.u16())
		m.Flags = d.u8()
		d.skip(uint64(prefix - 4))
		m.Off = d.here()
		if size > uint64(max(0, d.left()-sum)) {
			d.fail("a message of %d bytes where %d are left", size, d.left()-sum)
		}
		m.Data = d.take(size)
		r.message(d, m)
	}
	if d.err == nil && d.left() >= sum {
		d.skip(uint64(d.left() - sum))
		d.sum("an object header")
	}
	return d.err
}

// next reads the next chunk.
func (r *headerReader) next() (*decoder, error) {
	c := r.todo[0]
	r.todo = r.todo[1:]
	if err := r.add(r.seen, "a part of an object header", c.addr); err != nil {
		return nil, err
	}
	b, err := r.block(c.addr, c.size)
	if err != nil {
		return nil, err
	}
	return r.decode(b, r.Offset(c.addr)), nil
}

// message takes a message, or the chunk that it continues in.
func (r *headerReader) message(d *decoder, m Message) {
	switch {
	case d.err != nil || m.Type == MsgNil:
	case m.Type == MsgContinuation:
		c := r.decode(m.Data, m.Off)
		next := chunk{c.addr(), c.length()}
		if d.err = c.err; d.err == nil {
			r.todo = append(r.todo, next)
		}
	case len(r.o.Messages) >= maxMessages:
		d.fail("an object header of more than %d messages", maxMessages)
	default:
		r.o.Messages = append(r.o.Messages, m)
	}
}
