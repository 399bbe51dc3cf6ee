// Package pynames grades the dotted names of Python, as configurations and source code spell them: what a name does if it is
// called. It is a list of facts about Python and its libraries, for every format in which such names stand in text. Pickles
// have lists of their own, since there a name is imported before anything is known of what becomes of it.
package pynames

import (
	"slices"
	"strings"
)

// Family says what a dangerous name does.
type Family string

// The families of names.
const (
	None     Family = ""
	Process  Family = "process"  // starts programs
	Code     Family = "code"     // runs text or bytes as code, or imports by name
	Loader   Family = "loader"   // reads a format that can run code
	Native   Family = "native"   // loads or calls machine code
	File     Family = "file"     // writes, moves or removes files
	Network  Family = "network"  // calls out
	Hook     Family = "hook"     // runs later, or changes what others run
	Indirect Family = "indirect" // calls or looks up what its arguments name
	Hub      Family = "hub"      // fetches models from the Hub, which a gate sees
)

// FamilyOf returns what a name does, None if nothing that matters is known of it. A name is judged by itself, by the module
// it stands in, and by any dangerous module in its path: torch.os.system is os.system.
func FamilyOf(name string) Family {
	name = strings.TrimPrefix(name, "__builtin__.")
	if name != "builtins" {
		name = strings.TrimPrefix(name, "builtins.")
	}
	parts := strings.Split(name, ".")
	if f := lookup(parts); f != None {
		return f
	}
	for i := 1; i < len(parts); i++ {
		if slices.Contains(loose(), strings.TrimPrefix(parts[i], "_")) || parts[i] == "__builtins__" {
			if f := lookup(parts[i:]); f != None {
				return f
			}
		}
	}
	return None
}

// lookup finds the longest beginning of a name that is listed.
func lookup(parts []string) Family {
	clean := slices.Clone(parts)
	clean[0] = strings.TrimPrefix(clean[0], "_")
	for _, p := range [][]string{parts, clean} {
		for n := len(p); n > 0; n-- {
			prefix := strings.Join(p[:n], ".")
			if harmless[prefix] {
				return None
			}
			if f, ok := families[prefix]; ok {
				return f
			}
		}
	}
	return None
}

// Verdict grades a name that a configuration tells a loader to import and call.
type Verdict int

// The verdicts.
const (
	Unknown Verdict = iota
	Harmless
	Dangerous
)

// Target grades the target of a directive, such as Hydra's _target_ or a tag of YAML. Functions that look up what their
// argument names are Dangerous only if indirect is, so the caller judges that argument.
func Target(name string) Verdict {
	name = strings.TrimSpace(name)
	switch f := FamilyOf(name); {
	case f == Indirect || f == Hub:
		return Unknown
	case f != None:
		return Dangerous
	}
	for _, part := range strings.Split(name, ".") {
		if strings.HasPrefix(part, "__") && part != "__init__" {
			return Dangerous
		}
	}
	if allowed[name] {
		return Harmless
	}
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if allowedPrefixes[name[:i]] {
			return Harmless
		}
	}
	return Unknown
}

// IndirectBy tells whether a target imports and returns what one of its arguments names.
func IndirectBy(name string) bool { return FamilyOf(name) == Indirect }
