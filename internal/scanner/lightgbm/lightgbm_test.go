package lightgbm_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"modelgate/internal/scanner/lightgbm"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"a model":                   {"tree\nversion=v4\nnum_class=1\n", true},
		"a model of another system": {"tree\r\nversion=v3\r\nnum_class=1\r\n", true},
		"prose that begins as one":  {"tree\nversions of it grow in every garden\n", false},
	} {
		if got, err := lightgbm.ProbeText(scantest.NewFile([]byte(c.text))); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// FuzzScan gives every form to the scanners that take it.
func FuzzScan(f *testing.F) {
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			if g.Name == "classic" && strings.Contains(c.Name, "lightgbm:") {
				f.Add(c.Bytes)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		other, err := lightgbm.ProbeText(file)
		if err != nil {
			t.Fatal(err)
		}
		scan := lightgbm.ScanJSON
		if other {
			scan = lightgbm.ScanText
		}
		var malformed *source.Malformed
		err = scan(t.Context(), file, &scantest.Recorder{})
		if err != nil && !errors.As(err, &malformed) && !errors.Is(err, source.ErrBudget) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	})
}
