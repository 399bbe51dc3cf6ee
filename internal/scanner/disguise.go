package scanner

import (
	"bytes"
	"errors"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/threat"
)

// messageOperator marks the finding of bytes that are a protobuf message and nothing that is known: no model accounts for them as
// raw weights.
const messageOperator = "protobuf message"

// minMessage is the size from which bytes that read as a message from end to end do so by intent, in bytes.
const minMessage = 64

// isMessage tells whether a whole stream is a protobuf message. Text is none by chance: in a small one, which was looked at in full, a
// control character must stand, as every model has one; a large one has a field at each of its thousands of places.
func isMessage(f *source.File) (bool, error) {
	size, err := f.Size()
	if err != nil || size < minMessage {
		return false, err
	}
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	if size <= int64(len(head)) && bytes.IndexFunc(head, unlikely) < 0 {
		return false, nil
	}
	w, err := wire.New(f)
	if err != nil {
		return false, err
	}
	whole, err := w.Whole()
	if err != nil {
		return false, err
	}
	err = w.Walk(whole, func(wire.Field) error { return nil })
	if err != nil && !breaksFormat(err) && !errors.Is(err, source.ErrBudget) {
		return false, err
	}
	return err == nil, nil
}

// unlikely tells whether a character is one that text hardly has. What is no UTF-8 comes as the replacement character.
func unlikely(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' || r == 0x7f || r == '\ufffd'
}

// disguised judges text that nothing recognised by what its first 64 KiB hide: blanks, behind which a loader finds whatever it
// likes, or a document in UTF-16, which some loaders decode and others refuse.
func (p *place) disguised(h *header) {
	text := bytes.TrimPrefix(h.head, []byte("\xef\xbb\xbf"))
	var f finding.Finding
	switch wide, begin := wideStart(h.head); {
	case len(h.head) == source.HeadSize && len(bytes.TrimSpace(text)) == 0 && h.size > source.HeadSize:
		f = finding.New(threat.MGFMT402, 0, "The first 64 KiB are blank, and loaders pass over blanks to what follows, which was not recognised.")
	case wide && (begin == '{' || begin == '[' || begin == '<' || begin == 0):
		f = finding.New(threat.MGFMT403, 0, "The text is a document in UTF-16, which some loaders decode and others do not.")
	default:
		return
	}
	f.Role = finding.RoleStructure
	p.Find(f)
}

// wideStart tells whether text is in UTF-16 with a byte order mark, and which character it begins with behind blanks; 0 if the head
// has nothing else.
func wideStart(head []byte) (wide bool, begin rune) {
	if !bytes.HasPrefix(head, []byte{0xff, 0xfe}) && !bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		return false, 0
	}
	low := 2
	if head[0] == 0xfe {
		low = 3
	}
	for at := low; at < len(head); at += 2 {
		if c := head[at]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return true, rune(c)
		}
	}
	return true, 0
}
