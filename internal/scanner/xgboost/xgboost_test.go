package xgboost_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/xgboost"
)

func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		bytes string
		json  bool
		other bool
	}{
		"a model in JSON":                 {`{"version": [2, 0, 0], "learner": {}}`, true, false},
		"a learner inside something else": {`{"a": {"version": 1, "learner": 2}}`, false, false},
		"UBJSON":                          {"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{}}", false, true},
		"words that begin as base64 does": {"bs64 is a word", false, false},
		"words that begin as binary does": {"binford " + strings.Repeat("tools ", 40), false, false},
	} {
		isJSON, err1 := xgboost.ProbeJSON(scantest.NewFile([]byte(c.bytes)))
		isOther, err2 := xgboost.ProbeBinary(scantest.NewFile([]byte(c.bytes)))
		if err1 != nil || err2 != nil || isJSON != c.json || isOther != c.other {
			t.Errorf("%s: %v %v, %v %v", name, isJSON, isOther, err1, err2)
		}
	}
}

func TestListsOfUBJSON(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		bad   bool
	}{
		"an empty list":                    {"[]", false},
		"a list with an end":               {"[i\x01U\x02SU\x01xZTF]", false},
		"a list with a number":             {"[#i\x02i\x01D12345678", false},
		"a list with a type":               {"[$d#i\x0212345678", false},
		"an object with a number":          {"{#i\x01i\x01ai\x05", false},
		"a list with a type and no number": {"[$d12345678", true},
		"a list of a negative number":      {"[#i\xff", true},
		"a list that never ends":           {"[i\x01", true},
		"a type that is none":              {"x", true},
		"four thousand million nothings":   {"[$Z#l\x7f\xff\xff\xff", true},
	} {
		model := "{i\x07learner{}i\x01a" + c.value + "}"
		var r scantest.Recorder
		err := xgboost.ScanBinary(t.Context(), scantest.NewFile([]byte(model)), &r)
		if (err != nil) != c.bad || len(r.Findings) > 0 {
			t.Errorf("%s: %v, %v", name, err, r.Findings)
		}
	}
}

// FuzzScan gives every form to the scanners that take it.
func FuzzScan(f *testing.F) {
	for _, g := range scantest.Groups() {
		for _, c := range g.Cases {
			if g.Name == "classic" && strings.Contains(c.Name, "xgboost:") {
				f.Add(c.Bytes)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		other, err := xgboost.ProbeBinary(file)
		if err != nil {
			t.Fatal(err)
		}
		scan := xgboost.ScanJSON
		if other {
			scan = xgboost.ScanBinary
		}
		var malformed *source.Malformed
		err = scan(t.Context(), file, &scantest.Recorder{})
		if err != nil && !errors.As(err, &malformed) && !errors.Is(err, source.ErrBudget) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	})
}
