package scanner

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// promise says which formats a name may be believed to announce.
type promise struct {
	suffix string
	title  string
	names  []string
}

// promises are the suffixes by which people and tools choose a loader, longest first where one ends in another. Suffixes
// that announce nothing certain (.bin, .pt, .model, .data) are not among them, except against containers that no loader of
// theirs reads.
func promises() []promise {
	pickles := []string{"pickle", "joblib", "sklearn", "keras_pickle", "numpy_pickle", "pytorch_v0_1_10"}
	torch := []string{
		"pytorch_v1_13", "pytorch_v0_1_10", "pytorch_v0_1_1", "pytorch_torch_script", "pytorch_archive", "pickle", "torch", "joblib",
		"safetensors", "numpy_pickle", "sklearn", "keras_pickle",
	}
	keras := []string{"keras3", "keras_legacy", "keras_legacy_h5", "keras3_h5", "keras_weights", "hdf5"}
	// torch.save writes what it is told to under any name, and accelerate calls its random states .pkl.
	pickles = append(pickles, "pytorch_v1_13")
	compressed := []string{"gzip", "bzip2", "xz", "lzma", "zlib", "lz4", "zstd"}
	text := []string{
		NotModel, "json", "yaml", "hydra", "jinja", "python", "xml", "lightgbm", "xgboost", "catboost", "keras_model_json", "safetensors_index",
		"tf_js", "litert_json", "mxnet", "paddle", "openvino_xml", "pmml", "coreml",
	}
	return []promise{
		{".safetensors", "safetensors", []string{"safetensors"}},
		{".safetensors.index.json", "a safetensors index", text},
		{".gguf", "GGUF", []string{"gguf"}},
		{".onnx", "ONNX", []string{"onnx"}},
		{".tflite", "TFLite", []string{"litert"}},
		{".npy", "a NumPy array", []string{"numpy", "numpy_pickle"}},
		{".npz", "NumPy arrays", []string{"numpy_zip", "numpy", "numpy_pickle"}},
		{".keras", "Keras", keras},
		{".h5", "HDF5", keras},
		{".hdf5", "HDF5", keras},
		{".pkl", "a pickle", append(slices.Clone(pickles), compressed...)},
		{".pickle", "a pickle", append(slices.Clone(pickles), compressed...)},
		{".dill", "a pickle", pickles},
		{".joblib", "a joblib pickle", append(slices.Clone(pickles), compressed...)},
		{".pt", "PyTorch", torch},
		{".pth", "PyTorch", torch},
		{".ckpt", "a checkpoint", append([]string{"tensorflow", "mindspore_checkpoint"}, torch...)},
		{".ot", "PyTorch", torch},
		{".zip", "ZIP", []string{"zip", "sdist", "numpy_zip", "keras3", "skops", "mediapipe", "coreml", "torchserve", "pytorch_v1_13", "pytorch_torch_script", "pytorch_archive"}},
		{".tar", "tar", []string{"tar", "nemo", "pytorch_v0_1_1"}},
		{".nemo", "NeMo", []string{"nemo", "tar"}},
		{".skops", "skops", []string{"skops"}},
		{".mlmodel", "Core ML", []string{"coreml"}},
		{".lgb", "LightGBM", []string{"lightgbm"}},
		{".ubj", "XGBoost", []string{"xgboost"}},
		{".params", "MXNet parameters", []string{"mxnet"}},
		{".gz", "a compressed stream", append([]string{"joblib"}, compressed...)}, // joblib writes any of them under it
		{".tgz", "gzip", []string{"gzip"}},
		{".bz2", "bzip2", []string{"bzip2"}},
		{".xz", "xz", []string{"xz"}},
		{".zst", "zstd", []string{"zstd"}},
		{".7z", "7-Zip", []string{"7_zip"}},
		{".json", "JSON", text},
		{".yaml", "YAML", text},
		{".yml", "YAML", text},
		{".txt", "text", text},
		{".md", "text", text},
		{".csv", "text", text},
		{".py", "Python", text},
		{".jinja", "a template", text},
		{".xml", "XML", text},
		{".png", "a picture", []string{NotModel}},
		{".jpg", "a picture", []string{NotModel}},
		{".jpeg", "a picture", []string{NotModel}},
		{".gif", "a picture", []string{NotModel}},
		{".webp", "a picture", []string{NotModel}},
		{".svg", "a picture", text},
		{".pdf", "a document", []string{NotModel}},
		{".wav", "sound", []string{NotModel}},
		{".mp3", "sound", []string{NotModel}},
		{".flac", "sound", []string{NotModel}},
		{".mp4", "a film", []string{NotModel}},
	}
}

// inertFormats cannot carry code: a false name that hides one of them misleads nobody into danger.
func inertFormats() []string {
	return []string{
		NotModel, "safetensors", "safetensors_index", "numpy", "json", "fasttext", "xgboost", "catboost", "lightgbm", "tokenizer",
	}
}

// nameFindings says whether a file's name promises another format than it has. It is a matter of the place and not of the
// bytes, so it is no part of their report.
func nameFindings(v model.Version, name string, r finding.FileReport) []finding.Finding {
	p, ok := promised(name)
	if !ok || len(r.Formats) == 0 || r.Size == 0 {
		return nil
	}
	if v.Source == model.PyPI && p.suffix == ".pth" { // there it is a list of folders too, which may have lines of Python
		p.names = append(p.names, "python")
	}
	// The outermost format decides what a loader meets first; nested ones may be anything.
	if slices.ContainsFunc(r.Formats, func(f string) bool { return slices.Contains(p.names, f) }) {
		return nil
	}
	f := finding.New(threat.MGFMT401, -1, fmt.Sprintf("The name promises %s, the content is %s.", p.title, strings.Join(r.Formats, ", ")))
	f.Role, f.Evidence = finding.RolePath, source.Evidence(path.Base(name))
	harmless := true
	for _, format := range r.Formats {
		harmless = harmless && slices.Contains(inertFormats(), format)
	}
	if harmless {
		f.Level, f.Severity = threat.Clean, threat.Info
	}
	return []finding.Finding{f}
}

// promised finds the longest suffix of a name that promises something.
func promised(name string) (promise, bool) {
	lower := strings.ToLower(path.Base(name))
	var best promise
	for _, p := range promises() {
		if strings.HasSuffix(lower, p.suffix) && len(p.suffix) > len(best.suffix) {
			best = p
		}
	}
	return best, best.suffix != ""
}
