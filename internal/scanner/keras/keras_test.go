package keras

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// scanText scans a text as a configuration.
func scanText(t *testing.T, text string) *scantest.Recorder {
	t.Helper()
	var r scantest.Recorder
	f := scantest.NewFile([]byte(text))
	f.Family = source.FamilyKeras
	if err := Scan(t.Context(), f, &r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &r
}

func TestReferencesAreGraded(t *testing.T) {
	for _, c := range []struct {
		module, name string
		function     bool
		want         grade
	}{
		{"keras.layers", "Dense", false, known},
		{"keras.src.layers.core.dense", "Dense", false, known},
		{"tf_keras.src.layers.core.dense", "Dense", false, known},
		{"tensorflow.python.keras.layers.recurrent_v2", "LSTM", false, known},
		{"keras.engine.sequential", "Sequential", false, known},
		{"keras", "DTypePolicy", false, known},
		{"keras.mixed_precision", "Policy", false, known},
		{"keras.optimizers.schedules", "CosineDecay", false, known},
		{"keras.src.ops.numpy", "GetItem", false, known},
		{"keras_hub.src.models.gemma.gemma_tokenizer", "GemmaTokenizer", false, known},
		{"keras_nlp.src.layers.modeling.token_and_position_embedding", "TokenAndPositionEmbedding", false, known},
		{"builtins", "int", false, known},
		{"builtins", "relu", true, known},
		{"builtins", "mean_squared_error", true, known},
		{"keras.losses", "mean_squared_error", true, known},
		{"keras.activations", "hard_sigmoid", true, known},
		{"keras.ops", "softmax", true, known},
		{"", "Convolution2D", false, known},
		{"", "LSTM", false, known},
		{"", "glorot_uniform", true, known},
		{"", "MeanSquaredError", true, known},
		{"", "adam", true, known},
		{"", "CTC", false, known},
		{"tensorflow.python.trackable.data_structures", "ListWrapper", false, known},

		{"tensorflow.nn", "relu", true, known},
		{"tensorflow.python.framework.tensor_spec", "TensorSpec", false, known},
		{"tensorflow.python.ops.init_ops_v2", "GlorotUniform", false, known},

		{"tensorflow.of", "tomorrow", true, custom},
		{"my.module", "Layer2", false, custom},
		{"", "MyLayer", false, custom},
		{"__main__", "MyLayer", false, custom},
		{"keras.layers", "LayerOfTomorrow", false, custom},
		{"keras.activations", "activation_of_tomorrow", true, custom},
		{"", "Addons>GroupNormalization", false, custom},
		{"builtins", "my_loss", true, custom},
		{"kerasx.layers", "Dense2", false, custom},

		{"keras.config", "set_floatx", true, suspicious},
		{"keras.applications", "resnet_of_tomorrow", true, suspicious},
		{"", "get_file", true, suspicious},
		{"builtins", "MyLayer", false, suspicious},
		{"huggingface_hub", "snapshot_download", true, suspicious},

		{"os", "system", true, dangerous},
		{"nt", "system", true, dangerous},
		{" os", "system", true, dangerous},
		{"__builtin__", "eval", true, dangerous},
		{"", "__import__", true, dangerous},
		{"builtins", "getattr", true, dangerous},
		{"", "os.system", true, dangerous},
		{"keras", "utils.get_file", true, dangerous},
		{"keras.api.utils", "get_file", true, dangerous},
		{"keras._tf_keras.keras.utils", "get_file", true, dangerous},
		{"keras_core.utils", "get_file", true, dangerous},
		{"keras.src.utils.file_utils", "rmtree_of_tomorrow", true, dangerous},
		{"keras.src.saving.saving_api", "load_model", true, dangerous},
		{"keras.saving", "load_weights", true, dangerous},
		{"tensorflow", "keras.utils.get_file", true, dangerous},
		{"numpy", "load", true, dangerous},
		{"shutil", "rmtree", true, dangerous},
		{"tensorflow", "load_op_library", true, dangerous},
		{"tensorflow", "io.write_file", true, dangerous},
		{"tensorflow.io", "write_file", true, dangerous},
		{"tensorflow.python.ops.gen_io_ops", "write_file", true, dangerous},
		{"tensorflow.python.ops.script_ops", "eager_py_func", true, dangerous},
	} {
		if got := gradeOf(c.module, c.name, c.function); got.grade != c.want {
			t.Errorf("%s.%s: %d (%s), want %d", c.module, c.name, got.grade, got.reason, c.want)
		}
	}
}

func TestSymbolsAreGraded(t *testing.T) {
	for name, want := range map[string]grade{
		"math.add": known, "compat.v1.nn.relu": known, "__operators__.getitem": known, "concat": known, "float32": known, "nn": known,
		"raw_ops.WriteFile": dangerous, "io.write_file": dangerous, "py_function": dangerous, "load_op_library": dangerous,
		"saved_model.load": dangerous, "io.gfile.GFile": dangerous, "keras.utils.get_file": dangerous, "io.read_file": suspicious, "print": suspicious,
		"of.tomorrow": suspicious, "keras.backend.mean": known, "distribute.get_strategy": suspicious,
		"io.decode_jpeg": known, "debugging.assert_equal": known, "nest.map_structure": known, "initializers.GlorotUniform": known, "layers.of_tomorrow": suspicious,
		"debugging.experimental.enable_dump_debug_info": dangerous, "lookup.TextFileInitializer": suspicious, "math.add.__globals__": suspicious,
	} {
		if got, reason := gradeSymbol(name); got != want {
			t.Errorf("%s: %d (%s), want %d", name, got, reason, want)
		}
	}
}

func TestBase64IsReadAsPythonReadsIt(t *testing.T) {
	for text, want := range map[string]string{ // codecs.decode(text.encode(), "base64")
		"YWJj": "abc", "YW\nJj\n": "abc", "Y*W?J j": "abc", "YWI=": "ab", "YQ==": "a", "YQ==YWJj": "a", "=YWJj": "abc", "YQ=Q=": "a\x04",
		"YQ=": "", "YQ=Q": "", "Y=Q==": "a", "YWJj=": "abc", "YQ===": "a", "YWJ": "", "Y": "", "": "", "YWJjé": "", "YW-_Jj": "abc",
	} {
		if got := string(lenientBase64(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestCodeOfEveryVersion gives a lambda the code of a function that starts programs, as compilers of nine versions of Python write it.
func TestCodeOfEveryVersion(t *testing.T) {
	files, err := filepath.Glob("../source/pycode/testdata/calls-*.marshal")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := scanText(t, `{"class_name": "__lambda__", "config": {"code": "`+base64.StdEncoding.EncodeToString(data)+`"}}`)
		if diff := cmp.Diff([]string{string(threat.KERAS101)}, r.Threats()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestPositionsAreKept(t *testing.T) {
	const text = `{"class_name": "Functional", "config": {"layers": [{"module": "os", "class_name": "function", "config": "system"}]}}`
	r := scanText(t, text)
	if len(r.Findings) != 1 || r.Findings[0].Offset != int64(strings.Index(text, `{"module"`)) {
		t.Errorf("findings: %+v", r.Findings)
	}
}

// TestFilesOfAttributes holds configurations in HDF5 to naming no file at all, since there is none beside them.
func TestFilesOfAttributes(t *testing.T) {
	for path, want := range map[string][]string{
		"#model_config": {string(threat.MGFMT400)}, "config.json": nil,
	} {
		var r scantest.Recorder
		f := scantest.NewFile([]byte(`{"class_name": "StringLookup", "config": {"vocabulary": "words.txt"}}`))
		f.Family, f.Path = source.FamilyKeras, path
		if err := Scan(t.Context(), f, &r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.Threats(), cmpopts.EquateEmpty()); diff != "" || (len(r.Refs) == 0) != (path[0] == '#') {
			t.Errorf("%s: %s, references %v", path, diff, r.Refs)
		}
	}
}

func TestUnknownNamesAreToldOnce(t *testing.T) {
	r := scanText(t, `[`+strings.Repeat(`{"class_name": "Mine", "config": {}}, `, 500)+`{"class_name": "Other", "config": {}}]`)
	if diff := cmp.Diff([]string{string(threat.KERAS301)}, r.Threats()); diff != "" || len(r.Findings) != 2 {
		t.Errorf("%d findings: %s", len(r.Findings), diff)
	}
}

func TestWhatIsNoConfiguration(t *testing.T) {
	for name, text := range map[string]string{
		"a configuration of transformers": `{"architectures": ["A"], "model_type": "b"}`,
		"a class without its version":     `{"class_name": "A", "config": {}}`,
		"a list":                          `[{"class_name": "A", "config": {}, "module": "b"}]`,
		"text":                            `class_name config module`,
		"nothing":                         ``,
	} {
		ok, err := Probe(scantest.NewFile([]byte(text)))
		if ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	for name, content := range map[string][]byte{
		"no nodes":          scantest.Message(1, 5),
		"other identifiers": scantest.Message(1, scantest.Message(4, "node", 5, "{}")),
		"a graph":           append(scantest.Message(1, scantest.Message(1, "x", 2, "Const")), scantest.Message(1, scantest.Message(4, "_tf_keras_layer"))...),
		"a broken message":  {0x0a, 0x7f, 0x01},
	} {
		if ok, _ := ProbeMetadata(scantest.NewFile(content)); ok {
			t.Errorf("%s is taken for metadata", name)
		}
	}
}

// TestBounds holds the walk to its limits: what is nested without end, names without end, strings without end.
func TestBounds(t *testing.T) {
	blob := base64.StdEncoding.EncodeToString([]byte("\x80\x04" + strings.Repeat("N0", 40) + "."))
	many := `[` + strings.Repeat(`"`+blob+`", `, maxNested+1) + `0]`
	var r scantest.Recorder
	f := scantest.NewFile([]byte(many))
	f.Family = source.FamilyKeras
	if err := Scan(t.Context(), f, &r); err == nil || len(r.Members) != maxNested {
		t.Errorf("%d members, %v", len(r.Members), err)
	}
	inner := `{"class_name": "Dense", "config": {}}`
	for range 6 {
		inner = fmt.Sprintf(`{"class_name": "Dense", "config": {"a": %q}}`, inner)
	}
	if got := scanText(t, inner).Threats(); !cmp.Equal(got, []string{string(threat.MGFMT406)}) {
		t.Errorf("documents in documents: %v", got)
	}
}

func FuzzScan(f *testing.F) {
	for _, g := range scantest.Groups() {
		if g.Name != "keras" {
			continue
		}
		for _, c := range g.Cases {
			for _, content := range c.Content() {
				f.Add(content)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, scan := range []func(context.Context, *source.File, source.Sink) error{Scan, ScanMetadata, ScanArchive} {
			var r scantest.Recorder
			file := scantest.NewFile(content)
			file.Family = source.FamilyKeras
			_ = scan(t.Context(), file, &r) // hostile bytes may well be an error; they must not be a panic
			for _, x := range r.Findings {
				if x.Description == "" {
					t.Errorf("a finding without a description: %+v", x)
				}
			}
		}
	})
}
