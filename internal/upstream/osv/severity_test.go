package osv

import "testing"

// TestSeverities computes scores of the specification's own examples (CVSS 3.1, "Examples"), and reads the words of databases.
func TestSeverities(t *testing.T) {
	for vector, want := range map[string]float64{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N": 6.1, "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N": 6.4,
		"CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N": 3.1, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": 9.8,
		"CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H": 9.9, "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H": 7.8,
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N": 0, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O": 9.8,
	} {
		if got, ok := baseScore(vector); !ok || got != want {
			t.Errorf("%s: %v %v, want %v", vector, got, ok, want)
		}
	}
	for _, vector := range []string{"", "CVSS:3.1", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/C:H/I:H/A:H", "CVSS:4.0/AV:N"} {
		if got, ok := baseScore(vector); ok {
			t.Errorf("%q has a score: %v", vector, got)
		}
	}
	for _, row := range []struct {
		word  string
		score score
		want  string
	}{
		{"MODERATE", score{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}, Medium},
		{"", score{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}, Critical},
		{"", score{"CVSS_V4", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}, ""},
		{"terrible", score{"CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"}, Low},
		{"", score{}, ""},
	} {
		if got := severityOf(row.word, []score{row.score}); got != row.want {
			t.Errorf("%+v: %q", row, got)
		}
	}
}
