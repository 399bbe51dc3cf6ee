package osv

import (
	"math"
	"strings"
)

// Severities of advisories, from the least.
const (
	Low      = "low"
	Medium   = "medium"
	High     = "high"
	Critical = "critical"
)

// score is an assessment of a record: the kind of score and its vector.
type score struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

// severityOf is how severe a record says that a flaw is: by a word that its database gives, else by the base score of CVSS 3. It is "" if
// the record does not say, or says it in another way.
func severityOf(word string, scores []score) string {
	switch strings.ToLower(word) {
	case "low":
		return Low
	case "moderate", "medium":
		return Medium
	case "high":
		return High
	case "critical":
		return Critical
	}
	for _, s := range scores {
		if base, ok := baseScore(s.Score); ok && s.Type == "CVSS_V3" {
			return rated(base)
		}
	}
	return ""
}

// rated is the qualitative rating of a score (CVSS 3.1, section 5). None counts as low.
func rated(base float64) string {
	switch {
	case base >= 9:
		return Critical
	case base >= 7:
		return High
	case base >= 4:
		return Medium
	default:
		return Low
	}
}

// weights are those of the base metrics (CVSS 3.1, section 7.4), with scope unchanged.
var weights = map[string]float64{
	"AV:N": 0.85, "AV:A": 0.62, "AV:L": 0.55, "AV:P": 0.2, "AC:L": 0.77, "AC:H": 0.44, "PR:N": 0.85, "PR:L": 0.62, "PR:H": 0.27,
	"UI:N": 0.85, "UI:R": 0.62, "C:H": 0.56, "C:L": 0.22, "C:N": 0, "I:H": 0.56, "I:L": 0.22, "I:N": 0, "A:H": 0.56, "A:L": 0.22, "A:N": 0,
}

// baseScore computes the base score of a vector such as CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H (CVSS 3.1, section 7.1).
func baseScore(vector string) (float64, bool) {
	rest, ok := strings.CutPrefix(vector, "CVSS:3.")
	if !ok || len(rest) > 200 {
		return 0, false
	}
	given := map[string]string{}
	for _, part := range strings.Split(rest, "/")[1:] {
		name, value, _ := strings.Cut(part, ":")
		given[name] = value
	}
	m := map[string]float64{}
	for _, name := range []string{"AV", "AC", "PR", "UI", "C", "I", "A"} {
		if m[name], ok = weights[name+":"+given[name]]; !ok {
			return 0, false
		}
	}
	changed := given["S"] == "C"
	if !changed && given["S"] != "U" {
		return 0, false
	}
	if changed {
		m["PR"] = map[string]float64{"N": 0.85, "L": 0.68, "H": 0.5}[given["PR"]]
	}
	base := 1 - (1-m["C"])*(1-m["I"])*(1-m["A"])
	impact := 6.42 * base
	if changed {
		impact = 7.52*(base-0.029) - 3.25*math.Pow(base-0.02, 15)
	}
	if impact <= 0 {
		return 0, true
	}
	sum := impact + 8.22*m["AV"]*m["AC"]*m["PR"]*m["UI"]
	if changed {
		sum *= 1.08
	}
	return roundUp(min(sum, 10)), true
}

// roundUp rounds up to one decimal, as appendix A of CVSS 3.1 does it.
func roundUp(v float64) float64 {
	n := int(math.Round(v * 100_000))
	if n%10_000 == 0 {
		return float64(n) / 100_000
	}
	return float64(n/10_000+1) / 10
}
