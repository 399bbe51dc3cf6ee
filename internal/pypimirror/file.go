package pypimirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"modelgate/internal/auth"
	"modelgate/internal/blob"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/upstream/index"
)

// errWaiting ends the handling of a request whose client was sent to wait once more.
var errWaiting = errors.New("sent to wait once more")

// quarantineWithin bounds how long a quarantine may take to be recorded. It does not depend on the client.
const quarantineWithin = 30 * time.Second

// serveFile answers GET and HEAD of a distribution file: both wait for the verdict.
func (d *Door) serveFile(x *exchange) error {
	e, f, err := d.find(x)
	if err == nil {
		err = d.deliver(x, e, f)
	}
	if errors.Is(err, errWaiting) {
		return nil
	}
	return err
}

// find learns which file is meant and what its bytes are. Where the index does not tell, the file is read for that, while the client
// is kept.
func (d *Door) find(x *exchange) (index.Entry, model.File, error) {
	e, err := d.entry(x)
	if err != nil {
		return e, model.File{}, fmt.Errorf("find %s: %w", x.filename, err)
	}
	var f model.File
	if e.SHA256() != "" && e.Size >= 0 {
		f, err = d.Index.Bytes(x.Context(), e)
	} else {
		found := make(chan model.File, 1)
		if err = d.during(x, func(ctx context.Context) error {
			f, err := d.Index.Bytes(ctx, e)
			found <- f
			return err
		}); err == nil {
			f = <-found
		}
	}
	if err != nil {
		return e, f, err
	}
	x.version = model.Version{Source: model.PyPI, Name: x.project, Revision: f.Digest.Hex()}
	return e, f, nil
}

// entry finds the file that is meant, by an address of the door or by the index's own.
func (d *Door) entry(x *exchange) (index.Entry, error) {
	if x.at == nil {
		return d.Index.Entry(x.Context(), x.upstream, x.project, x.fileID, x.filename)
	}
	e, err := d.Index.EntryAt(x.Context(), x.at)
	x.project, x.upstream = e.Project, e.Upstream
	return e, err
}

// during does something while the client is kept in its own way. What is done goes on when the client has to come back, so that it
// finds more done then.
func (d *Door) during(x *exchange, do func(ctx context.Context) error) error {
	done, result := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithTimeout(d.base, d.Hold)
	d.work.Add(1)
	go func() {
		defer d.work.Done()
		defer cancel()
		result <- do(ctx)
		close(done)
	}()
	switch d.wait(x, done) {
	case ready:
		return <-result
	case again:
		d.sendAgain(x)
		return errWaiting
	case tooLong:
		return failure{http.StatusGatewayTimeout, "the index did not answer in time"}
	default:
		return x.Context().Err()
	}
}

// deliver gives the bytes if the verdict lets them pass.
func (d *Door) deliver(x *exchange, e index.Entry, f model.File) error {
	req := gate.Request{
		Version: x.version, Group: x.group, Path: f.Path, Digest: f.Digest, Origin: d.Origin(e, f), Owner: auth.Who(x.Request),
		ScanOrigin: model.OriginGateway, RequestedRevision: e.Version(), ModelURI: "pypi://" + e.Project, Uploaded: e.Uploaded,
	}
	err := d.judge(x, req, e)
	defer func() { d.record(x, f) }()
	if err != nil {
		return err
	}
	want, open := blob.Want{Digest: f.Digest, Size: f.Size}, d.Opener(e)
	if !d.Blobs.Has(f.Digest, f.Size) { // it was dropped since the scan, or was scanned elsewhere
		err = d.during(x, func(ctx context.Context) error {
			c, err := d.Blobs.Get(ctx, want, open)
			if err != nil {
				return err
			}
			return errors.Join(c.Wait(ctx), c.Close())
		})
	}
	var content *blob.Content
	if err == nil {
		content, err = d.Blobs.Get(x.Context(), want, open)
	}
	if errors.Is(err, blob.ErrMismatch) {
		return errors.Join(err, d.quarantine(x, req, err))
	}
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	return d.send(x, f, content)
}

// judge waits for the verdict. It returns nil only if the bytes may be served.
func (d *Door) judge(x *exchange, req gate.Request, e index.Entry) error {
	if !d.EnforceFile {
		if err := d.judgeRelease(x, req, e); err != nil {
			return err
		}
	}
	ticket, err := d.Gate.Check(x.Context(), req)
	if err != nil {
		return fmt.Errorf("check %s: %w", req.Version, err)
	}
	x.scan, x.outcome = ticket.Scan, model.Pending
	switch d.wait(x, ticket.Done()) {
	case again:
		d.sendAgain(x)
		return errWaiting
	case tooLong:
		return refusal{scan: ticket.Scan, outcome: model.Pending, name: e.Filename}
	case gone:
		return x.Context().Err()
	case ready:
	}
	v, err := ticket.Verdict(x.Context())
	if err != nil {
		return fmt.Errorf("scan of %s: %w", req.Version, err)
	}
	x.scan, x.outcome = v.Scan, v.Outcome
	if v.Outcome != model.Allowed {
		return refusal{scan: v.Scan, outcome: v.Outcome, name: e.Filename, failed: v.Blocking(), advisory: advisoryOf(v.Failed)}
	}
	if v.Warning != "" {
		x.out.Header().Set("X-Modelgate-Warning", reply.Line(v.Warning, 300))
	}
	return nil
}

// judgeRelease refuses a file of whose release another one is blocked: whoever could publish a bad wheel could publish its sdist.
func (d *Door) judgeRelease(x *exchange, req gate.Request, e index.Entry) error {
	if e.Page == nil || e.Release == nil {
		return nil
	}
	blocked, err := d.blocked(x, e.Page)
	if err != nil {
		return err
	}
	s, sister, bad := blockedRelease(e.Page, e.File, blocked)
	if !bad || s.Revision == req.Version.Revision { // its own verdict says more
		return nil
	}
	x.scan, x.outcome = s.Scan, model.Blocked
	r := refusal{scan: s.Scan, outcome: model.Blocked, name: e.Filename, failed: []string{s.Rule}, advisory: s.Advisory}
	if sister.Filename != e.Filename {
		r.sister = sister.Filename
	}
	return r
}

// advisoryOf is the identifier of the advisory for which the first blocking rule failed, "" if it is not about one.
func advisoryOf(failed []gate.FailedRule) string {
	for _, f := range failed {
		if f.State == model.Blocking {
			return f.Advisory
		}
	}
	return ""
}

// send gives the bytes, or the range of them that was asked for.
func (d *Door) send(x *exchange, f model.File, c *blob.Content) error {
	h := x.out.Header()
	h.Set("Etag", `"`+f.Digest.Hex()+`"`)
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Modelgate-Scan", x.scan.String())
	defer d.Bulk(x.Context())()
	if file := c.File(); file != nil { // which the kernel copies
		http.ServeContent(x.out, x.Request, "", time.Time{}, file)
		return nil
	}
	http.ServeContent(x.out, x.Request, "", time.Time{}, c)
	return nil
}

// quarantine tells the gate of bytes that were not those announced or scanned.
func (d *Door) quarantine(x *exchange, req gate.Request, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.Context()), quarantineWithin)
	defer cancel()
	d.Log.Error().Str("request", x.id).Stringer("version", req.Version).Str("file", req.Path).Err(cause).Msg("bytes do not match: quarantine")
	if err := d.Gate.Quarantine(ctx, req, cause.Error()); err != nil {
		return fmt.Errorf("quarantine %s: %w", req.Version, err)
	}
	return nil
}

// record notes a request for bytes that was answered or refused.
func (d *Door) record(x *exchange, f model.File) {
	outcome := x.outcome
	switch outcome {
	case model.Allowed:
	case model.Blocked, model.Errored:
		outcome = model.Blocked
	default: // nothing was answered yet
		return
	}
	d.Record(model.Download{
		Time: time.Now(), Version: x.version, Path: f.Path, Digest: f.Digest, Scan: x.scan, Outcome: outcome,
		Client: reply.Clip(x.UserAgent(), 200), Who: auth.Who(x.Request), Bytes: x.out.Bytes, Door: "pypi",
	})
}
