package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"

	"modelgate/internal/blob"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/transfer"
	"modelgate/internal/upstream"
	"modelgate/internal/upstream/bucket"
)

// origin is what a request's object is judged as, and how the gate reads it.
type origin struct {
	version model.Version
	file    model.File // the object within the version
	reads   gate.Origin
	label   string // how people are told of the state
	// whole says that it is one object, and so never judged file by file.
	whole bool
	// unread says that there is no way to read it: credentials are missing.
	unread bool
}

// origin finds the version that an object belongs to, and a way to read it: with credentials of the gate's own, by ranges in the client's
// name, or as a whole in the client's name, if the span that it asks for is the whole.
func (d *Door) origin(x *exchange, object bucket.Object, span transfer.Span) (origin, error) {
	own, registered, err := d.own(x)
	if err != nil {
		return origin{}, err
	}
	if registered {
		return d.ownOrigin(x.Context(), x, own, object)
	}
	client := d.clientStore(x)
	if !client.canRange() && span.Whole() {
		return d.staged(x, client, object)
	}
	o, err := newOrigin(x.Context(), client, x.address, []bucket.Object{object}, object.Key)
	o.unread, o.whole = !client.canRange(), true
	return o, err
}

// ownOrigin is the origin of an object that can be read, with all that lies beside it, by credentials of the gate's own. An object in a state
// that is not the current one is judged by itself.
func (d *Door) ownOrigin(ctx context.Context, x *exchange, own bucket.Store, object bucket.Object) (origin, error) {
	if x.asked.version == "" {
		prefix, objects, ok, err := d.model(ctx, own, x, object)
		if err != nil {
			return origin{}, err
		}
		if ok {
			return newOrigin(ctx, own, x.address.At(prefix), objects, object.Key)
		}
	}
	o, err := newOrigin(ctx, own, x.address, []bucket.Object{object}, object.Key)
	o.whole = true
	return o, err
}

// newOrigin is the origin of objects at an address, seen from one of them.
func newOrigin(ctx context.Context, store bucket.Store, a bucket.Address, objects []bucket.Object, key string) (origin, error) {
	o, err := bucket.NewOrigin(store, a, objects)
	if err != nil {
		return origin{}, err
	}
	name := path.Base(key)
	if a.IsPrefix() {
		name = key[len(a.Key):]
	}
	f, err := o.File(ctx, name)
	if err != nil {
		return origin{}, err
	}
	return origin{version: o.Version(), file: f, reads: o, label: o.Label()}, nil
}

// own is the bucket as it is registered with credentials of the gate's own.
func (d *Door) own(x *exchange) (bucket.Store, bool, error) {
	if d.Stores == nil || x.private {
		return nil, false, nil
	}
	if _, ok := d.Stores.Registered(x.address); !ok {
		return nil, false, nil
	}
	store, _, err := d.Stores.Store(x.Context(), x.address)
	if err != nil {
		return nil, false, fmt.Errorf("open the registered bucket of %s: %w", x.address, err)
	}
	return store, store.Identity() == x.identity(), nil // another endpoint may have a bucket of that name
}

// clientStore is a bucket as the client of a request sees it: read by repeating the request with other ranges, while its signature is good.
// It outlives the request.
type clientStore struct {
	relay   Relay
	request *http.Request // without a context that counts
	asked   asked
	free    freedom
	ranged  bool // the request asks for a part
}

func (d *Door) clientStore(x *exchange) *clientStore {
	return &clientStore{
		relay: d.Relay, request: upstream.Outgoing(context.WithoutCancel(x.Context()), x.Request), asked: x.asked,
		free: x.dialect.freedom(x.Request), ranged: ranged(x.Request),
	}
}

// canRange tells whether any range can be asked for.
func (s *clientStore) canRange() bool { return s.free.change || s.free.add && !s.ranged }

// Identity implements bucket.Store.
func (s *clientStore) Identity() string { return s.asked.identity() }

// VouchesFor implements bucket.Store. What a client is told is what anybody on the way may have said.
func (s *clientStore) VouchesFor() bool { return false }

// errNoCredentials is why a scan ends that has no way to read.
type errNoCredentials struct{ address bucket.Address }

func (e errNoCredentials) Error() string {
	return "the client's signature allows no reads of the gate's own: register read credentials for " + e.address.At("").String()
}

// ErrorCode is the error in the words of the API.
func (errNoCredentials) ErrorCode() string { return "MISSING_CREDENTIALS" }

// Open implements bucket.Store.
func (s *clientStore) Open(ctx context.Context, key string, info bucket.Info, off, n int64) (io.ReadCloser, error) {
	if key != s.asked.address.Key {
		return nil, errors.New("another object than the client asks for")
	}
	if !s.canRange() {
		return nil, errNoCredentials{s.asked.address}
	}
	return bucket.OpenBy(ctx, s.asked.address.Provider, s.asked.address.String(), info, off, n, func(ctx context.Context, header http.Header) (*http.Response, error) {
		return s.ask(ctx, info, header)
	})
}

// ask repeats the request, with further headers where the signature lets them.
func (s *clientStore) ask(ctx context.Context, info bucket.Info, header http.Header) (*http.Response, error) {
	req := s.request.Clone(ctx)
	if s.free.change {
		for _, name := range []string{"Range", "If-Range", "X-Ms-Range", "X-Amz-Range"} {
			req.Header.Del(name)
		}
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if s.free.match {
		for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
			req.Header.Del(name)
		}
		if info.ETag != "" {
			req.Header.Set("If-Match", `"`+info.ETag+`"`)
		}
	}
	if s.free.encoding {
		s.asked.dialect.raw(req)
	}
	return s.relay.RoundTrip(req)
}

// Stat implements bucket.Store. Nobody needs it: what is judged is what an answer has told of.
func (s *clientStore) Stat(context.Context, string, string) (bucket.Info, error) {
	return bucket.Info{}, errors.ErrUnsupported
}

// List implements bucket.Store.
func (s *clientStore) List(context.Context, string, int) ([]bucket.Object, error) {
	return nil, errors.ErrUnsupported
}

// staged is the origin of an object that can be had as a whole only: it is kept on disk, for the scan and for whoever asks later.
func (d *Door) staged(x *exchange, client *clientStore, object bucket.Object) (origin, error) {
	o, err := bucket.NewOrigin(client, x.address, []bucket.Object{object})
	if err != nil {
		return origin{}, err
	}
	s := &stagedObject{door: d, client: client, object: object, version: o.Version()}
	s.file = model.File{Path: path.Base(object.Key), Size: object.Size, BlobID: object.Label(), Pin: s.version.Revision}
	return origin{version: s.version, file: s.file, reads: s, label: object.Label(), whole: true}, nil
}

// stagedObject is an object that is read as a whole, once.
type stagedObject struct {
	door    *Door
	client  *clientStore
	object  bucket.Object
	version model.Version
	file    model.File
}

// Files fetches the object, whose digest is not known before.
func (s *stagedObject) Files(ctx context.Context) ([]model.File, error) {
	res, err := s.client.ask(ctx, s.object.Info, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	told := s.client.asked.told(res.Header)
	told.Size = s.object.Size
	span, err := transfer.SpanOf(res)
	if err != nil || !span.Whole() || !s.object.SameState(told) {
		return nil, fmt.Errorf("read %s as a whole: %w", s.client.asked.address, source.ErrChanged)
	}
	digest, size, err := s.door.Blobs.Adopt(ctx, res.Body, min(s.door.MaxStaged, s.object.Size))
	if err != nil {
		return nil, fmt.Errorf("read %s as a whole: %w", s.client.asked.address, err)
	}
	if size != s.object.Size {
		return nil, fmt.Errorf("%d of %d bytes of %s: %w", size, s.object.Size, s.client.asked.address, io.ErrUnexpectedEOF)
	}
	f := s.file
	f.Digest = digest
	return []model.File{f}, nil
}

// Open opens what was fetched.
func (s *stagedObject) Open(ctx context.Context, f model.File) (source.Content, error) {
	return s.door.Blobs.Get(ctx, blob.Want{Digest: f.Digest, Size: f.Size}, func(context.Context, int64) (io.ReadCloser, error) {
		return nil, fmt.Errorf("%s is gone from the disk: %w", s.client.asked.address, source.ErrChanged)
	})
}

// Metadata of an object is its place.
func (s *stagedObject) Metadata(context.Context) (model.Metadata, error) {
	return model.Metadata{URI: s.client.asked.address.String()}, nil
}
