package gate

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// record is a verdict as the cache keeps it: for a whole version, or for one file of a version that is judged file by file.
type record struct {
	Scan    uuid.UUID     `json:"scan"`
	Group   string        `json:"group"`
	Outcome model.Outcome `json:"outcome"`
	Failed  []FailedRule  `json:"failed,omitempty"`
	// Whole says that something other than single files is at fault: metadata, or a scan that ended as ERROR.
	Whole bool `json:"whole,omitempty"`
	// Files are the files that violate a blocking rule.
	Files map[string][]FailedRule `json:"files,omitempty"`
	// Reason is why a scan ended as ERROR.
	Reason string `json:"reason,omitempty"`
	// Listing are the digests of the files that were judged, by path: no other bytes have this verdict.
	Listing map[string]model.Digest `json:"listing,omitempty"`
}

func (r record) encode() []byte {
	text, err := json.Marshal(r)
	if err != nil { // a struct of strings and numbers always encodes
		panic(fmt.Sprintf("encode verdict: %v", err))
	}
	return text
}

// decodeRecord reads what encode wrote; anything else is no verdict.
func decodeRecord(text []byte) (record, bool) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil || r.Scan == uuid.Nil {
		return record{}, false
	}
	switch r.Outcome {
	case model.Allowed, model.Blocked, model.Errored:
		return r, true
	default:
		return record{}, false
	}
}

// recordOf condenses a settled scan.
func recordOf(s model.Scan) record {
	r := record{Scan: s.UUID, Group: s.GroupName, Outcome: s.Outcome, Reason: s.ErrorMessage, Whole: s.Outcome == model.Errored}
	if len(s.Files) > 0 {
		r.Listing = make(map[string]model.Digest, len(s.Files))
		for _, f := range s.Files {
			r.Listing[f.Path] = f.Digest
		}
	}
	for _, e := range s.Evaluations {
		if e.Result == model.Passed {
			continue
		}
		if e.Result == model.RuleError {
			if e.State == model.Blocking {
				r.Whole, r.Reason = true, fmt.Sprintf("%s could not be evaluated: %s", e.RuleName, e.Reason)
			}
			continue
		}
		r.Failed = append(r.Failed, FailedRule{Name: e.RuleName, State: e.State, Violations: len(e.Violations), Advisory: e.AdvisoryID()})
		if e.State == model.Blocking {
			r.addFiles(e)
		}
	}
	sort.SliceStable(r.Failed, func(i, j int) bool {
		return r.Failed[i].State == model.Blocking && r.Failed[j].State != model.Blocking
	})
	return r
}

// addFiles notes the files that a failed blocking rule is about.
func (r *record) addFiles(e model.Evaluation) {
	perFile := map[string]int{}
	for _, v := range e.Violations {
		perFile[v.Path()]++
	}
	for path, n := range perFile {
		if path == "" {
			r.Whole = true
			continue
		}
		if r.Files == nil {
			r.Files = map[string][]FailedRule{}
		}
		r.Files[path] = append(r.Files[path], FailedRule{Name: e.RuleName, State: e.State, Violations: n})
	}
}

// verdict is what the record says to a request.
func (g *Gate) verdict(req Request, r record) Verdict {
	v := Verdict{Scan: r.Scan, Version: req.Version, Group: r.Group, Outcome: r.Outcome, Failed: r.Failed}
	if r.Outcome != model.Errored && req.Digest != "" && r.Listing[req.Path] != req.Digest {
		v.Outcome, v.Failed = model.Errored, nil
		v.Message = fmt.Sprintf("Blocked by modelgate: %s of %s is not what was judged; scan %s", req.Path, req.Version, r.Scan)
		return v
	}
	switch r.Outcome {
	case model.Blocked:
		if g.enforceFile && !r.Whole && req.Path != "" {
			failed, refused := r.Files[req.Path]
			if !refused {
				v.Outcome = model.Allowed
				v.Warning = fmt.Sprintf("other files of %s are blocked; scan %s", req.Version, r.Scan)
				return v
			}
			v.Failed = failed
		}
		v.Message = fmt.Sprintf("Blocked by modelgate: %s failed %s; scan %s", req.Version, ruleNames(v.Failed, model.Blocking), r.Scan)
	case model.Errored:
		if g.onErrorAllow {
			v.Outcome = model.Allowed
			v.Warning = fmt.Sprintf("%s was not judged: %s; scan %s", req.Version, orUnknown(r.Reason), r.Scan)
			return v
		}
		v.Message = fmt.Sprintf("Blocked by modelgate: %s could not be judged: %s; scan %s", req.Version, orUnknown(r.Reason), r.Scan)
	case model.Allowed:
		if names := ruleNames(r.Failed, model.Allowing); names != "" {
			v.Warning = fmt.Sprintf("%s failed %s (not blocking); scan %s", req.Version, names, r.Scan)
		}
	case model.Pending:
	}
	return v
}

// ruleNames joins the names of failed rules in a state, at most three of them.
func ruleNames(failed []FailedRule, state model.RuleState) string {
	var names []string
	more := 0
	for _, f := range failed {
		switch {
		case f.State != state:
		case len(names) == 3:
			more++
		default:
			names = append(names, f.Name)
		}
	}
	text := strings.Join(names, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func orUnknown(reason string) string {
	if reason == "" {
		return "unknown reason"
	}
	return reason
}
