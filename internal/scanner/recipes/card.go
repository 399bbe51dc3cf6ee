package recipes

import (
	"strings"

	"modelgate/internal/finding"
)

// card reads the base models that the front matter of a model card names.
func (j judge) card(text string) {
	rest, found := strings.CutPrefix(strings.TrimPrefix(text, "\ufeff"), "---")
	if !found {
		return
	}
	at := len(text) - len(rest)
	names, inList := 0, false
	refer := func(name string, at int) {
		name = strings.Trim(strings.TrimSpace(name), `"'`)
		if name != "" && name != "null" && name != "~" && names < maxNames {
			names++
			j.sink.Refer(finding.Reference{Kind: finding.RefBase, Target: name, Offset: int64(at)})
		}
	}
	for at < len(text) {
		raw, _, _ := strings.Cut(text[at:], "\n")
		trimmed := strings.TrimSpace(raw)
		if comment := strings.Index(trimmed, " #"); comment >= 0 {
			trimmed = strings.TrimSpace(trimmed[:comment])
		}
		value, isKey := strings.CutPrefix(trimmed, "base_model:")
		item, isItem := strings.CutPrefix(trimmed, "- ")
		switch {
		case trimmed == "---" || trimmed == "...":
			return
		case isKey && !strings.HasPrefix(raw, " "):
			value = strings.TrimSpace(value)
			inList = value == ""
			if list, ok := strings.CutPrefix(value, "["); ok {
				for name := range strings.SplitSeq(strings.TrimSuffix(list, "]"), ",") {
					refer(name, at)
				}
			} else {
				refer(value, at)
			}
		case inList && isItem:
			refer(item, at)
		case trimmed != "":
			inList = false
		}
		at += len(raw) + 1
	}
}
