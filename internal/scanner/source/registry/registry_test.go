package registry

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	table := Parse("# Framework 1.2\nWriteFile\twrites\t3\nAbs\n\nAbs\tagain\n")
	if columns, ok := table.Lookup("WriteFile"); !ok || !cmp.Equal(columns, []string{"writes", "3"}) {
		t.Errorf("WriteFile: %q, %v", columns, ok)
	}
	if columns, ok := table.Lookup("Abs"); !ok || len(columns) != 0 {
		t.Errorf("Abs, whose first line has no columns: %q, %v", columns, ok)
	}
	for _, name := range []string{"", "abs", "WriteFile2", "# Framework 1.2"} {
		if table.Has(name) {
			t.Errorf("%q is in the table", name)
		}
	}
	if names := table.Names(); !cmp.Equal(names, []string{"Abs", "WriteFile"}) {
		t.Errorf("names %q", names)
	}
	if table.Len() != 2 || !cmp.Equal(table.Notes(), []string{"Framework 1.2"}) {
		t.Errorf("%d names, notes %q", table.Len(), table.Notes())
	}
}

// TestTablesAreReadAtTheirFirstUse holds package variables to what they cost a process that does not look anything up.
func TestTablesAreReadAtTheirFirstUse(t *testing.T) {
	text := strings.Repeat("Abs\tcomputes\n", 10_000)
	if n := testing.AllocsPerRun(10, func() { Parse(text) }); n > 10 {
		t.Errorf("Parse makes %.0f allocations", n)
	}
	if table := Parse(text); !table.Has("Abs") || table.Len() != 1 {
		t.Error("the table lacks its name")
	}
}
