package litert

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/flatbuf"
)

// realModel reads a model that TensorFlow's converter wrote.
func realModel(t *testing.T, name string) *source.File {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../testdata/real/flatbuffers", name))
	if err != nil {
		t.Fatal(err)
	}
	return scantest.NewFile(content)
}

// TestRealFlexNodes reads the operators of TensorFlow in a real model: the name in the table and both in the options are one.
func TestRealFlexNodes(t *testing.T) {
	f := realModel(t, "flex_linalg.tflite")
	b, err := flatbuf.New(f)
	if err != nil {
		t.Fatal(err)
	}
	m := &model{ctx: t.Context(), f: f, s: &scantest.Recorder{}, b: b, ops: newJudge(&scantest.Recorder{})}
	if err := m.read(); err != nil {
		t.Fatal(err)
	}
	root, err := b.Root()
	if err != nil {
		t.Fatal(err)
	}
	graphs, err := root.Vector(2, 4)
	if err != nil {
		t.Fatal(err)
	}
	graph, err := graphs.Table(0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = m.operators(graph, func(op flatbuf.Table, c code) error {
		want, flex := strings.CutPrefix(c.custom, flexPrefix)
		if !flex {
			return nil
		}
		seen++
		v, err := op.Vector(5, 1)
		if err != nil {
			return err
		}
		options, err := v.Bytes(maxOptions)
		if err != nil {
			return err
		}
		n, err := parseNode(options)
		if n.name != want || n.op != want {
			t.Errorf("%s has the names %q and %q in its options", c.custom, n.name, n.op)
		}
		return err
	})
	if err != nil || seen == 0 {
		t.Errorf("%d operators of TensorFlow, %v", seen, err)
	}
}

// TestRealModelsEndWhereTheyEnd holds the walk to having met everything: what it has not accounted for is alignment.
func TestRealModelsEndWhereTheyEnd(t *testing.T) {
	names, err := filepath.Glob("../testdata/real/flatbuffers/*.tflite")
	if err != nil || len(names) < 8 {
		t.Fatalf("%d models, %v", len(names), err)
	}
	for _, name := range names {
		rec := &scantest.Recorder{}
		if err := Scan(context.Background(), realModel(t, filepath.Base(name)), rec); err != nil || len(rec.Findings) > 0 {
			t.Errorf("%s: %v, %+v", name, err, rec.Findings)
		}
		for _, m := range rec.Members {
			if strings.HasPrefix(m.Name, "#bytes@") && m.Size >= unaccounted {
				t.Errorf("%s: %d bytes are left: %q", name, m.Size, m.Content)
			}
		}
	}
}
