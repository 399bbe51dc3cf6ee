package pypackage

import (
	"maps"
	"slices"
	"strings"

	"modelgate/internal/scanner/source/pytokens"
)

// Most sources call nothing that is judged, and to see that takes much less time than to follow their expressions: a function of the tables
// is called by its dotted name, of which each part stands in the source as a name, unless it is looked up by a constant.

// builders are the names by which a function can be looked up whose own name is a constant, put together from anything.
var builders = []string{"getattr", "__import__", "import_module", "__builtins__", "globals"}

// common are parts of the names of functions that stand in many sources.
var common = setOf("bytes", "decode", "request")

// telling are names of which a source has one if it calls a function of the tables: of each function the longest part of its name that is
// not common, and the last of several.
var telling = tellingNames()

func tellingNames() map[string]bool {
	out := setOf(builders...)
	for _, table := range []map[string]bool{starters, fetchers, executors} {
		for name := range table {
			out[rarest(name)] = true
		}
	}
	for name := range maps.Keys(decoders) {
		out[rarest(name)] = true
	}
	out[rarest(codecsDecode)] = true
	return out
}

func rarest(name string) string {
	best := ""
	for part := range strings.SplitSeq(name, ".") {
		if len(part) >= len(best) && !common[part] {
			best = part
		}
	}
	return best
}

// tells tells whether a source may call a function of the tables.
func tells(tokens []pytokens.Token) bool {
	return slices.ContainsFunc(tokens, func(k pytokens.Token) bool {
		if k.Kind != pytokens.Name || len(k.Text) < 3 {
			return false
		}
		switch k.Text[0] {
		case 'e', 's', 'p': // exec…, spawn…, posix_spawn…
			for _, family := range starterFamilies {
				if strings.HasPrefix(k.Text, family[len("os."):]) {
					return true
				}
			}
		}
		return telling[k.Text]
	})
}
