package scanner

import (
	"modelgate/internal/scanner/litert"
	"modelgate/internal/scanner/mediapipe"
)

// flatbufferRows are the rows of TFLite and the other formats that are FlatBuffers.
func flatbufferRows() []Format {
	return []Format{
		{
			Name: "litert", Title: "TFLite, LiteRT", Version: 1,
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
	}
}
