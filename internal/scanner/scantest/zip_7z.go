package scantest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"unicode/utf16"

	"github.com/ulikunitz/xz/lzma"
)

// SevenZip describes a 7z archive with all files in one folder.
type SevenZip struct {
	Files []ZIPEntry // name and content
	// Codec is the method's id; Packed what is stored instead of what LZMA2 makes of the contents. LZMA2 if empty.
	Codec      string
	Properties []byte
	Packed     []byte
	Encoded    bool // packs the header too
	NoNames    int  // leaves out as many files of the list at the end
	BadCRC     bool
}

// Build7z writes an archive.
func Build7z(z SevenZip) []byte {
	var content []byte
	for _, f := range z.Files {
		content = append(content, f.Content...)
	}
	packed := z.Packed
	if packed == nil {
		packed = lzma2(content)
	}
	codec, properties := z.Codec, z.Properties
	if codec == "" {
		codec, properties = "\x21", []byte{16} // 1 MiB
	}
	header := z.header(codec, properties, len(packed), len(content))
	if z.Encoded {
		small := lzma2(header)
		at := len(packed)
		packed = append(packed, small...)
		header = append([]byte{0x17}, folder7z("\x21", []byte{16}, at, len(small), len(header))...)
		header = append(header, 0)
	}
	le := binary.LittleEndian
	start := le.AppendUint64(nil, uint64(len(packed)))
	start = le.AppendUint64(start, uint64(len(header)))
	start = le.AppendUint32(start, crc32.ChecksumIEEE(header))
	out := append([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), le.AppendUint32(nil, crc32.ChecksumIEEE(start))...)
	return append(append(append(out, start...), packed...), header...)
}

func lzma2(content []byte) []byte {
	return compressed(content, func(w io.Writer) (io.WriteCloser, error) { return lzma.Writer2Config{DictCap: 1 << 20}.NewWriter2(w) })
}

// Number7z writes an integer as 7z does, always in nine bytes.
func Number7z(n uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{0xff}, n) }

// folder7z writes what describes one packed stream and the folder of one coder that is made of it.
func folder7z(codec string, properties []byte, at, packed, size int) []byte {
	b := append([]byte{6}, Number7z(uint64(at))...)
	b = append(append(b, 1, 9), Number7z(uint64(packed))...)
	b = append(b, 0, 7, 0x0b, 1, 0, 1)
	flags := byte(len(codec))
	if len(properties) > 0 {
		flags |= 0x20
	}
	b = append(append(b, flags), codec...)
	if len(properties) > 0 {
		b = append(append(b, byte(len(properties))), properties...)
	}
	return append(append(append(b, 0x0c), Number7z(uint64(size))...), 0)
}

func (z SevenZip) header(codec string, properties []byte, packed, size int) []byte {
	b := append([]byte{1, 4}, folder7z(codec, properties, 0, packed, size)...)
	b = append(append(b, 8, 0x0d), Number7z(uint64(len(z.Files)))...)
	if len(z.Files) > 1 {
		b = append(b, 9)
		for _, f := range z.Files[:len(z.Files)-1] {
			b = append(b, Number7z(uint64(len(f.Content)))...)
		}
	}
	b = append(b, 0x0a, 1)
	for _, f := range z.Files {
		sum := crc32.ChecksumIEEE(f.Content)
		if z.BadCRC {
			sum++
		}
		b = binary.LittleEndian.AppendUint32(b, sum)
	}
	b = append(b, 0, 0)
	listed := z.Files[:len(z.Files)-z.NoNames]
	var names bytes.Buffer
	names.WriteByte(0)
	for _, f := range listed {
		for _, u := range append(utf16.Encode([]rune(f.Name)), 0) {
			names.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	b = append(append(b, 5), Number7z(uint64(len(listed)))...)
	b = append(append(b, 0x11), Number7z(uint64(names.Len()))...)
	return append(append(b, names.Bytes()...), 0, 0)
}
