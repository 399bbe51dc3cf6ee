package zipview

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"unicode/utf8"
)

// Signatures of the records of a ZIP archive (APPNOTE 4.3), as little-endian integers.
const (
	sigLocal      = 0x04034b50
	sigCentral    = 0x02014b50
	sigEnd        = 0x06054b50
	sigEnd64      = 0x06064b50
	sigLocator64  = 0x07064b50
	sigDescriptor = 0x08074b50
)

// Lengths of the fixed parts of the records, in bytes.
const (
	lenLocal     = 30
	lenCentral   = 46
	lenEnd       = 22
	lenEnd64     = 56
	lenLocator64 = 20
)

// Bits of the general purpose flags.
const (
	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3
	flagPatched    = 1 << 5
	flagStrong     = 1 << 6
	flagUTF8       = 1 << 11
	flagMasked     = 1 << 13
)

// flagsOfContent are those that change how the stored bytes are to be read.
const flagsOfContent = flagEncrypted | flagPatched | flagStrong | flagMasked

// Header is what one record says of an entry: a local file header (APPNOTE 4.3.7) or a central directory header (4.3.12),
// with sizes and offset of the ZIP64 extra field (4.5.3) put in their place.
type Header struct {
	At     int64 // offset of the record
	Raw    string
	Flags  uint16
	Method uint16
	CRC    uint32
	Stored int64 // compressed size
	Size   int64 // uncompressed size
	Local  int64 // central headers only: offset of the local header as stated
	Disk   uint32
	Mode   uint32 // central headers only: Unix mode, 0 if the archive was made elsewhere

	alias    string // name of an Info-ZIP Unicode path extra field
	fixed    int64  // length of the record
	wide     bool   // has a ZIP64 field
	disagree string // why the record contradicts itself, "" if it does not
}

// Name is the name in Unicode: UTF-8 if it is flagged or valid as such, else code page 437.
func (h *Header) Name() string {
	if h.Flags&flagUTF8 != 0 || utf8.ValidString(h.Raw) {
		return h.Raw
	}
	return fromCP437(h.Raw)
}

// Names are all names that a reader may take from the record.
func (h *Header) Names() []string {
	names := []string{h.Name()}
	if h.alias != "" && h.alias != names[0] {
		names = append(names, h.alias)
	}
	return names
}

// extra walks the extra fields of a record. Fields that don't fit are where the walk ends, as in all readers.
func (h *Header) extra(b []byte, central bool) {
	for len(b) >= 4 {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return
		}
		field := b[4 : 4+n]
		b = b[4+n:]
		switch id {
		case 0x0001:
			h.zip64(field, central)
		case 0x7075:
			h.unicodePath(field)
		}
	}
}

// zip64 puts the sizes of a ZIP64 extra field in the place of those that have all bits set.
func (h *Header) zip64(b []byte, central bool) {
	if h.wide {
		h.disagree = "two ZIP64 fields"
		return
	}
	h.wide = true
	take := func(v *int64, name string) {
		if *v != 0xffffffff {
			return
		}
		if len(b) < 8 {
			h.disagree = "its ZIP64 field lacks the " + name
			return
		}
		u := binary.LittleEndian.Uint64(b)
		b = b[8:]
		if u > 1<<62 {
			h.disagree = fmt.Sprintf("its ZIP64 field gives %d as %s", u, name)
			u = 1 << 62
		}
		*v = int64(u)
	}
	take(&h.Size, "size")
	take(&h.Stored, "stored size")
	if central {
		take(&h.Local, "offset")
	}
}

// unicodePath reads an Info-ZIP Unicode path field (APPNOTE 4.6.9): version, CRC-32 of the header's name, UTF-8 name.
func (h *Header) unicodePath(b []byte) {
	if len(b) < 5 || b[0] != 1 {
		return
	}
	if binary.LittleEndian.Uint32(b[1:]) == crc32.ChecksumIEEE([]byte(h.Raw)) {
		h.alias = string(b[5:])
	}
}

// parseLocal reads the fixed part of a local header and tells the lengths of name and extra field.
func parseLocal(b []byte, at int64) (h Header, name, extra int) {
	le := binary.LittleEndian
	h = Header{
		At: at, Flags: le.Uint16(b[6:]), Method: le.Uint16(b[8:]), CRC: le.Uint32(b[14:]),
		Stored: int64(le.Uint32(b[18:])), Size: int64(le.Uint32(b[22:])),
	}
	name, extra = int(le.Uint16(b[26:])), int(le.Uint16(b[28:]))
	h.fixed = int64(lenLocal + name + extra)
	return h, name, extra
}

// parseCentral reads the fixed part of a central header and tells the lengths of name, extra field and comment.
func parseCentral(b []byte, at int64) (h Header, name, extra, comment int) {
	le := binary.LittleEndian
	h = Header{
		At: at, Flags: le.Uint16(b[8:]), Method: le.Uint16(b[10:]), CRC: le.Uint32(b[16:]),
		Stored: int64(le.Uint32(b[20:])), Size: int64(le.Uint32(b[24:])),
		Disk: uint32(le.Uint16(b[34:])), Local: int64(le.Uint32(b[42:])),
	}
	if b[5] == 3 || b[5] == 19 { // made on Unix or macOS
		h.Mode = le.Uint32(b[38:]) >> 16
	}
	name, extra, comment = int(le.Uint16(b[28:])), int(le.Uint16(b[30:])), int(le.Uint16(b[32:]))
	h.fixed = int64(lenCentral + name + extra + comment)
	return h, name, extra, comment
}

// end is an end of central directory record, with the values of its ZIP64 twin in their place.
type end struct {
	at      int64 // of the record itself
	from    int64 // of the first of the records at the end: the ZIP64 end record if there is one
	to      int64 // behind the comment
	count   int64 // entries, as stated
	size    int64 // of the central directory
	offset  int64 // of the central directory, as stated
	disk    bool  // refers to other disks
	wide    bool  // has the values of a ZIP64 record
	known   bool  // is the plain reading of a record whose ZIP64 twin was read
	comment int64
	quarrel string // why ZIP64 and plain record contradict each other, "" if they don't
}

// parseEnd reads an end record that begins at b[0].
func parseEnd(b []byte, at int64) end {
	le := binary.LittleEndian
	e := end{
		at: at, from: at, count: int64(le.Uint16(b[10:])), size: int64(le.Uint32(b[12:])), offset: int64(le.Uint32(b[16:])),
		comment: int64(le.Uint16(b[20:])),
	}
	e.to = at + lenEnd + e.comment
	disks := [2]uint16{le.Uint16(b[4:]), le.Uint16(b[6:])}
	e.disk = disks != [2]uint16{} && disks != [2]uint16{0xffff, 0xffff}
	return e
}

// merge64 puts the values of a ZIP64 end record in place of those of the plain one, and notes where the plain one states
// something else.
func (e *end) merge64(b []byte, at int64) {
	le := binary.LittleEndian
	differ := func(plain, wide, all int64, what string) int64 {
		if plain != wide && plain != all && e.quarrel == "" {
			e.quarrel = fmt.Sprintf("the end record gives %d as %s, its ZIP64 twin %d", plain, what, wide)
		}
		return wide
	}
	clamp := func(v uint64) int64 { return int64(min(v, 1<<62)) }
	e.count = differ(e.count, clamp(le.Uint64(b[32:])), 0xffff, "number of entries")
	e.size = differ(e.size, clamp(le.Uint64(b[40:])), 0xffffffff, "size of the central directory")
	e.offset = differ(e.offset, clamp(le.Uint64(b[48:])), 0xffffffff, "offset of the central directory")
	e.from, e.wide = at, true
}

// cp437 holds the upper half of code page 437.
const cp437 = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
	"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0"

func fromCP437(s string) string {
	upper := []rune(cp437)
	var b strings.Builder
	for i := range len(s) {
		if s[i] < 0x80 {
			b.WriteByte(s[i])
		} else {
			b.WriteRune(upper[s[i]-0x80])
		}
	}
	return b.String()
}
