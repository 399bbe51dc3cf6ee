package scanner

import (
	"bytes"
	"strings"
)

// textFormats are known by how their text begins.
func textFormats() []recogniser {
	is := func(matches func(text string) bool) func(*header) (bool, error) {
		return func(h *header) (bool, error) {
			return matches(string(bytes.TrimPrefix(h.head[:min(len(h.head), maxTextHead)], []byte("\xef\xbb\xbf")))), nil
		}
	}
	root := func(name string) func(*header) (bool, error) {
		return is(func(text string) bool { return rootElement(text) == name })
	}
	return []recogniser{
		{name: "pmml", title: "PMML", text: true, by: "XML root PMML", matches: root("PMML")},
	}
}

// maxTextHead is how much of a text is looked at.
const maxTextHead = 8 << 10

// rootElement returns the name of the first element of an XML text, "" if it begins otherwise. What stands before it
// (declarations, comments, processing instructions) is skipped, not believed.
func rootElement(text string) string {
	for range 64 {
		text = strings.TrimLeft(text, " \t\r\n")
		var end string
		switch {
		case strings.HasPrefix(text, "<?"):
			end = "?>"
		case strings.HasPrefix(text, "<!--"):
			end = "-->"
		case strings.HasPrefix(text, "<!DOCTYPE"):
			end = ">"
			if bracket := strings.IndexByte(text, '['); bracket >= 0 && bracket < strings.IndexByte(text, '>') {
				end = "]>"
			}
		case strings.HasPrefix(text, "<"):
			name := text[1:]
			if i := strings.IndexAny(name, " \t\r\n/>"); i > 0 {
				return name[:i]
			}
			return ""
		default:
			return ""
		}
		_, rest, ok := strings.Cut(text, end)
		if !ok {
			return ""
		}
		text = rest
	}
	return ""
}

// opens tells whether a message of the text format begins.
func opens(rest string) bool {
	rest = strings.TrimLeft(rest, " \t\r\n:")
	return strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "<")
}
