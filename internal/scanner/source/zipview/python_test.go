package zipview

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"modelgate/internal/scanner/scantest"
)

// pythonReads prints what Python's zipfile reads of archives: their names, members and bytes in hexadecimal. It is a reader
// with a view of its own, and the one that loaders use.
const pythonReads = `
import json, sys, zipfile
out = {}
for path in sys.argv[1:]:
    members = out[path] = []
    try:
        with zipfile.ZipFile(path) as z:
            for info in z.infolist():
                try:
                    members.append([info.filename, z.read(info).hex()])
                except Exception:
                    pass
    except Exception:
        pass
json.dump(out, sys.stdout)
`

func TestWhatPythonOpensIsSeen(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed, so its zipfile cannot be compared with")
	}
	dir := t.TempDir()
	args := []string{"-I", "-c", pythonReads}
	names := map[string]string{}
	for why, row := range scantest.ZIPTricks(evil) {
		path := filepath.Join(dir, fmt.Sprintf("%d.zip", len(names)))
		if err := os.WriteFile(path, row.Bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		names[path] = why
		args = append(args, path)
	}
	out, err := exec.CommandContext(t.Context(), python, args...).Output()
	if err != nil {
		t.Fatalf("run python: %v", err)
	}
	var read map[string][][2]string
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for path, why := range names {
		rec := scanned(t, scantest.ZIPTricks(evil)[why].Bytes)
		for _, member := range read[path] {
			data, err := hex.DecodeString(member[1])
			if err != nil {
				t.Fatal(err)
			}
			compared++
			// zipfile stops at the size that the directory states, where the stream may go on: then a part is all it reads.
			if !rec.Saw(string(data)) {
				t.Errorf("%s: zipfile reads %q with %d bytes that were not seen", why, member[0], len(data))
			}
		}
	}
	if compared < 30 {
		t.Errorf("zipfile reads only %d members: the comparison says little", compared)
	}
}
