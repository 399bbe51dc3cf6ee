package scantest

import (
	"maps"
	"slices"
	"strings"

	"modelgate/internal/threat"
)

// hiding makes cases of tricks that hide the evil pickle: whatever else they raise, it must be found.
func hiding(family, path string, tricks map[string]Trick) []Case {
	var cases []Case
	for _, why := range slices.Sorted(maps.Keys(tricks)) {
		cases = append(cases, Case{Name: family + ": " + why, Path: path, Bytes: tricks[why].Bytes, Want: threat.PKL100, Level: threat.Malicious})
	}
	return cases
}

// twins makes cases of honest neighbours.
func twins(family, path string, honest map[string]Twin) []Case {
	var cases []Case
	for _, why := range slices.Sorted(maps.Keys(honest)) {
		cases = append(cases, Case{Name: family + " twin: " + why, Path: path, Bytes: honest[why].Bytes, Twin: true})
	}
	return cases
}

// hidden is an entry with the evil pickle.
func hidden(name string) ZIPEntry { return ZIPEntry{Name: name, Content: []byte(harmless)} }

// central, local and both change what the headers of an entry state.
func central(e ZIPEntry, change func(*ZIPRecord)) ZIPEntry {
	e.Central = change
	return e
}

func local(e ZIPEntry, change func(*ZIPRecord)) ZIPEntry {
	e.Local = change
	return e
}

func both(e ZIPEntry, change func(*ZIPRecord)) ZIPEntry { return central(local(e, change), change) }

// zipCases hide an evil pickle in an archive in every way in which readers differ, and then do other harm.
func zipCases() []Case {
	slip := func(name string) Case {
		return Case{
			Name: "zip: an entry named " + name, Path: "model.zip", Want: threat.ARV100, Level: threat.Malicious,
			Bytes: BuildZIP(ZIPEntry{Name: name, Content: []byte("text")}),
		}
	}
	cases := append(hiding("zip", "model.zip", ZIPTricks(harmless)), slip("../../etc/cron.d/x"), slip("a/../../x"), slip("/etc/passwd"), slip(`C:\x`), slip(`..\..\x`), slip("%2e%2e/x"))
	cases = append(cases,
		Case{Name: "zip: really encrypted", Path: "a.zip", Bytes: BuildZIP(encryptedEntry()), Want: threat.MGFMT404, Level: threat.Unscannable},
		Case{
			Name: "zip: a bomb", Path: "a.zip", Level: threat.Suspicious, Want: threat.MGFMT405,
			Bytes: BuildZIP(ZIPEntry{Name: "a", Content: make([]byte, 150<<20), Deflate: true}),
		},
		Case{
			Name: "zip twin: a plain pickle, deflated and stored", Path: "a.zip", Twin: true,
			Bytes: BuildZIP(ZIPEntry{Name: "a", Content: []byte(plain)}, ZIPEntry{Name: "b", Content: []byte(plain + "\n"), Deflate: true}),
		},
	)
	for _, c := range twins("zip", "a.zip", ZIPTwins()) {
		if c.Name == "zip twin: a TFLite model with metadata" {
			c.Path = "a.tflite"
		}
		cases = append(cases, c)
	}
	return cases
}

// encryptedEntry is an entry whose bytes are noise under the flag of encryption.
func encryptedEntry() ZIPEntry {
	noise := make([]byte, 64)
	for i := range noise {
		noise[i] = byte(i*i*31 + 197)
	}
	return both(ZIPEntry{Name: "a", Content: noise}, func(r *ZIPRecord) {
		r.Flags |= 1
		r.CRC = 12345
		r.Size = 52
	})
}

// tarCases are tar archives and compressed streams.
func tarCases() []Case {
	evil, good := []byte(harmless), []byte(plain)
	found := func(name, path string, content []byte) Case {
		return Case{Name: name, Path: path, Bytes: content, Want: threat.PKL100, Level: threat.Malicious}
	}
	twin := func(name, path string, content []byte) Case {
		return Case{Name: name, Path: path, Bytes: content, Twin: true}
	}
	cases := append(hiding("tar", "a.tar", TarTricks(harmless)),
		twin("tar twin: a plain pickle", "a.tar", BuildTar(TarEntry{Name: "a", Content: good})),
		found("7z: a pickle under a text's name", "model.7z", Build7z(SevenZip{Files: []ZIPEntry{hidden("a.txt")}})),
		twin("7z twin: a plain pickle", "model.7z", Build7z(SevenZip{Files: []ZIPEntry{{Name: "a", Content: good}}})),
	)
	packers := map[string]func([]byte) []byte{"gzip": Gzip, "zlib": Zlib, "xz": XZ, "lzma": LZMA, "lz4": LZ4, "zstd": Zstd}
	for _, name := range slices.Sorted(maps.Keys(packers)) {
		pack := packers[name]
		cases = append(cases,
			found(name+": a pickle", "model.bin", pack(evil)),
			found(name+": a pickle behind the stream", "model.bin", append(pack([]byte("text")), evil...)),
			twin(name+" twin: a plain pickle", "model.bin", pack(good)),
			twin(name+" twin: text", "model.bin", pack([]byte(strings.Repeat("words of no meaning ", 99)))),
		)
	}
	return cases
}

// torchCases are PyTorch's archives.
func torchCases() []Case {
	evil := []byte(harmless)
	tensors := [][]byte{make([]byte, 400), make([]byte, 400)}
	state := sparsePickle(2, 100)
	found := func(name string, content []byte) Case {
		return Case{Name: "torch: " + name, Path: "model.pt", Bytes: content, Want: threat.PYTCH100, Level: threat.Malicious}
	}
	odd := func(name string, want threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: "torch: " + name, Path: "model.pt", Bytes: content, Want: want, Level: level}
	}
	twin := func(name string, content []byte) Case {
		return Case{Name: "torch twin: " + name, Path: "model.pt", Bytes: content, Twin: true}
	}
	unknown := []byte("\x80\x02cmypackage.module\nThing\n)\x81.")
	inner := func(b []byte) ZIPEntry { return ZIPEntry{Name: "archive/extra", Content: b} }
	writing := map[string]string{"__torch__/m.py": "class M(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    _0 = torch.save(x, \"/tmp/x\")\n    return x\n"}
	unknownOp := map[string]string{"__torch__/m.py": "class M(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    return ops.somewhere.run(x)\n"}
	script := map[string]string{"__torch__/m.py": "class M(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    return torch.relu(x)\n"}
	return append(distributedCases(), []Case{
		found("data.pkl calls a command", Checkpoint(evil, tensors)),
		odd("data.pkl names an unknown class", threat.PYTCH101, threat.Suspicious, Checkpoint(unknown, nil)),
		found("a pickle that no tensor accounts for", Checkpoint(state, tensors, inner(evil))),
		found("a pickle in the place of a third tensor", Checkpoint(state, append(tensors[:2:2], evil))),
		odd("a tensor is missing", threat.PYTCH101, threat.Suspicious, Checkpoint(state, tensors[:1])),
		odd("Python code lies in it", threat.MGPY101, threat.Suspicious, Checkpoint(state, tensors, ZIPEntry{Name: "archive/x.py", Content: []byte("x = 1\n")})),
		found("data.pkl is flagged as encrypted", BuildZIP(central(ZIPEntry{Name: "a/data.pkl", Content: evil}, func(r *ZIPRecord) { r.Flags |= 1 }))),
		found("data.pkl has another name locally", BuildZIP(local(ZIPEntry{Name: "a/data.pkl", Content: evil}, func(r *ZIPRecord) { r.Name = "a/data.txt" }))),
		found("TorchScript whose constants call a command", TorchScript([]byte(plain), evil, script)),
		found("the tar of old calls a command", LegacyTar(map[string][]byte{"pickle": evil, "tensors": []byte("\x80\x02K\x00."), "storages": []byte("\x80\x02K\x00.\x80\x02].")})),
		odd("TorchScript that writes a file", threat.TCHST300, threat.Malicious, TorchScript([]byte(plain), []byte(plain), writing)),
		odd("TorchScript with an unknown operator", threat.TCHST301, threat.Suspicious, TorchScript([]byte(plain), []byte(plain), unknownOp)),
		twin("a state dict", Checkpoint(state, tensors)),
		twin("TorchScript", TorchScript([]byte(plain), []byte(plain), script)),
	}...)
}

// weightCases are NumPy arrays, safetensors and GGUF.
func weightCases() []Case {
	header := SafetensorsHeader(2, 64)
	data := make([]byte, 128)
	broken := func(name, header string, data []byte) Case {
		return Case{Name: "safetensors: " + name, Path: "model.safetensors", Bytes: Safetensors(header, data), Want: threat.MGFMT400, Level: threat.Suspicious}
	}
	template := func(text string) []byte {
		return BuildGGUF(GGUF{Pairs: []GGUFPair{{Key: "general.architecture", Value: "llama"}, {Key: "tokenizer.chat_template", Value: text}}})
	}
	objects := func(pickle string) []byte { return NPY(NPYHeader("'|O'", "(1,)"), []byte(pickle)) }
	return []Case{
		{Name: "numpy: an object array calls a command", Path: "a.npy", Bytes: objects(harmless), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "numpy: objects deep in a structure", Path: "a.npy", Bytes: NPY(NPYHeader("[('a', '<f4'), ('b', [('c', '|O')])]", "(1,)"), []byte(harmless)), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "numpy: an archive with such an array", Path: "a.npz", Bytes: BuildZIP(ZIPEntry{Name: "a.npy", Content: objects(harmless)}), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "numpy: an archive with a pickle that is no array", Path: "a.npz", Bytes: BuildZIP(ZIPEntry{Name: "a.npy", Content: NPY(NPYHeader("'<f4'", "(2,)"), make([]byte, 8))}, hidden("b.npy")), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "numpy: a pickle behind the array", Path: "a.npy", Bytes: append(NPY(NPYHeader("'<f4'", "(2,)"), make([]byte, 8)), harmless...), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "numpy twin: an array of numbers", Path: "a.npy", Bytes: NPY(NPYHeader("'<f4'", "(2,)"), make([]byte, 8)), Twin: true},
		{Name: "numpy twin: an object array of numbers", Path: "a.npy", Bytes: objects(plain), Twin: true},
		broken("a hole between tensors", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, make([]byte, 12)),
		broken("two tensors share bytes", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, make([]byte, 8)),
		broken("a key twice", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, make([]byte, 4)),
		{Name: "safetensors: a pickle behind the tensors", Path: "model.safetensors", Bytes: append(Safetensors(header, data), harmless...), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "safetensors: an archive behind the tensors", Path: "model.safetensors", Bytes: append(Safetensors(header, data), BuildZIP(hidden("a"))...), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "safetensors: a program behind the tensors", Path: "model.safetensors", Bytes: append(Safetensors(header, data), ELF(2, 62, true)...), Want: threat.MGEXE100, Level: threat.Malicious},
		{Name: "safetensors twin: two tensors", Path: "model.safetensors", Bytes: Safetensors(header, data), Twin: true},
		{Name: "gguf: a template that escapes", Path: "m.gguf", Bytes: template("{{ ''.__class__.__mro__[1].__subclasses__() }}"), Want: threat.GGUF101, Level: threat.Malicious},
		{Name: "gguf: a template that includes another", Path: "m.gguf", Bytes: template("{% include 'x' %}"), Want: threat.GGUF100, Level: threat.Suspicious},
		{Name: "gguf: a pickle behind the end", Path: "m.gguf", Bytes: append(template("{{ messages }}"), harmless...), Want: threat.PKL100, Level: threat.Malicious},
		{Name: "gguf: more pairs than bytes", Path: "m.gguf", Bytes: BuildGGUF(GGUF{PairCount: 1 << 60}), Want: threat.MGFMT400, Level: threat.Suspicious},
		{Name: "ggml twin: a model of whisper.cpp", Path: "ggml-base.bin", Bytes: append([]byte("lmgg"), words(51864, 1500, 512, 8, 6)...), Twin: true},
		{
			Name: "ggml: an archive behind a model", Path: "ggml-base.bin", Want: threat.MGFMT402, Level: threat.Suspicious,
			Bytes: append(append([]byte("lmgg"), words(51864, 1500, 512, 8, 6)...), BuildZIP(ZIPEntry{Name: "a.txt", Content: []byte("x")})...),
		},
		{Name: "ggml: the magic and no number of anything", Path: "ggml-base.bin", Want: threat.MGFMT404, Level: threat.Unscannable, Bytes: append([]byte("lmgg"), words(0, 1500, 512, 8)...)},
		{Name: "gguf twin: a template that loops", Path: "m.gguf", Bytes: template("{% for m in messages %}{{ m['content'] }}{% endfor %}"), Twin: true},
	}
}

// exeCases are programs.
func exeCases() []Case {
	found := func(name, path string, content []byte, want threat.ID, level threat.Level) Case {
		return Case{Name: "program: " + name, Path: path, Bytes: content, Want: want, Level: level}
	}
	return []Case{
		found("ELF under a model's name", "model.bin", ELF(2, 62, true), threat.MGEXE100, threat.Malicious),
		found("PE under a model's name", "model.pt", PE(false), threat.MGEXE100, threat.Malicious),
		found("Mach-O under a model's name", "model.onnx", MachO(2), threat.MGEXE100, threat.Malicious),
		found("a script under a model's name", "model.pkl", []byte("#!/bin/sh\ntrue\n"), threat.MGEXE100, threat.Malicious),
		found("a library that says so", "lib.so", ELF(3, 62, false), threat.MGEXE101, threat.Suspicious),
		found("a program in an archive under a model's name", "a.zip", BuildZIP(ZIPEntry{Name: "model.bin", Content: ELF(2, 62, true)}), threat.MGEXE100, threat.Malicious),
		{Name: "program twin: a script that says so", Path: "run.sh", Bytes: []byte("#!/bin/sh\ntrue\n"), Twin: true},
		{Name: "program twin: text that names one", Path: "a.txt", Bytes: []byte("MZ is how a program begins, and \x23! a script"), Twin: true},
	}
}
