package scantest

import (
	"bytes"
	"fmt"
	"strconv"
)

// TarEntry describes one entry of an archive that BuildTar writes. Only Name and Content are needed; the rest makes it lie.
type TarEntry struct {
	Name    string
	Content []byte
	Type    byte // '0' if zero
	Link    string
	Size    int64             // stated instead of the length of Content, if not zero
	PAX     map[string]string // records of a PAX header in front
	Long    bool              // writes the name as GNU long name
	Change  func(header []byte)
	BadSum  bool
	NoMagic bool // a header of version 7
	After   []byte
}

// BuildTar writes an archive with its end.
func BuildTar(entries ...TarEntry) []byte {
	var out bytes.Buffer
	for _, e := range entries {
		e.write(&out)
	}
	out.Write(make([]byte, 1024))
	return out.Bytes()
}

func (e TarEntry) write(out *bytes.Buffer) {
	if len(e.PAX) > 0 {
		TarEntry{Name: "PaxHeaders/x", Type: 'x', Content: PAXRecords(e.PAX)}.write(out)
	}
	if e.Long {
		TarEntry{Name: "././@LongLink", Type: 'L', Content: append([]byte(e.Name), 0)}.write(out)
	}
	h := make([]byte, 512)
	copy(h[:100], e.Name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	size := int64(len(e.Content))
	if e.Size != 0 {
		size = e.Size
	}
	copy(h[124:], fmt.Sprintf("%011o\x00", size))
	copy(h[136:], "00000000000\x00")
	h[156] = '0'
	if e.Type != 0 {
		h[156] = e.Type
	}
	copy(h[157:257], e.Link)
	if !e.NoMagic {
		copy(h[257:], "ustar\x0000")
	}
	if e.Change != nil {
		e.Change(h)
	}
	sum := 8 * int(' ')
	for _, b := range h {
		sum += int(b)
	}
	if e.BadSum {
		sum++
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	out.Write(h)
	out.Write(e.Content)
	out.Write(make([]byte, (512-len(e.Content)%512)%512))
	out.Write(e.After)
}

// PAXRecords writes the records of a PAX header.
func PAXRecords(kv map[string]string) []byte {
	var out bytes.Buffer
	for k, v := range kv {
		rest := " " + k + "=" + v + "\n"
		n := len(rest) + 1
		for len(strconv.Itoa(n))+len(rest) != n {
			n++
		}
		out.WriteString(strconv.Itoa(n) + rest)
	}
	return out.Bytes()
}
