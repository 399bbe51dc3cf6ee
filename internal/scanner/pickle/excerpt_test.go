package pickle

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

func TestAFindingShowsTheInstructionsThatLedToIt(t *testing.T) {
	for name, row := range map[string]struct {
		bytes string
		want  []string
	}{
		"a call in protocol 4": {
			"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.",
			[]string{"0: PROTO 4", "11: SHORT_BINUNICODE 'posix'", "19: SHORT_BINUNICODE 'system'", "28: STACK_GLOBAL", "30: SHORT_BINUNICODE 'id'", "35: TUPLE1", "37: REDUCE"},
		},
		"a call in protocol 0": {
			"cposix\nsystem\n(S'id'\ntR.",
			[]string{"0: GLOBAL posix system", "14: MARK", "15: STRING 'id'", "21: TUPLE", "22: REDUCE"},
		},
	} {
		var r scantest.Recorder
		if err := Scan(t.Context(), &source.File{Reader: source.Bytes(row.bytes), Path: "x.pkl", Budget: source.NewBudget(source.DefaultLimits(), 1<<20).For(1 << 20)}, &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) == 0 {
			t.Fatalf("%s: nothing is found", name)
		}
		if diff := cmp.Diff(row.want, r.Findings[0].Excerpt); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestEveryOpcodeHasAName(t *testing.T) {
	for op, shape := range shapes {
		if (shape.kind == argInvalid) != (opNames[op] == "") {
			t.Errorf("opcode %#x: %q", op, opNames[op])
		}
	}
}

func FuzzDisassemble(f *testing.F) {
	f.Add([]byte("\x8c\x02id"))
	f.Add([]byte("X\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 0 && len(disassemble(b)) > 1000 {
			t.Fatal("a long line")
		}
	})
}
