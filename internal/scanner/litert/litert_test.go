package litert

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestRecognised(t *testing.T) {
	for name, row := range map[string]struct {
		content []byte
		want    bool
	}{
		"a model":                          {scantest.LiteModel(nil, scantest.LiteOp{}), true},
		"the identifier of another schema": {scantest.FlatBuffer("ORTM", scantest.FB{}), false},
		"a root beyond the end":            {append(binary.LittleEndian.AppendUint32(nil, 1<<20), "TFL3\x00\x00\x00\x00"...), false},
		"the identifier alone":             {[]byte("TFL3"), false},
		"nothing":                          {nil, false},
	} {
		if ok, err := Probe(scantest.NewFile(row.content)); ok != row.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	for name, row := range map[string]struct {
		content string
		want    bool
	}{
		"a model in JSON":               {`{"version": 3, "operator_codes": [], "subgraphs": []}`, true},
		"keys that are escaped":         {`{"operator\u005fcodes": [], "subgraph\u0073": []}`, true},
		"the keys in an inner object":   {`{"a": {"operator_codes": [], "subgraphs": []}}`, false},
		"the keys as values":            {`{"a": "operator_codes", "b": "subgraphs"}`, false},
		"a list":                        {`["operator_codes", "subgraphs"]`, false},
		"text that begins with a brace": {`{operator_codes subgraphs`, false},
	} {
		if ok, err := ProbeJSON(scantest.NewFile([]byte(row.content))); ok != row.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestOneFindingHoweverOften(t *testing.T) {
	op := scantest.LiteOp{Builtin: 32, Custom: "FlexReadFile", Texts: []string{"a"}}
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), scantest.NewFile(scantest.LiteModel(nil, op, op, op)), rec); err != nil {
		t.Fatal(err)
	}
	if len(rec.Findings) != 1 || rec.Findings[0].Description != "The operator of TensorFlow reads files. It occurs 3 times." {
		t.Errorf("%+v", rec.Findings)
	}
}

func TestOptionsOfFlexOperators(t *testing.T) {
	n, err := parseNode(scantest.FlexNode("WriteFile", "ReadFile", "a", "x", "b", "y"))
	want := node{name: "WriteFile", op: "ReadFile", texts: []string{"x", "y"}}
	if diff := cmp.Diff(want, n, cmp.AllowUnexported(node{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// A name and an empty node, in widths of one byte, as FlexBuffers has them for what is small.
	small := []byte("\x03Abs\x00\x00\x00\x02\x07\x03\x14\x14\x04\x28\x01")
	if texts, ok := flexStrings(small); !ok || len(texts) != 2 || string(texts[0]) != "Abs" || len(texts[1]) != 0 {
		t.Errorf("narrow vector: %q, %v", texts, ok)
	}
	for _, hostile := range []string{"", "\x00\x00", "\xff\x28\x01", "\x00\x28\x08", "\x02\xff\xff\x14\x14\x04\x28\x01", "\x00\x00\x00\xff\x01\x28\x01", "\x01\x00\x00\x03\x28\x03"} {
		if texts, ok := flexStrings([]byte(hostile)); ok && len(texts) > 0 {
			t.Errorf("%q: %q", hostile, texts)
		}
	}
}

func TestConstantStrings(t *testing.T) {
	for _, hostile := range []string{"", "\x01\x00\x00\x00", "\xff\xff\xff\xff\x00\x00\x00\x00", "\x01\x00\x00\x00\xff\xff\xff\x7f\xff\xff\xff\x7f"} {
		if got := stringsOf([]byte(hostile)); len(got) > 0 {
			t.Errorf("%q: %q", hostile, got)
		}
	}
}

// TestSharedVectorsAreBounded has operators that share one large vector of inputs: a small file that would take long to read.
func TestSharedVectorsAreBounded(t *testing.T) {
	content := scantest.LiteModel(func(root scantest.FB) {
		graph := root[2].([]scantest.FB)[0]
		graph[1] = make([]int32, 1<<20)
		root[2] = []scantest.FB{graph}
	}, scantest.LiteOp{})
	m := model{}
	if err := errors.Join(m.spend(maxSpent), m.spend(1)); !errors.Is(err, source.ErrBudget) {
		t.Errorf("more than the bound is spent: %v", err)
	}
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), scantest.NewFile(content), rec); err != nil || len(rec.Findings) > 0 {
		t.Errorf("a model of a million inputs: %v, %v", err, rec.Findings)
	}
}

// TestRegistry holds the tables to what the schema and the libraries have.
func TestRegistry(t *testing.T) {
	if builtinName(opCustom) != "CUSTOM" || builtinName(opIf) != "IF" || builtinName(opWhile) != "WHILE" || builtinName(opCallOnce) != "CALL_ONCE" ||
		builtinName(opCustomCall) != "STABLEHLO_CUSTOM_CALL" || builtinName(opSHLOWhile) != "STABLEHLO_WHILE" || builtinName(opComposite) != "STABLEHLO_COMPOSITE" {
		t.Error("the codes of operators that mean more than a computation are others in the table")
	}
	if builtins.Len() < 209 || customs.Len() < 100 || len(byName) != builtins.Len() {
		t.Errorf("%d built-in, %d of them by name, %d custom operators", builtins.Len(), len(byName), customs.Len())
	}
	for name, want := range map[string]bool{"edgetpu-custom-op": true, "ethos-u": true, "DISPATCH_OP": true, "Mfcc": false, "MyOp": false} {
		if got := isDeviceCode(name); got != want {
			t.Errorf("%s is code of a device: %v", name, got)
		}
	}
}

// FuzzScan scans hostile models: errors are those of package source, and what is one scan's report is the other's.
func FuzzScan(f *testing.F) {
	for _, c := range scantest.FlatBufferCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var reports [2]*scantest.Recorder
		for i := range reports {
			rec := &scantest.Recorder{}
			reports[i] = rec
			for _, row := range []struct {
				probe func(*source.File) (bool, error)
				scan  func(context.Context, *source.File, source.Sink) error
			}{{Probe, Scan}, {ProbeJSON, ScanJSON}} {
				file := scantest.NewFile(content)
				if ok, err := row.probe(file); !ok || err != nil {
					continue
				}
				err := row.scan(context.Background(), file, rec)
				var bad *source.Malformed
				if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff(reports[0].Findings, reports[1].Findings); diff != "" {
			t.Errorf("two scans differ:\n%s", diff)
		}
	})
}

// TestALargeModelIsReadByItsTables counts what is read of a model of 3 GiB, whose tensors lie behind the FlatBuffer.
func TestALargeModelIsReadByItsTables(t *testing.T) {
	const size, start = 3 << 30, 1 << 20
	content := scantest.LiteModel(func(root scantest.FB) {
		root[4].([]scantest.FB)[1] = scantest.FB{1: uint64(start), 2: uint64(size - start)}
	}, scantest.LiteOp{Builtin: 3})
	counted := &scantest.Counted{Reader: &scantest.Sparse{Parts: map[int64][]byte{0: content}, Length: size}}
	f := scantest.NewFile(nil)
	f.Reader = counted
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), f, rec); err != nil || len(rec.Findings) > 0 {
		t.Fatalf("%v, %v", err, rec.Findings)
	}
	if counted.Bytes > 1<<20 {
		t.Errorf("%d bytes were read", counted.Bytes)
	}
}
