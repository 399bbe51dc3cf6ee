package scanner

import (
	"modelgate/internal/scanner/coreml"
	"modelgate/internal/scanner/fasttext"
	"modelgate/internal/scanner/flax"
	"modelgate/internal/scanner/lightgbm"
	"modelgate/internal/scanner/mxnet"
	"modelgate/internal/scanner/paddle"
	"modelgate/internal/scanner/pmml"
	"modelgate/internal/scanner/tesseract"
	"modelgate/internal/scanner/xgboost"
)

// classicRows are the rows of boosted trees, word vectors, MessagePack and other classic libraries.
func classicRows() []Format {
	return []Format{
		{
			Name: "flax", Title: "Flax parameters, and MessagePack of spaCy and Orbax", Version: 3,
			Recognised: "one MessagePack value, a map or list, that covers the file, or leads to arrays",
			Threats:    "extensions that are none of Flax's, leaves that are pickles or other formats, keys by which objects are built, counts and depths that lie, bytes behind the end",
			Probe:      flax.Probe, Scan: flax.Scan,
		},
		{
			Name: "flax", Title: "Orbax database", Version: 3,
			Recognised: "magic of a manifest or of a node",
			Threats:    "lengths that lie, bytes behind the manifest",
			Limits:     "keys and arrays inside are opaque: the loader makes arrays of them and nothing else",
			Probe:      flax.ProbeOrbax, Scan: flax.ScanOrbax,
		},
		{
			Name: "mxnet", Title: "MXNet symbol", Version: 1, Text: true,
			Recognised: "JSON with nodes, arg_nodes and heads",
			Threats:    "operators that run registered code, hold addresses, compile or interpret source or read files, and those that MXNet does not have, in graphs inside nodes too",
			Probe:      mxnet.ProbeSymbol, Scan: mxnet.ScanSymbol,
		},
		{
			Name: "mxnet", Title: "MXNet parameters", Version: 1,
			Recognised: "list magic 0x112 at 0",
			Threats:    "arrays that do not fit, bytes behind the last name",
			Probe:      mxnet.ProbeParams, Scan: mxnet.ScanParams,
		},
		{
			Name: "xgboost", Title: "XGBoost model in JSON", Version: 1, Text: true,
			Recognised: "JSON with learner and version",
			Threats:    "children that are no nodes of their tree, keys that stand twice, what breaks the grammar",
			Probe:      xgboost.ProbeJSON, Scan: xgboost.ScanJSON,
		},
		{
			Name: "xgboost", Title: "XGBoost model", Version: 1,
			Recognised: "binf or bs64 at 0, or UBJSON whose first key is learner or version",
			Threats:    "children that are no nodes of their tree, counts that lie, bytes behind the model",
			Probe:      xgboost.ProbeBinary, Scan: xgboost.ScanBinary,
		},
		{
			Name: "lightgbm", Title: "LightGBM model", Version: 1, Text: true,
			Recognised: "first lines tree and version",
			Threats:    "lines that are none of the grammar, children and features that are none, bytes behind the model",
			Probe:      lightgbm.ProbeText, Scan: lightgbm.ScanText,
		},
		{
			Name: "lightgbm", Title: "LightGBM model in JSON", Version: 1, Text: true,
			Recognised: "JSON with tree_info and version",
			Threats:    "keys that stand twice, what breaks the grammar",
			Probe:      lightgbm.ProbeJSON, Scan: lightgbm.ScanJSON,
		},
	}
}

// mobileRows are the rows of Core ML, PaddlePaddle and what is left of the classic libraries.
func mobileRows() []Format {
	return []Format{
		{
			Name: "coreml", Title: "Core ML model", Version: 1,
			Recognised: "protobuf: specification version, description and a model type",
			Threats:    "custom layers and models, operators that Core ML does not have, linked models and weights outside the model",
			Limits:     "serialized models of the operating system are opaque",
			Probe:      coreml.Probe, Scan: coreml.Scan,
		},
		{
			Name: "coreml", Title: "Core ML weights", Version: 1,
			Recognised: "blob file header of version 2",
			Threats:    "blobs that do not fit, bytes behind the last",
			Probe:      coreml.ProbeBlob, Scan: coreml.ScanBlob,
		},
		{
			Name: "coreml", Title: "Core ML package manifest", Version: 1, Text: true,
			Recognised: "JSON with itemInfoEntries and rootModelIdentifier",
			Threats:    "items outside the package or missing",
			Probe:      coreml.ProbeManifest, Scan: coreml.ScanManifest,
		},
		{
			Name: "coreml", Title: "Core ML package, zipped", Version: 1, Covers: []string{"zip"},
			Recognised: "ZIP with Data/com.apple.CoreML",
			Threats:    "those of its members",
			Probe:      coreml.ProbePackage, Scan: coreml.ScanPackage,
		},
		{
			Name: "paddle", Title: "PaddlePaddle program", Version: 1,
			Recognised: "protobuf: ProgramDesc of blocks with index and parent",
			Threats:    "operators that call Python, talk to other machines, read or write files, run other programs, and those that PaddlePaddle does not have, in every block",
			Probe:      paddle.ProbeProgram, Scan: paddle.ScanProgram,
		},
		{
			Name: "paddle", Title: "PaddlePaddle program in JSON", Version: 1, Text: true,
			Recognised: "JSON with base_code and program",
			Threats:    "the same operators, in every region",
			Probe:      paddle.ProbeJSON, Scan: paddle.ScanJSON,
		},
		{
			Name: "paddle", Title: "PaddlePaddle parameters", Version: 1,
			Recognised: "versions 0 and the description of a tensor",
			Threats:    "tensors that do not fit, bytes behind the last",
			Limits:     "parameters that are no such tensors are left to the program beside them",
			Probe:      paddle.ProbeParams, Scan: paddle.ScanParams,
		},
		{
			Name: "fasttext", Title: "fastText model", Version: 1,
			Recognised: "magic 793712314 at 0, version 11 or 12",
			Threats:    "counts and matrices that do not fit, bytes behind the model",
			Probe:      fasttext.Probe, Scan: fasttext.Scan,
		},
		{
			Name: "tesseract", Title: "Trained data of Tesseract", Version: 2,
			Recognised: "number of parts, and offsets that lead from one to the next, in either byte order",
			Threats:    "settings that make the engine write files, read others or start its viewer, or that nobody knows, and parts that are models of another kind",
			Limits:     "tables and weights are not read: the engine does nothing but count with them; a file whose offsets leave gaps is not recognised; one that is cut within the version at its end, a text of any length, or within a network that comes last, reads as whole",
			Probe:      tesseract.Probe, Scan: tesseract.Scan,
		},
		{
			Name: "pmml", Title: "PMML", Version: 1, Text: true,
			Recognised: "XML root PMML",
			Threats:    "scripts in extensions; document types and entities by the scanner of XML",
			Limits:     "functions of a scoring engine's own are not known",
			Probe:      pmml.Probe, Scan: pmml.Scan,
		},
	}
}
