package pickle

import (
	"strings"

	"modelgate/internal/scanner/source"
)

// grade says what is thought of a name. The order matters: what is higher is worse.
type grade uint8

const (
	harmless    grade = iota
	conditional       // harmless for some arguments: see check
	indirect          // as good as what its arguments name: see indirection
	unknownName       // on no list
	suspicious        // known to look around, or to do what no model needs
	dangerous
)

// roles are what a harmless name may be used for. Importing it is always among them.
type roles uint8

const (
	roleNew    roles = 1 << iota // made by __new__, without __init__
	roleBuild                    // its state is set
	roleFill                     // items are added
	roleCall                     // called
	roleMember                   // an enumeration, of which members are looked up

	roleImport  roles = 0
	roleClass         = roleNew | roleBuild
	roleCreated       = roleNew | roleBuild | roleCall
	roleMakes         = roleBuild | roleCall // a function that returns what is given a state then
)

// indirection says how a name calls or looks up what its arguments name.
type indirection uint8

const (
	viaFirst        indirection = iota // calls its first argument
	viaSecond                          // calls its second argument
	viaKeyword                         // calls what a keyword names
	viaPartial                         // calls its first argument later
	viaGetattr                         // looks up an attribute
	viaAttrGetter                      // makes something that looks up an attribute
	viaMethodCaller                    // makes something that calls a method
	viaGetItem                         // looks up an item
)

// verdict is what is thought of a name.
type verdict struct {
	grade       grade
	roles       roles
	check       check
	indirection indirection
	tail        string // the part that is dangerous
}

// judge looks a name up: first among the harmless ones, as a whole; then every part of it among the dangerous ones; then
// among the classes of libraries. What is left is unknown.
func judge(module, name string, family source.Family) verdict {
	full := module + "." + name
	if v, ok := safeNames[full]; ok {
		return v
	}
	if name == "" { // a module, as chains reach it
		if isDangerousModule(module) {
			return verdict{grade: dangerous, tail: module}
		}
		return verdict{grade: unknownName}
	}
	if family == source.FamilyTorchScript && (module == "__torch__" || strings.HasPrefix(module, "__torch__.")) && plainDotted(name) {
		return verdict{roles: roleCreated}
	}
	if suspiciousNames[full] {
		return verdict{grade: suspicious}
	}
	if strings.Contains(name, ".") || isDunder(name) {
		if tail, ok := dangerousPart(name); ok {
			return verdict{grade: dangerous, tail: tail}
		}
	}
	switch {
	case listed(suspiciousNames, module, name):
		return verdict{grade: suspicious}
	case listed(dangerousNames, module, name):
		return verdict{grade: dangerous, tail: full}
	case inModules(suspiciousModules, module): // some of them inside dangerous ones, such as os.path
		return verdict{grade: suspicious}
	case isDangerousModule(module):
		return verdict{grade: dangerous, tail: full}
	}
	if v, ok := indirections[stripped(module)+"."+name]; ok {
		return v
	}
	if v, ok := libraryClass(module, name); ok {
		return v
	}
	return verdict{grade: unknownName}
}

// plainDotted tells whether a name is made of identifiers without special ones.
func plainDotted(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || isDunder(part) {
			return false
		}
	}
	return true
}

// isDunder tells whether a name begins and ends with two underscores.
func isDunder(s string) bool {
	return len(s) > 4 && strings.HasPrefix(s, "__") && strings.HasSuffix(s, "__")
}

// stripped removes the underscores in front of every part of a module: twins in C are named so.
func stripped(module string) string {
	if !strings.Contains(module, "_") {
		return module
	}
	parts := strings.Split(module, ".")
	for i, p := range parts {
		parts[i] = strings.TrimLeft(p, "_")
	}
	return strings.Join(parts, ".")
}

// dangerousPart returns the part of a name that is dangerous wherever it was imported from: a module gives what it imported,
// so logging's os.system is os.system.
func dangerousPart(name string) (tail string, ok bool) {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if isDunder(part) || looseSegments[strings.TrimLeft(part, "_")] {
			return strings.Join(parts[i:], "."), true
		}
		if i+1 == len(parts) {
			break
		}
		rest := strings.Join(parts[i+1:], ".")
		for j := i; j >= 0; j-- {
			if listed(dangerousNames, strings.Join(parts[j:i+1], "."), rest) {
				return strings.Join(parts[j:], "."), true
			}
		}
	}
	return "", false
}

// isDangerousModule tells whether everything in a module is dangerous: itself, its submodules, twins with underscores, and
// copies of it inside other packages.
func isDangerousModule(module string) bool {
	if inModules(dangerousModules, module) {
		return true
	}
	for part := range strings.SplitSeq(module, ".") {
		if looseModules[strings.TrimLeft(part, "_")] {
			return true
		}
	}
	return false
}

// inModules tells whether a module, one above it or its twin is in a set.
func inModules(set map[string]bool, module string) bool {
	for _, m := range []string{module, stripped(module)} {
		for {
			if set[m] {
				return true
			}
			i := strings.LastIndexByte(m, '.')
			if i < 0 {
				break
			}
			m = m[:i]
		}
	}
	return false
}

// listed tells whether a name or one above it is in a set of full names. A class stands for its methods.
func listed(set map[string]bool, module, name string) bool {
	for _, m := range []string{module, stripped(module)} {
		for n := name; ; {
			if set[m+"."+n] {
				return true
			}
			i := strings.LastIndexByte(n, '.')
			if i < 0 {
				break
			}
			n = n[:i]
		}
	}
	return false
}
