package scantest

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
)

// ZIPEntry describes one entry of an archive that BuildZIP writes. Only Name and Content are needed; the rest makes it lie.
type ZIPEntry struct {
	Name    string
	Content []byte
	Deflate bool
	// Late leaves sizes and checksum out of the local header and writes a descriptor behind the bytes, as streaming
	// writers do.
	Late bool
	// Align pads the local header with an extra field, as PyTorch does, so that the bytes begin at a multiple of it.
	Align int
	// Before is written in front of the local header, After behind the bytes.
	Before, After []byte
	// Raw is stored instead of what Content compresses to.
	Raw []byte
	// Local and Central change what is written into either header.
	Local, Central func(*ZIPRecord)
	// NoLocal and NoCentral leave one of the headers out. Without a local header the bytes are left out too.
	NoLocal, NoCentral bool
}

// ZIPRecord is what a header states.
type ZIPRecord struct {
	Name         string
	Flags        uint16
	Method       uint16
	CRC          uint32
	Stored, Size uint32
	Extra        []byte
	Made         byte   // central only: system that the archive was made on
	Mode         uint32 // central only: external attributes
	Offset       uint32 // central only
	Disk         uint16 // central only
}

// ZIPEnd is what the end record states; BuildZIPEnd lets a test change it.
type ZIPEnd struct {
	Disk, DirDisk  uint16
	Here, Count    uint16
	Size, Offset   uint32
	Comment        []byte
	CommentLength  uint16
	Before, Behind []byte // written around the record
}

// BuildZIP writes an archive.
func BuildZIP(entries ...ZIPEntry) []byte { return BuildZIPEnd(nil, entries...) }

// BuildZIPEnd writes an archive with an end record that change has seen.
func BuildZIPEnd(change func(*ZIPEnd), entries ...ZIPEntry) []byte {
	var out bytes.Buffer
	var dir bytes.Buffer
	count := 0
	for _, e := range entries {
		rec := e.write(&out)
		if e.NoCentral {
			continue
		}
		count++
		if e.Central != nil {
			e.Central(&rec)
		}
		rec.central(&dir)
	}
	end := ZIPEnd{Here: uint16(count), Count: uint16(count), Size: uint32(dir.Len()), Offset: uint32(out.Len())}
	if change != nil {
		change(&end)
	}
	if end.CommentLength == 0 {
		end.CommentLength = uint16(len(end.Comment))
	}
	out.Write(dir.Bytes())
	out.Write(end.Before)
	put(&out, uint32(0x06054b50), end.Disk, end.DirDisk, end.Here, end.Count, end.Size, end.Offset, end.CommentLength)
	out.Write(end.Comment)
	out.Write(end.Behind)
	return out.Bytes()
}

// write writes local header, bytes and descriptor, and returns what the central header is to state.
func (e ZIPEntry) write(out *bytes.Buffer) ZIPRecord {
	out.Write(e.Before)
	stored, method := e.Content, uint16(0)
	if e.Deflate {
		stored, method = Deflated(e.Content), 8
	}
	if e.Raw != nil {
		stored = e.Raw
	}
	rec := ZIPRecord{
		Name: e.Name, Method: method, CRC: crc32.ChecksumIEEE(e.Content),
		Stored: uint32(len(stored)), Size: uint32(len(e.Content)), Made: 3, Offset: uint32(out.Len()),
	}
	if e.NoLocal {
		return rec
	}
	local := rec
	if e.Late {
		rec.Flags |= 8
		local.Flags |= 8
		local.CRC, local.Stored, local.Size = 0, 0, 0
	}
	if e.Align > 0 {
		at := out.Len() + 30 + len(e.Name) + 4
		pad := (e.Align - at%e.Align) % e.Align
		local.Extra = append([]byte{'F', 'B', byte(pad), byte(pad >> 8)}, bytes.Repeat([]byte("Z"), pad)...)
	}
	if e.Local != nil {
		e.Local(&local)
	}
	put(out, uint32(0x04034b50), uint16(20), local.Flags, local.Method, uint32(0), local.CRC, local.Stored, local.Size,
		uint16(len(local.Name)), uint16(len(local.Extra)))
	out.WriteString(local.Name)
	out.Write(local.Extra)
	out.Write(stored)
	if e.Late {
		put(out, uint32(0x08074b50), rec.CRC, rec.Stored, rec.Size)
	}
	out.Write(e.After)
	return rec
}

func (r ZIPRecord) central(dir *bytes.Buffer) {
	put(dir, uint32(0x02014b50), uint16(r.Made)<<8|20, uint16(20), r.Flags, r.Method, uint32(0), r.CRC, r.Stored, r.Size,
		uint16(len(r.Name)), uint16(len(r.Extra)), uint16(0), r.Disk, uint16(0), r.Mode, r.Offset)
	dir.WriteString(r.Name)
	dir.Write(r.Extra)
}

// put writes integers little-endian. A bytes.Buffer takes everything.
func put(out *bytes.Buffer, values ...any) {
	for _, v := range values {
		_ = binary.Write(out, binary.LittleEndian, v)
	}
}

// Deflated compresses with deflate.
func Deflated(content []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil
	}
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}
