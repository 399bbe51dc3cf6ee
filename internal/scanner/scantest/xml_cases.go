package scantest

import (
	"unicode/utf16"

	"modelgate/internal/threat"
)

// UTF16 writes a text in UTF-16, little-endian, with a byte order mark if asked.
func UTF16(text string, mark bool) []byte {
	var out []byte
	if mark {
		out = []byte{0xff, 0xfe}
	}
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

// XMLCases are documents whose parser would do more than read them.
func XMLCases() []Case {
	evil := func(name string, content []byte) Case {
		return Case{Name: "xml: " + name, Path: "data.xml", Bytes: content, Want: threat.MGXML100, Level: threat.Malicious}
	}
	odd := func(name, content string) Case {
		return Case{Name: "xml: " + name, Path: "data.xml", Bytes: []byte(content), Want: threat.MGXML101, Level: threat.Suspicious}
	}
	twin := func(name, path string, content []byte) Case {
		return Case{Name: "xml twin: " + name, Path: path, Bytes: content, Twin: true}
	}
	const external = `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>`
	return []Case{
		evil("an external entity", []byte(external)),
		evil("an external entity in UTF-16", UTF16(external, true)),
		evil("an external entity in UTF-16 without a mark", UTF16(`<?xml version="1.0"?>`+external, false)),
		evil("an external entity behind a comment", []byte("<?xml version='1.0'?><!-- <r> ---><!DOCTYPE r [ <!ENTITY x PUBLIC 'a' 'http://host/x'> ]><r/>")),
		evil("a parameter entity", []byte(`<!DOCTYPE r [<!ENTITY % p "<!ENTITY x 'y'>"> %p;]><r/>`)),
		evil("a parameter entity without a blank", []byte(`<!DOCTYPE r [<!ENTITY%p SYSTEM "http://host/x">]><r/>`)),
		evil("an entity whose value has brackets in quotes", []byte(`<!DOCTYPE r [<!ENTITY a "]>"><!ENTITY x SYSTEM "file:///x">]><r/>`)),
		odd("entities that expand each other", `<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><r>&b;</r>`),
		odd("a document type with an address", `<!DOCTYPE r SYSTEM "http://host/r.dtd"><r/>`),
		odd("a document type of HTML that declares", `<!DOCTYPE html [<!ENTITY a "b">]><html/>`),
		odd("an encoding that hides letters", `<?xml version="1.0" encoding="UTF-7"?><r/>`),
		{Name: "xml: OpenVINO with an external entity", Path: "m.xml", Bytes: []byte(`<?xml version="1.0"?><!DOCTYPE net [<!ENTITY x SYSTEM "file:///x">]><net name="m" version="11"><layers/></net>`), Want: threat.MGXML100, Level: threat.Malicious},
		{Name: "xml: it breaks off", Path: "data.xml", Bytes: []byte(`<r><s>text`), Want: threat.MGFMT400, Level: threat.Suspicious},
		twin("words of entities in text, comments and character data", "data.xml", []byte("<r a='<!DOCTYPE r>'><!-- <!DOCTYPE r [<!ENTITY x SYSTEM 'y'>]> --><![CDATA[<!ENTITY x SYSTEM 'y'>]]>&lt;!DOCTYPE</r>")),
		twin("a page", "index.html", []byte("<!DOCTYPE html>\n<html><body><br><p>words</body></html>")),
		twin("a picture", "a.svg", []byte(`<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg/>`)),
		twin("settings", "Info.plist", []byte(`<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd"><plist version="1.0"><dict/></plist>`)),
		twin("an empty element and a namespace", "data.xml", []byte("\xef\xbb\xbf<?xml version=\"1.0\"?>\n<a:r xmlns:a='b'><c/></a:r>\n")),
		twin("UTF-16", "data.xml", UTF16("<r>words</r>", true)),
	}
}
