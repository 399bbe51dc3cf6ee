package hdf5

import "bytes"

// magics begin what values may hide.
var magics = []string{
	"\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05", "\x80\x01", // pickles that state their protocol
	"PK\x03\x04", "\x7fELF", "MZ", "\x1f\x8b\x08", "BZh", "\xfd7zXZ\x00", "7z\xbc\xaf\x27\x1c", "\x28\xb5\x2f\xfd", "\x04\x22\x4d\x18", "ZF",
	"\x78\x01", "\x78\x5e", "\x78\x9c", "\x78\xda", // zlib
	"#!", "\x93NUMPY", "\x89HDF", "\x00asm", "GGUF",
	"\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", // Mach-O
}

// Bounds of where a word is looked for: numbers spell words too if there are enough of them.
const (
	wordInNumbers = 64
	wordInValues  = 64 << 10
	wordLength    = 5
)

// speaks tells whether bytes might be more than numbers: they begin as a format does, end as an archive does, or have a word of five
// letters near their beginning, which a pickle that names anything has.
func speaks(b []byte, window int) bool {
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m)) {
			return true
		}
	}
	if bytes.Contains(b, []byte("PK\x05\x06")) || len(b) > 262 && string(b[257:262]) == "ustar" {
		return true
	}
	run := 0
	for _, c := range b[:min(len(b), window)] {
		if c < 'a' || c > 'z' {
			run = 0
			continue
		}
		if run++; run >= wordLength {
			return true
		}
	}
	return false
}
