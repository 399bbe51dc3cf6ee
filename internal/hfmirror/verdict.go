package hfmirror

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/upstream/hub"
)

// scanHeader is how a client says that it wants what one scan has passed, and nothing else.
const scanHeader = "Guardian-Scan-Uuid"

// request is what the gate is asked about a file, or about the whole version if path is "".
func (d *Door) request(x *exchange, rev hub.Revision, path string) gate.Request {
	return gate.Request{
		Version: x.version, Group: x.group, Path: path,
		ByFile: rev.Repo.Kind == model.Datasets || rev.Repo.Kind == model.Spaces,
		Origin: d.Origin(x.token, rev.Repo, rev.Commit),
		Owner:  d.who(x), ScanOrigin: model.OriginGateway, RequestedRevision: x.rev,
		Other: d.other(x.token),
	}
}

// other finds the current version of a model that files of another one import code from, as far as the caller's token may see it.
func (d *Door) other(token hub.Token) func(context.Context, string) (model.Version, gate.Origin, error) {
	return func(ctx context.Context, id string) (model.Version, gate.Origin, error) {
		rev, err := d.Hub.Resolve(ctx, token, hub.Repo{Kind: model.Models, ID: id}, "main")
		if err != nil {
			return model.Version{}, nil, fmt.Errorf("resolve %s: %w", id, err)
		}
		return rev.Version(), d.Origin(token, rev.Repo, rev.Commit), nil
	}
}

// judge waits for the verdict on a request. It returns nil only if the bytes may be served; an error is a [refusal], or our own
// failure, which keeps the gate shut.
func (d *Door) judge(x *exchange, req gate.Request, h *hold) (gate.Verdict, error) {
	if err := d.bound(x); err != nil {
		return gate.Verdict{}, err
	}
	ticket, err := d.Gate.Check(x.Context(), req)
	if err != nil {
		return gate.Verdict{}, fmt.Errorf("check %s: %w", req.Version, err)
	}
	x.scan, x.outcome = ticket.Scan, model.Pending
	if err := h.wait(ticket.Done()); err != nil {
		if h.over(err) {
			return gate.Verdict{}, refusal{Verdict: gate.Verdict{Scan: ticket.Scan, Version: req.Version, Group: x.group, Outcome: model.Pending}}
		}
		return gate.Verdict{}, err
	}
	v, err := ticket.Verdict(x.Context())
	if err != nil {
		return gate.Verdict{}, fmt.Errorf("scan of %s: %w", req.Version, err)
	}
	x.scan, x.outcome = v.Scan, v.Outcome
	if v.Outcome != model.Allowed {
		return v, refusal{Verdict: v}
	}
	return v, nil
}

// bound holds a request to the scan that its client names. The header can only tighten: the group's own verdict applies too.
func (d *Door) bound(x *exchange) error {
	value := x.Header.Get(scanHeader)
	if value == "" {
		return nil
	}
	refused := gate.Verdict{Version: x.version, Group: x.group, Outcome: model.Errored}
	id, err := uuid.Parse(value)
	if err != nil {
		refused.Message = fmt.Sprintf("Blocked by modelgate: %s is not the UUID of a scan", ascii(value, 60))
		return refusal{Verdict: refused, final: true}
	}
	refused.Scan = id
	x.scan = id
	version, outcome, ok := d.Gate.ScanOutcome(x.Context(), id)
	switch {
	case !ok:
		refused.Message = fmt.Sprintf("Blocked by modelgate: there is no scan %s", id)
	case version != x.version:
		refused.Message = fmt.Sprintf("Blocked by modelgate: scan %s is of another version than %s", id, x.version)
	case outcome != model.Allowed:
		refused.Outcome = outcome
		refused.Message = fmt.Sprintf("Blocked by modelgate: scan %s of %s ended as %s", id, x.version, outcome)
	default:
		return nil
	}
	return refusal{Verdict: refused, final: true}
}

// blockMetadata refuses metadata of a version that is known to be blocked, for operators who must not disclose it. It never waits.
func (d *Door) blockMetadata(x *exchange) error {
	rev := hub.Revision{Repo: hub.Repo{Kind: x.version.Kind, ID: x.version.Name}, Commit: x.version.Revision}
	v, ok := d.Gate.Known(x.Context(), d.request(x, rev, x.path))
	if !ok || v.Outcome == model.Allowed {
		return nil
	}
	x.scan, x.outcome = v.Scan, v.Outcome
	return refusal{Verdict: v}
}

// verdictEntry is what the Hub's list of scanners gets in addition: the verdict on the version, if it stands.
func (d *Door) verdictEntry(x *exchange) []byte {
	if x.repo.ID == "" || x.rev == "" {
		return nil
	}
	rev, err := d.revision(x, x.rev)
	if err != nil {
		return nil
	}
	v, ok := d.Gate.Known(x.Context(), d.request(x, rev, ""))
	if !ok {
		return nil
	}
	entry := struct {
		Status     string `json:"status"`
		Message    string `json:"message"`
		ReportLink string `json:"reportLink"`
	}{Status: statusOf(v), Message: v.Message, ReportLink: d.home(x) + "/ui/scans/" + v.Scan.String()}
	if entry.Message == "" {
		entry.Message = v.Warning
	}
	text, err := json.Marshal(entry)
	if err != nil {
		return nil
	}
	return text
}

// statusOf says an outcome in the Hub's words.
func statusOf(v gate.Verdict) string {
	switch v.Outcome {
	case model.Allowed:
		if v.Warning != "" {
			return "caution"
		}
		return "safe"
	case model.Blocked:
		return "unsafe"
	case model.Errored:
		return "error"
	default:
		return "queued"
	}
}
