package pickle

import (
	_ "embed" // names/libraries.tsv
	"strings"
)

//go:embed names/libraries.tsv
var librariesText string

// libraryRow is a row of names/libraries.tsv: names of one module that are used in the same way, as they stand in the table.
type libraryRow struct {
	roles roles
	names string // between blanks, with one at either end
}

// libraryRoles are the roles of the table, but for "cython".
var libraryRoles = map[string]roles{
	"class": roleClass, "made": roleCreated, "container": roleClass | roleFill | roleCall, "enum": roleCreated | roleMember,
}

// libraryClasses are the rows by module. A class is known by the module that defines it in some version, and by no other.
var libraryClasses = func() map[string][]libraryRow {
	t := map[string][]libraryRow{}
	for line := range strings.Lines(librariesText) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 4 || line[0] == '#' {
			continue
		}
		t[fields[0]] = append(t[fields[0]], libraryRow{libraryRoles[fields[1]], " " + fields[3] + " "})
	}
	return t
}()

// libraryClass looks up a class in its module, and the functions by which Cython makes the classes of extension modules.
func libraryClass(module, name string) (verdict, bool) {
	for _, row := range libraryClasses[module] {
		switch {
		case row.names == " * ":
			if strings.HasPrefix(name, "__pyx_unpickle_") || name == "newObj" {
				return verdict{grade: conditional, roles: roleMakes, check: checkClassFirst}, true
			}
		case !strings.Contains(name, " ") && strings.Contains(row.names, " "+name+" "):
			return verdict{roles: row.roles}, true
		}
	}
	return verdict{}, false
}
