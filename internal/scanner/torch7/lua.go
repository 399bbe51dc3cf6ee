package torch7

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// ProbeLua accepts byte code of Lua and LuaJIT, and source of Lua under a name of Torch's files, where a loader expects an object.
func ProbeLua(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	return byteCode(head) != "" || isSource(f.Path, head), nil
}

// byteCode names the compiler whose byte code begins so: ESC, "Lua", the version; or ESC, "LJ", the version of the dump.
func byteCode(head []byte) string {
	switch {
	case len(head) < 5 || head[0] != 0x1b:
		return ""
	case string(head[1:4]) == "Lua" && head[4] >= 0x40 && head[4] < 0x70:
		return fmt.Sprintf("byte code of Lua %d.%d", head[4]>>4, head[4]&15)
	case string(head[1:3]) == "LJ" && head[3] >= 1 && head[3] <= 9:
		return "byte code of LuaJIT"
	}
	return ""
}

// Constructs of Lua that its source has and prose does not: each counts once.
var constructs = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^\s*local\s+[A-Za-z_]\w*\s*(,\s*[A-Za-z_]\w*\s*)*=`),
	regexp.MustCompile(`(?m)^\s*(local\s+)?function\s+[\w.:]*\s*\(`),
	regexp.MustCompile(`\brequire\s*\(?\s*['"]`),
	regexp.MustCompile(`\b(os\.execute|io\.popen|loadstring|dofile|loadfile|os\.remove|os\.rename)\s*\(?\s*['"(\w]`),
	regexp.MustCompile(`(?m)^\s*(if|while|for)\b.*\b(then|do)\s*$`),
	regexp.MustCompile(`(?m)^\s*end\s*$`),
	regexp.MustCompile(`(?m)^\s*return\s+[\w{"'(]`),
	regexp.MustCompile(`(?m)^\s*--`),
}

// isSource tells whether text under a name of Torch's files is Lua: two constructs, or one that reaches the system.
func isSource(name string, head []byte) bool {
	if source.Role(name) != source.RoleTorch7 || len(head) == 0 || !utf8.Valid(head[:min(len(head), 256)]) {
		return false
	}
	text := head[:min(len(head), 16<<10)]
	n := 0
	for i, c := range constructs {
		if c.Match(text) {
			const reaches = 3
			if n++; i == reaches {
				return true
			}
		}
	}
	return n >= 2
}

// ScanLua reports what was recognised: Lua is code whatever it does.
func ScanLua(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("lua")
	head, err := f.Head()
	if err != nil {
		return err
	}
	what := byteCode(head)
	words := fmt.Sprintf("The file is %s and no model; loading it runs it.", what)
	evidence := ""
	if what == "" {
		what, words = "source of Lua", "The file is source of Lua under the name of a model; loading it runs it."
		line, _, _ := strings.Cut(strings.TrimSpace(string(head[:min(len(head), 512)])), "\n")
		evidence = line
	}
	found := finding.New(threat.MGLUA100, 0, words)
	found.Role, found.Operator, found.Evidence = finding.RoleStructure, what, source.Evidence(evidence)
	s.Find(found)
	return nil
}
