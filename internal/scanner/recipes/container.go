package recipes

import (
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source/shell"
)

// dockerfile judges what building a container fetches and runs.
func (j judge) dockerfile(text string) {
	for _, l := range lines(text) {
		instruction, rest, _ := strings.Cut(l.text, " ")
		switch rest = strings.TrimSpace(rest); strings.ToUpper(instruction) {
		case "RUN", "CMD", "ENTRYPOINT":
			if reason := shell.Judge(rest); reason != "" {
				j.odd(l.at, strings.ToUpper(instruction), rest, "The container runs a command that "+reason+".")
			}
		case "ADD":
			for field := range strings.FieldsSeq(rest) {
				if strings.Contains(field, "://") {
					j.source(l.at, "ADD", field, "The container holds what is fetched from an address.")
				}
			}
		}
	}
}

// modelfile judges where ollama takes a model and its adapters from.
func (j judge) modelfile(text string) {
	quoted := false
	for _, l := range lines(text) {
		outer := quoted
		if strings.Count(l.text, `"""`)%2 == 1 {
			quoted = !quoted
		}
		if outer {
			continue // inside of a template or a system prompt
		}
		instruction, rest, _ := strings.Cut(l.text, " ")
		what := strings.ToUpper(instruction)
		if what != "FROM" && what != "ADAPTER" {
			continue
		}
		rest = strings.Trim(strings.TrimSpace(rest), `"`)
		if leaves(rest) {
			j.odd(l.at, what, rest, "The model is made of a file outside of itself.")
			continue
		}
		if rest != "" {
			j.sink.Refer(finding.Reference{Kind: finding.RefBase, Target: rest, Offset: int64(l.at)})
		}
	}
}
