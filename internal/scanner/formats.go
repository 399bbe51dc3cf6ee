package scanner

import (
	"context"

	"modelgate/internal/scanner/archive"
	"modelgate/internal/scanner/executable"
	"modelgate/internal/scanner/gguf"
	"modelgate/internal/scanner/hubfiles"
	"modelgate/internal/scanner/jinja"
	"modelgate/internal/scanner/numpy"
	"modelgate/internal/scanner/pickle"
	"modelgate/internal/scanner/python"
	"modelgate/internal/scanner/recipes"
	"modelgate/internal/scanner/safetensors"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/torch"
	"modelgate/internal/scanner/xml"
	"modelgate/internal/scanner/yaml"
)

// Formats is the table of formats: what is recognised and who scans it. The order is that in which streams are tried and
// reported. A format that is not in the table does not exist for the engine.
func Formats() []Format {
	var rows []Format
	for _, group := range [][]Format{
		pickles(), weights(), torchFormats(), kerasRows(), hdf5Rows(), tensorflowRows(), flatbufferRows(), onnxRows(), classicRows(), mobileRows(), deviceRows(), netRows(), bundleRows(), packageRows(),
		containers(), programs(), texts(),
	} {
		rows = append(rows, group...)
	}
	return rows
}

func pickles() []Format {
	return []Format{
		{
			Name: "pickle", Title: "Pickle, joblib and stacked PyTorch checkpoints", Version: 10,
			Recognised: "opcodes that can follow each other and name, call or build something",
			Threats:    "every name, call and attribute: dangerous ones, unknown ones, what is hidden in strings and behind the end",
			Probe:      pickle.Probe, Scan: pickle.Scan,
		},
	}
}

func weights() []Format {
	return []Format{
		{
			Name: "safetensors", Title: "Safetensors", Version: 1,
			Recognised: "length of the header, then its JSON",
			Threats:    "holes, overlaps, duplicate keys and wrong sizes, bytes behind the last tensor, directives in the metadata",
			Probe:      safetensors.Probe, Scan: safetensors.Scan,
		},
		{
			Name: "safetensors_index", Title: "Safetensors index", Version: 1, Text: true,
			Recognised: "JSON with weight_map",
			Threats:    "shards outside the model or missing",
			Probe:      safetensors.ProbeIndex, Scan: safetensors.ScanIndex,
		},
		{
			Name: "gguf", Title: "GGUF", Version: 2,
			Recognised: "GGUF at 0, in either byte order",
			Threats:    "counts and offsets that do not fit, chat templates, bytes behind the last tensor",
			Probe:      gguf.Probe, Scan: gguf.Scan,
		},
		{
			Name: "ggml", Title: "ggml before GGUF", Version: 1,
			Recognised: "the magics ggml, ggmf and ggjt, and a number that may follow them",
			Threats:    "none: there are numbers, words and tensors, of which no loader makes anything else",
			Limits:     "each program has an order of its own, so the parts are opaque, and a file that is cut reads as whole",
			Probe:      gguf.ProbeGGML, Scan: gguf.ScanGGML,
		},
		{
			Name: "numpy", Title: "NumPy array", Version: 1,
			Recognised: "\\x93NUMPY at 0",
			Threats:    "pickled elements, headers that are no literals, wrong lengths, bytes behind the array",
			Probe:      numpy.Probe, Scan: numpy.Scan,
		},
		{
			Name: "numpy_zip", Title: "NumPy arrays", Version: 1,
			Recognised: "ZIP of arrays",
			Threats:    "those of each array, members that are none, contradictions of the archive",
			Probe:      numpy.ProbeNPZ, Scan: numpy.ScanNPZ,
		},
	}
}

func torchFormats() []Format {
	return []Format{
		{
			Name: "pytorch_v1_13", Title: "PyTorch checkpoint, TorchScript and packages", Version: 2,
			Recognised: "ZIP with data.pkl, with code and constants.pkl, or with the members of a package",
			Threats:    "every pickle and source in it, members that no tensor accounts for, contradictions of the archive",
			Probe:      torch.ProbeZIP, Scan: torch.ScanZIP,
		},
		{
			Name: "pytorch_v0_1_1", Title: "PyTorch tar checkpoint", Version: 1,
			Recognised: "tar with members pickle, tensors and storages",
			Threats:    "each member as a pickle",
			Probe:      torch.ProbeTar, Scan: torch.ScanTar,
		},
	}
}

func containers() []Format {
	rows := []Format{
		{
			Name: "zip", Title: "ZIP", Version: 1,
			Recognised: "end record in the tail, or local header at 0",
			Threats:    "members of both views, names that leave the root, contradictions, what lies between the records",
			Probe:      archive.ProbeZIP, Scan: archive.ScanZIP,
		},
		{
			Name: "nemo", Title: "NeMo model", Version: 1,
			Recognised: "tar with model_config.yaml among its first entries",
			Threats:    "those of its archive, its configuration and its checkpoint, each by its own scanner",
			Limits:     "held to archives that tests write, since the library itself is too large for them",
			Probe:      isNeMo, Scan: named("nemo"),
		},
		{
			Name: "tar", Title: "tar", Version: 2,
			Recognised: "header with a checksum at 0",
			Threats:    "members, links and names that leave the root, what lies behind the end",
			Probe:      archive.ProbeTar, Scan: archive.ScanTar,
		},
		{
			Name: "7_zip", Title: "7-Zip", Version: 1,
			Recognised: "signature at 0",
			Threats:    "members, names and links that leave the root, encryption, what lies behind the end",
			Limits:     "folders of coders that ask for more than 64 MiB are reported as not read (MG-FMT-404)",
			Probe:      archive.Probe7z, Scan: archive.Scan7z,
		},
		{
			Name: "zfile", Title: "Old compression of joblib", Version: 1,
			Recognised: "ZF at 0, a length and a zlib stream",
			Threats:    "what it inflates to",
			Probe:      archive.ProbeZFile, Scan: archive.ScanZFile,
		},
		{
			Name: "container", Title: "Containers that are not opened", Version: 1,
			Recognised: "magic",
			Limits:     "reported as not read (MG-FMT-404)",
			Probe:      archive.ProbeClosed, Scan: archive.ScanClosed,
		},
	}
	for _, c := range []archive.Codec{
		archive.GzipCodec, archive.Bzip2Codec, archive.XZCodec, archive.LZMACodec, archive.ZlibCodec, archive.LZ4Codec, archive.ZstdCodec,
	} {
		rows = append(rows, Format{
			Name: c.Name, Title: c.Name + " stream", Version: 1,
			Recognised: "magic, or a header whose checks fit",
			Threats:    "what it inflates to, expansion without measure, what follows it",
			Probe:      c.Probe, Scan: c.Scan,
		})
	}
	return rows
}

func programs() []Format {
	return []Format{
		{
			Name: "executable", Title: "Programs, libraries and scripts", Version: 1, Text: true, // scripts are also what their language is
			Recognised: "headers of ELF, PE, Mach-O and WebAssembly, #!",
			Threats:    "that they are there, the more so under a name that says something else",
			Limits:     "what they do is not analysed",
			Probe:      executable.Probe, Scan: executable.Scan,
		},
	}
}

func texts() []Format {
	return []Format{
		{
			Name: "json", Title: "JSON, with the configurations of the Hub's libraries and notebooks", Version: 4, Text: true,
			Recognised: "the grammar, as far as the head shows it, or a key that loaders act on in what breaks it",
			Threats:    "code of this or another repository that loaders import, names they call, templates they render, keys that stand twice, code of notebooks",
			Probe:      hubfiles.Probe, Scan: hubfiles.Scan,
		},
		{
			Name: "python", Title: "Python source", Version: 5, Text: true,
			Recognised: "the name of the file",
			Threats:    "what runs at import or when a loader uses it, what is hidden in strings, code in TorchScript",
			Limits:     "what nothing imports is suspicious at most",
			Probe:      python.Probe, Scan: python.Scan,
		},
		{
			Name: "jinja", Title: "Chat templates", Version: 2, Text: true,
			Recognised: "the key or the file name under which loaders render it",
			Threats:    "attributes that lead out of the template, names that are put together, what cannot be parsed",
			Probe:      jinja.Probe, Scan: jinja.Scan,
		},
		{
			Name: "yaml", Title: "YAML, with the directives of Hydra and NeMo", Version: 2, Text: true,
			Recognised: "the name of the file, or a directive in the metadata of safetensors",
			Threats:    "targets that the loader calls, tags that construct Python objects",
			Probe:      yaml.Probe, Scan: yaml.Scan,
		},
		{
			Name: "recipe", Title: "Model cards, requirements, Dockerfiles and Modelfiles", Version: 1, Text: true,
			Recognised: "the name of the file, in text",
			Threats:    "what they fetch from addresses that prove nothing, paths outside, commands that hand out a shell or run what they decode",
			Limits:     "recorded as not_model; nothing runs them, so they are suspicious at most",
			Probe:      recipes.Probe, Scan: recipes.Scan,
		},
		{
			Name: "xml", Title: "XML", Version: 2, Text: true,
			Recognised: "declaration or document type, or the name of the file",
			Threats:    "document types and entities, the more so external ones, encodings that hide them",
			Probe:      xml.Probe, Scan: xml.Scan,
		},
	}
}

// named is the scan of a format of which all that matters is scanned by others: it states the name.
func named(name string) func(context.Context, *source.File, source.Sink) error {
	return func(_ context.Context, _ *source.File, sink source.Sink) error {
		sink.Format(name)
		return nil
	}
}
