package flax_test

import (
	"errors"
	"strings"
	"testing"

	"modelgate/internal/scanner/flax"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// array is a leaf of Flax with three bytes.
const array = "\xc7\x0c\x01\x93\x91\x03\xa5uint8\xc4\x03abc"

func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		bytes string
		want  bool
	}{
		"a map of an array":                            {"\x81\xa1w" + array[:2] + "\x01" + array[3:], true},
		"an empty map":                                 {"\x80", true},
		"a pickle, which begins as an empty map":       {"\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00N.", false},
		"a map that covers the file":                   {"\x82\xa1a\x01\xa1b\x92\x01\x02", true},
		"a map with something behind it":               {"\x82\xa1a\x01\xa1b\x92\x01\x02rest", false},
		"a map of arrays with something behind it":     {"\x81\xa1w\xd4\x01xrest", true},
		"a map that breaks off behind an array":        {"\x82\xa1w\xd4\x01x\xa1b", true},
		"a map that breaks off":                        {"\x82\xa1w\xa1", false},
		"a map whose keys are lists":                   {"\x81\x90\xd4\x01x", false},
		"a number":                                     {"\x07", false},
		"text in UTF-8 that begins with a high letter": {"\xc3\xa9t\xc3\xa9", false},
	} {
		got, err := flax.Probe(scantest.NewFile([]byte(c.bytes)))
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestArraysAreNotRead(t *testing.T) {
	const size = 1 << 20
	leaf := "\xc9\x00\x10\x00\x20\x01\x93\x91\xce\x00\x04\x00\x00\xd9\x07float32\xc6\x00\x10\x00\x00" + strings.Repeat("\x80\x04", size/2)
	leaf = "\xc9" + string([]byte{0, byte((len(leaf) - 6) >> 16), byte((len(leaf) - 6) >> 8), byte(len(leaf) - 6)}) + leaf[5:]
	var r scantest.Recorder
	if err := flax.Scan(t.Context(), scantest.NewFile([]byte("\x81\xa1w"+leaf)), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) > 0 || len(r.Members) > 0 {
		t.Errorf("an array of floats: %v, %d members", r.Findings, len(r.Members))
	}
}

func FuzzScan(f *testing.F) {
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			if g.Name == "classic" && strings.Contains(c.Name, "flax") && c.Bytes != nil {
				f.Add(c.Bytes)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		ok, err := flax.Probe(file)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		var malformed *source.Malformed
		var r scantest.Recorder
		if err := flax.Scan(t.Context(), file, &r); err != nil && !errors.As(err, &malformed) && !errors.Is(err, source.ErrBudget) {
			t.Fatal(err)
		}
		if len(r.Members) > len(content) {
			t.Fatalf("%d members in %d bytes", len(r.Members), len(content))
		}
	})
}
