package pystring

import "testing"

func TestStringsAreDecoded(t *testing.T) {
	for in, want := range map[string]string{
		`a\n\x41\101\u0041\U00000041\N{DIGIT THREE}\N{LATIN SMALL LETTER A}`: "a\nAAAA3a",
		`\q\x4\N{NO SUCH NAME}\`: `\q\x4` + "\uFFFD" + `\`,
		"\\\n":                   "",
	} {
		if got := Unescape(in, false); got != want {
			t.Errorf("Unescape(%q) = %q, want %q", in, got, want)
		}
	}
}
