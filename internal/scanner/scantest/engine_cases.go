package scantest

import (
	"bytes"
	"fmt"
	"strings"

	"modelgate/internal/threat"
)

// harmless is a pickle that calls the shell command "true": evil by its form, and nobody runs it.
const harmless = "\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."

// plain is a pickle of a list of numbers.
const plain = "\x80\x02]q\x00(K\x01K\x02K\x03e."

// nestZIP wraps content in so many archives. Each has a name of its own, so that none is like the one around it.
func nestZIP(content []byte, times int) []byte {
	for i := range times {
		content = BuildZIP(ZIPEntry{Name: fmt.Sprintf("level-%d", i), Content: content, Deflate: i%2 == 0})
	}
	return content
}

// wideText writes text of ASCII in UTF-16 with a byte order mark.
func wideText(s string) []byte {
	out := []byte{0xff, 0xfe}
	for _, c := range []byte(s) {
		out = append(out, c, 0)
	}
	return out
}

// engineCases are about what no single format sees: nesting, two formats in one file, names that lie.
func engineCases() []Case {
	evil, good := []byte(harmless), []byte(plain)
	tarGz := func(content []byte) []byte {
		return Gzip(BuildTar(TarEntry{Name: "inner/model.dat", Content: content}))
	}
	const configuration = `{"auto_map": {"AutoModel": "other/repo--code.Model"}}`
	message := append(bytes.Repeat(Message(1999, "a field that nobody knows"), 70), ONNXModel(ONNXText("y = com.microsoft:PythonOp x").With(0, onnxString("func_name", "posix.system")))...)
	messageInText := append(Message(1999, strings.Repeat("words\n", 20_000)), message...)
	graph := onnxSimple()
	graph.Tensors = append(graph.Tensors, ONNXExternal("E", "location", "weights"))
	pointing := ONNXModel(graph)
	png := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00")
	return []Case{
		{Name: "a pickle under a name that says nothing", Path: "model", Bytes: evil, Want: threat.PKL100, Level: threat.Malicious},
		{Name: "twin: a plain pickle under a name that says nothing", Path: "model", Bytes: good, Twin: true},
		{Name: "a pickle twelve archives deep", Path: "model.zip", Bytes: nestZIP(evil, 12), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "twin: a plain pickle twelve archives deep", Path: "model.zip", Bytes: nestZIP(good, 12), Twin: true},
		{Name: "a pickle deeper than anything is read", Path: "model.zip", Bytes: nestZIP(evil, 40), Want: threat.MGFMT406, Level: threat.Unscannable},
		{Name: "a pickle in a tar in gzip in a ZIP", Path: "a.zip", Bytes: nestZIP(tarGz(evil), 1), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "twin: a plain pickle in a tar in gzip in a ZIP", Path: "a.zip", Bytes: nestZIP(tarGz(good), 1), Twin: true},
		{Name: "a picture with an archive behind it", Path: "a.png", Bytes: append(bytes.Clone(png), nestZIP(evil, 1)...), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "a picture with a harmless archive behind it", Path: "a.png", Bytes: append(bytes.Clone(png), nestZIP([]byte("text"), 1)...), Want: threat.MGFMT402, Level: threat.Suspicious},
		{Name: "a pickle with an archive behind it", Path: "a.pkl", Bytes: append(bytes.Clone(good), nestZIP(evil, 1)...), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "a plain pickle with a harmless archive behind it", Path: "a.pkl", Bytes: append(bytes.Clone(good), nestZIP([]byte("text"), 1)...), Want: threat.MGFMT402, Level: threat.Suspicious},
		{Name: "a plain pickle under the name of safetensors", Path: "model.safetensors", Bytes: good, Want: threat.MGFMT401, Level: threat.Suspicious},
		{Name: "a plain pickle under the name of a configuration", Path: "config.json", Bytes: good, Want: threat.MGFMT401, Level: threat.Suspicious},
		{Name: "an archive under the name of a checkpoint", Path: "model.pth", Bytes: nestZIP([]byte("text"), 1), Want: threat.MGFMT401, Level: threat.Suspicious},
		{Name: "a configuration behind more blanks than anybody looks at", Path: "config.json", Bytes: append(bytes.Repeat([]byte(" "), 70_000), configuration...), Want: threat.MGFMT402, Level: threat.Suspicious},
		{Name: "twin: text behind a few blanks", Path: "note.txt", Bytes: append(bytes.Repeat([]byte(" "), 60_000), "the end of a page"...), Twin: true},
		{Name: "a configuration in UTF-16", Path: "config.json", Bytes: wideText(configuration), Want: threat.MGFMT403, Level: threat.Suspicious},
		{Name: "twin: prose in UTF-16", Path: "note.txt", Bytes: wideText("Some words about {braces}."), Twin: true},
		{Name: "a model of ONNX behind a field that reads as text", Path: "model.onnx", Bytes: messageInText, Want: threat.MGFMT404, Level: threat.Unscannable},
		{Name: "twin: text of that size", Path: "note.txt", Bytes: bytes.Repeat([]byte("words\n"), 20_000), Twin: true},
		{Name: "a model that another one calls its raw weights", Files: map[string][]byte{"a.onnx": pointing, "weights": message}, Want: threat.MGFMT404, Level: threat.Unscannable},
		{Name: "twin: raw weights", Files: map[string][]byte{"a.onnx": pointing, "weights": bytes.Repeat([]byte("\x00\x00\x80\x3f"), 64)}, Twin: true},
		{Name: "twin: an archive under its own name", Path: "model.zip", Bytes: nestZIP([]byte("text"), 1), Twin: true},
	}
}
