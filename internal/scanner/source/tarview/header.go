package tarview

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// block is the unit of a tar archive.
const block = 512

// field is a part of a header block.
func field(b []byte, from, n int) []byte { return b[from : from+n] }

// text is a field up to its first NUL.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// number decodes a numeric field: octal digits between blanks and NULs, or with the first bit set a big-endian integer in
// base 256. Negative and overlong numbers are not ok.
func number(b []byte) (n int64, ok bool) {
	if b[0]&0x80 != 0 {
		if b[0] != 0x80 {
			return 0, false // negative, or larger than 2^88
		}
		for _, c := range b[1:] {
			if n > math.MaxInt64>>9 {
				return 0, false
			}
			n = n<<8 | int64(c)
		}
		return n, true
	}
	s := strings.Trim(text(b), " ")
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, 8, 64)
	return n, err == nil && n >= 0
}

// sumFits tells whether the checksum of a header block is right, with its bytes taken as unsigned or, as old tars did, as
// signed.
func sumFits(b []byte) bool {
	want, ok := number(field(b, 148, 8))
	if !ok {
		return false
	}
	var unsigned, signed int64
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c)) // two's complement is what is meant
	}
	return want == unsigned || want == signed
}

// isHeader tells whether a block is a header: its checksum is right, or it has the magic and a size that can be read.
func isHeader(b []byte) bool {
	if len(b) < block || isZero(b[:block]) {
		return false
	}
	if sumFits(b[:block]) {
		return true
	}
	_, ok := number(field(b, 124, 12))
	return ok && string(field(b, 257, 5)) == "ustar"
}

func isZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// headerName joins the prefix and name of a ustar header. GNU headers keep times where the prefix would be.
func headerName(b []byte) string {
	name := text(field(b, 0, 100))
	if string(field(b, 257, 6)) == "ustar\x00" {
		if prefix := text(field(b, 345, 155)); prefix != "" {
			return prefix + "/" + name
		}
	}
	return name
}

// records decodes PAX records: length in decimal, blank, key, "=", value, newline. ok is false if they break off.
func records(b []byte) (out map[string]string, ok bool) {
	out = map[string]string{}
	for len(b) > 0 {
		digits, rest, found := bytes.Cut(b, []byte(" "))
		n, err := strconv.Atoi(string(digits))
		if !found || err != nil || n <= len(digits)+1 || n > len(b) {
			return out, isZero(b)
		}
		key, value, found := bytes.Cut(bytes.TrimSuffix(rest[:n-len(digits)-1], []byte("\n")), []byte("="))
		if !found {
			return out, false
		}
		k := string(key)
		switch k { // format 0.0 of sparse files repeats its keys
		case "GNU.sparse.offset", "GNU.sparse.numbytes":
			if old := out["GNU.sparse.map"]; old != "" {
				out["GNU.sparse.map"] = old + "," + string(value)
			} else {
				out["GNU.sparse.map"] = string(value)
			}
		default:
			out[k] = string(value)
		}
		b = b[n:]
	}
	return out, true
}
