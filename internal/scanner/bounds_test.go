package scanner_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// live tells how many bytes the objects take that the collector found in use when it last looked.
func live() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// peak tells how many bytes more are in use at most while f runs. The collector is made to look often: how much more than what is in use is
// left to it otherwise depends on what else the machine does, and says nothing of what is kept.
func peak(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before, most := live(), int64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.Tick(time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick:
				most = max(most, live()-before)
			}
		}
	}()
	f()
	close(stop)
	<-done
	return most
}

// TestHostileFilesTakeLittleMemory scans files of 10 MB that are made of the smallest parts of their formats, those of all families that
// took most when nobody counted: up to 580 MiB. What is kept of a file is what it takes itself, unpacked, and no more than 64 MiB.
func TestHostileFilesTakeLittleMemory(t *testing.T) {
	const size = 10 << 20
	const most = size + 64<<20 + 8<<20 // the collector takes for used what is made while it looks
	costly := []string{
		"a graph of TensorFlow.js with one operator after another", "a graph of TensorFlow.js with empty objects", "a configuration of Keras with layers",
		"layers of TensorFlow.js with layers", "layers of TensorFlow.js with directives", "a map of code with strings",
		"a notebook with directives", "a program of PaddlePaddle with one key again and again", "a symbol of MXNet with nodes",
		"a header of safetensors with lists without end", "a schema of skops with empty objects", "a graph of TensorFlow with empty in field 1",
		"a function of TensorFlow with empty in field 6", "a function of TensorFlow with messages of four in field 3", "an attribute of ONNX with empty in field 11",
		"a graph of ONNX with empty in field 15", "a graph of ONNX with named messages in field 1", "a message of nothing with messages of four in field 2",
		"a vocabulary with empty in field 2", "a graph of MindIR with names in field 9",
		"trees of CatBoost with empty objects", "Python with brackets", "Python with assignments", "Python with functions", "Python with imports",
		"Python with functions that call", "Python with strings",
		"HDF5 with links", "HDF5 with links to files", "HDF5 with groups", "HDF5 with attributes", "HDF5 with empty messages", "HDF5 with a virtual dataset",
		"HDF5 with values of variable length", "HDF5 with datasets",
		"GGUF with tensors", "GGUF with keys", "GGUF with empty words", "GGUF with lists of nothing",
		"an array of NumPy with fields", "an array of NumPy with dimensions", "objects of NumPy with a list of lists",
		"a ZIP of empty members", "a ZIP of one name", "a ZIP of long names", "a ZIP of members that lie nowhere", "a checkpoint of storages",
		"a tar of empty members", "a tar of links", "a tar with a long name", "a tar with records", "a gzip of empty streams", "a zstd of empty frames",
		"a FlatBuffer of buffers", "a FlatBuffer of named graphs of ORT", "a FlatBuffer of named operators", "a FlatBuffer of plans of ExecuTorch",
		"a FlatBuffer of nodes of MindSpore", "words of fastText", "names of MXNet", "settings of Tesseract", "a dictionary of CNTK",
		"a wheel with a module of layers", "a wheel with a module of executions", "a wheel with a module of imports", "a wheel with lines of a path file",
		"a wheel with small modules", "a wheel with entry points", "a wheel with lines of RECORD",
		"a source distribution with a setup of executions", "a source distribution with a setup of functions",
	}
	scanned := 0
	for _, h := range scantest.Hostiles() {
		if !slices.Contains(costly, h.Name) {
			continue
		}
		scanned++
		content := h.Build(size)
		in := version{h.Path: content}.input()
		if strings.HasPrefix(h.Path, "demo-1.0") {
			in.Version.Source = model.PyPI
		}
		took := peak(func() {
			if _, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
		if took > most {
			t.Errorf("%s keeps %d MiB", h.Name, took>>20)
		}
	}
	if scanned != len(costly) {
		t.Errorf("%d of %d families were scanned", scanned, len(costly))
	}
}

// TestHonestLargeModelsAreReadWhole scans models of many parts, as large as they come: the bounds on memory are for others.
func TestHonestLargeModelsAreReadWhole(t *testing.T) {
	for name, content := range map[string][]byte{
		"graph/model.json":             written(`{"format":"graph-model","modelTopology":{"node":[`, 40_000, graphNode, `{"name":"end","op":"NoOp"}],"versions":{}},"weightsManifest":[]}`),
		"layers/model.json":            written(`{"format":"layers-model","modelTopology":{"class_name":"Sequential","config":{"layers":[`, 20_000, layer, `{}]}}}`),
		"tokenizer.json":               written(`{"version":"1.0","model":{"type":"BPE","vocab":{`, 250_000, vocabularyEntry, `"z":0}}}`),
		"model.safetensors.index.json": written(`{"metadata":{"total_size":1},"weight_map":{`, 100_000, weight, `"z":"model-00001.safetensors"}}`),
		"model.onnx":                   append(scantest.Message(1, 8, 8, scantest.Message(2, 17)), scantest.Message(7, written(string(scantest.Message(11, scantest.Message(1, "x"))), 100_000, operator, ""))...),
		"graph.pb":                     written("", 100_000, graphOperator, ""),
	} {
		for _, f := range scanBytes(t, name, content).Report.Findings {
			if f.Threat == threat.MGFMT406 || f.Threat == threat.MGFMT400 {
				t.Errorf("%s of %d MiB: %s %s", name, len(content)>>20, f.Threat, f.Evidence+f.Description)
			}
		}
	}
}

// written is a text with elements that are written by their number.
func written(begin string, count int, element func(i int) string, end string) []byte {
	out := []byte(begin)
	for i := range count {
		out = append(out, element(i)...)
	}
	return append(out, end...)
}

func graphNode(i int) string {
	return fmt.Sprintf(`{"name":"StatefulPartitionedCall/model/block_%d/conv/Conv2D","op":"Conv2D","input":["StatefulPartitionedCall/model/block_%d/conv/Conv2D",`+
		`"StatefulPartitionedCall/model/weights_%[1]d"],"attr":{"T":{"type":"DT_FLOAT"},"padding":{"s":"U0FNRQ=="},"strides":{"list":{"i":["1","1","1","1"]}}}},`, i, i-1)
}

func layer(i int) string {
	return fmt.Sprintf(`{"class_name":"Dense","config":{"name":"dense_%d","trainable":true,"dtype":"float32","units":128,"activation":"relu","use_bias":true,`+
		`"kernel_initializer":{"class_name":"GlorotUniform","config":{"seed":null}},"bias_initializer":{"class_name":"Zeros","config":{}}}},`, i)
}

func vocabularyEntry(i int) string {
	return fmt.Sprintf(`"Ġtoken number %d with a long spelling and escapes \u00e9":%[1]d,`, i)
}

func weight(i int) string {
	return fmt.Sprintf(`"model.layers.%d.self_attn.q_proj.weight":"model-%05d-of-00100.safetensors",`, i, 1+i%100)
}

func operator(i int) string {
	name, input := fmt.Sprintf("/model/layers.%d/mlp/act_fn/Mul", i), "x"
	if i > 0 {
		input = fmt.Sprintf("/model/layers.%d/mlp/act_fn/Mul_output_0", i-1)
	}
	return string(scantest.Message(1, scantest.Message(1, input, 2, name+"_output_0", 3, name, 4, "Relu")))
}

func graphOperator(i int) string {
	return string(scantest.Message(1, scantest.Message(1, fmt.Sprintf("model/block_%d/Relu", i), 2, "Relu", 3, fmt.Sprintf("model/block_%d/Relu", i-1),
		5, scantest.Message(1, "T", 2, scantest.Message(6, 1)))))
}
