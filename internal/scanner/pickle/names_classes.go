package pickle

import (
	_ "embed" // names/classes.txt
	"strings"
)

//go:embed names/classes.txt
var classesText string

// libraryClasses are the classes of libraries by prefix of their module, without the module itself: libraries move their
// classes between private modules from version to version, and old pickles name the old ones.
var libraryClasses = func() map[string]map[string]roles {
	t := map[string]map[string]roles{}
	var into []map[string]roles
	var kind roles
	for line := range strings.Lines(classesText) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if fields := strings.Split(line, " | "); len(fields) == 3 {
			into = nil
			for prefix := range strings.FieldsSeq(fields[0]) {
				if t[prefix] == nil {
					t[prefix] = map[string]roles{}
				}
				into = append(into, t[prefix])
			}
			kind = map[string]roles{"class": roleClass, "container": roleClass | roleFill | roleCall, "enum": roleCreated | roleMember}[fields[1]]
			line = fields[2]
		}
		for name := range strings.FieldsSeq(line) {
			for _, set := range into {
				set[name] |= kind
			}
		}
	}
	return t
}()

// libraryClass looks up a class under every prefix of its module, and the functions by which Cython makes its classes.
func libraryClass(module, name string) (verdict, bool) {
	for prefix := module; ; {
		if set, ok := libraryClasses[prefix]; ok {
			if r, ok := set[name]; ok {
				return verdict{roles: r}, true
			}
			if strings.HasPrefix(name, "__pyx_unpickle_") || name == "newObj" {
				return verdict{grade: conditional, roles: roleMakes, check: checkClassFirst}, true
			}
		}
		i := strings.LastIndexByte(prefix, '.')
		if i < 0 {
			return verdict{}, false
		}
		prefix = prefix[:i]
	}
}
