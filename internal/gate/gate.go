// Package gate is the line that every request for bytes crosses: a version and a group become a verdict. It knows
// neither protocols nor status codes; doors call [Gate.Check] and say its answer in their own words.
//
// A verdict is looked up in the cache, then in the record. If neither has it, one scan is made of the version, however many
// clients ask and however many gateways run; it is detached from all of them and has its own time limit. Reports of
// files are cached by digest, outcomes are computed from them: an edited group takes effect at the next request
// without a rescan. Nothing is told before it is recorded, and when in doubt the gate stays shut.
package gate

import (
	"context"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
)

// Origin is where the bytes and the metadata of a version come from. An Origin is used after the request that brought it has
// ended, so it must hold what it needs: the caller's token, not the caller's context.
type Origin interface {
	// Files lists every file of the version.
	Files(ctx context.Context) ([]model.File, error)
	// Open gives random access to one of them.
	Open(ctx context.Context, f model.File) (source.Content, error)
	// Metadata tells what rules need to know besides the bytes.
	Metadata(ctx context.Context) (model.Metadata, error)
}

// Request asks for the verdict on a version, or on one file of it.
type Request struct {
	Version model.Version
	// Group names the security group; "" is the default group of the version's source.
	Group string
	// Path is the file that is about to be served. Versions that are judged file by file need it.
	Path string
	// ByFile makes the version be judged file by file: datasets and spaces.
	ByFile            bool
	Origin            Origin
	Owner             string // who asks, for the record
	ScanOrigin        model.ScanOrigin
	RequestedRevision string
	ModelURI          string // "" is the version's own
}

// FailedRule is a rule that failed, with the number of its violations.
type FailedRule struct {
	Name       string          `json:"name"`
	State      model.RuleState `json:"state"`
	Violations int             `json:"violations"`
}

// Verdict is what a door acts on.
type Verdict struct {
	Scan    uuid.UUID
	Version model.Version
	Group   string
	// Outcome for this request: that of the file if the version is judged file by file or scan.enforce is "file".
	// ERROR means the bytes must not be served (scan.on_error decided otherwise makes it ALLOWED).
	Outcome model.Outcome
	// Failed are the rules that failed, blocking ones first.
	Failed []FailedRule
	// Message is one sentence for a person: why it's refused; "" if allowed without remarks.
	Message string
	// Warning is one sentence about ALLOWING rules that failed; "" if none.
	Warning string
}

// Ticket stands for a verdict that may still be in the making.
type Ticket struct {
	// Scan is the UUID of the scan, known and recorded from the start.
	Scan uuid.UUID

	done    chan struct{}
	verdict Verdict
	err     error
}

// Done is closed when the verdict stands.
func (t *Ticket) Done() <-chan struct{} { return t.done }

// Verdict waits for the verdict or for ctx. An error is one of the caller's context or of our own infrastructure; the gate is
// shut then.
func (t *Ticket) Verdict(ctx context.Context) (Verdict, error) {
	select {
	case <-t.done:
		return t.verdict, t.err
	case <-ctx.Done():
		return Verdict{Scan: t.Scan, Outcome: model.Pending}, ctx.Err()
	}
}
