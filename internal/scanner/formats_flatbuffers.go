package scanner

import (
	"modelgate/internal/scanner/catboost"
	"modelgate/internal/scanner/executorch"
	"modelgate/internal/scanner/litert"
	"modelgate/internal/scanner/mediapipe"
	"modelgate/internal/scanner/mindspore"
)

// flatbufferRows are the rows of TFLite and the other formats that are FlatBuffers.
func flatbufferRows() []Format {
	return []Format{
		{
			Name: "litert", Title: "TFLite, LiteRT", Version: 2,
			Recognised: "FlatBuffers identifier TFL3",
			Threats:    "operators of TensorFlow that write, read, call out or call the host, custom operators of nobody known, two names for one operator, offsets and indices that lead nowhere, what lies in metadata, in buffers without owner and behind the model",
			Limits:     "programs for accelerators in the options of their operators are opaque; tensors are not read",
			Probe:      litert.Probe, Scan: litert.Scan,
		},
		{
			Name: "litert_json", Title: "TFLite in JSON", Version: 1, Text: true,
			Recognised: "JSON with operator_codes and subgraphs",
			Threats:    "the same operators",
			Limits:     "of options and constants the first 256 bytes are read: no runtime loads this form",
			Probe:      litert.ProbeJSON, Scan: litert.ScanJSON,
		},
		{
			Name: "mediapipe", Title: "MediaPipe task bundle", Version: 1,
			Recognised: "ZIP of TFLite models at its root",
			Threats:    "those of the archive and of its members, each by its own scanner",
			Probe:      mediapipe.ProbeBundle, Scan: mediapipe.ScanBundle,
		},
		{
			Name: "mediapipe", Title: "MediaPipe graph", Version: 1,
			Recognised: "protobuf whose first nodes name calculators",
			Threats:    "calculators that read or write files of their own choice, unknown ones, paths in options that leave the model, trace logs",
			Limits:     "graphs in text form are not read",
			Probe:      mediapipe.ProbeGraph, Scan: mediapipe.ScanGraph,
		},
		{
			Name: "ms_lite", Title: "MindSpore Lite", Version: 1,
			Recognised: "FlatBuffers identifiers MSL0 to MSL2",
			Threats:    "custom primitives, the more so with a library, codes beyond the schema, offsets and indices that lead nowhere, files outside of the model, what lies in attributes and behind the model",
			Limits:     "tested with models of our own making: the package of its converter is for releases of Python that are past, and none ships a model",
			Probe:      mindspore.Probe, Scan: mindspore.Scan,
		},
		{
			Name: "mindir", Title: "MindSpore MindIR", Version: 1,
			Recognised: "protobuf that begins with a version as text and MindSpore as producer",
			Threats:    "operators that run Python or a library, custom ones, weights outside of the model",
			Limits:     "operators are held to a list of dangerous ones alone",
			Probe:      mindspore.ProbeIR, Scan: mindspore.ScanIR,
		},
		{
			Name: "mindspore_checkpoint", Title: "MindSpore checkpoint", Version: 1,
			Recognised: "protobuf whose first value is a tensor with a name and a type of MindSpore's",
			Threats:    "fields that are none of a checkpoint, tensors of unknown types",
			Limits:     "elements are not read; encrypted checkpoints are not recognised",
			Probe:      mindspore.ProbeCheckpoint, Scan: mindspore.ScanCheckpoint,
		},
		{
			Name: "catboost", Title: "CatBoost model", Version: 1,
			Recognised: "CBM1 at 0 and the size of the core",
			Threats:    "offsets that lead nowhere, what lies behind the core",
			Limits:     "tables of statistics behind the core are not read",
			Probe:      catboost.Probe, Scan: catboost.Scan,
		},
		{
			Name: "catboost", Title: "CatBoost model in JSON", Version: 1, Text: true,
			Recognised: "oblivious_trees or trees, with features_info",
			Threats:    "keys that stand twice, JSON that breaks off",
			Probe:      catboost.ProbeJSON, Scan: catboost.ScanJSON,
		},
		{
			Name: "executorch", Title: "ExecuTorch program", Version: 1,
			Recognised: "FlatBuffers identifiers ET10 to ET19",
			Threats:    "kernels and delegates of nobody known, delegates that load libraries, what lies in segments and behind them, offsets and indices that lead nowhere",
			Limits:     "the data of delegates is opaque unless it begins as something that is known",
			Probe:      executorch.Probe, Scan: executorch.Scan,
		},
	}
}
