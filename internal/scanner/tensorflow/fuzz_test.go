package tensorflow_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/tensorflow"
)

// seed adds the files of all cases of TensorFlow.
func seed(f *testing.F) {
	f.Helper()
	for _, g := range scantest.Groups() {
		if g.Name != "tensorflow" {
			continue
		}
		for _, c := range g.Cases {
			for _, content := range c.Content() {
				f.Add(content)
			}
		}
	}
}

type scanner func(ctx context.Context, f *source.File, sink source.Sink) error

// hold scans bytes twice: it ends in no error but one of the bytes, and says the same both times.
func hold(t *testing.T, content []byte, scan scanner) {
	t.Helper()
	var said [2]*scantest.Recorder
	for i := range said {
		said[i] = &scantest.Recorder{}
		err := scan(t.Context(), scantest.NewFile(content), said[i])
		var malformed *source.Malformed
		if err != nil && !errors.As(err, &malformed) && !errors.Is(err, source.ErrBudget) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(said[0].Findings, said[1].Findings); diff != "" {
		t.Errorf("a second scan says something else:\n%s", diff)
	}
}

func FuzzGraphs(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, probe := range []func(*source.File) (bool, error){
			tensorflow.ProbeSavedModel, tensorflow.ProbeMetaGraph, tensorflow.ProbeGraph, tensorflow.ProbeFingerprint, tensorflow.ProbeHubModule,
			tensorflow.ProbeHubArchive,
		} {
			if _, err := probe(scantest.NewFile(content)); err != nil && !errors.As(err, new(*source.Malformed)) {
				t.Fatal(err)
			}
		}
		hold(t, content, tensorflow.ScanSavedModel)
		hold(t, content, tensorflow.ScanMetaGraph)
		hold(t, content, tensorflow.ScanGraph)
	})
}

func FuzzText(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		if ok, err := tensorflow.ProbeText(scantest.NewFile(content)); err != nil || !ok {
			return
		}
		hold(t, content, tensorflow.ScanText)
	})
}

func FuzzCheckpoint(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		if ok, err := tensorflow.ProbeCheckpoint(scantest.NewFile(content)); err != nil || !ok {
			return
		}
		hold(t, content, tensorflow.ScanCheckpoint)
	})
}

func FuzzJS(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := tensorflow.ProbeJS(scantest.NewFile(content)); err != nil {
			t.Fatal(err)
		}
		hold(t, content, tensorflow.ScanJS)
	})
}
