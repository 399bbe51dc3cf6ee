package pickle

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"

	"modelgate/internal/scanner/scantest"
)

// unpickled is what one of CPython's unpicklers made of a stream.
type unpickled struct {
	Names [][2]string // hexadecimal
	Stop  int64
}

// TestDifferential holds the machine to CPython's own: every name that one of its unpicklers resolves before it stops is
// among ours, and a stream that they load to its end stops for us in the same place.
func TestDifferential(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var streams [][]byte
	for _, c := range scantest.PickleCases() {
		if len(c.Bytes) > 0 && len(c.Bytes) < 1<<16 {
			streams = append(streams, c.Bytes)
			for range 10 {
				streams = append(streams, mutate(r, c.Bytes))
			}
		}
	}
	for range 1500 {
		s := generate(r)
		streams = append(streams, s, mutate(r, s))
	}
	var in bytes.Buffer
	for _, s := range streams {
		in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		in.Write(s)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/cpython.py")
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run python3: %v", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<26)
	var names, stops, failures int
	for i, s := range streams {
		if !lines.Scan() {
			t.Fatalf("python3 told of %d streams, want %d", i, len(streams))
		}
		var theirs map[string]unpickled
		if err := json.Unmarshal(lines.Bytes(), &theirs); err != nil {
			t.Fatal(err)
		}
		ours, stop, joblib := traced(t, s)
		for who, u := range theirs {
			for _, n := range u.Names {
				names++
				if !slices.Contains(ours, [2]string{unhex(t, n[0]), unhex(t, n[1])}) {
					failures++
					t.Errorf("stream %d: %s resolves %q %q, we don't: %q", i, who, unhex(t, n[0]), unhex(t, n[1]), s)
				}
			}
			if u.Stop >= 0 && !joblib { // joblib's loader reads on behind array wrappers where these two don't
				stops++
				if u.Stop != min(stop, int64(len(s))) {
					failures++
					t.Errorf("stream %d: %s stops at %d, we at %d: %q", i, who, u.Stop, stop, s)
				}
			}
		}
		if failures > 10 {
			t.Fatal("too many")
		}
	}
	t.Logf("%d streams, %d names, %d clean stops", len(streams), names, stops)
	if names < 1000 || stops < 500 {
		t.Errorf("%d names and %d stops compared: the streams have become too poor", names, stops)
	}
}

// traced returns the names that the machine resolves, where the first stream stops, and whether it was read as joblib does.
func traced(t *testing.T, stream []byte) (names [][2]string, stop int64, joblib bool) {
	t.Helper()
	stop = -1
	r := &scantest.Recorder{}
	err := scan(t.Context(), scantest.NewFile(stream), r, func(e event) {
		if !e.stop {
			names = append(names, [2]string{e.module, e.name})
		} else if stop < 0 {
			stop = e.offset
		}
	})
	if err != nil {
		t.Fatalf("scan of %q: %v", stream, err)
	}
	return names, stop, slices.Contains(r.Formats, "joblib")
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
