package mediapipe

import (
	"context"
	"errors"
	"slices"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestGraphsAreRecognised(t *testing.T) {
	node := scantest.Message(1, scantest.Message(2, "PassThroughCalculator", 3, "in", 4, "out"))
	for name, row := range map[string]struct {
		content []byte
		want    bool
	}{
		"a graph":                              {slices.Concat(node, scantest.Message(10, "in", 15, "out")), true},
		"a graph that begins with its type":    {append(scantest.Message(20, "MyGraph"), node...), true},
		"a graph of a known subgraph":          {scantest.Message(1, scantest.Message(2, "PoseLandmarkCpu")), true},
		"a graph of TensorFlow":                {scantest.Message(1, scantest.Message(1, "a", 2, "Placeholder")), false},
		"a graph of TensorFlow with a library": {slices.Concat(node, scantest.Message(2, "x")), false},
		"nodes with further fields":            {scantest.Message(1, scantest.Message(2, "PassThroughCalculator", 99, "x")), false},
		"text":                                 {[]byte("node { calculator: \"PassThroughCalculator\" }"), false},
		"nothing":                              {nil, false},
	} {
		ok, err := ProbeGraph(scantest.NewFile(row.content))
		var bad *source.Malformed
		if ok != row.want || err != nil && !errors.As(err, &bad) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestBundlesAreRecognised(t *testing.T) {
	of := func(names ...string) []byte {
		var entries []scantest.ZIPEntry
		for _, n := range names {
			entries = append(entries, scantest.ZIPEntry{Name: n, Content: []byte("x")})
		}
		return scantest.BuildZIP(entries...)
	}
	for name, row := range map[string]struct {
		content []byte
		want    bool
	}{
		"a bundle of models":            {of("hand_detector.tflite", "hand_landmarks_detector.tflite"), true},
		"a bundle of bundles":           {of("hand_landmarker.task", "hand_gesture_recognizer.task"), true},
		"a bundle of a language model":  {of("TF_LITE_PREFILL_DECODE", "TOKENIZER_MODEL", "METADATA"), true},
		"an application with a model":   {of("AndroidManifest.xml", "assets/model.tflite"), false},
		"labels alone":                  {of("labels.txt"), false},
		"a file that is no archive":     {[]byte("hand_detector.tflite"), false},
		"an archive without any member": {of(), false},
	} {
		if ok, err := ProbeBundle(scantest.NewFile(row.content)); ok != row.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestRegistry(t *testing.T) {
	if calculators.Len() < 200 || !calculators.Has("InferenceCalculator") || !calculators.Has("mediapipe.tasks.vision.gesture_recognizer.GestureRecognizerGraph") {
		t.Errorf("%d calculators", calculators.Len())
	}
}

func FuzzGraph(f *testing.F) {
	for _, c := range scantest.FlatBufferCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		_, _ = ProbeBundle(file)
		err := ScanGraph(context.Background(), file, &scantest.Recorder{})
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
			t.Fatal(err)
		}
	})
}
