package scanner

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// inert judges a stream that no format accepts: it is of a kind that no loader of models takes, or else it is unknown, and
// what is unknown is not clean.
func (p *place) inert(f *source.File) error {
	if p.prose || f.Family == source.FamilyPackage && !p.outermost { // packages hold data of all kinds
		return nil
	}
	head, err := f.Head()
	if err != nil {
		return p.fault(err)
	}
	h, err := headerOf(f)
	if err != nil {
		return p.fault(err)
	}
	if !inertKind(head) && !isSentencePiece(h) {
		plain, err := isText(f, head)
		if err != nil {
			return p.fault(err)
		}
		coded, err := isMessage(f)
		if err != nil {
			return p.fault(err)
		}
		if coded || !plain {
			p.unknown(head, coded)
			return nil
		}
		p.disguised(h)
	}
	p.outcome.Formats = []string{NotModel}
	if p.outermost {
		p.scan.addFormat(0, NotModel)
	}
	return nil
}

// unknown states that nothing is known of the bytes.
func (p *place) unknown(head []byte, coded bool) {
	f := finding.New(threat.MGFMT404, 0, "The bytes are of no format that is known, so nothing can be said of them.")
	if coded {
		f.Operator = messageOperator
		f.Description = "The bytes are a protobuf message of no model that is known. Loaders pass over fields that they do not know, so that it may be one all the same."
	}
	f.Role, f.Evidence = finding.RoleUnknown, source.Evidence(fmt.Sprintf("% x", head[:min(len(head), 16)]))
	p.Find(f)
}

// magics are the first bytes of pictures, sound, films, fonts, documents and tables of data.
var magics = []struct {
	at    int
	magic string
}{
	{0, "\x89PNG\r\n\x1a\n"},
	{0, "\xff\xd8\xff"}, // JPEG
	{0, "GIF87a"},
	{0, "GIF89a"},
	{8, "WEBPVP8"},
	{0, "II*\x00"}, // TIFF
	{0, "MM\x00*"},
	{0, "\x00\x00\x01\x00"},         // ICO
	{0, "\x00\x00\x00\x0cjP  \r\n"}, // JPEG 2000
	{0, "%PDF-"},
	{8, "WAVE"},
	{8, "AVI "},
	{0, "fLaC"},
	{0, "OggS"},
	{0, "ID3"},
	{4, "ftyp"},          // MP4, M4A, MOV, HEIC, AVIF
	{0, "\x1aE\xdf\xa3"}, // Matroska, WebM
	{0, "OTTO\x00"},      // fonts
	{0, "\x00\x01\x00\x00\x00"},
	{0, "ttcf\x00"},
	{0, "wOFF"},
	{0, "wOF2"},
	{0, "PAR1"}, // Parquet
	{0, "ARROW1\x00\x00"},
	{0, "Obj\x01"},                          // Avro
	{0, "SQLite format 3\x00"},              // a database: queries come from whoever opens it
	{0, "\x00\x00\x00\x01Bud1"},             // folder settings of a desktop
	{0, "\x00\x05\x16\x07\x00\x02\x00\x00"}, // AppleDouble: attributes that a desktop puts beside every file of an archive
	{0, "SIMPLE  =  "},                      // FITS
	{128, "DICM"},
	{344, "n+1\x00"}, // NIfTI
}

// inertKind tells whether the head is that of a kind that no loader of models takes. RIFF kinds need both of their marks.
func inertKind(head []byte) bool {
	for _, m := range magics {
		if len(head) < m.at+len(m.magic) || string(head[m.at:m.at+len(m.magic)]) != m.magic {
			continue
		}
		if m.at == 8 && !bytes.HasPrefix(head, []byte("RIFF")) {
			continue
		}
		return true
	}
	return isBitmap(head) || isMPEGAudio(head) || isRecords(head) || isArrowStream(head) || isCRFsuite(head)
}

// isCRFsuite recognises models of CRFsuite, which are weights of features by name and nothing else: "lCRF", a size, "FOMC", the
// version 100 (crf1d_model.c).
func isCRFsuite(head []byte) bool {
	return len(head) >= 16 && string(head[:4]) == "lCRF" && string(head[8:12]) == "FOMC" && binary.LittleEndian.Uint32(head[12:]) == 100
}

// isBitmap recognises BMP: "BM", a size, four zeros, the offset of the pixels, the size of the header.
func isBitmap(head []byte) bool {
	if len(head) < 18 || head[0] != 'B' || head[1] != 'M' {
		return false
	}
	header := binary.LittleEndian.Uint32(head[14:])
	return binary.LittleEndian.Uint32(head[6:]) == 0 && (header == 12 || header == 40 || header == 108 || header == 124)
}

// isMPEGAudio recognises two frames of MPEG layer III in a row.
func isMPEGAudio(head []byte) bool {
	n, ok := mpegFrame(head)
	if !ok || len(head) < n+4 {
		return false
	}
	_, ok = mpegFrame(head[n:])
	return ok
}

// mpegFrame reads the header of a frame of MPEG-1 or MPEG-2, layer III, and tells how long the frame is, in bytes.
func mpegFrame(b []byte) (length int, ok bool) {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe6 != 0xe2 || b[1]>>3&3 < 2 {
		return 0, false
	}
	rates := [16]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	samples, scale := [4]int{44100, 48000, 32000, 0}, 144
	if b[1]>>3&3 == 2 {
		rates = [16]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
		samples, scale = [4]int{22050, 24000, 16000, 0}, 72
	}
	rate, sample := rates[b[2]>>4], samples[b[2]>>2&3]
	if rate == 0 || sample == 0 {
		return 0, false
	}
	return scale*1000*rate/sample + int(b[2]>>1&1), true
}

// isArrowStream recognises the streaming form of Arrow, in which data sets are kept: a marker of four bytes 0xff, the length
// of the schema, and the schema's root.
func isArrowStream(head []byte) bool {
	if len(head) < 16 || binary.LittleEndian.Uint32(head) != 0xffffffff {
		return false
	}
	length, root := binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	return length >= 16 && length < 16<<20 && length%8 == 0 && root >= 8 && root < length
}

// isRecords recognises TFRecord, which holds data sets and the event logs of training: a length of 8 bytes, then its
// CRC-32C, masked as TensorFlow does.
func isRecords(head []byte) bool {
	if len(head) < 12 {
		return false
	}
	crc := crc32.Checksum(head[:8], crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.Uint32(head[8:]) == (crc>>15|crc<<17)+0xa282ead8
}

// isSentencePiece recognises the vocabulary of a tokenizer, sentencepiece.ModelProto: 1 pieces (1 text, 2 score, 3 type),
// 2 to 5 settings.
func isSentencePiece(h *header) bool {
	m := messageOf(h.head, h.size)
	if len(m[1]) == 0 || !m.only(types(nil, nums(1, 2, 3, 4, 5))) {
		return false
	}
	for _, f := range m[1] {
		if int64(len(f.bytes)) < f.size {
			break
		}
		piece := f.message()
		if len(piece[2]) != 1 || piece[2][0].typ != protowire.Fixed32Type || len(piece[1]) != 1 || len(piece) > 3 {
			return false
		}
	}
	return true
}

// isText tells whether the bytes are text. Small files are looked at in full, large ones at both ends.
func isText(f *source.File, head []byte) (bool, error) {
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	if size > int64(len(head)) {
		tail, err := f.Tail()
		if err != nil {
			return false, err
		}
		start := 0 // the tail may begin inside a character
		for start < min(3, len(tail)) && !utf8.RuneStart(tail[start]) {
			start++
		}
		if !textual(tail[start:], false) {
			return false, nil
		}
	}
	return textual(head, size > int64(len(head))), nil
}

// textual tells whether b is text in UTF-8, in UTF-16 with a byte order mark, or nearly all ASCII in some older encoding. Text
// has no zeros, and hardly a control character. Cut says that b ends where the file goes on.
func textual(b []byte, cut bool) bool {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		return isUTF16(b)
	}
	if cut {
		for i := 0; i < utf8.UTFMax && len(b) > 0; i++ {
			if r, n := utf8.DecodeLastRune(b); r != utf8.RuneError || n != 1 {
				break
			}
			b = b[:len(b)-1]
		}
	}
	other, control := 0, 0
	for _, c := range b {
		switch {
		case c == 0:
			return false
		case c < 0x20 && !bytes.ContainsRune([]byte("\t\n\r\f\v\b\x1b"), rune(c)), c == 0x7f:
			control++
		case c >= utf8.RuneSelf:
			other++
		}
	}
	return control*500 <= len(b) && (utf8.Valid(b) || other*20 < len(b))
}

// isUTF16 tells whether b has no control characters when it is read as UTF-16.
func isUTF16(b []byte) bool {
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 0xfe {
		order = binary.BigEndian
	}
	for i := 2; i+1 < len(b); i += 2 {
		if c := order.Uint16(b[i:]); c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' {
			return false
		}
	}
	return true
}
