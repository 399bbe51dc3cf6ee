package pickle

import (
	"slices"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// wrong counts the cases and honest files whose level is not what it should be.
func wrong(t *testing.T) (evil, clean int) {
	t.Helper()
	for _, c := range scantest.PickleCases() {
		if len(c.Bytes) < 1<<16 && scanCase(t, c.Bytes, source.FamilyNone).Level() != c.Level {
			if c.Twin {
				clean++
			} else {
				evil++
			}
		}
	}
	for _, content := range honest(t) {
		if len(scanCase(t, content, source.FamilyNone).Findings) > 0 {
			clean++
		}
	}
	return evil, clean
}

// without runs f while a list is empty.
func without[M any](list *M, f func()) {
	kept := *list
	var none M
	*list = none
	defer func() { *list = kept }()
	f()
}

// TestListsAreInUse guards against a list that has become dead code: without it, cases must go wrong.
func TestListsAreInUse(t *testing.T) {
	check := func(name string, wantEvil, wantClean int) func() {
		return func() {
			evil, clean := wrong(t)
			if evil < wantEvil || clean < wantClean {
				t.Errorf("without %s %d evil cases and %d honest files go wrong, want %d and %d at least", name, evil, clean, wantEvil, wantClean)
			}
		}
	}
	if evil, clean := wrong(t); evil > 0 || clean > 0 {
		t.Fatalf("with all lists %d evil cases and %d honest files go wrong", evil, clean)
	}
	without(&safeNames, check("the harmless names", 0, 100))
	without(&librariesText, check("the classes of libraries", 0, 100))
	without(&dangerousModules, check("the dangerous modules", 80, 0))
	without(&dangerousNames, check("the dangerous names", 20, 0))
	without(&looseSegments, check("the modules in dotted names", 3, 0))
	without(&looseModules, check("the copies of modules", 1, 0))
	without(&indirections, check("the indirections", 2, 1))
	without(&python2Modules, check("the modules of Python 2", 0, 1))
	without(&magics, check("the magic numbers of nested formats", 1, 0))
}

// TestLibrariesAreFoundInTheirTable looks every row of the table up, which it can be only if its lines are sorted.
func TestLibrariesAreFoundInTheirTable(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(librariesText), "\n")
	if !slices.IsSorted(lines) || len(lines) < 1000 {
		t.Fatalf("the table has %d lines, or they are not sorted", len(lines))
	}
	for _, line := range lines {
		columns := strings.Split(line, "\t")
		if line[0] == '#' || columns[1] == "cython" {
			continue
		}
		if _, known := libraryRoles[columns[1]]; !known || len(columns) != 4 {
			t.Fatalf("no row of the table: %q", line)
		}
		names := strings.Fields(columns[3])
		for _, name := range []string{names[0], names[len(names)-1]} {
			if _, ok := libraryClass(columns[0], name); !ok {
				t.Fatalf("%s.%s is not found", columns[0], name)
			}
		}
	}
	for _, none := range [][2]string{{"", ""}, {"", "Tree"}, {"#", "names"}, {"sklearn.tree", "Tree None"}, {"sklearn.tree\tclass", "Tree"}, {"a", "Tree"}, {"zzz", "Tree"}} {
		if _, ok := libraryClass(none[0], none[1]); ok {
			t.Errorf("%q is found", none)
		}
	}
}
