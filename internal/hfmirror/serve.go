package hfmirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"modelgate/internal/blob"
	"modelgate/internal/finding"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/reply"
)

// quarantineWithin bounds how long a quarantine may take to be recorded. It does not depend on the client.
const quarantineWithin = 30 * time.Second

// get answers GET of a file: the verdict, then the bytes that were judged.
func (d *Door) get(x *exchange, p place, h *hold) error {
	req := d.request(x, p.rev, x.path)
	req.Digest = p.info.Digest
	v, err := d.judge(x, req, h)
	if err != nil {
		d.record(x, p)
		return err
	}
	// The scan has listed the files. What it did not list was not judged, whatever the Hub said of it before.
	if p.info, err = d.Hub.Stat(x.Context(), x.token, p.rev.Repo, p.rev.Commit, x.path); err != nil {
		return fmt.Errorf("look at %s of %s again: %w", x.path, x.version, err)
	}
	blocks := d.Gate.Blocks(x.Context(), p.info.File)
	if whole, ok := d.small.get(p.info.Digest, p.info.Size); ok && len(blocks) == 0 {
		d.sendWhole(x, p, v, whole)
		d.record(x, p)
		return nil
	}
	content, err := d.fetch(x, p, blocks, h)
	if errors.Is(err, blob.ErrMismatch) {
		return d.mismatch(x, req, h, err)
	}
	if err != nil {
		return err
	}
	defer content.close()
	err = d.send(x, p, v, content)
	d.record(x, p)
	if errors.Is(err, blob.ErrMismatch) {
		return errors.Join(err, d.quarantine(x, req, err))
	}
	return err
}

// content is an open blob whose waits end with it.
type content struct {
	*blob.Content
	cancel context.CancelFunc
	err    error // of reading, which http.ServeContent keeps to itself
}

func (c *content) close() {
	if c.Content != nil {
		_ = c.Close()
	}
	c.cancel()
}

// Read notes why reading failed.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.Content.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// fetch opens the bytes: at once if they are here, else as soon as the first are that the client asks for. The bytes are held to their digest, and to
// what scanners were given of them.
func (d *Door) fetch(x *exchange, p place, blocks []finding.Block, h *hold) (*content, error) {
	f := p.info.File
	if f.Digest == "" {
		return nil, fmt.Errorf("the Hub tells no digest of %s", x.path)
	}
	ctx, cancel := context.WithCancel(x.Context())
	want := blob.Want{Digest: f.Digest, Size: f.Size, Blocks: blocks}
	open := d.Hub.Opener(x.token, p.rev.Repo, p.rev.Commit, x.path)
	c := &content{cancel: cancel}
	var err error
	done := make(chan struct{})
	get := func() {
		defer close(done)
		if c.Content, err = d.Blobs.Get(ctx, want, open); err == nil {
			err = c.reach(firstByte(x.Request, f.Size))
		}
	}
	if d.Blobs.Has(f.Digest, f.Size) {
		get()
	} else {
		go get()
	}
	held := h.wait(done)
	if held != nil {
		cancel()
		<-done
		err = fmt.Errorf("first bytes of %s: %w", x.path, held)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// reach waits until a byte that is still on its way has arrived.
func (c *content) reach(off int64) error {
	if c.File() != nil || off <= 0 {
		return nil
	}
	var one [1]byte
	if _, err := c.ReadAt(one[:], off); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// firstByte is the first byte that a request asks for.
func firstByte(r *http.Request, size int64) int64 {
	onlyOneRange(r)
	from, to, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
	if n, err := strconv.ParseInt(from, 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseInt(to, 10, 64); err == nil {
		return max(0, size-n)
	}
	return 0
}

// send gives the bytes, or the range of them that was asked for. An error means that the client must not take what it got for whole.
func (d *Door) send(x *exchange, p place, v gate.Verdict, c *content) error {
	file := c.File()
	switch {
	case file != nil && p.info.Size <= smallFile:
		whole := make([]byte, p.info.Size)
		if _, err := io.ReadFull(file, whole); err != nil {
			return fmt.Errorf("read %s: %w", x.path, err)
		}
		d.small.put(p.info.Digest, whole)
		d.sendWhole(x, p, v, whole)
	case file != nil:
		if d.Bulk != nil {
			defer d.Bulk(x.Context())()
		}
		d.bytesHeader(x, p, v)
		http.ServeContent(x.out, x.Request, "", time.Time{}, file)
	default:
		d.bytesHeader(x, p, v)
		http.ServeContent(x.out, x.Request, "", time.Time{}, c)
	}
	if c.err != nil {
		return fmt.Errorf("bytes of %s: %w", x.path, c.err)
	}
	return nil
}

// sendWhole gives bytes that are in memory.
func (d *Door) sendWhole(x *exchange, p place, v gate.Verdict, whole []byte) {
	d.bytesHeader(x, p, v)
	if !conditional(x.Header) {
		x.out.Header()["Content-Length"] = x.out.Header()["X-Linked-Size"]
		x.out.WriteHeader(http.StatusOK)
		_, _ = x.out.Write(whole) // a client that left does not miss it
		return
	}
	// Without the shortcut of files, header and bytes leave in one write.
	http.ServeContent(struct{ http.ResponseWriter }{x.out}, x.Request, "", time.Time{}, bytes.NewReader(whole))
}

// conditional tells whether a request asks for less than the whole file, or for nothing if it has the file already.
func conditional(h http.Header) bool {
	return h["Range"] != nil || h["If-None-Match"] != nil || h["If-Match"] != nil || h["If-Range"] != nil
}

// bytesHeader sets the headers of bytes that a verdict lets pass.
func (d *Door) bytesHeader(x *exchange, p place, v gate.Verdict) {
	h := d.fileHeader(x, p)
	h["X-Modelgate-Scan"] = []string{v.Scan.String()}
	h["Cache-Control"] = cacheControl
	h["X-Content-Type-Options"] = noSniff
	h["Content-Security-Policy"] = sandbox
	if v.Warning != "" {
		h.Add("X-Hf-Warning", "modelgate; "+ascii(v.Warning, headerText))
	}
	onlyOneRange(x.Request)
}

// onlyOneRange takes away a Range that asks for several ranges, or that nobody can read: it's answered with the whole file.
func onlyOneRange(r *http.Request) {
	value := r.Header.Get("Range")
	if value == "" {
		return
	}
	unit, spec, ok := strings.Cut(value, "=")
	from, to, dash := strings.Cut(strings.TrimSpace(spec), "-")
	switch {
	case !ok || !dash || !strings.EqualFold(strings.TrimSpace(unit), "bytes") || !readable(from, to):
		r.Header.Del("Range")
	case from == "" && strings.Trim(to, "0") == "": // the last no bytes: nothing can satisfy that (RFC 9110, 14.1.2)
		r.Header.Set("Range", "bytes="+strconv.FormatInt(math.MaxInt64, 10)+"-")
	default:
		r.Header.Set("Range", "bytes="+from+"-"+to)
	}
}

// readable tells whether the two ends of a range make sense.
func readable(from, to string) bool {
	if from == "" && to == "" {
		return false
	}
	a, errA := strconv.ParseUint(from, 10, 63)
	b, errB := strconv.ParseUint(to, 10, 63)
	return (from == "" || errA == nil) && (to == "" || errB == nil) && (from == "" || to == "" || a <= b)
}

// mismatch answers when the bytes turned out to be others before any of them left. The version is blocked from then on, and the
// refusal names the scan that says why.
func (d *Door) mismatch(x *exchange, req gate.Request, h *hold, cause error) error {
	if err := d.quarantine(x, req, cause); err != nil {
		return errors.Join(cause, err)
	}
	if _, err := d.judge(x, req, h); err != nil {
		return err
	}
	return cause
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
func (d *Door) record(x *exchange, p place) {
	outcome := x.outcome
	switch outcome {
	case model.Allowed:
	case model.Blocked, model.Errored:
		outcome = model.Blocked
	default: // nothing was answered yet
		return
	}
	d.Record(model.Download{
		Time: time.Now(), Version: x.version, Path: x.path, Digest: p.info.Digest, Scan: x.scan, Outcome: outcome,
		Client: reply.Clip(x.UserAgent(), 200), Who: d.who(x), Bytes: x.out.Bytes, Door: "hub",
	})
}
