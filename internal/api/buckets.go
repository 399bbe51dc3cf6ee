package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/upstream/bucket"
)

// scanBucket submits the scan of an object, or of all below a prefix. What cannot be found or read is the outcome of the scan: whoever asked
// is told as of any other.
func (a *API) scanBucket(r *http.Request, order gate.Order, body ScanCreate, at bucket.Address) (uuid.UUID, error) {
	selected, err := selection(body.AllowPatterns, body.IgnorePatterns)
	if err != nil {
		return uuid.Nil, problem(http.StatusBadRequest, "BAD_REQUEST", "%s", err)
	}
	order.Selected, order.Progress = selected, a.Progress
	order.RequestedRevision = body.ModelVersion
	origin, err := a.findInBucket(r.Context(), at, body.ModelVersion)
	if err != nil {
		order.Version, order.Origin = model.Version{Source: at.Provider, Name: at.String()}, unreadable{err}
	} else {
		order.Version, order.Origin = origin.Version(), origin
		order.ModelURI, order.ModelVersion = order.Version.Name, origin.Label()
	}
	if order.ModelName == "" {
		order.ModelName = strings.TrimRight(order.Version.Name, "/")
	}
	ticket, err := a.Gate.Submit(r.Context(), order)
	if err != nil {
		return uuid.Nil, err
	}
	return ticket.Scan, nil
}

// findInBucket finds what is at an address. A gateway reads only what its operator has registered.
func (a *API) findInBucket(ctx context.Context, at bucket.Address, version string) (*bucket.Origin, error) {
	if _, ok := a.Stores.Registered(at); !ok && !a.AnyBucket {
		return nil, bucket.Unregistered(at)
	}
	return a.Stores.Find(ctx, at, version)
}

// unreadable is the origin of what could not be found.
type unreadable struct{ err error }

func (u unreadable) Files(context.Context) ([]model.File, error) { return nil, u.err }

func (u unreadable) Open(context.Context, model.File) (source.Content, error) { return nil, u.err }

func (u unreadable) Metadata(context.Context) (model.Metadata, error) {
	return model.Metadata{}, u.err
}
