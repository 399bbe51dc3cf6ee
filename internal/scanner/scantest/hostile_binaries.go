package scantest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"modelgate/internal/indextest"
	"modelgate/internal/scanner/source/hdf5"
)

// hostileBinaries are archives, tables and trees of the smallest parts of formats that are neither documents nor messages.
func hostileBinaries() []Hostile {
	var out []Hostile
	for _, family := range [][]Hostile{hostileHDF5(), hostileGGUF(), hostileArrays(), hostileArchives(), hostileBuffers(), hostilePackages(), hostileTables()} {
		out = append(out, family...)
	}
	return out
}

// many are so many values of a number.
func many[T any](n int, value func(i int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = value(i)
	}
	return out
}

func hostileHDF5() []Hostile {
	file := func(name string, each int, root func(n int) H5Group) Hostile {
		return Hostile{"HDF5 with " + name, "model.h5", func(size int) []byte { return BuildHDF5(HDF5{Root: root(size / each)}) }}
	}
	attribute := func(i int) H5Attribute { return H5Attribute{Name: fmt.Sprintf("a%d", i), Value: "v"} }
	soft := func(i int) H5Link { return H5Link{Name: fmt.Sprintf("l%d", i), Soft: "x"} }
	return []Hostile{
		file("links", 30, func(n int) H5Group { return H5Group{Links: many(n, soft)} }),
		file("links to files", 40, func(n int) H5Group {
			return H5Group{Links: many(n, func(i int) H5Link { return H5Link{Name: fmt.Sprintf("l%d", i), File: "f", Object: "o"} })}
		}),
		file("links to the root", 30, func(n int) H5Group {
			return H5Group{Links: many(n, func(i int) H5Link { return H5Link{Name: fmt.Sprintf("l%d", i), Up: true} })}
		}),
		file("groups", 60, func(n int) H5Group {
			return H5Group{Links: many(n, func(i int) H5Link { return H5Link{Name: fmt.Sprintf("l%d", i), Group: &H5Group{}} })}
		}),
		file("attributes", 60, func(n int) H5Group { return H5Group{Attributes: many(n, attribute)} }),
		file("datasets", 150, func(n int) H5Group {
			return H5Group{Links: many(n, func(i int) H5Link { return H5Link{Name: fmt.Sprintf("l%d", i), Dataset: &H5Dataset{Data: []byte("a")}} })}
		}),
		file("empty messages", 8, func(n int) H5Group {
			return H5Group{Messages: many(n, func(int) H5Message { return H5Message{Type: hdf5.MsgLink} })}
		}),
		file("a virtual dataset", 40, func(n int) H5Group {
			d := &H5Dataset{Data: []byte("a"), Virtual: many(n, func(i int) H5Mapping { return H5Mapping{File: fmt.Sprintf("f%d", i), Dataset: "d"} })}
			return H5Group{Links: []H5Link{{Name: "d", Dataset: d}}}
		}),
		file("values of variable length", 24, func(n int) H5Group {
			d := &H5Dataset{Variable: many(n, func(int) []byte { return []byte("a") })}
			return H5Group{Links: []H5Link{{Name: "d", Dataset: d}}}
		}),
	}
}

func hostileGGUF() []Hostile {
	file := func(name string, build func(size int) GGUF) Hostile {
		return Hostile{"GGUF with " + name, "model.gguf", func(size int) []byte { return BuildGGUF(build(size)) }}
	}
	empty := func(int) string { return "" }
	return []Hostile{
		file("keys", func(size int) GGUF {
			return GGUF{Pairs: many(size/24, func(i int) GGUFPair { return GGUFPair{Key: fmt.Sprintf("k%d", i), Value: true} })}
		}),
		file("texts", func(size int) GGUF {
			return GGUF{Pairs: many(size/40, func(i int) GGUFPair { return GGUFPair{Key: fmt.Sprintf("k%d", i), Value: "text"} })}
		}),
		file("one key again and again", func(size int) GGUF {
			return GGUF{Pairs: many(size/14, func(int) GGUFPair { return GGUFPair{Key: "k", Value: true} })}
		}),
		file("templates", func(size int) GGUF {
			return GGUF{Pairs: many(size/60, func(i int) GGUFPair {
				return GGUFPair{Key: fmt.Sprintf("tokenizer.chat_template.%d", i), Value: "{{a}}"}
			})}
		}),
		file("empty words", func(size int) GGUF {
			return GGUF{Pairs: []GGUFPair{{Key: "tokenizer.ggml.tokens", Value: many(size/8, empty)}}}
		}),
		file("lists of nothing", func(size int) GGUF {
			return GGUF{Pairs: []GGUFPair{{Key: "k", Value: many(size/12, func(int) []string { return nil })}}}
		}),
		file("tensors", func(size int) GGUF {
			return GGUF{Tensors: many(size/32, func(i int) GGUFTensor { return GGUFTensor{Name: fmt.Sprintf("t%d", i), Dims: []uint64{0}} })}
		}),
		file("tensors without a name", func(size int) GGUF {
			return GGUF{Tensors: many(size/24, func(int) GGUFTensor { return GGUFTensor{} })}
		}),
	}
}

func hostileArrays() []Hostile {
	header := func(name, begin string, element func([]byte, int) []byte, end string) Hostile {
		return Hostile{"an array of NumPy with " + name, "a.npy", func(size int) []byte {
			return NPYVersion(2, begin+string(repeat(size, element))+end, nil)
		}}
	}
	const rest = ", 'fortran_order': False, 'shape': (1,), }"
	return []Hostile{
		header("fields", "{'descr': [", numbered("('f%d','<f4'),"), "]"+rest),
		header("fields in fields", "{'descr': ", same("[('a',"), rest),
		header("dimensions", "{'descr': '<f4', 'fortran_order': False, 'shape': (", same("1,"), "), }"),
		header("keys", "{'descr': '<f4',", numbered("'k%d':1,"), "'fortran_order': False, 'shape': (1,), }"),
		header("blanks", "{'descr': '<f4'"+rest, same(" "), "\n"),
		{"objects of NumPy with a list of lists", "a.npy", func(size int) []byte {
			return NPY(NPYHeader("'|O'", "(1,)"), append(append([]byte("\x80\x04("), bytes.Repeat([]byte("]"), size)...), "l."...))
		}},
	}
}

func hostileArchives() []Hostile {
	members := func(size int, path string) []ZIPEntry {
		return many(min(size/(80+2*len(path)+10), 65_000), func(i int) ZIPEntry { return ZIPEntry{Name: fmt.Sprintf(path+"%d", i)} })
	}
	tars := func(size int, change func(i int) TarEntry) []byte { return BuildTar(many(size/512, change)...) }
	return []Hostile{
		{"a ZIP of empty members", "a.zip", func(size int) []byte { return BuildZIP(members(size, "member")...) }},
		{"a ZIP of one name", "a.zip", func(size int) []byte {
			return BuildZIP(many(min(size/80, 65_000), func(int) ZIPEntry { return ZIPEntry{Name: "a"} })...)
		}},
		{"a ZIP of long names", "a.zip", func(size int) []byte { return BuildZIP(members(size, strings.Repeat("d/", 500))...) }},
		{"a ZIP of members that lie nowhere", "a.zip", func(size int) []byte {
			return BuildZIP(many(min(size/60, 65_000), func(i int) ZIPEntry { return ZIPEntry{Name: fmt.Sprintf("m%d", i), NoLocal: true} })...)
		}},
		{"a ZIP of members that nothing lists", "a.zip", func(size int) []byte {
			return BuildZIP(append(many(size/40, func(i int) ZIPEntry { return ZIPEntry{Name: fmt.Sprintf("m%d", i), NoCentral: true} }), ZIPEntry{Name: "a"})...)
		}},
		{"a ZIP of pickles", "a.zip", func(size int) []byte {
			return BuildZIP(many(min(size/100, 65_000), func(i int) ZIPEntry { return ZIPEntry{Name: fmt.Sprintf("m%d", i), Content: []byte("\x80\x04N.")} })...)
		}},
		{"a checkpoint of storages", "a.pt", func(size int) []byte {
			return Checkpoint([]byte("\x80\x02}."), many(min(size/200, 60_000), func(int) []byte { return []byte("1234") }))
		}},
		{"a tar of empty members", "a.tar", func(size int) []byte {
			return tars(size, func(i int) TarEntry { return TarEntry{Name: fmt.Sprintf("m%d", i)} })
		}},
		{"a tar of links", "a.tar", func(size int) []byte {
			return tars(size, func(i int) TarEntry { return TarEntry{Name: fmt.Sprintf("m%d", i), Type: '2', Link: "../x"} })
		}},
		{"a tar of one name", "a.tar", func(size int) []byte { return tars(size, func(int) TarEntry { return TarEntry{Name: "m"} }) }},
		{"a tar with a long name", "a.tar", func(size int) []byte { return BuildTar(TarEntry{Name: strings.Repeat("a/", size/2), Long: true}) }},
		{"a tar with records", "a.tar", func(size int) []byte {
			records := map[string]string{}
			for i := range size / 16 {
				records[fmt.Sprintf("k%d", i)] = "v"
			}
			return BuildTar(TarEntry{Name: "m", PAX: records})
		}},
		{"a gzip of empty streams", "a.gz", func(size int) []byte { return bytes.Repeat(Gzip(nil), size/len(Gzip(nil))) }},
		{"a zstd of empty frames", "a.zst", func(size int) []byte { return bytes.Repeat(Zstd(nil), size/len(Zstd(nil))) }},
		{"an lz4 of empty frames", "a.lz4", func(size int) []byte { return bytes.Repeat(LZ4(nil), size/len(LZ4(nil))) }},
	}
}

// hostileBuffers are FlatBuffers whose vectors have many tables that are empty, or one and the same.
func hostileBuffers() []Hostile {
	var out []Hostile
	roots := map[string]struct {
		path, identifier string
		field            int
		root             func(all any) FB
	}{
		"operator codes":       {"a.tflite", "TFL3", 0, func(all any) FB { return FB{0: uint32(3), 1: all, 2: []FB{{3: []FB{{}}}}, 4: []FB{{}}} }},
		"graphs":               {"a.tflite", "TFL3", 0, func(all any) FB { return FB{0: uint32(3), 1: []FB{{}}, 2: all, 4: []FB{{}}} }},
		"operators":            {"a.tflite", "TFL3", 0, func(all any) FB { return FB{0: uint32(3), 1: []FB{{}}, 2: []FB{{3: all}}, 4: []FB{{}}} }},
		"tensors":              {"a.tflite", "TFL3", 0, func(all any) FB { return FB{0: uint32(3), 1: []FB{{}}, 2: []FB{{0: all}}, 4: []FB{{}}} }},
		"buffers":              {"a.tflite", "TFL3", 0, func(all any) FB { return FB{0: uint32(3), 1: []FB{{}}, 2: []FB{{}}, 4: all} }},
		"metadata":             {"a.tflite", "TFL3", 0, func(all any) FB { return FB{0: uint32(3), 1: []FB{{}}, 2: []FB{{}}, 4: []FB{{}}, 6: all} }},
		"nodes of MindSpore":   {"a.ms", "MSL2", 0, func(all any) FB { return FB{0: "a", 1: "2.0", 4: all} }},
		"tensors of MindSpore": {"a.ms", "MSL2", 0, func(all any) FB { return FB{0: "a", 1: "2.0", 5: all} }},
		"plans of ExecuTorch":  {"a.pte", "ET12", 0, func(all any) FB { return FB{0: uint32(0), 1: all} }},
		"graphs of ORT":        {"a.ort", "ORTM", 0, func(all any) FB { return FB{0: "5", 1: FB{1: all, 7: FB{0: all, 2: all}}} }},
	}
	for name, r := range roots {
		out = append(out,
			Hostile{"a FlatBuffer of " + name, r.path, func(size int) []byte {
				return FlatBuffer(r.identifier, r.root(many(size/20, func(int) FB { return FB{} })))
			}},
			Hostile{"a FlatBuffer of named " + name, r.path, func(size int) []byte {
				return FlatBuffer(r.identifier, r.root(many(size/240, func(i int) FB { n := fmt.Sprintf("n%d", i); return FB{0: n, 1: n, 3: n} })))
			}},
		)
	}
	return out
}

// hostilePackages are distribution files with a hostile file in them, or with many files.
func hostilePackages() []Hostile {
	wheel := func(name string, files func(size int) map[string]string) Hostile {
		return Hostile{"a wheel with " + name, "demo-1.0-py3-none-any.whl", func(size int) []byte { return indextest.Wheel("demo", "1.0", files(size)).Bytes }}
	}
	source := func(what string, element func([]byte, int) []byte) []Hostile {
		files := func(name string) func(int) map[string]string {
			return func(size int) map[string]string { return map[string]string{name: string(repeat(size, element))} }
		}
		return []Hostile{wheel("a module of "+what, files("demo/__init__.py")), {"a source distribution with a setup of " + what, "demo-1.0.tar.gz", func(size int) []byte {
			return indextest.Sdist("demo", "1.0", files("setup.py")(size)).Bytes
		}}}
	}
	var out []Hostile
	for what, element := range map[string]func([]byte, int) []byte{
		"assignments": numbered("a%d=1\n"), "imports": numbered("import m%d\n"), "aliases": numbered("import m%d as n%[1]d\n"), "classes": numbered("class A%d: pass\n"),
		"brackets": same("["), "texts": same("'a',"), "layers": same("b64decode('aW1wb3J0IG9zCmltcG9ydCBvcwppbXBvcnQgb3MK')\n"), "sums": same("'a'+"),
		"executions": same("exec(a)\n"), "names": same("a "), "functions": numbered("def f%d(): pass\n"), "methods": func(b []byte, i int) []byte {
			if i == 0 {
				b = append(b, "class A:\n"...)
			}
			return fmt.Appendf(b, " def f%d(self): pass\n", i)
		},
	} {
		out = append(out, source(what, element)...)
	}
	files := func(name string, content string, each int) func(size int) map[string]string {
		return func(size int) map[string]string {
			out := map[string]string{}
			for i := range min(size/each, 30_000) {
				out[fmt.Sprintf(name, i)] = content
			}
			return out
		}
	}
	return append(out,
		wheel("empty modules", files("demo/m%d.py", "", 250)),
		wheel("small modules", files("demo/m%d.py", "import os\n", 250)),
		wheel("lines of a path file", func(size int) map[string]string {
			return map[string]string{"demo.pth": string(repeat(size, same("import a\n")))}
		}),
		wheel("lines of RECORD", func(size int) map[string]string {
			return map[string]string{"demo-1.0.dist-info/RECORD": string(repeat(size, numbered("demo/m%d.py,,\n")))}
		}),
		wheel("lines of METADATA", func(size int) map[string]string {
			return map[string]string{"demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n" + string(repeat(size, numbered("Requires-Dist: d%d\n")))}
		}),
		wheel("entry points", func(size int) map[string]string {
			return map[string]string{"demo-1.0.dist-info/entry_points.txt": "[console_scripts]\n" + string(repeat(size, numbered("c%d=a:b\n")))}
		}),
	)
}

// hostileTables are formats of one list each.
func hostileTables() []Hostile {
	le := binary.LittleEndian
	return []Hostile{
		{"words of fastText", "model.bin", func(size int) []byte {
			n := uint32(size / 12)
			b := words(793712314, 12, 2, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100)
			b = le.AppendUint64(b, 0x3f1a36e2eb1c432d)
			b = append(b, words(n, n, 0)...)
			b = le.AppendUint64(le.AppendUint64(b, 30), 0)
			return append(b, repeat(size, func(b []byte, i int) []byte { return append(fmt.Appendf(b, "w%d\x00", i), make([]byte, 9)...) })...)
		}},
		{"names of MXNet", "a.params", func(size int) []byte {
			b := le.AppendUint64(le.AppendUint64(le.AppendUint64(nil, 0x112), 0), 0)
			b = le.AppendUint64(b, uint64(size/12))
			return append(b, repeat(size, func(b []byte, _ int) []byte { return append(le.AppendUint64(b, 4), "name"...) })...)
		}},
		{"settings of Tesseract", "eng.traineddata", func(size int) []byte {
			return trained(le, 24, map[int]string{0: string(repeat(size, numbered("p%d x\n"))), 17: "n"})
		}},
		{"a dictionary of CNTK", "model.cntk", func(size int) []byte {
			entries := repeat(size, func(b []byte, i int) []byte {
				return append(b, Message(2, Message(1, fmt.Sprintf("k%d", i), 2, ""))...)
			})
			return append(Message(1, 1, 2, Message(1, "type", 2, ""), 2, Message(1, "uid", 2, ""), 2, Message(1, "root", 2, ""), 2, Message(1, "primitive_functions", 2, "")), entries...)
		}},
	}
}
