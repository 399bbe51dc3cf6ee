package source

import (
	"strconv"
	"unicode/utf8"

	"modelgate/internal/finding"
)

// Evidence makes hostile bytes fit to be shown: control characters, quotes and invalid UTF-8 are escaped as in a Go string,
// and what is longer than finding.MaxEvidence is cut, which an ellipsis shows.
func Evidence(s string) string {
	const cut = "…"
	quoted := strconv.Quote(s[:min(len(s), finding.MaxEvidence)])
	quoted = quoted[1 : len(quoted)-1]
	if len(quoted) <= finding.MaxEvidence && len(s) <= finding.MaxEvidence {
		return quoted
	}
	n := min(len(quoted), finding.MaxEvidence-len(cut))
	for n > 0 && !utf8.ValidString(quoted[:n]) {
		n--
	}
	return quoted[:n] + cut
}
