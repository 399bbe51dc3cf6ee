package hfmirror

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/reply"
)

// requestIDs makes names for requests: unique to this process, cheap, and not to be guessed by others.
type requestIDs struct {
	prefix string
	count  atomic.Uint64
}

func newRequestIDs() *requestIDs {
	id := uuid.New()
	return &requestIDs{prefix: strings.ReplaceAll(id.String(), "-", "")[:16] + "-"}
}

func (ids *requestIDs) next() string {
	return ids.prefix + strconv.FormatUint(ids.count.Add(1), 16)
}

// finish logs, counts and records a request that was answered. Nothing of it holds a token.
func (d *Door) finish(x *exchange, began time.Time, err error) {
	took := time.Since(began)
	d.metrics.Observe(string(x.route), x.out, took)
	e := d.Log.Info()
	if e == nil {
		return
	}
	e.Str("request", x.id).Str("method", reply.Clip(x.Method, 20)).Str("route", string(x.route)).Str("path", reply.Clip(x.URL.Path, 512)).
		Int("status", x.out.Status).Int64("bytes", x.out.Bytes).Dur("duration", took).Str("client", reply.Clip(x.UserAgent(), 200))
	if x.group != "" {
		e.Str("group", x.group)
	}
	if x.version.Name != "" {
		e.Stringer("version", x.version)
	}
	if x.scan != uuid.Nil {
		e.Stringer("scan", x.scan).Str("outcome", string(x.outcome))
	}
	if err != nil {
		e.AnErr("error", err)
	}
	e.Msg("hub request")
}
