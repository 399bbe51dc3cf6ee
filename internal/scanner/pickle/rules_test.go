package pickle

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestJudge(t *testing.T) {
	tests := []struct {
		why, module, name string
		want              grade
	}{
		{"a class on the list", "collections", "UserDict", harmless},
		{"a class of a library, wherever it lives", "sklearn.linear_model.logistic", "LogisticRegression", harmless},
		{"a class of a library in a module that never had it", "sklearn.linear_model._base", "RandomForestClassifier", unknownName},
		{"a class of a library in a module that is none of its", "sklearn.evil.plugin", "LogisticRegression", unknownName},
		{"a module that the library moved later", "sklearn.linear_model._logistic", "LogisticRegression", harmless},
		{"two names at once", "sklearn.linear_model._base", "LinearRegression LinearModel", unknownName},
		{"what stands for a module of extension types", "sklearn.tree._tree", "*", unknownName},
		{"a name that no version of the library has", "sklearn.linear_model", "Loader", unknownName},
		{"a class under a module that is excluded", "sklearn.datasets.base", "RemoteFileMetadata", dangerous},
		{"a dict of a module that is excluded", "sklearn.datasets.base", "Bunch", harmless},
		{"what the same module fetches with", "sklearn.datasets.base", "_fetch_remote", dangerous},
		{"a function of a library that is not on the list", "sklearn.utils", "shuffle", unknownName},
		{"a path through a class of a library", "sklearn.tree", "DecisionTreeClassifier.fit", unknownName},
		{"a special attribute of a harmless class", "collections", "OrderedDict.__init__", dangerous},
		{"a module behind a library", "torch", "os.system", dangerous},
		{"a twin with an underscore", "_posixsubprocess", "fork_exec", dangerous},
		{"a twin in the path", "setuptools._distutils.spawn", "spawn", dangerous},
		{"a submodule of a dangerous module", "multiprocessing.util", "spawnv_passfds", dangerous},
		{"a copy inside another package", "six.moves.urllib.request", "urlopen", dangerous},
		{"a method of a dangerous class", "code", "InteractiveInterpreter.runcode", dangerous},
		{"a method of a path", "pathlib", "PosixPath.unlink", dangerous},
		{"the class of a path", "pathlib", "PosixPath", harmless},
		{"os.path only looks", "os.path", "join", suspicious},
		{"os.path gives os, too", "os.path", "os.system", dangerous},
		{"a package that is named like a word in a list", "mycode.code", "Net", unknownName},
		{"a package called models", "models.experimental", "Ensemble", unknownName},
		{"getattr", "builtins", "getattr", indirect},
		{"attrgetter by its twin in C", "_operator", "attrgetter", indirect},
		{"a function under a condition", "copyreg", "_reconstructor", conditional},
		{"Cython's way to make a class", "sklearn._loss._loss", "__pyx_unpickle_CyHuberLoss", conditional},
		{"the same outside the libraries", "somewhere", "__pyx_unpickle_X", unknownName},
		{"a built-in class", "builtins", "complex", harmless},
		{"a built-in container", "builtins", "set", conditional},
		{"an unknown built-in", "builtins", "nothing", unknownName},
		{"a torch class", "torch.nn.modules.linear", "Linear", harmless},
		{"a torch class under a module of another kind", "torch.utils.data", "Linear", unknownName},
		{"what torch loads code with", "torch.utils.cpp_extension", "load", dangerous},
	}
	for _, tt := range tests {
		if got := judge(tt.module, tt.name, source.FamilyNone).grade; got != tt.want {
			t.Errorf("%s: judge(%s, %s) = %d, want %d", tt.why, tt.module, tt.name, got, tt.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"10": "10", " 10 ": "10", "1_0": "10", "+5": "5", "-5": "-5", "": "no", "_1": "no", "1_": "no", "1__0": "no", "0x10": "no", "1 0": "no",
		"99999999999999999999": "number", "-0": "0",
	} {
		if got := show(decimal([]byte(text))); got != want {
			t.Errorf("decimal(%q) = %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"0x10": "16", "-0x1f": "-31", "0o17": "15", "0b101": "5", "00": "False", "01": "True", "010": "8", "12": "12", "1_000": "1000", "x": "no", "0x": "no",
	} {
		if got := show(parseInt([]byte(text), false, true)); got != want {
			t.Errorf("parseInt(%q) = %s, want %s", text, got, want)
		}
	}
	if got := show(parseInt([]byte("12L"), true, true)); got != "12" {
		t.Errorf("LONG 12L = %s", got)
	}
}

func show(v value, ok bool) string {
	if !ok {
		return "no"
	}
	return (&machine{scanner: &scanner{}}).render(v)
}

func TestText(t *testing.T) {
	for raw, want := range map[string]string{
		`\u0065cho`: "echo", `\U00000065cho`: "echo", `a\\u0065`: `a\\u0065`, `\u00`: `\u00`, "\xe9": "é", `\x65`: `\x65`, `\`: `\`,
	} {
		if got := string(rawUnicode([]byte(raw))); got != want {
			t.Errorf("rawUnicode(%q) = %q, want %q", raw, got, want)
		}
	}
	for raw, want := range map[string]string{
		`\x65cho`: "echo", `\145cho`: "echo", `\n`: "\n", `\\`: `\`, `\'`: `'`, `\q`: `\q`, `\x6`: `\x6`, "\\\nx": "x", `\0`: "\x00", `\400`: "\x00",
	} {
		if got := string(unescape([]byte(raw))); got != want {
			t.Errorf("unescape(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestMemo(t *testing.T) {
	var m memo
	m.put(100_000, vTrue) // far ahead: no page for it
	if len(m.pages) != 0 || m.count != 1 {
		t.Errorf("%d pages and %d entries after one far entry", len(m.pages), m.count)
	}
	m.put(1<<28, vNone)
	m.put(1<<28, vTrue)
	for i := range uint64(100_001) {
		m.put(i, intValue(int64(i)))
	}
	if m.count != 100_002 {
		t.Errorf("%d entries, want 100,002", m.count)
	}
	if v, _ := m.get(100_000).int(); v != 100_000 {
		t.Errorf("the entry that moved into a page is %d", v)
	}
	if m.get(1<<28) != vTrue || m.get(1<<27) != 0 {
		t.Error("far entries are not what was put")
	}
	for i := range uint64(memoPage*memoPages + 10) {
		m.put(i, vNone)
	}
	if got := m.get(memoPage*memoPages + 5); got != unknown {
		t.Errorf("an entry that was forgotten is %x, want unknown", got)
	}
	m.put(m.count, makeValue(kGlobal, 7))
	if got := m.get(m.count - 1); got.kind() != kGlobal {
		t.Error("a name was forgotten when the memo was full")
	}
}

func TestNodesForgetTheOldest(t *testing.T) {
	var s nodes
	first := s.tuple(kTuple, []value{vTrue, vNone})
	if items, ok := s.items(first); !ok || len(items) != 2 || items[0] != vTrue {
		t.Fatalf("items %v, %v", items, ok)
	}
	dict := s.empty(kDict)
	s.add(dict, []value{intValue(1), intValue(2)})
	s.add(dict, []value{intValue(3), intValue(4), intValue(5), intValue(6)})
	var keys []int64
	whole := s.each(dict, func(k, _ value) bool {
		n, _ := k.int()
		keys = append(keys, n)
		return true
	})
	if diff := cmp.Diff([]int64{5, 3, 1}, keys); diff != "" || !whole {
		t.Errorf("keys %s whole %v", diff, whole)
	}
	for range mostRing {
		s.tuple(kTuple, []value{vNone})
	}
	if _, ok := s.items(first); ok {
		t.Error("a node that was overwritten was not forgotten")
	}
	if s.each(dict, func(_, _ value) bool { return true }) {
		t.Error("a dict that was overwritten was not forgotten")
	}
}

// TestBoundaries moves a payload over the ends of buffers: whatever straddles them is read whole.
func TestBoundaries(t *testing.T) {
	payloads := []string{
		"cposix\nsystem\n(S'id'\ntR.", "\x8c\x05posix\x94\x8c\x06system\x94\x93\x8c\x02id\x85R.",
		"Vposix\n\x8d\x06\x00\x00\x00\x00\x00\x00\x00system\x93U\x02id\x85R.",
	}
	for _, p := range payloads {
		for size := firstRead - 40; size < firstRead+4; size++ {
			stream := append(append([]byte("\x80\x04"), bytes.Repeat([]byte("N0"), (size-2)/2)...), strings.Repeat("\x80\x04", size%2)+p...)
			r := scanCase(t, stream, source.FamilyNone)
			if len(r.Findings) != 1 || r.Findings[0].Threat != "PAIT-PKL-100" || r.Findings[0].Role != "call" || !strings.Contains(r.Findings[0].Evidence, "system('id')") {
				t.Fatalf("payload %q at %d: %s", p, size, list(r.Findings))
			}
		}
	}
}

// counting counts the bytes that are read of a stream.
type counting struct {
	source.Bytes
	read int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Bytes.ReadAt(p, off)
	c.read += int64(n)
	return n, err
}

// TestReadsAreLinear scans what invites a scanner to go back: the bytes read stay within a factor of the size.
func TestReadsAreLinear(t *testing.T) {
	spent := map[string]bool{"streams": true, "frames beyond the file": true, "joblib arrays that look runnable": true}
	for name, unit := range map[string]string{
		"streams that break at once":       "\x80\x02\x80\x02N\x93",
		"names that lead nowhere":          "ca\nb\n\xff",
		"marks":                            "((((((((c",
		"frames beyond the file":           "\x80\x04\x95\xff\xff\xff\xff\x00\x00\x00\x00N.",
		"lengths beyond the file":          "\x80\x04NX\xff\xff\xff\x7f",
		"lengths within the file":          "\x80\x04NX\x00\x40\x00\x00",
		"streams":                          "\x80\x04N.",
		"joblib arrays that look runnable": "\x80\x04\x8c\x13joblib.numpy_pickle\x8c\x11NumpyArrayWrapper\x93)\x81}bN0N0N0N0N0",
	} {
		content := bytes.Repeat([]byte(unit), (1<<20)/len(unit))
		c := &counting{Bytes: content}
		f := &source.File{Reader: c, Path: "x", Budget: source.NewBudget(source.DefaultLimits(), int64(len(content)))}
		r := &scantest.Recorder{}
		if err := Scan(t.Context(), f, r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if limit := int64(mostStreams) * 2 * mostRead / 8; c.read > limit {
			t.Errorf("%s: %d bytes read of %d", name, c.read, len(content))
		}
		if got := slices.Contains(r.Threats(), "MG-FMT-406"); got != spent[name] {
			t.Errorf("%s: budget spent %v, want %v", name, got, spent[name])
		}
		t.Logf("%s: %.1f times the size read, %s", name, float64(c.read)/float64(len(content)), strings.Join(r.Threats(), " "))
	}
}

// TestStreamsThatInflate scans through a Reader that can only go forward: findings are the same, and nothing is inflated
// twice.
func TestStreamsThatInflate(t *testing.T) {
	for _, c := range scantest.PickleCases() {
		if len(c.Bytes) > 1<<16 {
			continue
		}
		budget := source.NewBudget(source.DefaultLimits(), int64(len(c.Bytes)))
		stream := source.NewStream(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.Bytes)), nil }, budget)
		r := &scantest.Recorder{}
		if err := Scan(t.Context(), &source.File{Reader: stream, Path: "x", Budget: budget}, nest{r}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list(scanCase(t, c.Bytes, source.FamilyNone).Findings), list(r.Findings)); diff != "" {
			t.Errorf("%s: %s", c.Name, diff)
		}
	}
}

// TestManyFindings keeps memory and reports bounded when a stream names more than can be told.
func TestManyFindings(t *testing.T) {
	var stream bytes.Buffer
	for i := range 70_000 {
		fmt.Fprintf(&stream, "cpkg%d\nName\n0", i)
	}
	stream.WriteString("N.")
	r := scanCase(t, stream.Bytes(), source.FamilyNone)
	if n := len(r.Findings); n < mostGlobals || n > mostGlobals+10 {
		t.Errorf("%d findings, want one for each of the %d names that are kept, and one for the rest", n, mostGlobals)
	}
}

// TestNamesOfCommonCheckpoints are names that public checkpoints hold: all of them harmless.
func TestNamesOfCommonCheckpoints(t *testing.T) {
	words := strings.Fields(`
		torch._utils _rebuild_tensor_v2 torch FloatStorage torch BFloat16Storage torch.storage UntypedStorage collections OrderedDict
		torch.nn.parameter Parameter torch device torch float16 torch Size torch._utils _rebuild_parameter torch.serialization _get_layout
		transformers.training_args TrainingArguments transformers.training_args_seq2seq Seq2SeqTrainingArguments
		transformers.trainer_utils IntervalStrategy transformers.trainer_utils SchedulerType transformers.trainer_utils HubStrategy
		transformers.trainer_utils EvaluationStrategy transformers.training_args OptimizerNames transformers.trainer_pt_utils AcceleratorConfig
		transformers.trainer_utils SaveStrategy transformers.debug_utils DebugOption transformers.trainer_utils FSDPOption
		accelerate.state PartialState accelerate.utils.dataclasses DistributedType accelerate.utils.dataclasses DeepSpeedPlugin
		trl.trainer.sft_config SFTConfig trl.trainer.dpo_config DPOConfig sentence_transformers.training_args SentenceTransformerTrainingArguments
		peft.utils.peft_types PeftType peft.utils.peft_types TaskType peft.tuners.lora.config LoraConfig
		omegaconf.dictconfig DictConfig omegaconf.listconfig ListConfig omegaconf.base ContainerMetadata omegaconf.nodes AnyNode omegaconf.base Metadata
		pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint pytorch_lightning.utilities.parsing AttributeDict argparse Namespace
		torch.nn.modules.container Sequential torch.nn.modules.conv Conv2d torch.nn.modules.batchnorm BatchNorm2d torch.nn.modules.activation ReLU
		torch.optim.adam Adam torch.optim.lr_scheduler LambdaLR torchvision.models.resnet ResNet torchvision.models.resnet BasicBlock
		ultralytics.nn.tasks DetectionModel ultralytics.nn.modules.conv Conv ultralytics.nn.modules.block C2f ultralytics.nn.modules.head Detect
		timm.models.vision_transformer VisionTransformer transformers.models.bert.modeling_bert BertModel
		numpy.core.multiarray _reconstruct numpy ndarray numpy dtype numpy.core.multiarray scalar numpy float64 _codecs encode
		numpy.random._pickle __randomstate_ctor sklearn.ensemble._forest RandomForestClassifier sklearn.tree._tree Tree
		sklearn.pipeline Pipeline sklearn.preprocessing.data StandardScaler sklearn.externals.joblib.numpy_pickle NumpyArrayWrapper
		lightgbm.sklearn LGBMClassifier lightgbm.basic Booster xgboost.sklearn XGBClassifier xgboost.core Booster catboost.core CatBoostClassifier
		imblearn.pipeline Pipeline pandas.core.frame DataFrame pandas.core.indexes.base _new_Index
		numpy.random __RandomState_ctor pandas.core.indexes.numeric Int64Index scipy.sparse.csr csr_matrix pathlib PosixPath`)
	for i := 0; i+1 < len(words); i += 2 {
		if v := judge(words[i], words[i+1], source.FamilyTorch); v.grade > conditional {
			t.Errorf("%s.%s is graded %d", words[i], words[i+1], v.grade)
		}
	}
}

// TestAListOfFilesIsNoPickle: the names of a wheel's files may all begin with opcodes of persistent ids, and then of the memo.
func TestAListOfFilesIsNoPickle(t *testing.T) {
	list := []byte(strings.Repeat("PIL/Image.py,sha256=fVya3evEDNu,9419\n", 114) + strings.Repeat("pillow.libs/libz.so,sha256=d8otmsDP1,3260\n", 25))
	if accepted, err := Probe(scantest.NewFile(list)); accepted || err != nil {
		t.Errorf("%v %v", accepted, err)
	}
	puts := []byte(strings.Repeat("Pid\n", 114) + strings.Repeat("p7\n", 25))
	if accepted, err := Probe(scantest.NewFile(puts)); !accepted || err != nil {
		t.Errorf("a pickle of ids: %v %v", accepted, err)
	}
}
