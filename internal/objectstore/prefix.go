package objectstore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"modelgate/internal/upstream/bucket"
)

// Bounds of looking for the model that an object belongs to: how far up, and how long a listing is good.
const (
	mostLevels = 4
	listedFor  = 30 * time.Second
)

// listing is what lay below a prefix a moment ago.
type listing struct {
	objects []bucket.Object
	tooMany bool
	at      time.Time
}

// model is the smallest prefix above an object that is a model: one that is configured, or that holds a file which only models have. Ok is
// false if there is none, or none that can be listed; the object is then a model by itself. The listing has the object in the given state, or
// the error wraps errStale.
func (d *Door) model(ctx context.Context, store bucket.Store, x *exchange, object bucket.Object) (prefix string, objects []bucket.Object, ok bool, err error) {
	dir := object.Key
	for range mostLevels {
		cut := strings.LastIndexByte(strings.TrimSuffix(dir, "/"), '/')
		if cut < 0 {
			return "", nil, false, nil
		}
		dir = dir[:cut+1]
		found, err := d.list(ctx, store, dir, false)
		if err != nil {
			return "", nil, false, err
		}
		if found.tooMany {
			return "", nil, false, nil
		}
		if !d.isModel(x.address.At(dir), found.objects) {
			continue
		}
		if !has(found.objects, object) {
			if found, err = d.list(ctx, store, dir, true); err != nil {
				return "", nil, false, err
			}
		}
		if !has(found.objects, object) {
			return "", nil, false, fmt.Errorf("%s: %w", x.address, errStale)
		}
		return dir, found.objects, true, nil
	}
	return "", nil, false, nil
}

// errStale is wrapped when a store lists an object in another state than it serves.
var errStale = errors.New("the store lists the object in another state than it serves")

// has tells whether a listing has an object in the state that it was served in.
func has(objects []bucket.Object, object bucket.Object) bool {
	for _, o := range objects {
		if o.Key == object.Key {
			return o.SameState(object.Info)
		}
	}
	return false
}

// isModel tells whether a prefix is a model.
func (d *Door) isModel(a bucket.Address, objects []bucket.Object) bool {
	for _, pattern := range d.Models {
		if ok, err := path.Match(strings.TrimSuffix(pattern, "/"), strings.TrimSuffix(a.String(), "/")); err == nil && ok {
			return true
		}
	}
	for _, o := range objects {
		if !strings.Contains(o.Key[len(a.Key):], "/") && bucket.IsMarker(o.Key) {
			return true
		}
	}
	return false
}

// list lists what lies below a prefix, as it was a moment ago unless anew is set.
func (d *Door) list(ctx context.Context, store bucket.Store, prefix string, anew bool) (listing, error) {
	key := store.Identity() + "\n" + prefix
	if l, ok := d.prefixes.Get(key); ok && !anew && time.Since(l.at) < listedFor {
		return l, nil
	}
	l := listing{at: time.Now()}
	var err error
	if l.objects, err = store.List(ctx, prefix, bucket.MaxObjects); errors.Is(err, bucket.ErrTooMany) {
		l.objects, l.tooMany, err = nil, true, nil
	}
	if err != nil {
		return listing{}, fmt.Errorf("list what lies beside the object: %w", err)
	}
	d.prefixes.Add(key, l)
	return l, nil
}
