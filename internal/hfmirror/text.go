package hfmirror

import (
	"strings"
)

// ascii makes one line of printable ASCII of at most n bytes, fit for a header or a status line: everything else is
// percent-encoded byte by byte.
func ascii(s string, n int) string {
	plain := len(s) <= n
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		need := 3
		if c >= ' ' && c < 0x7f {
			need = 1
		}
		if b.Len()+need > n {
			break
		}
		if need == 1 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// headerText is how long a sentence in a header may be.
const headerText = 300

// sentence joins what happened and where to read more, so that the end survives if it's too long for a header.
func sentence(head, tail string) string {
	if tail == "" {
		return ascii(head, headerText)
	}
	tail = ascii("; "+tail, headerText/2)
	return ascii(head, headerText-len(tail)) + tail
}
