package mxnet_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"modelgate/internal/scanner/mxnet"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestProbeSymbol(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"a graph":                       {`{"nodes": [], "arg_nodes": [], "heads": []}`, true},
		"nodes of something else":       {`{"nodes": [], "edges": []}`, false},
		"a graph inside something else": {`{"graph": {"nodes": [], "arg_nodes": [], "heads": []}}`, false},
		"a list":                        {`[]`, false},
	} {
		if got, err := mxnet.ProbeSymbol(scantest.NewFile([]byte(c.text))); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestUnknownOperatorsAreToldOnce(t *testing.T) {
	node := `{"op": "Evil", "name": "n", "inputs": []}`
	var r scantest.Recorder
	graph := `{"nodes": [` + node + strings.Repeat(","+node, 999) + `], "arg_nodes": [], "heads": []}`
	if err := mxnet.ScanSymbol(t.Context(), scantest.NewFile([]byte(graph)), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Description, "1000 of the nodes") {
		t.Errorf("findings: %+v", r.Findings)
	}
}

// seeds are the contents of the cases of this format.
func seeds(f *testing.F, suffix string) {
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			if g.Name == "classic" && strings.Contains(c.Name, "mxnet") && strings.HasSuffix(c.Path, suffix) {
				f.Add(c.Bytes)
			}
		}
	}
}

func harmless(err error) bool {
	var malformed *source.Malformed
	return err == nil || errors.As(err, &malformed) || errors.Is(err, source.ErrBudget) || errors.Is(err, io.ErrUnexpectedEOF)
}

func FuzzSymbol(f *testing.F) {
	seeds(f, ".json")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := mxnet.ScanSymbol(t.Context(), scantest.NewFile(content), &scantest.Recorder{}); !harmless(err) {
			t.Fatal(err)
		}
	})
}

func FuzzParams(f *testing.F) {
	seeds(f, ".params")
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		ok, err := mxnet.ProbeParams(file)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		if err := mxnet.ScanParams(t.Context(), file, &scantest.Recorder{}); !harmless(err) {
			t.Fatal(err)
		}
	})
}
