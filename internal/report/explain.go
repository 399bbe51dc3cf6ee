package report

import (
	"fmt"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// maxExplained is how many violations of one rule are explained; the others are counted.
const maxExplained = 200

// explain writes the violations of a rule in full: what was seen, where, by what evidence, why it matters and what to do. Why and
// what to do are said once for each threat.
func (p printer) explain(e model.Evaluation) {
	said := map[string]bool{}
	for _, v := range e.Violations[:min(len(e.Violations), maxExplained)] {
		p.line("")
		p.violation(v)
		if v.Threat == "" || !said[v.Threat] {
			p.advice(v)
		}
		said[v.Threat] = true
	}
	if more := len(e.Violations) - maxExplained; more > 0 {
		p.line("")
		p.line("  and %d more", more)
	}
	if e.Reason != "" {
		p.line("  %s", visible(e.Reason))
	}
}

// violation writes what was seen, and where.
func (p printer) violation(v model.Violation) {
	title := visible(v.Description)
	if v.Threat != "" {
		title = fmt.Sprintf("%s  %s (%s)", v.Threat, visible(v.ThreatTitle), v.Severity)
	}
	p.line("  %s", p.paint(bold, title))
	if v.Threat != "" {
		p.fact("what", v.Description)
	}
	if v.File != "" {
		p.fact("file", v.Path())
	}
	if v.Member != "" {
		p.fact("member", v.Member)
	}
	if v.Offset >= 0 && v.File != "" {
		p.fact("offset", fmt.Sprintf("%d (0x%x)", v.Offset, v.Offset))
	}
	if name := strings.Trim(v.Module+"."+v.Operator, "."); name != "" {
		p.fact("operator", name)
	}
	if v.Evidence != "" {
		p.fact("evidence", v.Evidence)
	}
	for _, line := range v.Excerpt {
		p.line("              %s", visible(line))
	}
}

// advice writes why a violation matters and what to do about it.
func (p printer) advice(v model.Violation) {
	if t, ok := threat.Lookup(threat.ID(v.Threat)); ok {
		p.fact("why", t.Summary+".")
	}
	for i, step := range v.Steps {
		label := ""
		if i == 0 {
			label = "do"
		}
		p.fact(label, strings.TrimSuffix(step, ".")+".")
	}
}

// fact writes a label and a text.
func (p printer) fact(label, text string) {
	p.line("    %-9s %s", label, visible(text))
}
