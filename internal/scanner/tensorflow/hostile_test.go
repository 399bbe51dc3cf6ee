package tensorflow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/tensorflow"
	"modelgate/internal/threat"
)

// TestHostileGraphsEnd scans graphs that are made to cost more than their bytes: it ends, and still says what matters.
func TestHostileGraphsEnd(t *testing.T) {
	evil := scantest.TFNode("evil", "PyFunc", "x")
	x := scantest.TFNode("x", "Placeholder", "")
	doubling := func() []byte {
		functions := [][]byte{scantest.TFFunction("f0", "x", "y=evil:output:0", evil)}
		for i := 1; i < 60; i++ {
			call := scantest.TFFunc(fmt.Sprintf("f%d", i-1))
			functions = append(functions, scantest.TFFunction(fmt.Sprintf("f%d", i), "x", "y=b:output:0",
				scantest.TFNode("a", "PartitionedCall", "x", "f", call), scantest.TFNode("b", "PartitionedCall", "a:output:0", "f", call)))
		}
		return scantest.TFModel{
			Nodes: [][]byte{x, scantest.TFNode("y", "PartitionedCall", "x", "f", scantest.TFFunc("f59"))}, Functions: functions,
			Inputs: []string{"x:0"}, Outputs: []string{"y:0"},
		}.Bytes()
	}
	for name, content := range map[string][]byte{
		"calls that double at each of sixty levels": doubling(),
		"functions that call each other": scantest.TFModel{
			Nodes: [][]byte{x, scantest.TFNode("y", "f", "x")},
			Functions: [][]byte{
				scantest.TFFunction("f", "x", "y=a:output:0", scantest.TFNode("a", "g", "x")),
				scantest.TFFunction("g", "x", "y=a:output:0", scantest.TFNode("a", "f", "x"), evil),
			},
		}.Bytes(),
		"savers whose names all come from one long chain": func() []byte {
			nodes := [][]byte{x, evil, scantest.TFNode("n0", "Const", "", "value", []string{"model"})}
			for i := 1; i < 3000; i++ {
				nodes = append(nodes, scantest.TFNode(fmt.Sprintf("n%d", i), "Identity", fmt.Sprintf("n%d", i-1)))
			}
			for i := range 3000 {
				nodes = append(nodes, scantest.TFNode(fmt.Sprintf("s%d", i), "SaveV2", "n2999 x x x"))
			}
			return scantest.TFModel{Nodes: nodes}.Bytes()
		}(),
		"a function that a hundred thousand nodes call": func() []byte {
			nodes := [][]byte{x, evil}
			for i := range 100_000 {
				nodes = append(nodes, scantest.TFNode(fmt.Sprintf("c%d", i), "f", "x"))
			}
			return scantest.TFModel{Nodes: nodes, Functions: [][]byte{scantest.TFFunction("f", "p", "y=p", scantest.TFNode("r", "ReadFile", "p"))}}.Bytes()
		}(),
		"variables that are read by variables": func() []byte {
			nodes := [][]byte{x, evil}
			for i := range 2000 {
				nodes = append(nodes, scantest.TFNode(fmt.Sprintf("v%d", i), "VarHandleOp", ""),
					scantest.TFNode(fmt.Sprintf("r%d", i), "ReadVariableOp", fmt.Sprintf("v%d", i)),
					scantest.TFNode(fmt.Sprintf("a%d", i), "AssignVariableOp", fmt.Sprintf("v%d r%d", i, (i+1)%2000)),
					scantest.TFNode(fmt.Sprintf("f%d", i), "ReadFile", fmt.Sprintf("r%d", i)))
			}
			return scantest.TFModel{Nodes: nodes}.Bytes()
		}(),
		"attributes in attributes": func() []byte {
			inner := scantest.Message(1, "f")
			for range 90 {
				inner = scantest.Message(1, "f", 2, scantest.Message(1, "k", 2, scantest.Message(10, inner)))
			}
			return scantest.TFModel{Nodes: [][]byte{x, evil, scantest.TFNode("y", "NoOp", "", "f", scantest.Message(10, inner))}}.Bytes()
		}(),
	} {
		r := &scantest.Recorder{}
		if err := tensorflow.ScanSavedModel(t.Context(), scantest.NewFile(content), r); err != nil && !strings.Contains(err.Error(), "nested") {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Contains(r.Threats(), string(threat.TF301)) {
			t.Errorf("%s: %v", name, r.Threats())
		}
	}
}

// TestTextNeedsNoMemory scans a long text: what is not asked for is passed over.
func TestTextNeedsNoMemory(t *testing.T) {
	content := []byte("node { name: \"c\" op: \"Const\" attr { key: \"value\" value { tensor { dtype: DT_FLOAT tensor_content: \"" +
		strings.Repeat(`\000`, 8<<20) + "\" } } } }\nnode { name: \"e\" op: \"WriteFile\" }")
	f := scantest.NewFile(content)
	if ok, err := tensorflow.ProbeText(f); !ok || err != nil {
		t.Fatal(ok, err)
	}
	r := &scantest.Recorder{}
	if err := tensorflow.ScanText(t.Context(), f, r); err != nil || !slices.Contains(r.Threats(), string(threat.TF301)) {
		t.Errorf("%v: %v", err, r.Threats())
	}
}
