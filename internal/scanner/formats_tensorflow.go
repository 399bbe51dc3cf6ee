package scanner

import "modelgate/internal/scanner/tensorflow"

// tensorflowRows are the rows of TensorFlow, its checkpoints and TensorFlow.js.
func tensorflowRows() []Format {
	const operators = "operators of every graph and function that write, read, call the host or the network, or that nobody knows; " +
		"savers and tables that name files of their own, gates that the input switches, graphs in strings and collections"
	const limits = "tensors are not read; programs for accelerators and modules of XLA are opaque"
	return []Format{
		{
			Name: "tensorflow", Title: "TensorFlow SavedModel", Version: 2,
			Recognised: "SavedModel: a meta graph whose graph has operators",
			Threats:    operators + ", assets outside the model, layers of old releases of Keras",
			Limits:     limits,
			Probe:      tensorflow.ProbeSavedModel, Scan: tensorflow.ScanSavedModel,
		},
		{
			Name: "tf_meta_graph", Title: "TensorFlow MetaGraph", Version: 2,
			Recognised: "MetaGraphDef: a graph with operators, or the release that wrote it",
			Threats:    operators, Limits: limits,
			Probe: tensorflow.ProbeMetaGraph, Scan: tensorflow.ScanMetaGraph,
		},
		{
			Name: "tensorflow", Title: "TensorFlow graph", Version: 2,
			Recognised: "GraphDef: nodes with name and operator, or functions of them; not if they are calculators and none is TensorFlow's",
			Threats:    operators, Limits: limits,
			Probe: tensorflow.ProbeGraph, Scan: tensorflow.ScanGraph,
		},
		{
			Name: "tensorflow", Title: "TensorFlow graphs as text", Version: 2, Text: true,
			Recognised: "the same messages in the text encoding",
			Threats:    operators, Limits: limits,
			Probe: tensorflow.ProbeText, Scan: tensorflow.ScanText,
		},
		{
			Name: "tensorflow", Title: "TensorFlow checkpoint", Version: 1,
			Recognised: "table footer with magic 0xdb4775248b80fb57",
			Threats:    "blocks that do not fit, wrong checksums, bytes between blocks, tensors where no file is",
			Limits:     "tensors are not read; tables that are no checkpoint are reported as not read (MG-FMT-404)",
			Probe:      tensorflow.ProbeCheckpoint, Scan: tensorflow.ScanCheckpoint,
		},
		{
			Name: "tensorflow", Title: "TensorFlow fingerprint", Version: 1,
			Recognised: "FingerprintDef: hashes, an identifier and a version, and nothing else",
			Threats:    "none: it has nothing but numbers",
			Probe:      tensorflow.ProbeFingerprint, Scan: tensorflow.Named("tensorflow"),
		},
		{
			Name: "tf_hub", Title: "TensorFlow Hub module", Version: 1,
			Recognised: "tfhub_module.pb: format 3 and nothing else",
			Threats:    "none: the SavedModel beside it is judged",
			Probe:      tensorflow.ProbeHubModule, Scan: tensorflow.Named("tf_hub"),
		},
		{
			Name: "tf_hub", Title: "TensorFlow Hub archive", Version: 1,
			Recognised: "tar with saved_model.pb or tfhub_module.pb at its root, among its first entries",
			Threats:    "those of its archive and of each of its files, each by its own scanner",
			Probe:      tensorflow.ProbeHubArchive, Scan: tensorflow.Named("tf_hub"),
		},
		{
			Name: "tf_js", Title: "TensorFlow.js model", Version: 1, Text: true,
			Recognised: "JSON with modelTopology and weightsManifest, or a list that is a manifest",
			Threats:    operators + ", weights outside the model, configurations of Keras",
			Limits:     "weights are not read: the manifest accounts for their files",
			Probe:      tensorflow.ProbeJS, Scan: tensorflow.ScanJS,
		},
	}
}
