package cntk

import (
	"context"
	"errors"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestRecognised(t *testing.T) {
	entry := func(key string) []byte { return scantest.Message(1, key, 2, scantest.Message(1, 1, 2, 6, 8, "x")) }
	for name, row := range map[string]struct {
		content  []byte
		one, two bool
	}{
		"version 1":                        {scantest.CNTK1(nil), true, false},
		"version 2":                        {scantest.CNTK2(0), false, true},
		"letters that are not wide":        {[]byte("BCN\x00BVersion\x00"), false, false},
		"a dictionary of something else":   {scantest.Message(1, 1, 2, entry("a"), 2, entry("uid")), false, false},
		"a message with further fields":    {append(scantest.CNTK2(0), scantest.Message(3, "x")...), false, false},
		"a message whose version is large": {scantest.Message(1, 1000, 2, entry("root"), 2, entry("uid")), false, false},
		"nothing":                          {nil, false, false},
	} {
		var bad *source.Malformed
		if ok, err := Probe1(scantest.NewFile(row.content)); ok != row.one || err != nil {
			t.Errorf("%s is version 1: %v, %v", name, ok, err)
		}
		if ok, err := Probe2(scantest.NewFile(row.content)); ok != row.two || err != nil && !errors.As(err, &bad) {
			t.Errorf("%s is version 2: %v, %v", name, ok, err)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.CNTKCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, scan := range []func(context.Context, *source.File, source.Sink) error{Scan1, Scan2} {
			err := scan(context.Background(), scantest.NewFile(content), &scantest.Recorder{})
			var bad *source.Malformed
			if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
				t.Fatal(err)
			}
		}
	})
}
