package pypimirror

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/store"
	"modelgate/internal/upstream/index"
)

// serveBeside answers what stands beside a file. Metadata of a file that is known to be blocked are refused, so that clients stop
// early; before there is a verdict they are served, since a resolver asks for dozens of releases that it will not install. They are data:
// the verdict binds at the file.
func (d *Door) serveBeside(x *exchange) error {
	e, err := d.entry(x)
	if err != nil {
		return fmt.Errorf("find %s: %w", x.filename, err)
	}
	if x.beside == index.Metadata {
		if err := d.refuseKnown(x, e); err != nil {
			return err
		}
	}
	text, err := d.Index.Beside(x.Context(), e, x.beside)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", x.beside, x.filename, err)
	}
	h := x.out.Header()
	sum := sha256.Sum256(text)
	h.Set("Etag", `"`+hex.EncodeToString(sum[:])+`"`)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	switch x.beside {
	case index.Metadata:
		h.Set("Content-Type", "text/plain; charset=utf-8")
	case index.Provenance:
		h.Set("Content-Type", "application/vnd.pypi.integrity.v1+json")
	case index.Signature:
		h.Set("Content-Type", "application/octet-stream")
	}
	if x.Header.Get("Range") == "" {
		h.Set("Content-Length", strconv.Itoa(len(text)))
	}
	http.ServeContent(x.out, x.Request, "", time.Time{}, bytes.NewReader(text))
	return nil
}

// refuseKnown refuses what belongs to a file, or to a release, that is known to be blocked. It starts nothing.
func (d *Door) refuseKnown(x *exchange, e index.Entry) error {
	blocked, err := d.blocked(x, e.Page)
	if err != nil || len(blocked) == 0 {
		return err
	}
	var s store.BlockedScan
	for _, b := range blocked {
		if b.Revision == e.ID() {
			s = b
		}
	}
	if s.Revision == "" && e.Page != nil && !d.EnforceFile {
		s, _, _ = blockedRelease(e.Page, e.File, blocked)
	}
	if s.Revision == "" {
		return nil
	}
	x.scan, x.outcome = s.Scan, model.Blocked
	return refusal{scan: s.Scan, outcome: model.Blocked, name: e.Filename, failed: []string{s.Rule}, advisory: s.Advisory}
}
