package policy

// notModel is the format of files that are no model material.
const notModel = "not_model"

// formatChoices are the machine names of formats with their labels, grouped as people look for them.
func formatChoices() []Choice {
	return append(publishedFormats(), ownFormats()...)
}

func publishedFormats() []Choice {
	return []Choice{
		{"safetensors", "Safetensors"},
		{"safetensors_index", "Safetensors index"},
		{"json", "JSON"},
		{"yaml", "YAML"},
		{"cntk", "CNTK"},
		{"flax", "Flax"},
		{"gguf", "GGUF"},
		{"keras_legacy", "Keras, legacy"},
		{"keras3", "Keras 3"},
		{"keras_pickle", "Keras, pickle"},
		{"keras_legacy_h5", "Keras, legacy HDF5"},
		{"keras3_h5", "Keras 3, HDF5"},
		{"keras_weights", "Keras weights"},
		{"keras_model_json", "Keras model JSON"},
		{"keras_metadata", "Keras metadata"},
		{"kmodel", "KModel"},
		{"lightgbm", "LightGBM"},
		{"ms_lite", "MS Lite"},
		{"mxnet", "MXNet"},
		{"numpy", "NumPy array (.npy)"},
		{"numpy_zip", "NumPy archive (.npz)"},
		{"numpy_pickle", "NumPy, pickled objects"},
		{"om", "OM"},
		{"onnx", "ONNX"},
		{"openvino_bin", "OpenVINO weights"},
		{"openvino_xml", "OpenVINO graph"},
		{"pickle", "Pickle"},
		{"joblib", "Joblib"},
		{"pytorch_v0_1_1", "PyTorch 0.1.1 (tar)"},
		{"pytorch_v0_1_10", "PyTorch 0.1.10 (stacked pickles)"},
		{"pytorch_v1_13", "PyTorch 1.13 (zip)"},
		{"pytorch_torch_script", "TorchScript"},
		{"pytorch_archive", "PyTorch model archive"},
		{"rknn", "RKNN"},
		{"sklearn", "SKLearn"},
		{"tensorrt", "TensorRT"},
		{"tensorflow", "TensorFlow SavedModel"},
		{"tf_hub", "TensorFlow Hub"},
		{"tf_meta_graph", "TensorFlow MetaGraph"},
		{"litert", "LiteRT (TFLite)"},
		{"litert_json", "LiteRT, JSON"},
		{"tf_js", "TensorFlow.js"},
		{"torch", "Torch7"},
		{"llamafile", "Llamafile"},
		{"nemo", "NeMo"},
		{"hydra", "Hydra configuration"},
		{"tar", "tar archive"},
		{"zip", "zip archive"},
		{"zlib", "zlib stream"},
		{"gzip", "gzip stream"},
		{"bzip2", "bzip2 stream"},
		{"lzma", "LZMA stream"},
		{"xz", "xz stream"},
		{"lz4", "LZ4 stream"},
		{"7_zip", "7-Zip archive"},
	}
}

// ownFormats have names that are not among the published ones.
func ownFormats() []Choice {
	return []Choice{
		{"zstd", "Zstandard stream"},
		{"zfile", "Old compression of joblib"},
		{"container", "Containers that are not opened"},
		{"caffe", "Caffe"},
		{"catboost", "CatBoost"},
		{"coreml", "CoreML"},
		{"darknet", "Darknet"},
		{"executorch", "ExecuTorch"},
		{"fasttext", "fastText"},
		{"ggml", "ggml before GGUF"},
		{"hdf5", "HDF5"},
		{"lua", "Lua bytecode"},
		{"mediapipe", "MediaPipe"},
		{"mindir", "MindSpore MindIR"},
		{"mindspore_checkpoint", "MindSpore checkpoint"},
		{"ncnn", "ncnn"},
		{"paddle", "PaddlePaddle"},
		{"pmml", "PMML"},
		{"pytorch_distributed", "PyTorch distributed checkpoint"},
		{"skops", "skops"},
		{"tesseract", "Tesseract"},
		{"tnn", "TNN"},
		{"torchserve", "TorchServe archive"},
		{"xgboost", "XGBoost"},
	}
}

// exemptFormats are names of the scanner that say nothing about how a model is stored: no model material, and code, templates, documents and
// programs that lie beside models. Threats in them are the business of other rules.
var exemptFormats = map[string]bool{notModel: true, "python": true, "jinja": true, "executable": true, "xml": true, "wheel": true, "sdist": true, "recipe": true}

// framework is the name of the framework behind a machine name, where known texts name one; "" leaves them as they are.
func framework(format string) string {
	switch format {
	case "onnx":
		return "ONNX"
	case "mxnet":
		return "MXNet"
	case "litert", "litert_json":
		return "LiteRT"
	case "openvino_xml", "openvino_bin":
		return "OpenVINO"
	case "keras3", "keras_legacy", "keras_legacy_h5", "keras3_h5", "keras_model_json":
		return "Keras"
	default:
		return ""
	}
}
