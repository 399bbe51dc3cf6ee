package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"modelgate/internal/model"
)

// maxShown is how many violations of one rule a text shows; the others are counted.
const maxShown = 20

// Colours of a terminal.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

// printer writes lines and remembers the first error.
type printer struct {
	w     *bufio.Writer
	color bool
}

func (p printer) line(format string, args ...any) {
	fmt.Fprintf(p.w, format+"\n", args...) // errors stay in the writer until Flush
}

func (p printer) paint(color, text string) string {
	if !p.color {
		return text
	}
	return color + text + plain
}

// outcome is an outcome in its colour.
func (p printer) outcome(o model.Outcome) string {
	color := map[model.Outcome]string{model.Allowed: green, model.Blocked: red}[o]
	if color == "" {
		color = yellow
	}
	return p.paint(bold+color, string(o))
}

// writeText writes a scan for a terminal: the verdict, facts, then the rules that failed with what to do.
func writeText(w io.Writer, s model.Scan, o Options) error {
	p := printer{w: bufio.NewWriter(w), color: o.Color}
	name := visible(s.ModelName)
	if name == "" {
		name = visible(s.Version.Name)
	}
	p.line("%s  Scan of %s:%s using %s group", p.outcome(s.Outcome), name, visible(versionOf(s)), visible(s.GroupName))
	p.line("")
	p.line("  scan      %s", s.UUID)
	p.line("  model     %s", visible(s.ModelURI))
	if !s.CreatedAt.IsZero() {
		p.line("  time      %s%s", s.CreatedAt.UTC().Format("2006-01-02 15:04:05 UTC"), duration(s))
	}
	p.line("  files     %d scanned, %d skipped", s.FilesScanned, s.FilesSkipped)
	if len(s.Formats) > 0 {
		p.line("  formats   %s", strings.Join(s.Formats, ", "))
	}
	failed, passed, total := s.Summary()
	p.line("  rules     %d failed, %d passed%s", failed, passed, undecided(total-failed-passed))
	if s.ErrorMessage != "" {
		p.line("  error     %s", visible(strings.TrimPrefix(s.ErrorCode+": "+s.ErrorMessage, ": ")))
	}
	if address := o.link("/ui/scans/" + s.UUID.String()); address != nil {
		p.line("  details   %s", *address)
	}
	for _, e := range failedFirst(s.Evaluations) {
		p.evaluation(e, o.Explain)
	}
	for _, e := range s.Evaluations {
		if e.Result == model.Passed && e.Reason != "" {
			p.line("")
			p.line("%s  %s", p.paint(green, "PASSED"), e.RuleName)
			p.line("  %s", visible(e.Reason))
		}
	}
	return p.w.Flush()
}

// versionOf is the version as people know it.
func versionOf(s model.Scan) string {
	if s.ModelVersion != "" {
		return s.ModelVersion
	}
	return s.Version.Revision
}

func duration(s model.Scan) string {
	if s.TimeStarted.IsZero() || s.TimeFinished.Before(s.TimeStarted) {
		return ""
	}
	return ", took " + s.TimeFinished.Sub(s.TimeStarted).Round(time.Millisecond).String()
}

func undecided(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d not evaluated", n)
}

// failedFirst are the evaluations that did not pass: blocking ones first.
func failedFirst(evaluations []model.Evaluation) []model.Evaluation {
	out := slices.DeleteFunc(slices.Clone(evaluations), func(e model.Evaluation) bool { return e.Result == model.Passed })
	slices.SortStableFunc(out, func(a, b model.Evaluation) int { return rank(a) - rank(b) })
	return out
}

func rank(e model.Evaluation) int {
	n := 0
	if e.State != model.Blocking {
		n += 2
	}
	if e.Result != model.Failed {
		n++
	}
	return n
}

// evaluation writes a rule that did not pass.
func (p printer) evaluation(e model.Evaluation, explain bool) {
	mode, color := "not blocking", yellow
	if e.State == model.Blocking {
		mode, color = "blocking", red
	}
	p.line("")
	if e.Result != model.Failed {
		p.line("%s  %s (%s)", p.paint(yellow, "ERROR "), e.RuleName, mode)
		p.line("  could not be evaluated: %s", visible(e.Reason))
		return
	}
	p.line("%s  %s (%s)", p.paint(color, "FAILED"), e.RuleName, mode)
	if explain {
		p.explain(e)
		return
	}
	file := ""
	for _, v := range e.Violations[:min(len(e.Violations), maxShown)] {
		if v.File != file {
			file = v.File
			p.line("  %s", p.paint(bold, visible(file)))
		}
		indent := "  "
		if file != "" {
			indent = "    "
		}
		p.line("%s%s%s", indent, visible(v.Description), details(v))
	}
	if more := len(e.Violations) - maxShown; more > 0 {
		p.line("  and %d more", more)
	}
	if e.Reason != "" {
		p.line("  %s", visible(e.Reason))
	}
	if len(e.Violations) > 0 && len(e.Violations[0].Steps) > 0 {
		p.line("  What to do: %s.", strings.Join(e.Violations[0].Steps, ". "))
	}
}

// details stand behind the sentence of a violation.
func details(v model.Violation) string {
	var parts []string
	if v.Threat != "" {
		parts = append(parts, v.Threat)
	}
	if v.Severity != "" {
		parts = append(parts, v.Severity)
	}
	if v.Offset >= 0 && v.File != "" {
		parts = append(parts, fmt.Sprintf("offset %d", v.Offset))
	}
	if len(parts) == 0 {
		return ""
	}
	return " [" + strings.Join(parts, ", ") + "]"
}

// writeTextList writes scans as a table.
func writeTextList(w io.Writer, scans []model.Scan, total int, o Options) error {
	if len(scans) == 0 {
		_, err := fmt.Fprintf(w, "No scans match. There are %d.\n", total)
		return err
	}
	p := printer{color: o.Color}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "SCAN\tTIME\t%s\tRULES\tSOURCE\tMODEL\n", p.paint(bold+"\x1b[39m", "OUTCOME")) // as long as a coloured outcome
	for _, s := range scans {
		failed, passed, _ := s.Summary()
		fmt.Fprintf(t, "%s\t%s\t%s\t%d failed, %d passed\t%s\t%s\n", s.UUID, s.CreatedAt.UTC().Format("2006-01-02 15:04"), p.outcome(s.Outcome),
			failed, passed, s.Version.Source, visible(s.ModelURI))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d of %d scans\n", len(scans), total)
	return err
}

// visible writes what a terminal or a reader would obey instead of show (control characters, marks that turn the direction of text,
// invisible ones, broken UTF-8) as escapes.
func visible(s string) string {
	hidden := func(r rune) bool {
		return r == unicode.ReplacementChar || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
	}
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}
