package main

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"modelgate/internal/buckettest"
	"modelgate/internal/indextest"
	"modelgate/internal/scanner/scantest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"modelgate": main})
}

// TestTranscripts runs what testdata shows: each file is a session at a terminal with what must come out.
func TestTranscripts(t *testing.T) {
	index := standIn(t)
	s3 := buckettest.StartS3(t)
	s3.Bucket("models", false)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			port, err := freePort()
			env.Setenv("MODELGATE_DATA_DIR", filepath.Join(env.WorkDir, "data"))
			env.Setenv("PORT", port)
			env.Setenv("INDEX", index.URL)
			env.Setenv("DEMO_SHA256", fmt.Sprintf("%x", sha256.Sum256(demoWheel("1.0").Bytes)))
			env.Setenv("S3", s3.URL)
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"evil": writeEvil, "package": writePackage, "waitfor": waitFor, "stop": stop, "upload": upload(s3)},
	})
}

func demoWheel(version string) indextest.File {
	return indextest.Wheel("demo", version, map[string]string{"demo/__init__.py": "version = '" + version + "'\n"})
}

// standIn is an index with some packages: demo, whose newest release is yanked and whose newest but one is evil; native, with wheels for several
// platforms; and source, without any.
func standIn(t *testing.T) *indextest.Index {
	index := indextest.New(t)
	evil := indextest.Wheel("demo", "2.0", map[string]string{"evil.pth": "import os; os.system('true')\n"})
	yanked := demoWheel("3.0")
	yanked.Yanked = "broken"
	index.Add("demo", demoWheel("1.0"), indextest.Sdist("demo", "1.0", nil), demoWheel("1.1"), evil, yanked, demoWheel("4.0rc1"))
	for _, tags := range []string{"cp311-cp311-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_x86_64", "cp39-abi3-win_amd64"} {
		f := indextest.Wheel("native", "1.0", map[string]string{"native/tags.py": "tags = '" + tags + "'\n"})
		f.Name = "native-1.0-" + tags + ".whl"
		index.Add("native", f)
	}
	index.Add("source", indextest.Sdist("source", "1.0", map[string]string{"source.py": "x = 1\n"}))
	return index
}

// freePort finds a port that nobody listens on now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", err
	}
	return port, l.Close()
}

// writeEvil writes an evil file that scantest builds: evil <case> <file>.
func writeEvil(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: evil case file")
	}
	all := scantest.All()
	i := slices.IndexFunc(all, func(c scantest.Case) bool { return c.Name == args[0] })
	if i < 0 {
		ts.Fatalf("scantest has no case %q", args[0])
	}
	file := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	ts.Check(os.WriteFile(file, all[i].Bytes, 0o600))
}

// writePackage writes a wheel or an sdist with one more file in it: package <project> <version> <file> <member> <content>.
func writePackage(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 5 {
		ts.Fatalf("usage: package project version file member content")
	}
	build := indextest.Wheel
	if strings.HasSuffix(args[2], ".tar.gz") {
		build = indextest.Sdist
	}
	file := ts.MkAbs(args[2])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	ts.Check(os.WriteFile(file, build(args[0], args[1], map[string]string{args[3]: args[4] + "\n"}).Bytes, 0o600))
}

// upload writes files into the bucket "models": upload <file> <key>.
func upload(s3 *buckettest.S3) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) != 2 {
			ts.Fatalf("usage: upload file key")
		}
		s3.Put("models", args[1], []byte(ts.ReadFile(args[0])))
	}
}

// waitFor waits until an address answers 200: waitfor <url>.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: waitfor url")
	}
	for range 200 {
		resp, err := http.Get(args[0])
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s does not answer", args[0])
}

// stop interrupts a background command and waits for it: stop <name>.
func stop(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: stop name")
	}
	for _, cmd := range ts.BackgroundCmds() {
		if cmd.Process != nil {
			ts.Check(cmd.Process.Signal(os.Interrupt))
		}
	}
}

func TestManyValuedFlagsTakeAllValuesThatFollow(t *testing.T) {
	tests := []struct {
		name       string
		args, want []string
	}{
		{"several values after one flag", []string{"scan", "--allow-patterns", "*.bin", "*.json", "--silent"}, []string{"scan", "--allow-patterns=*.bin", "--allow-patterns=*.json", "--silent"}},
		{"a repeated flag", []string{"--eval-outcomes", "ALLOWED", "--eval-outcomes", "BLOCKED"}, []string{"--eval-outcomes=ALLOWED", "--eval-outcomes=BLOCKED"}},
		{"other flags stay as they are", []string{"get-scan", "--uuid", "x"}, []string{"get-scan", "--uuid", "x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, spreadValues(tt.args)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
