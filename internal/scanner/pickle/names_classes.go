package pickle

import (
	_ "embed" // names/libraries.tsv
	"sort"
	"strings"
)

// librariesText is the table of classes: lines of module, role, library with versions, and names, sorted by module. A class is known by
// the module that defines it in some version, and by no other. The text is searched as it stands, since most of its megabyte is of no
// interest to a process.
//
//go:embed names/libraries.tsv
var librariesText string

// libraryRoles are the roles of the table, but for "cython".
var libraryRoles = map[string]roles{
	"class": roleClass, "made": roleCreated, "container": roleClass | roleFill | roleCall, "enum": roleCreated | roleMember,
}

// kerasUnpickle is the method of Keras 3 (keras/src/saving/keras_saveable.py) by which its objects are pickled: it loads an archive of
// Keras from a file in memory, without regard to what is in it.
const kerasUnpickle = "_unpickle_model"

// libraryClass looks up a class in its module, and the functions by which Cython makes the classes of extension modules.
func libraryClass(module, name string) (verdict, bool) {
	if class, ok := strings.CutSuffix(name, "."+kerasUnpickle); ok && (strings.HasPrefix(module, "keras.") || module == "keras") {
		if v, ok := libraryClass(module, class); ok && v.roles&roleNew != 0 {
			return verdict{grade: conditional, roles: roleCall, check: checkLoadBytes}, true
		}
	}
	if module == "" || module[0] == '#' || strings.ContainsAny(module+name, " \t\n") {
		return verdict{}, false
	}
	for rest := linesFrom(librariesText, module+"\t"); strings.HasPrefix(rest, module+"\t"); {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		columns := strings.SplitN(line, "\t", 4)
		if len(columns) != 4 {
			continue
		}
		role, names := columns[1], columns[3]
		switch {
		case role == "cython":
			if strings.HasPrefix(name, "__pyx_unpickle_") || name == "newObj" {
				return verdict{grade: conditional, roles: roleMakes, check: checkClassFirst}, true
			}
		case hasWord(names, name):
			return verdict{roles: libraryRoles[role]}, true
		}
	}
	return verdict{}, false
}

// hasWord tells whether a word is among those of a text.
func hasWord(text, word string) bool {
	for w := range strings.FieldsSeq(text) {
		if w == word {
			return true
		}
	}
	return false
}

// linesFrom returns the lines of a sorted text from the first on that does not come before a prefix.
func linesFrom(text, prefix string) string {
	from := func(i int) string { // the first line that begins at i or behind
		if i == 0 {
			return text
		}
		_, rest, _ := strings.Cut(text[i-1:], "\n")
		return rest
	}
	at := sort.Search(len(text), func(i int) bool {
		line := from(i)
		return line == "" || line >= prefix
	})
	return from(at)
}
