package scanner

import "modelgate/internal/scanner/keras"

// kerasRows are the rows of Keras, except for what is HDF5.
func kerasRows() []Format {
	return []Format{
		{
			Name: "keras3", Title: "Keras 3 model", Version: 1,
			Recognised: "ZIP with config.json and metadata.json or weights",
			Threats:    "those of its configuration, of its weights and of every other member, files that it names and lacks",
			Covers:     []string{"zip"},
			Probe:      keras.ProbeArchive, Scan: keras.ScanArchive,
		},
		{
			Name: "keras_model_json", Title: "Keras configuration", Version: 1, Text: true,
			Recognised: "JSON with class_name and config, and keras_version, backend, module or a model's class; attributes of HDF5, topologies of TensorFlow.js",
			Threats:    "modules, classes and functions that loading imports and calls, code of lambdas, pickles in strings, paths, keys that stand twice",
			Limits:     "code of lambdas is judged by the names that it uses; classes that Keras does not have are suspicious (PAIT-KERAS-301)",
			Probe:      keras.Probe, Scan: keras.Scan,
		},
		{
			Name: "keras_weights", Title: "Index of Keras weights in parts", Version: 1, Text: true,
			Recognised: "JSON with weight_map that leads to lists of files",
			Threats:    "parts outside the model or missing",
			Covers:     []string{"safetensors_index"},
			Probe:      keras.ProbeIndex, Scan: keras.ScanIndex,
		},
		{
			Name: "keras_metadata", Title: "Keras metadata of a SavedModel", Version: 1,
			Recognised: "protobuf of nodes whose identifier begins with _tf_keras_",
			Threats:    "those of the configuration of every node",
			Probe:      keras.ProbeMetadata, Scan: keras.ScanMetadata,
		},
	}
}
