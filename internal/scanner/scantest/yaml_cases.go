package scantest

import (
	"encoding/binary"
	"unicode/utf16"

	"modelgate/internal/threat"
)

// utf16Text is a text in UTF-16 with its byte order mark, the high byte first.
func utf16Text(text string) string {
	out := []byte("\xfe\xff")
	for _, c := range utf16.Encode([]rune(text)) {
		out = binary.BigEndian.AppendUint16(out, c)
	}
	return string(out)
}

// YAMLCases are configurations that make a loader import and call what they name.
func YAMLCases() []Case {
	evil := func(name, content string) Case {
		return Case{Name: "yaml: " + name, Path: "config.yaml", Bytes: []byte(content), Want: threat.EXDIR100, Level: threat.Malicious}
	}
	odd := func(name, content string) Case {
		return Case{Name: "yaml: " + name, Path: "config.yaml", Bytes: []byte(content), Want: threat.EXDIR101, Level: threat.Suspicious}
	}
	twin := func(name, content string) Case {
		return Case{Name: "yaml twin: " + name, Path: "config.yaml", Bytes: []byte(content), Twin: true}
	}
	return []Case{
		evil("a target, CVE-2025-23304", "model:\n  _target_: os.system\n  command: id\n"),
		evil("a target in braces", "{model: {_target_: 'subprocess.run', args: [id]}}\n"),
		evil("a target whose key has escapes", "{\"_tar\\u0067et_\": \"os.system\"}\n"),
		evil("a target behind an alias", "x: &name os.system\nmodel:\n  _target_: *name\n"),
		evil("a key behind an alias", "x: &key _target_\nmodel:\n  *key : os.system\n"),
		evil("a target in a folded block", "_target_: >-\n  os.system\n"),
		evil("a target on the next line", "_target_:\n  builtins.eval\n"),
		evil("a target in the second document", "a: 1\n---\n_target_: os.system\n"),
		evil("a target that looks another one up", "_target_: hydra.utils.get_method\npath: os.system\n"),
		evil("a target of a diffusion model", "model:\n  target: os.system\n  params:\n    a: 1\n"),
		evil("a tag that calls", "a: !!python/object/apply:os.system [id]\n"),
		evil("a tag in UTF-16", utf16Text("x: 1\na: !!python/object/apply:os.system [id]\n")),
		twin("a text in UTF-16", utf16Text("x: 1\na: os.system\n")),
		evil("a tag that constructs", "- !!python/object/new:subprocess.Popen [[id]]\n"),
		evil("a tag that imports", "a: !!python/name:os.system\n"),
		evil("a tag at the end of the file", "a: !!python/module:os"),
		evil("a tag in full", "a: !<tag:yaml.org,2002:python/object/apply:os.system> [id]\n"),
		evil("a tag with percent signs", "a: !!python%2Fobject/apply:os.system [id]\n"),
		evil("a tag by a handle of its own", "%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system [id]\n"),
		evil("a tag by the main handle", "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system [id]\n"),
		evil("a class path of a command line", "trainer:\n  class_path: os.system\n"),
		evil("a tag of HyperPyYAML", "a: !apply:os.system [id]\n"),
		evil("a class of NeMo", "target: os.system\n"),
		odd("a tag of HyperPyYAML of which nothing is known", "a: !new:somewhere.Net {}\n"),
		odd("a target of which nothing is known", "_target_: somewhere.Net\n"),
		odd("a target that is put together", "name: system\n_target_: os.${name}\n"),
		odd("a target that looks up what is unknown", "_target_: hydra.utils.get_class\npath: somewhere.Net\n"),
		{
			Name: "yaml: safetensors whose metadata hold a target", Path: "model.safetensors", Want: threat.EXDIR100, Level: threat.Malicious,
			Bytes: Safetensors(`{"__metadata__":{"config":"{\"_target_\": \"os.system\"}"}}`, nil),
		},
		{
			Name: "yaml: a NeMo archive whose configuration calls", Path: "m.nemo", Want: threat.EXDIR100, Level: threat.Malicious,
			Bytes: BuildTar(TarEntry{Name: "model_config.yaml", Content: []byte("_target_: os.system\n")}),
		},
		{
			Name: "yaml twin: a NeMo archive", Path: "m.nemo", Twin: true,
			Bytes: BuildTar(
				TarEntry{Name: "./model_config.yaml", Content: []byte("target: nemo.collections.asr.models.EncDecCTCModel\noptim:\n  _target_: torch.optim.AdamW\n")},
				TarEntry{Name: "./model_weights.ckpt", Content: Checkpoint(sparsePickle(1, 100), [][]byte{make([]byte, 400)})},
			),
		},
		twin("targets of the framework", "model:\n  _target_: nemo.collections.asr.models.EncDecCTCModel\noptim:\n  _target_: torch.optim.AdamW\n"),
		twin("words in comments and values", "# _target_: os.system and !!python/name:os.system\na: \"!!python/object/apply:os.system\"\nb: use _target_ os.system\nc: 'key _target_: os.system'\n"),
		twin("a target that is no directive", "data:\n  target: label.csv\n  columns: [a, b]\n"),
		twin("plain values of Python", "a: !!python/tuple [1, 2]\nb: !!set {x}\nc: !Ref name\n"),
		twin("aliases of aliases", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"),
		twin("a text with blocks", "description: |\n  _target_: os.system\n  !!python/name:os.system\nname: x\n"),
	}
}
