package scantest

import (
	"bytes"
	"embed"
	"encoding/binary"
	"fmt"
	"strings"

	"modelgate/internal/scanner/source/hdf5"
	"modelgate/internal/threat"
)

// h5pyFiles are evil files that h5py wrote (tools/fixtures/hdf5.py with EVIL set).
//
//go:embed testdata/hdf5/*.h5
var h5pyFiles embed.FS

// h5 is a case of HDF5.
type h5 struct {
	name string
	want threat.ID // "" for a twin
	file HDF5
	// change is applied to what was written.
	change func(b []byte) []byte
	level  threat.Level // if not that of the threat
	path   string       // if not model.h5
}

// hdf5Cases are the cases of HDF5, and of what of Keras is HDF5.
func hdf5Cases() []Case {
	var out []Case
	for _, group := range [][]h5{h5Links(), h5Configs(), h5Hidden(), h5Structure(), h5Ends(), h5Names()} {
		for _, c := range group {
			content := BuildHDF5(c.file)
			if c.change != nil {
				content = c.change(content)
			}
			made := Case{Name: "hdf5: " + c.name, Path: "model.h5", Bytes: content, Want: c.want, Level: c.level, Twin: c.want == ""}
			if c.path != "" {
				made.Path = c.path
			}
			if c.want != "" && c.level == threat.Clean {
				made.Level = threat.Get(c.want).Level
			}
			out = append(out, made)
		}
	}
	return append(out, h5Written()...)
}

// h5Written are the files that h5py wrote.
func h5Written() []Case {
	var out []Case
	for _, name := range []string{"external_link_old", "external_link_new", "external_link_dense", "external_storage_old", "external_storage_new", "virtual_old", "virtual_new"} {
		content, err := h5pyFiles.ReadFile("testdata/hdf5/" + name + ".h5")
		if err != nil {
			panic(fmt.Sprintf("read embedded file: %v", err))
		}
		out = append(out, Case{
			Name: "hdf5: by h5py, CVE-2026-1669, " + strings.ReplaceAll(name, "_", " "), Path: "model.weights.h5", Bytes: content,
			Want: threat.MGPATH100, Level: threat.Malicious,
		})
	}
	weights := out[0].Bytes
	metadata := ZIPEntry{Name: "metadata.json", Content: []byte(`{"keras_version": "3.9.0", "date_saved": "2025-03-01@10:00:00"}`)}
	config := ZIPEntry{Name: "config.json", Content: []byte(kerasModel(dense(`"a": 1`)))}
	return append(out,
		Case{
			Name: "hdf5: CVE-2026-1669, an external link in the weights of an archive", Path: "model.keras", Want: threat.MGPATH100, Level: threat.Malicious,
			Bytes: BuildZIP(metadata, config, ZIPEntry{Name: "model.weights.h5", Content: weights}),
		},
		Case{
			Name: "hdf5: CVE-2026-1669, an external link in the compressed weights of an archive", Path: "model.keras", Want: threat.MGPATH100, Level: threat.Malicious,
			Bytes: BuildZIP(metadata, config, ZIPEntry{Name: "model.weights.h5", Content: weights, Deflate: true}),
		},
		Case{
			Name: "hdf5: twin, weights in an archive", Path: "model.keras", Twin: true,
			Bytes: BuildZIP(metadata, config, ZIPEntry{Name: "model.weights.h5", Content: BuildHDF5(HDF5{Root: kerasWeights()})}),
		},
	)
}

// floats are the bytes of a few floats.
func floats(n int) *H5Dataset {
	return &H5Dataset{Data: bytes.Repeat([]byte{0, 0, 0x80, 0x3f}, n), Type: FloatType(), Dims: []uint64{uint64(n)}}
}

// kerasWeights are weights as Keras 3 writes them.
func kerasWeights() H5Group {
	vars := &H5Group{Links: []H5Link{{Name: "0", Dataset: floats(8)}, {Name: "1", Dataset: floats(2)}}}
	layers := &H5Group{Links: []H5Link{{Name: "dense", Group: &H5Group{Links: []H5Link{{Name: "vars", Group: vars}}}}}}
	return H5Group{Links: []H5Link{{Name: "layers", Group: layers}}}
}

// kerasH5 is a model as Keras 2 or 3 writes it, with the given configuration.
func kerasH5(config string, version string, also ...H5Attribute) H5Group {
	inner := &H5Group{
		Attributes: []H5Attribute{{Name: "weight_names", Value: "dense/kernel:0dense/bias:0\x00\x00", Type: textType(14, hdf5.PadNULs), Dims: []uint64{2}}},
		Links:      []H5Link{{Name: "dense", Group: &H5Group{Links: []H5Link{{Name: "kernel:0", Dataset: floats(8)}, {Name: "bias:0", Dataset: floats(2)}}}}},
	}
	weights := &H5Group{
		Attributes: []H5Attribute{
			{Name: "layer_names", Value: "dense", Dims: []uint64{1}}, {Name: "backend", Value: "tensorflow"}, {Name: "keras_version", Value: version},
		},
		Links: []H5Link{{Name: "dense", Group: inner}},
	}
	return H5Group{
		Attributes: append([]H5Attribute{
			{Name: "keras_version", Value: version},
			{Name: "backend", Value: "tensorflow", Pad: hdf5.PadNULs},
			{Name: "model_config", Value: config},
			{Name: "training_config", Value: `{"loss": "mse", "metrics": ["accuracy"], "optimizer_config": {"class_name": "Adam", "config": {"learning_rate": 0.001}}}`},
		}, also...),
		Links: []H5Link{{Name: "model_weights", Group: weights}},
	}
}

// link is a group with one link more than weights have.
func withLink(l H5Link) H5Group {
	g := kerasWeights()
	g.Links = append(g.Links, l)
	return g
}

// h5Links lead out of the file, or in circles.
func h5Links() []h5 {
	const path = threat.MGPATH100
	outside := H5Link{Name: "optimizer", File: "/etc/passwd", Object: "/x"}
	inside := H5Link{Name: "optimizer", Soft: "/layers"}
	deepLink := &H5Group{Links: []H5Link{outside}}
	for range 50 {
		deepLink = &H5Group{Links: []H5Link{{Name: "g", Group: deepLink}}}
	}
	split := withLink(outside)
	split.Split = true
	denseLinks, denseTwin := withLink(outside), withLink(inside)
	denseLinks.DenseLinks, denseTwin.DenseLinks = true, true
	long := withLink(H5Link{Name: "optimizer", File: "/" + strings.Repeat("a/", 2500), Object: "/x"})
	long.DenseLinks = true
	data := func(d H5Dataset) H5Group { return withLink(H5Link{Name: "extra", Dataset: &d}) }
	bias := bytes.Repeat([]byte{7}, 64)
	bias2 := H5Dataset{Data: bias, Type: FloatType(), Dims: []uint64{16}}
	storage, virtual, here := bias2, bias2, bias2
	storage.External = []string{"/etc/passwd"}
	virtual.Virtual = []H5Mapping{{".", "/layers/dense/vars/0"}, {"/home/user/other.h5", "data"}}
	here.Virtual = []H5Mapping{{".", "/layers/dense/vars/0"}}
	return []h5{
		{name: "CVE-2026-1669, an external link", want: path, file: HDF5{Root: withLink(outside)}},
		{name: "CVE-2026-1669, an external link in an old file", want: path, file: HDF5{Old: true, Root: withLink(outside)}},
		{name: "CVE-2026-1669, an external link to a file beside this one", want: path, file: HDF5{Root: withLink(H5Link{Name: "o", File: "token", Object: "/"})}},
		{name: "CVE-2026-1669, an external link in a heap", want: path, file: HDF5{Root: denseLinks}},
		{name: "CVE-2026-1669, an external link too long for a block of a heap", want: path, file: HDF5{Root: long}},
		{name: "CVE-2026-1669, an external link in the continuation of a header", want: path, file: HDF5{Root: split}},
		{name: "CVE-2026-1669, an external link fifty groups down", want: path, file: HDF5{Root: *deepLink}},
		{name: "CVE-2026-1669, an external link in a model", want: path, file: HDF5{Root: func() H5Group {
			g := kerasH5(kerasModel(dense(`"a": 1`)), "3.9.0")
			g.Links = append(g.Links, outside)
			return g
		}()}},
		{name: "twin, a soft link", file: HDF5{Root: withLink(inside)}},
		{name: "twin, a soft link in an old file", file: HDF5{Old: true, Root: withLink(inside)}},
		{name: "twin, a soft link in a heap", file: HDF5{Root: denseTwin}},
		{name: "twin, a soft link that leads nowhere", file: HDF5{Root: withLink(H5Link{Name: "o", Soft: "/etc/passwd"})}},
		{name: "twin, a hard link to the root", file: HDF5{Root: withLink(H5Link{Name: "up", Up: true})}},
		{name: "twin, a hard link to the root of an old file", file: HDF5{Old: true, Root: withLink(H5Link{Name: "up", Up: true})}},
		{name: "CVE-2026-1669, external storage", want: path, file: HDF5{Root: data(storage)}},
		{name: "CVE-2026-1669, external storage in an old file", want: path, file: HDF5{Old: true, Root: data(storage)}},
		{name: "twin, storage in the file", file: HDF5{Root: data(bias2)}},
		{name: "a virtual dataset of another file", want: path, file: HDF5{Root: data(virtual)}},
		{name: "twin, a virtual dataset of this file", file: HDF5{Root: data(here)}},
		{name: "a link of a class of its own", want: threat.MGFMT404, file: HDF5{Root: withLink(H5Link{Name: "o", Class: 70, Object: "/etc/passwd"})}},
		{name: "a link to no object", want: threat.MGFMT400, file: HDF5{Root: withLink(H5Link{Name: "o", Addr: 1 << 40})}},
		{name: "a link to what is no object", want: threat.MGFMT400, file: HDF5{Root: withLink(H5Link{Name: "o", Addr: 8})}},
		{name: "two links of one name", want: threat.MGFMT403, file: HDF5{Root: withLink(H5Link{Name: "layers", Soft: "/x"})}},
		{name: "a filter that is a plug-in", want: threat.MGFMT404, file: HDF5{Root: data(H5Dataset{Data: bias, Filters: []uint16{32768}, Chunked: true, Dims: []uint64{64}})}},
		{name: "twin, filters that the library has", file: HDF5{Root: data(H5Dataset{Data: bias, Filters: []uint16{hdf5.FilterDeflate}, Chunked: true, Dims: []uint64{64}})}},
	}
}

// h5Configs are models whose configuration is evil, wherever it is kept.
func h5Configs() []h5 {
	const load = threat.KERAS101
	evil, good := kerasModel(lambdaLayer(codeSystem)), kerasModel(dense(`"a": 1`))
	filler := func(n int) string {
		return kerasModel(lambdaLayer(codeSystem), dense(`"note": "`+strings.Repeat("x", n)+`"`))
	}
	denseModel := func(config string) H5Group {
		g := kerasH5(config, "3.9.0")
		g.DenseAttributes = true
		return g
	}
	with := func(config string, change func(a *H5Attribute)) H5Group {
		g := kerasH5(config, "2.15.0")
		change(&g.Attributes[2])
		return g
	}
	variable := func(a *H5Attribute) { a.Variable = true }
	shared := func(a *H5Attribute) { a.Shared = true }
	split := kerasH5(evil, "2.15.0")
	split.Split = true
	nested := withLink(H5Link{Name: "inner", Group: &H5Group{Attributes: []H5Attribute{{Name: "model_config", Value: evil}}}})
	trained := kerasH5(good, "3.9.0")
	trained.Attributes[3].Value = `{"loss": ` + function("os", "system") + `}`
	return []h5{
		{name: "CVE-2025-9905, a lambda in a model of Keras 2", want: load, file: HDF5{Root: kerasH5(evil, "2.15.0")}},
		{name: "CVE-2025-9905, a lambda in a model of Keras 3", want: load, file: HDF5{Root: kerasH5(evil, "3.9.0")}},
		{name: "CVE-2025-9905, a lambda in an old file", want: load, file: HDF5{Old: true, Root: kerasH5(evil, "2.3.1")}},
		{name: "CVE-2025-9905, a lambda in dense storage", want: load, file: HDF5{Root: denseModel(evil)}},
		{name: "CVE-2025-9905, a lambda in dense storage, too large for a block", want: load, file: HDF5{Root: denseModel(filler(5000))}},
		{name: "CVE-2025-9905, a lambda in an attribute over 64 KiB", want: load, file: HDF5{Root: denseModel(filler(70_000))}},
		{name: "CVE-2025-9905, a lambda in the global heap", want: load, file: HDF5{Root: with(evil, variable)}},
		{name: "CVE-2025-9905, a lambda in the heap of shared messages", want: load, file: HDF5{Root: with(evil, shared)}},
		{name: "CVE-2025-9905, a lambda in the continuation of a header", want: load, file: HDF5{Root: split}},
		{name: "CVE-2025-9905, a lambda behind a user block", want: load, file: HDF5{UserBlock: []byte("notes\n"), Root: kerasH5(evil, "2.15.0")}},
		{name: "CVE-2025-9905, a lambda in a group of the file", want: load, file: HDF5{Root: nested}},
		{name: "CVE-2025-9905, a lambda in a list of texts", want: load, file: HDF5{Root: with(evil, func(a *H5Attribute) { a.Dims = []uint64{1} })}},
		{name: "CVE-2025-9905, a lambda in an attribute whose name has no end", want: load, file: HDF5{Root: with(evil, func(a *H5Attribute) { a.End = 'x' })}},
		{name: "an attribute whose name has no end", want: threat.MGFMT403, file: HDF5{Root: with(good, func(a *H5Attribute) { a.End = 'x' })}},
		{name: "a function of the system as loss in training_config", want: threat.KERAS300, file: HDF5{Root: trained}},
		{name: "twin, a model of Keras 2", file: HDF5{Root: kerasH5(good, "2.15.0")}},
		{name: "twin, a model of Keras 3", file: HDF5{Root: kerasH5(good, "3.9.0")}},
		{name: "twin, a model in an old file", file: HDF5{Old: true, Root: kerasH5(good, "2.3.1")}},
		{name: "twin, a model in dense storage", file: HDF5{Root: denseModel(good)}},
		{name: "twin, a model in the global heap", file: HDF5{Root: with(good, variable)}},
		{name: "twin, a model in the heap of shared messages", file: HDF5{Root: with(good, shared)}},
		{name: "twin, a configuration that NULs fill up", file: HDF5{Root: with(good+"\x00\x00\x00", func(a *H5Attribute) { a.Pad = hdf5.PadNULs })}},
		{name: "twin, a configuration that ends with a NUL", file: HDF5{Root: with(good+"\x00", func(*H5Attribute) {})}},
		{name: "twin, a configuration that blanks fill up", file: HDF5{Root: with(good+"   ", func(a *H5Attribute) { a.Pad = hdf5.PadBlank })}},
		{name: "a configuration that goes on behind a NUL", want: threat.MGFMT403, file: HDF5{Root: with(good+"\x00 "+good, func(*H5Attribute) {})}},
		{name: "a lambda behind the NUL of a configuration", want: load, file: HDF5{Root: with(good+"\x00"+evil, func(a *H5Attribute) { a.Pad = hdf5.PadNULs })}},
		{name: "a lambda behind the NUL of a configuration of variable length", want: load, file: HDF5{Root: with(good+"\x00"+evil, variable)}},
		{name: "a lambda in the first of two configurations", want: load, file: HDF5{Root: kerasH5(evil, "2.15.0", H5Attribute{Name: "model_config", Value: good})}},
		{name: "a lambda in the second of two configurations", want: load, file: HDF5{Root: kerasH5(good, "2.15.0", H5Attribute{Name: "model_config", Value: evil})}},
		{name: "two configurations", want: threat.MGFMT403, file: HDF5{Root: kerasH5(good, "2.15.0", H5Attribute{Name: "model_config", Value: good})}},
		{name: "a version that is no version", want: threat.MGFMT400, file: HDF5{Root: kerasH5(good, strings.Repeat("9", 100))}},
	}
}

// h5Hidden have pickles and programs where no loader of HDF5 looks, but programs do.
func h5Hidden() []h5 {
	const load = threat.PKL100
	evil, good := pk4(pkSystem()), []byte(plain)
	data := func(d H5Dataset) H5Group { return withLink(H5Link{Name: "extra", Dataset: &d}) }
	attr := func(value string) H5Group {
		g := kerasWeights()
		g.Attributes = []H5Attribute{{Name: "settings", Value: value}}
		return g
	}
	chunked := func(b []byte) H5Dataset {
		return H5Dataset{Data: b, Dims: []uint64{uint64(len(b))}, Chunked: true, Filters: []uint16{hdf5.FilterDeflate}}
	}
	return []h5{
		{name: "a pickle in a dataset of bytes", want: load, file: HDF5{Root: data(H5Dataset{Data: evil})}},
		{name: "a pickle in a dataset of an old file", want: load, file: HDF5{Old: true, Root: data(H5Dataset{Data: evil})}},
		{name: "a pickle in a compact dataset", want: load, file: HDF5{Root: data(H5Dataset{Data: evil, Compact: true})}},
		{name: "a pickle in a compressed dataset", want: load, file: HDF5{Root: data(chunked(evil))}},
		{name: "a pickle in an opaque value", want: load, file: HDF5{Root: data(H5Dataset{Data: evil, Type: OpaqueType(len(evil)), Dims: []uint64{}})}},
		{name: "a pickle in a text", want: load, file: HDF5{Root: data(H5Dataset{Data: evil, Type: textType(len(evil), hdf5.PadNULs), Dims: []uint64{}})}},
		{name: "a pickle in a list of values of variable length", want: load, file: HDF5{Root: data(H5Dataset{Variable: [][]byte{good, evil}})}},
		{name: "a pickle in an attribute", want: load, file: HDF5{Root: attr(string(evil))}},
		{name: "a pickle of protocol 0 in an attribute", want: load, file: HDF5{Root: attr("cposix\nsystem\n(S'true'\ntR.")}},
		{name: "an archive with a pickle in a dataset", want: load, file: HDF5{Root: data(H5Dataset{Data: BuildZIP(ZIPEntry{Name: "a.pkl", Content: evil})})}},
		{name: "a program in a dataset", want: threat.MGEXE100, file: HDF5{Root: data(H5Dataset{Data: ELF(2, 62, false)})}},
		{name: "twin, a plain pickle in a dataset of bytes", file: HDF5{Root: data(H5Dataset{Data: good})}},
		{name: "twin, plain pickles in a list of values of variable length", file: HDF5{Root: data(H5Dataset{Variable: [][]byte{good, good}})}},
		{name: "twin, a plain pickle in an attribute", file: HDF5{Root: attr("(dp0\nS'lr'\np1\nF0.1\ns.")}},
		{name: "twin, a plain pickle in a compressed dataset", file: HDF5{Root: data(chunked(good))}},
		{name: "twin, words that name functions in an attribute", file: HDF5{Root: attr("os.system('true')\nposix system eval exec\n")}},
		{name: "twin, numbers that begin as a program does", file: HDF5{Root: data(H5Dataset{Data: ELF(2, 62, false)[:64], Type: FloatType(), Dims: []uint64{16}})}},
	}
}

// at returns a change of the bytes behind the first occurrence of a text.
func at(text string, off int, value ...any) func([]byte) []byte {
	return func(b []byte) []byte {
		i := bytes.Index(b, []byte(text))
		if i < 0 {
			panic(fmt.Sprintf("no %q in the file", text))
		}
		copy(b[i+off:], le(value...))
		return b
	}
}

// loop makes the B-tree of a group its own child.
func loop(b []byte) []byte {
	i := bytes.Index(b, []byte("TREE"))
	b[i+5] = 1
	binary.LittleEndian.PutUint64(b[i+32:], uint64(i))
	return b
}

// h5Structure lie about sizes and places.
func h5Structure() []h5 {
	const bad = threat.MGFMT400
	old := HDF5{Old: true, Root: kerasWeights()}
	young := HDF5{Root: kerasWeights()}
	links := kerasWeights()
	links.DenseLinks = true
	heap := HDF5{Root: links}
	attr := kerasWeights()
	attr.Attributes, attr.DenseAttributes = []H5Attribute{{Name: "a", Value: "b"}}, true
	bomb := func(n uint64) H5Group {
		return withLink(H5Link{Name: "bomb", Dataset: &H5Dataset{Data: []byte{0, 0, 0, 0}, Type: FloatType(), Dims: []uint64{n}, Chunked: true, Filters: []uint16{hdf5.FilterDeflate}}})
	}
	variable := kerasWeights()
	variable.Attributes = []H5Attribute{{Name: "a", Value: "some text\nin lines", Variable: true}}
	return []h5{
		{name: "a B-tree that is its own child", want: bad, file: old, change: loop},
		{name: "a B-tree whose child is of the same level", want: bad, file: old, change: at("TREE", 5, uint8(3))},
		{name: "a local heap of a petabyte", want: bad, file: old, change: at("HEAP", 8, uint64(1<<50))},
		{name: "a local heap far behind the end", want: bad, file: old, change: at("HEAP", 24, uint64(1<<50))},
		{name: "a node with more links than there are", want: bad, file: old, change: at("SNOD", 6, uint16(60000))},
		{name: "an object header of four gigabytes", want: bad, file: young, change: at("OHDR", 6, uint32(1<<32-1))},
		{name: "an object header that is cut", want: bad, file: young, change: at("OHDR", 6, uint32(20))},
		{name: "a fractal heap with blocks of a petabyte", want: bad, file: heap, change: at("FRHP", 4+1+2+2+1+4+96+8+8+2, uint64(1<<50), uint64(1<<50))},
		{name: "a fractal heap of endless rows", want: bad, file: heap, change: at("FRHP", 4+1+2+2+1+4+12*8+3*8+2+2+2, uint16(60000))},
		{name: "a v2 B-tree of endless depth", want: bad, file: heap, change: at("BTHD", 12, uint16(60000))},
		{name: "a v2 B-tree of more records than a node holds", want: bad, file: heap, change: at("BTHD", 24, uint16(60000))},
		{name: "a v2 B-tree of the wrong kind", want: bad, file: HDF5{Root: attr}, change: at("BTHD", 5, uint8(5))},
		{name: "a collection of the global heap of a petabyte", want: bad, file: HDF5{Root: variable}, change: at("GCOL", 8, uint64(1<<50))},
		{name: "an object of the global heap of a petabyte", want: bad, file: HDF5{Root: variable}, change: at("GCOL", 24, uint64(1<<50))},
		{name: "a checksum that is wrong", want: bad, file: young, change: func(b []byte) []byte {
			b[44] ^= 1
			return b
		}},
		{name: "a message that continues in itself", want: bad, file: HDF5{Old: true, Root: H5Group{Messages: []H5Message{{Type: hdf5.MsgContinuation, Data: le(uint64(96), uint64(64))}}}}},
		{name: "a type that is shared with itself", want: bad, file: HDF5{Root: withLink(H5Link{Name: "t", Group: &H5Group{Messages: []H5Message{
			{Type: hdf5.MsgAttribute, Flags: 2, Data: le(uint8(3), uint8(2), uint64(48))},
		}}})}},
		{name: "a message of an unknown type", want: threat.MGFMT404, file: HDF5{Root: H5Group{Messages: []H5Message{{Type: 0x40, Data: []byte("what")}}}}},
		{name: "an object that is a dataset and a group", want: threat.MGFMT403, file: HDF5{Root: withLink(H5Link{Name: "both", Group: &H5Group{Messages: []H5Message{
			{Type: hdf5.MsgDataspace, Data: le(uint8(2), uint8(0), uint8(0), uint8(0))},
			{Type: hdf5.MsgDatatype, Flags: 1, Data: byteType()},
			{Type: hdf5.MsgLayout, Data: le(uint8(3), uint8(0), uint16(1), uint8(7))},
		}}})}},
		{name: "a dataset with two layouts", want: threat.MGFMT403, file: HDF5{Root: withLink(H5Link{Name: "both", Dataset: &H5Dataset{
			Data: []byte{1, 2, 3}, Messages: []H5Message{{Type: hdf5.MsgLayout, Data: le(uint8(3), uint8(0), uint16(3), []byte{4, 5, 6})}},
		}})}},
		{name: "a dataset of an exabyte", want: threat.MGFMT405, file: HDF5{Root: bomb(1 << 58)}},
		{name: "twin, a dataset of which little was written", file: HDF5{Root: bomb(1 << 12)}},
		{name: "twin, links in a fractal heap", file: heap},
		{name: "twin, attributes in a fractal heap", file: HDF5{Root: attr}},
		{name: "twin, texts in the global heap", file: HDF5{Root: variable}},
		{name: "twin, weights in an old file", file: old},
		{name: "twin, weights in a new file", file: young},
	}
}

// matlabHeader is what MATLAB puts in front of a file: text, eight bytes of which it says nothing, the version and the order of bytes.
func matlabHeader(nothing string) []byte {
	text := "MATLAB 7.0 MAT-file, Platform: GLNX86, Created on: Sat Oct  4 19:01:58 2008 HDF5 schema 0.05 ."
	return []byte(text + strings.Repeat(" ", 116-len(text)) + nothing + "\x00\x02IM")
}

// h5Ends have something in front of the file, behind it, or instead of it.
func h5Ends() []h5 {
	const second = threat.MGFMT402
	young := HDF5{Root: kerasWeights()}
	block := func(b []byte) HDF5 { return HDF5{UserBlock: b, Root: kerasWeights()} }
	behind := func(b []byte) HDF5 { return HDF5{Root: kerasWeights(), Behind: b} }
	base := func(old bool) func([]byte) []byte {
		return func(b []byte) []byte { // moved without telling it
			if old {
				return append(make([]byte, 512), b...)
			}
			return append(bytes.Repeat([]byte("text\n\n\n\n"), 64), b...)
		}
	}
	cut := func(b []byte) []byte { return b[:len(b)-8] }
	return []h5{
		{name: "a program in the user block", want: second, file: block(ELF(2, 62, false)), level: threat.Malicious},
		{name: "a pickle in the user block", want: threat.PKL100, file: block(pk4(pkSystem()))},
		{name: "bytes in the user block", want: second, file: block([]byte("\x01\x02\x03\x04\xff\xfe\xfd"))},
		{name: "a script in the user block", want: threat.MGEXE100, file: block([]byte("#!/bin/sh\ntrue\n"))},
		{name: "twin, a text in the user block", file: block([]byte("Weights of a model.\n"))},
		{name: "a header of MATLAB whose blanks hold bytes", want: second, file: block(matlabHeader("\x01\x02\x03\x04\x05\x06\x07\x08"))},
		{name: "twin, the header of a MAT-file of version 7.3 in the user block", file: block(matlabHeader("\x00\x00\x00\x00\x00\x00\x00\x00"))},
		{name: "twin, zeros in the user block", file: block(make([]byte, 2000))},
		{name: "twin, a text of nine hundred kilobytes in the user block", file: block(bytes.Repeat([]byte("Weights of a model.\n"), 45_000)), path: "model.bin"},
		{name: "an archive behind the file", want: threat.PKL100, file: behind(BuildZIP(ZIPEntry{Name: "a.pkl", Content: pk4(pkSystem())}))},
		{name: "bytes behind the file", want: second, file: behind([]byte("more"))},
		{name: "twin, zeros behind the file", file: behind(make([]byte, 100))},
		{name: "a file that is cut", want: threat.MGFMT400, file: young, change: cut},
		{name: "an old file that is cut", want: threat.MGFMT400, file: HDF5{Old: true, Root: kerasWeights()}, change: cut},
		{name: "a file behind a user block that it does not know of", want: threat.MGFMT403, file: young, change: base(false)},
		{name: "an old file behind a user block that it does not know of", want: threat.MGFMT403, file: HDF5{Old: true, Root: kerasWeights()}, change: base(true)},
		{name: "a file of a set", want: threat.MGFMT404, file: HDF5{Root: kerasWeights(), Extension: []H5Message{
			{Type: hdf5.MsgDriver, Data: le(uint8(0), []byte("NCSAfami"), uint16(8), uint64(1<<20))},
		}}},
		{name: "metadata in an image of the cache", want: threat.MGFMT404, file: HDF5{Root: kerasWeights(), Extension: []H5Message{
			{Type: hdf5.MsgCacheImage, Data: le(uint8(0), uint64(48), uint64(100))},
		}}},
		{name: "twin, settings in the extension of the superblock", file: HDF5{Root: kerasWeights(), Extension: []H5Message{
			{Type: hdf5.MsgBTreeK, Data: le(uint8(0), uint16(32), uint16(16), uint16(4))},
		}}},
	}
}

// h5Names are names that people do not see as they are.
func h5Names() []h5 {
	const bad = threat.MGFMT400
	named := func(name string) HDF5 { return HDF5{Root: withLink(H5Link{Name: name, Dataset: floats(2)})} }
	attr := func(name string) HDF5 {
		g := kerasWeights()
		g.Attributes = []H5Attribute{{Name: name, Value: "x"}}
		return HDF5{Root: g}
	}
	return []h5{
		{name: "a link whose name has control characters", want: bad, file: named("a\x1b[2Jb")},
		{name: "a link whose name runs backwards", want: bad, file: named("a\u202eb")},
		{name: "a link whose name has a NUL", want: threat.MGFMT403, file: named("layers\x00x")},
		{name: "an attribute whose name has control characters", want: bad, file: attr("a\rb")},
		{name: "an attribute whose name goes on behind a NUL", want: threat.MGFMT403, file: attr("a\x00model_config")},
		{name: "twin, a link with a name in Greek", file: named("βάρη")},
		{name: "twin, an attribute with a name of blanks", file: attr(" a b ")},
	}
}
