package keras

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"

	"modelgate/internal/scanner/source/registry"
)

//go:embed objects.txt
var objectsText string

//go:embed backend.txt
var backendText string

//go:embed tensorflow.txt
var tensorflowText string

// The tables that tools/registry/keras.py writes.
var (
	objects    = registry.Parse(objectsText)    // classes and functions of configurations, by kind
	backend    = registry.Parse(backendText)    // functions of keras.ops and keras.backend
	tensorflow = registry.Parse(tensorflowText) // functions of TensorFlow that compute
)

// roots are the packages whose classes the table has. What is called keras.src.x or tensorflow.python.keras.x is keras.x.
var roots = []string{
	"tensorflow.python.keras.api._v2.keras", "tensorflow.python.keras.api._v1.keras", "tensorflow.python.keras", "tensorflow.keras",
	"tensorflow._api.v2.keras", "tf.keras", "tf_keras.src", "tf_keras", "keras_core.src", "keras_core", "keras.api._v2.keras",
	"keras.api._v1.keras", "keras.api._tf_keras.keras", "keras.api", "keras._tf_keras.keras", "keras.src", "keras",
}

// around are packages of Keras' own authors whose classes the table has too.
var around = []string{"keras_hub", "keras_nlp", "keras_cv"}

// canonical returns a module with its root spelled as keras; ok is false if it belongs to no package of Keras.
func canonical(module string) (name string, ok bool) {
	for _, root := range roots {
		if module == root {
			return "keras", true
		}
		if rest, found := strings.CutPrefix(module, root+"."); found {
			return "keras." + rest, true
		}
	}
	for _, root := range around {
		if module == root || strings.HasPrefix(module, root+".") {
			return strings.Replace(module, root+".src", root, 1), true
		}
	}
	return module, false
}

// isClass tells whether the table has a class of a name, or a function that stands for one.
func isClass(name string) bool {
	return objects.Has(name) && name != "" && (unicode.IsUpper(rune(name[0])) || isFunction(name))
}

// isFunction tells whether the table has a function of a name: an activation, a loss, a metric and so on.
func isFunction(name string) bool {
	kinds, ok := objects.Lookup(name)
	return ok && len(kinds) > 0 && name != "" && !unicode.IsUpper(rune(name[0])) && kinds[0] != "layer" && kinds[0] != "other"
}

// isOptimizer tells whether the table has an optimizer of a name.
func isOptimizer(name string) bool {
	columns, ok := objects.Lookup(name)
	return ok && len(columns) > 0 && slices.Contains(strings.Fields(columns[0]), "optimizer")
}

// isNamed tells whether Keras knows a string where an object is expected: a function, or a class in either of its spellings,
// MeanSquaredError and mean_squared_error.
func isNamed(name string) bool {
	if objects.Has(name) || settled[name] {
		return true
	}
	return objects.Has(camel(name)) || lowered()[strings.ToLower(strings.ReplaceAll(name, "_", ""))]
}

// settled are strings that stand for themselves where a function could be named.
var settled = words(`auto none sum mean sum_over_batch_size lower_and_strip_punctuation lower strip_punctuation whitespace character crossentropy ce accuracy acc
	mean_with_sample_weight cosine tf adamw`)

// lowered are the names of classes without regard to case, as old versions look up optimizers: rmsprop, adam, sgd.
var lowered = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, kind := range []string{"optimizer", "regularizer", "constraint", "initializer", "loss", "metric"} {
		for _, name := range ofKind(kind) {
			out[strings.ToLower(name)] = true
		}
	}
	return out
})

// ofKind lists the classes of a kind.
func ofKind(kind string) []string {
	var out []string
	for _, name := range objects.Names() {
		if columns, _ := objects.Lookup(name); len(columns) > 0 && slices.Contains(strings.Fields(columns[0]), kind) {
			out = append(out, name)
		}
	}
	return out
}

// camel is the name of the class that snake_case stands for.
func camel(name string) string {
	var b strings.Builder
	up := true
	for _, r := range name {
		if r == '_' {
			up = true
			continue
		}
		if up {
			r = unicode.ToUpper(r)
		}
		up = false
		b.WriteRune(r)
	}
	return b.String()
}

// special are class names by which the formats spell values, with nothing behind them that is imported.
var special = words(`__bytes__ __ellipsis__ __keras_tensor__ __tensor__ __numpy__ __slice__ __tuple__ TensorShape TypeSpec InputSpec CompositeTensor
	Ellipsis __set__ __dict__`)

// plainTypes are the types of built-ins that hold values.
var plainTypes = words("int float str bool bytes complex list tuple dict set frozenset slice range NoneType type object")

// typeSpecs are TensorFlow's descriptions of tensors.
var typeSpecs = words(`TensorSpec RaggedTensorSpec SparseTensorSpec IndexedSlicesSpec VariableSpec BoundedTensorSpec NoneTensorSpec OptionalSpec
	DatasetSpec IteratorSpec TensorArraySpec`)

// gadgets are functions of Keras that load, fetch, write or run what their arguments name, wherever they stand.
var gadgets = words(`get_file _extract_archive extract_archive load_model save_model load_weights save_weights load_weights_from_hdf5_group
	load_weights_from_hdf5_group_by_name save_weights_to_hdf5_group load_img save_img load_data plot_model model_to_dot enable_unsafe_deserialization
	disable_safe_mode model_from_json model_from_yaml model_from_config deserialize_keras_object func_load func_dump urlretrieve urlopen
	register_keras_serializable image_dataset_from_directory text_dataset_from_directory audio_dataset_from_directory timeseries_dataset_from_array
	export export_saved_model load_from_saved_model experimental_load export_library export_onnx export_openvino export_litert
	download_file load_dataset LazyModule HDF5Matrix ExportArchive LiteRTExporter File makedirs rmtree remove copy_file get_source_code from_preset
	set_global_attribute get_global_attribute set_custom_objects load_lib load_op_library run_script run_tf_command hash_file validate_file get_custom_objects custom_object_scope CustomObjectScope`)

// gadgetModules are modules of Keras that hold nothing else.
var gadgetModules = words(`keras.utils.file_utils keras.utils.data_utils keras.utils.module_utils keras.utils.python_utils keras.utils.io_utils
	keras.backend.common.global_state keras.utils.generic_utils keras.utils.vis_utils keras.utils.model_visualization keras.utils.image_utils keras.utils.image_dataset_utils
	keras.utils.image_dataset keras.utils.text_dataset keras.utils.text_dataset_utils keras.utils.audio_dataset keras.utils.audio_dataset_utils
	keras.utils.dataset_utils keras.utils.backend_utils keras.utils.code_stats keras.utils.dtype_utils keras.utils.mode_keys
	keras.utils.summary_utils keras.utils.traceback_utils keras.utils.io keras.utils.kernelized_utils keras.saving.saving_lib keras.saving.saving_api
	keras.saving.file_editor keras.saving.hdf5_format keras.saving.save keras.saving.legacy.save keras.saving.legacy.hdf5_format
	keras.saving.serialization_lib keras.saving.object_registration keras.saving.legacy.serialization keras.saving keras.export.export_lib
	keras.export.saved_model keras.export.onnx keras.legacy.saving.legacy_h5_format keras.legacy.saving.serialization
	keras.legacy.saving.json_utils keras.engine.saving keras.engine.network_utils keras.models.saving keras.datasets keras_hub.utils.preset_utils
	keras_nlp.utils.preset_utils`)

// lookups are functions of Keras that make whatever their argument describes.
var lookups = words("deserialize get clone_model function custom_gradient")

// isGadget tells whether a name of Keras is one that acts when it is called.
func isGadget(module, name string) bool {
	if gadgets[name] {
		return true
	}
	return gadgetModules[module] && !objects.Has(name) || strings.HasPrefix(module, "keras.datasets.")
}

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}
