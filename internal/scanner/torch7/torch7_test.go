package torch7

import (
	"context"
	"errors"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestRecognised(t *testing.T) {
	tensor := scantest.NewT7(false).Class("torch.FloatTensor").Tensor(2).Bytes()
	text := scantest.NewT7(true).Class("torch.FloatTensor").Tensor(2).Bytes()
	for name, row := range map[string]struct {
		content      []byte
		binary, text bool
	}{
		"a tensor":                     {tensor, true, false},
		"a table":                      {scantest.NewT7(false).Table(1).String("a").Number(1).Bytes(), true, false},
		"a table with numbers as keys": {scantest.NewT7(false).Table(1).Number(1).Number(2).Bytes(), true, false},
		"a function":                   {scantest.NewT7(false).Function(8, "\x1bLJ\x02\x00\x00\x00\x00").Nil().Bytes(), true, false},
		"a function of old":            {scantest.NewT7(false).Function(6, "\x1bLuaQ\x00\x00\x00").Nil().Bytes(), true, false},
		"a tensor as text":             {text, false, true},
		"a table as text":              {scantest.NewT7(true).Table(1).Number(1).String("b").Bytes(), false, true},
		"numbers as text":              {[]byte("4\n1\n3\n5\n7\n"), false, false},
		"zeros":                        {make([]byte, 64), false, false},
		"nothing":                      {nil, false, false},
	} {
		b, err := Probe(scantest.NewFile(row.content))
		if b != row.binary || err != nil {
			t.Errorf("%s is binary: %v, %v", name, b, err)
		}
		if b, err = ProbeText(scantest.NewFile(row.content)); b != row.text || err != nil {
			t.Errorf("%s is text: %v, %v", name, b, err)
		}
	}
}

func TestLuaIsRecognised(t *testing.T) {
	for name, row := range map[string]struct {
		path, content string
		want          bool
	}{
		"byte code of LuaJIT":       {"a.bin", "\x1bLJ\x02\x00", true},
		"byte code of Lua 5.1":      {"a.bin", "\x1bLua\x51\x00", true},
		"an escape and other bytes": {"a.bin", "\x1bLuck\x00", false},
		"a command in a .t7":        {"a.t7", "os.execute('id')", true},
		"a script in a .t7":         {"a.t7", "local t = require 'torch'\nreturn t\n", true},
		"the same in documentation": {"a.md", "local t = require 'torch'\nreturn t\n", false},
		"the same as Lua":           {"a.lua", "local t = require 'torch'\nreturn t\n", false},
		"prose in a .t7":            {"a.t7", "This model was trained at the end of\nthe year. We return to it later.\n", false},
	} {
		f := scantest.NewFile([]byte(row.content))
		f.Path = row.path
		if ok, err := ProbeLua(f); ok != row.want || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

// TestReferencesAreNotReadTwice has an object that refers to one before: its index alone.
func TestReferencesAreNotReadTwice(t *testing.T) {
	w := scantest.NewT7(false).Table(2).Number(1).Class("nn.Linear").Table(1).String("weight").Nil().Number(2)
	w = w.Reference(4, 2)
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), scantest.NewFile(w.Bytes()), rec); err != nil || len(rec.Findings) > 0 {
		t.Errorf("%v, %v", rec.Findings, err)
	}
}

func FuzzScan(f *testing.F) {
	for _, c := range scantest.LuaCases() {
		f.Add(c.Bytes)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, scan := range []func(context.Context, *source.File, source.Sink) error{Scan, ScanText, ScanLua} {
			err := scan(context.Background(), scantest.NewFile(content), &scantest.Recorder{})
			var bad *source.Malformed
			if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
				t.Fatal(err)
			}
		}
	})
}
