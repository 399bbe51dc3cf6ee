package hdf5

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	h5 "modelgate/internal/scanner/source/hdf5"
	"modelgate/internal/threat"
)

// before judges the user block, the bytes in front of the superblock. Zeros and text are what honest ones are. Whatever else they
// are, they are scanned.
func (w *walk) before(at int64) error {
	if at == 0 {
		return nil
	}
	head, err := w.f.Head()
	if err != nil {
		return err
	}
	head = head[:min(int64(len(head)), at)]
	if len(bytes.Trim(head, "\x00")) == 0 && at <= int64(len(head)) {
		return nil
	}
	prose := blank(head) || matlab(head)
	if !prose {
		w.find(threat.MGFMT402, 0, "", source.Evidence(string(head[:min(len(head), 16)])),
			"The %d bytes in front of the HDF5 file are neither text nor zeros, so a loader may take the file for something else.", at)
	}
	return w.member("#user block", source.Section(w.f, 0, at), source.FamilyNone, prose)
}

// blank tells whether bytes are text, perhaps filled up with zeros, or zeros.
func blank(b []byte) bool {
	b = bytes.TrimRight(b, "\x00")
	for range utf8.UTFMax - 1 { // cut inside a character
		if r, n := utf8.DecodeLastRune(b); len(b) == 0 || r != utf8.RuneError || n != 1 {
			break
		}
		b = b[:len(b)-1]
	}
	return utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' }) < 0
}

// matlab tells whether bytes are the header of a MAT-file of version 7.3, which MATLAB puts into the user block: 116 bytes of text, 8 of
// zeros or blanks, the version and the mark of the order of bytes, then zeros (MAT-File Format, "Level 5 header").
func matlab(b []byte) bool {
	const text, versions, end = 116, 124, 128
	if len(b) < end || !bytes.HasPrefix(b, []byte("MATLAB ")) || !blank(b[:text]) || len(bytes.Trim(b[text:versions], " \x00")) > 0 {
		return false
	}
	mark := string(b[versions:end])
	return (mark == "\x00\x02IM" || mark == "\x02\x00MI") && len(bytes.Trim(b[end:], "\x00")) == 0
}

// superblock judges what the superblock says of the file as a whole.
func (w *walk) superblock() error {
	s := w.h.Super
	if s.Base != uint64(s.At) && s.Base != h5.Undefined {
		w.find(threat.MGFMT403, s.At, "", fmt.Sprintf("base %d, superblock at %d", s.Base, s.At),
			"The superblock says that addresses count from %d and lies at %d, so readers differ in what they see.", s.Base, s.At)
	}
	if s.Driver != h5.Undefined {
		w.find(threat.MGFMT404, s.At, "", "driver information", "The file is part of a set of files, which are read together through a driver, so it cannot be judged by itself.")
	}
	if s.Extension == h5.Undefined {
		return nil
	}
	ext, err := w.h.Object(s.Extension)
	for _, m := range ext.Messages {
		switch m.Type {
		case h5.MsgDriver:
			w.find(threat.MGFMT404, m.Off, "", "driver information", "The file is part of a set of files, which are read together through a driver, so it cannot be judged by itself.")
		case h5.MsgCacheImage:
			w.find(threat.MGFMT404, m.Off, "", "metadata cache image", "An image of the library's cache takes the place of the metadata in the file, and it is not read.")
		}
	}
	return w.tolerate(err, "")
}

// behind judges what lies behind the end that the superblock states.
func (w *walk) behind() error {
	end := w.h.Super.End
	stated := w.h.Offset(end)
	switch {
	case end == h5.Undefined || stated > w.size:
		w.find(threat.MGFMT400, w.h.Super.At, "", "", "The file ends at %d bytes, before the end that its superblock states.", w.size)
		return nil
	case stated == w.size:
		return nil
	}
	nothing, err := w.nothing(stated)
	if err != nil || nothing {
		return err
	}
	w.find(threat.MGFMT402, stated, "", "", "Behind the end of the HDF5 file are %d bytes more.", w.size-stated)
	return w.member(fmt.Sprintf("#bytes@%d", stated), source.Section(w.f, stated, w.size-stated), source.FamilyNone, true)
}

// nothing tells whether the rest of the stream is zeros and blanks, as padding and tools that end files with a line leave them. Nobody
// pads with more than 64 KiB.
func (w *walk) nothing(from int64) (bool, error) {
	const most = 64 << 10
	if w.size-from > most {
		return false, nil
	}
	b, err := h5.ReadAll(source.Section(w.f, from, w.size-from), most)
	return err == nil && len(bytes.Trim(b, "\x00 \t\r\n")) == 0, err
}

// find makes a finding at an offset of the stream, in an object or attribute of the file.
func (w *walk) find(id threat.ID, off int64, member, evidence, format string, args ...any) {
	f := finding.New(id, off, fmt.Sprintf(format, args...))
	f.Role, f.Member, f.Evidence = finding.RoleStructure, member, evidence
	w.s.Find(f)
}

// faults hands on what the reader noted.
func (w *walk) faults() {
	for _, x := range w.h.Faults {
		if x.Contradiction {
			w.find(threat.MGFMT403, x.Offset, "", "", "Readers of the file may see different things: %s.", x.Reason)
			continue
		}
		w.find(threat.MGFMT400, x.Offset, "", "", "The bytes break the format's rules: %s.", x.Reason)
	}
}
