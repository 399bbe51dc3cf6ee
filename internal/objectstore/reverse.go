package objectstore

import (
	"context"
	"errors"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/reply"
	"modelgate/internal/transfer"
	"modelgate/internal/upstream/bucket"
)

// Key is a pair that clients sign with whose endpoint is the gate itself.
type Key struct {
	ID, Secret string
	Principal  auth.Principal
	// Buckets are patterns of what may be read: "bucket" or "bucket/prefix", in which "*" stands for any characters but "/". None is all.
	Buckets []string
}

// Reverse answers clients of S3 whose endpoint is the gate: it reads the buckets that are registered to be served, with the credentials that
// are registered for them, so that any range is free and no client has to trust an authority. Clients sign with keys that the gate has issued.
// Nothing is written.
type Reverse struct {
	door *Door
	keys map[string]Key // by id; none: everybody may read
}

// forwarder asks a store with its own credentials.
type forwarder interface {
	Forward(ctx context.Context, q bucket.Question) (*http.Response, error)
}

// Reverse returns the door for clients whose endpoint is the gate. Without keys everybody who reaches it may read.
func (d *Door) Reverse(keys []Key) (*Reverse, error) {
	if d.Stores == nil {
		return nil, errors.New("no buckets are registered")
	}
	r := &Reverse{door: d, keys: map[string]Key{}}
	for _, k := range keys {
		if _, twice := r.keys[k.ID]; twice || k.ID == "" || len(k.Secret) < minSecret {
			return nil, errors.New("each key needs an id of its own, and a secret of at least 16 characters")
		}
		r.keys[k.ID] = k
	}
	return r, nil
}

const minSecret = 16

// ServeHTTP answers a request in which the bucket stands in the path, or before the first dot of the host.
func (v *Reverse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	d := v.door
	asked := *r
	u := *r.URL
	u.Scheme, u.Host = "http", r.Host
	asked.URL = &u
	x := &exchange{Request: &asked, out: &reply.Writer{ResponseWriter: w}, id: uuid.NewString(), who: auth.Who(r)}
	var err error
	defer func() { d.finish(x, began, err) }() // also if the connection is to be cut
	if err = v.admit(r.Context(), x); err == nil {
		err = d.handler(x)(x)
	}
	if err != nil {
		d.fail(x, err)
	}
}

// admit finds out who asks, for what, and how it is read.
func (v *Reverse) admit(ctx context.Context, x *exchange) error {
	key, err := v.authenticate(x.Request)
	if err != nil {
		x.dialect = s3XML()
		return err
	}
	x.Request = x.WithContext(auth.With(ctx, key.Principal))
	x.who = auth.Who(x.Request)
	if x.asked, err = parseS3(x.Request, s3Place{bucket: v.hostBucket(x.Host)}); err != nil {
		return err
	}
	r, ok := v.door.Stores.Registered(x.address)
	if !ok || !r.Serve || !key.mayRead(x.address) {
		return failure{http.StatusForbidden, "AccessDenied", "this bucket is not served here"}
	}
	if x.class == classWrite {
		return failure{http.StatusForbidden, "AccessDenied", "this endpoint is read-only"}
	}
	store, _, err := v.door.Stores.Store(ctx, x.address)
	if err != nil {
		return err
	}
	if x.via, ok = store.(forwarder); !ok {
		return failure{http.StatusForbidden, "AccessDenied", "this bucket cannot be served here"}
	}
	x.endpoint = strings.Split(store.Identity(), "\n")[1]
	return nil
}

// authenticate finds whose key a request is signed with.
func (v *Reverse) authenticate(r *http.Request) (Key, error) {
	if len(v.keys) == 0 {
		return Key{}, nil
	}
	s, err := readV4(r)
	if err != nil {
		return Key{}, failure{http.StatusForbidden, "AccessDenied", "requests have to be signed by version 4 with a key of the gate's: " + err.Error()}
	}
	key, ok := v.keys[s.key]
	if !ok {
		return Key{}, failure{http.StatusForbidden, "InvalidAccessKeyId", "this access key was not issued by the gate"}
	}
	if err := s.verify(r, key.Secret, time.Now()); err != nil {
		return Key{}, failure{http.StatusForbidden, "SignatureDoesNotMatch", err.Error()}
	}
	return key, nil
}

// hostBucket is the bucket that stands before a dot in the name of the host: one that is served; "" if there is none.
func (v *Reverse) hostBucket(host string) string {
	name, _ := splitPort(host)
	for i, c := range name {
		if c != '.' || i == 0 {
			continue
		}
		if r, ok := v.door.Stores.Registered(bucket.Address{Provider: model.S3, Bucket: name[:i]}); ok && r.Serve && !strings.Contains(r.Pattern, "*") {
			return name[:i]
		}
	}
	return ""
}

// mayRead tells whether a key is for an address.
func (k Key) mayRead(a bucket.Address) bool {
	for _, pattern := range k.Buckets {
		name, prefix, _ := strings.Cut(pattern, "/")
		if ok, err := path.Match(name, a.Bucket); err == nil && ok && strings.HasPrefix(a.Key, prefix) {
			return true
		}
	}
	return len(k.Buckets) == 0
}

// askVia asks a store with its own credentials. What a client's signature needs is left out.
func (x *exchange) askVia(ctx context.Context) (*http.Response, error) {
	query := x.URL.Query()
	for name := range query {
		if strings.HasPrefix(strings.ToLower(name), "x-amz-") {
			query.Del(name)
		}
	}
	header := http.Header{}
	for _, name := range []string{"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
		if value := x.Header.Get(name); value != "" {
			header.Set(name, value)
		}
	}
	res, err := x.via.Forward(ctx, bucket.Question{Method: x.Method, Key: x.address.Key, Query: query, Header: header})
	var refused *bucket.Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotModified {
		return &http.Response{StatusCode: http.StatusNotModified, Header: http.Header{}, Body: http.NoBody}, nil
	}
	if errors.As(err, &refused) && refused.Status >= http.StatusBadRequest && refused.Status < http.StatusInternalServerError {
		code := refused.Code
		if code == "" {
			code = http.StatusText(refused.Status)
		}
		return nil, failure{refused.Status, code, refused.Message}
	}
	return res, err
}

// passVia passes what the store answers to a question about it.
func (d *Door) passVia(x *exchange, see func(*http.Response) error) error {
	res, err := x.askVia(x.Context())
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if see != nil {
		if err := see(res); err != nil {
			return err
		}
	}
	copyHeader(x.out.Header(), res.Header)
	x.out.WriteHeader(res.StatusCode)
	if x.Method == http.MethodHead {
		return nil
	}
	_, err = transfer.Copy(x.out, res.Body, transfer.Span{Last: -1, Total: -1}, transfer.Check{})
	return err
}
