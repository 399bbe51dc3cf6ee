package onnx_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/onnx"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/threat"
)

// scan runs the scanner that accepts the bytes; ok is false if none does.
func scan(t *testing.T, content []byte) (rec *scantest.Recorder, ok bool, err error) {
	t.Helper()
	f := scantest.NewFile(content)
	rec = &scantest.Recorder{}
	for _, format := range []struct {
		probe func(*source.File) (bool, error)
		scan  func(context.Context, *source.File, source.Sink) error
	}{{onnx.Probe, onnx.Scan}, {onnx.ProbeORT, onnx.ScanORT}, {onnx.ProbeTensor, onnx.ScanTensor}} {
		accepted, err := format.probe(f)
		if err != nil {
			t.Fatal(err)
		}
		if accepted {
			return rec, true, format.scan(t.Context(), f, rec)
		}
	}
	return rec, false, nil
}

func TestModelsAreRecognised(t *testing.T) {
	graph := scantest.ONNXText("y = Relu x").Bytes()
	set := scantest.Message(1, "", 2, 17)
	for why, row := range map[string]struct {
		content []byte
		want    bool
	}{
		"a model":                                {scantest.ONNXModel(scantest.ONNXText("y = Relu x")), true},
		"a model of sets alone":                  {scantest.Message(1, 8, 8, set), true},
		"a model whose version comes last":       {scantest.Message(8, set, 7, graph, 1, 8), true},
		"a remark longer than the head in front": {scantest.Message(6, strings.Repeat("x", 70_000), 1, 8, 7, graph), true},
		"a graph and no version or sets":         {scantest.Message(7, graph), false},
		"a version beyond sense":                 {scantest.Message(1, 1<<20, 7, graph), false},
		"a vocabulary":                           {scantest.SentencePiece("a", "b"), false},
		"a SavedModel":                           {scantest.Message(1, 1, 2, scantest.Message(1, scantest.Message(5, "2.15.0"))), false},
		"a field that nobody knows first":        {scantest.Message(500, "x", 1, 8, 7, graph), true},
		"a graph that is none":                   {scantest.Message(1, 8, 7, "some text that is no graph"), false},
		"a tensor":                               {scantest.ONNXTensor("T", 1, make([]byte, 24), 2, 3), true},
		"a tensor of strings":                    {scantest.Message(1, 2, 2, 8, 6, "a", 6, "b"), true},
		"a tensor with less data than it says":   {scantest.ONNXTensor("T", 1, make([]byte, 20), 2, 3), false},
		"a tensor without a type":                {scantest.Message(1, 2, 9, "abcdefgh"), false},
		"text":                                   {[]byte("prose about a model"), false},
		"nothing":                                {nil, false},
		"a model of ONNX Runtime":                {scantest.ORTModel(scantest.ONNXText("y = Relu x")), true},
	} {
		if _, ok, _ := scan(t, row.content); ok != row.want {
			t.Errorf("%s: recognised %v, want %v", why, ok, row.want)
		}
	}
}

func TestEveryCaseIsJudged(t *testing.T) {
	for _, c := range scantest.ONNXCases() {
		if c.Files != nil || !strings.HasPrefix(c.Name, "onnx") {
			continue // the engine judges these
		}
		rec, ok, err := scan(t, c.Bytes)
		var bad *source.Malformed
		switch {
		case !ok:
			t.Errorf("%s: not recognised", c.Name)
		case err != nil && (c.Level == threat.Clean || !errors.As(err, &bad)):
			t.Errorf("%s: %v", c.Name, err)
		case c.Level == threat.Clean && rec.Level() != threat.Clean:
			t.Errorf("%s: %v", c.Name, rec.Threats())
		}
	}
}

func TestTheWayOfATriggerIsTold(t *testing.T) {
	rec, _, err := scan(t, scantest.ONNXModel(scantest.ONNXText("h = Conv x W\nd = Sub x T\nr = ReduceMax d\nc = Less r EPS\ny = Where c EVIL h")))
	if err != nil || len(rec.Findings) != 1 {
		t.Fatalf("%v, %v", rec.Findings, err)
	}
	if f := rec.Findings[0]; f.Threat != threat.ONNX200 || f.Operator != "Where" || f.Evidence != "/Where_4: Sub > ReduceMax > Less > Where" || f.Offset <= 0 {
		t.Errorf("%+v", f)
	}
}

func TestFilesOfTensorsAreReferred(t *testing.T) {
	g := scantest.ONNXText("y = Relu x")
	g.Tensors = [][]byte{
		scantest.ONNXExternal("A", "location", "w.bin", "offset", "64", "length", "100"), scantest.ONNXExternal("B", "location", "w.bin", "length", "64"), scantest.ONNXExternal("C", "location", "v.bin"),
	}
	rec, _, err := scan(t, scantest.ONNXModel(g))
	if err != nil || len(rec.Refs) != 2 || len(rec.Findings) > 0 {
		t.Fatalf("%+v, %v, %v", rec.Refs, rec.Findings, err)
	}
	if a, b := rec.Refs[0], rec.Refs[1]; a.Target != "w.bin" || a.Need != 164 || b.Target != "v.bin" || b.Need != 0 || a.Kind != finding.RefFile {
		t.Errorf("%+v", rec.Refs)
	}
}

func TestUnknownOperatorsAreToldOnce(t *testing.T) {
	rec, _, err := scan(t, scantest.ONNXModel(scantest.ONNXText("a = evil:Op x\nb = evil:Op a\ny = evil:Other b")))
	if err != nil || len(rec.Findings) != 2 {
		t.Fatalf("%+v, %v", rec.Findings, err)
	}
	if f := rec.Findings[0]; f.Module != "evil" || f.Operator != "Op" || !strings.Contains(f.Description, "2 times") {
		t.Errorf("%+v", f)
	}
}

func TestHostileModelsEnd(t *testing.T) {
	deep := scantest.ONNXText("y = Relu x")
	for range 60 {
		inner := deep
		deep = scantest.ONNXText("y = Loop x").With(0, scantest.ONNXAttribute{Name: "body", Graph: &inner})
	}
	double := func(n int, body string) []byte { // functions of which each calls the next one twice
		var further []any
		for i := range n {
			g := scantest.ONNXText(strings.ReplaceAll(body, "NEXT", fmt.Sprintf("local:F%d", i+1)))
			further = append(further, 25, scantest.ONNXFunction("local", fmt.Sprintf("F%d", i), g))
		}
		return scantest.ONNXModel(scantest.ONNXText("y = local:F0 x"), further...)
	}
	for why, row := range map[string]struct {
		content []byte
		want    error
	}{
		"bodies sixty deep":                             {scantest.ONNXModel(deep), &source.Malformed{}},
		"functions in each other without end":           {double(40, "a = NEXT x\ny = NEXT a"), nil},
		"functions that double each":                    {double(28, "a = NEXT x\ny = NEXT a"), source.ErrBudget},
		"functions that double each and return nothing": {double(28, " = NEXT x\n = NEXT x"), source.ErrBudget},
		"a message nested without end":                  {scantest.Message(1, 8, 7, scantest.Message(1, strings.Repeat("\x2a\x7f", 10_000))), &source.Malformed{}},
		"names without end":                             {scantest.Message(1, 8, 7, scantest.Message(1, strings.Repeat("\x0a\x01x", 5<<20))), source.ErrBudget},
		"bodies without end":                            {scantest.Message(1, 8, 7, scantest.Message(1, scantest.Message(5, strings.Repeat("\x32\x00", 1<<20)))), source.ErrBudget},
		"places of a tensor without end":                {scantest.Message(1, 8, 7, scantest.Message(5, strings.Repeat("\x6a\x00", 2<<20))), source.ErrBudget},
		"a tensor longer than the file":                 {append(scantest.Message(1, 8, 8, scantest.Message(2, 17)), "\x3a\xff\xff\xff\xff\x0f"...), &source.Malformed{}},
		"a FlatBuffer without a content":                {[]byte("\x08\x00\x00\x00ORTM"), &source.Malformed{}},
	} {
		_, ok, err := scan(t, row.content)
		var bad *source.Malformed
		fits := errors.Is(err, row.want) || errors.As(row.want, &bad) && errors.As(err, &bad)
		if !ok || !fits {
			t.Errorf("%s: recognised %v, error %v", why, ok, err)
		}
	}
}

func TestTheTableOfOperatorsIsWhole(t *testing.T) {
	table := registry.Parse(onnx.OperatorsText())
	if table.Len() < 600 {
		t.Errorf("%d operators", table.Len())
	}
	for _, name := range []string{"ai.onnx:Abs", "ai.onnx:Upsample", "ai.onnx.ml:TreeEnsemble", "ai.onnx.preview.training:Adam", "com.microsoft:FusedMatMul", "com.microsoft.nchwc:Conv", "com.ms.internal.nhwc:Conv", "ai.onnx.contrib:BertTokenizer"} {
		if !table.Has(name) {
			t.Errorf("%s is not in the table", name)
		}
	}
	if table.Has("ai.onnx:PyOp") || table.Has("evil:Op") {
		t.Error("an operator that nobody defines is in the table")
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.ONNXCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		rec, _, err := scan(t, content)
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
			t.Fatal(err)
		}
		if len(rec.Findings) > 4*finding.MaxFindings {
			t.Errorf("%d findings", len(rec.Findings))
		}
	})
}

func TestALargeModelIsReadByItsHeaders(t *testing.T) {
	const size, tensors = 2 << 30, 200
	content := scantest.SparseONNX(size, tensors)
	counted := &scantest.Counted{Reader: content}
	file := &source.File{Reader: counted, Budget: source.NewBudget(source.DefaultLimits(), size)}
	rec := &scantest.Recorder{}
	if ok, err := onnx.Probe(file); !ok || err != nil {
		t.Fatalf("recognised %v, error %v", ok, err)
	}
	if err := onnx.Scan(t.Context(), file, rec); err != nil || len(rec.Findings) > 0 {
		t.Fatalf("%+v, %v", rec.Findings, err)
	}
	if counted.Bytes > tensors*(128<<10)+1<<20 || counted.Requests > tensors+20 { // two blocks at the head of each tensor
		t.Errorf("%d requests and %d bytes of %d", counted.Requests, counted.Bytes, int64(size))
	}
}

func BenchmarkLargeModel(b *testing.B) {
	content := scantest.SparseONNX(2<<30, 200)
	for b.Loop() {
		file := &source.File{Reader: content, Budget: source.NewBudget(source.DefaultLimits(), 2<<30)}
		if err := onnx.Scan(b.Context(), file, &scantest.Recorder{}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestModelsThatLibrariesWrote holds the fixtures of tools/fixtures/onnx.py to being taken for models, without a word against them.
func TestModelsThatLibrariesWrote(t *testing.T) {
	models := 0
	err := filepath.WalkDir("../testdata/real/onnx", func(name string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(name); err != nil || d.IsDir() || ext != ".onnx" && ext != ".ort" {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		models++
		rec, ok, err := scan(t, content)
		if !ok || err != nil || rec.Level() != threat.Clean {
			t.Errorf("%s: recognised %v, error %v, findings %+v", name, ok, err, rec.Findings)
		}
		return nil
	})
	if err != nil || models < 30 {
		t.Errorf("%d models, error %v", models, err)
	}
}
