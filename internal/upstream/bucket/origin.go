package bucket

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
)

// MaxObjects bounds how many objects one prefix may have to be a version.
const MaxObjects = 50_000

// Origin is one object, or all objects below a prefix, in the states that they had when it was found: a version that the gate scans.
type Origin struct {
	store   Store
	address Address // ends in a slash if it is a prefix
	objects []Object
	byPath  map[string]int // path within the version -> index of the object
}

// Find finds what is at an address: the object of that key, else all that lies below it as a prefix. Version names a version of the object;
// "" is the current one.
func (s *Stores) Find(ctx context.Context, a Address, version string) (*Origin, error) {
	store, a, err := s.Store(ctx, a)
	if err != nil {
		return nil, err
	}
	if !a.IsPrefix() {
		info, err := store.Stat(ctx, a.Key, version)
		if err == nil {
			return NewOrigin(store, a, []Object{{Key: a.Key, Info: info}})
		}
		if version != "" || !isMissing(err) {
			return nil, err
		}
		a.Key += "/"
	}
	if version != "" {
		return nil, fmt.Errorf("%s is a prefix, and only objects have versions", a)
	}
	objects, err := store.List(ctx, a.Key, MaxObjects)
	if err != nil {
		return nil, err
	}
	o, err := NewOrigin(store, a, objects)
	if err == nil && len(o.objects) == 0 {
		missing := &Error{Provider: a.Provider, Status: http.StatusNotFound, Message: "there is neither such an object nor anything below it"}
		return nil, fmt.Errorf("find %s: %w", a, missing)
	}
	return o, err
}

// NewOrigin is the origin of objects that are known: one, or those below the address as a prefix. What merely stands for a folder is left
// out.
func NewOrigin(store Store, a Address, objects []Object) (*Origin, error) {
	o := &Origin{store: store, address: a, byPath: map[string]int{}}
	for _, object := range objects {
		if object.Size == 0 && strings.HasSuffix(object.Key, "/") {
			continue
		}
		inside := o.path(object.Key)
		if inside == "" {
			return nil, fmt.Errorf("%s is an object as well as the prefix of others, with no name among them", a)
		}
		o.byPath[inside] = len(o.objects)
		o.objects = append(o.objects, object)
	}
	return o, nil
}

// Version is the version. Its revision changes with every object that comes, goes or is written anew.
func (o *Origin) Version() model.Version {
	v := model.Version{Source: o.address.Provider, Name: o.address.String()}
	if !o.address.IsPrefix() && len(o.objects) == 1 {
		v.Revision = o.pin(o.objects[0])
		return v
	}
	sum := sha256.New()
	line(sum, o.store.Identity(), o.address.Key)
	for _, object := range o.objects { // in the order of their keys
		line(sum, o.path(object.Key), fmt.Sprint(object.Size), object.Pin())
	}
	v.Revision = hex.EncodeToString(sum.Sum(nil))
	return v
}

// Label tells people of the version: the version id or entity tag of an object, the first digits of the revision for a prefix.
func (o *Origin) Label() string {
	if !o.address.IsPrefix() && len(o.objects) == 1 {
		return o.objects[0].Label()
	}
	return o.Version().Revision[:12]
}

// pin names the bytes of an object, wherever it is met again: in another version of its prefix, or by itself.
func (o *Origin) pin(object Object) string { return Pin(o.store, object.Key, object.Info) }

// Pin names the bytes of an object in a state among all objects of all stores, as 64 hexadecimal digits. Reports of bytes whose digest nobody
// knows hang on it.
func Pin(store Store, key string, info Info) string {
	sum := sha256.New()
	line(sum, store.Identity(), key, fmt.Sprint(info.Size), info.Pin())
	return hex.EncodeToString(sum.Sum(nil))
}

// line writes fields so that no others are written alike: each behind its length.
func line(w io.Writer, fields ...string) {
	for _, f := range fields {
		_, _ = fmt.Fprintf(w, "%d:%s\n", len(f), f) // a hash never fails
	}
}

// path is the path of an object within the version.
func (o *Origin) path(key string) string {
	if o.address.IsPrefix() {
		return key[len(o.address.Key):]
	}
	return path.Base(key)
}

// Files lists the objects.
func (o *Origin) Files(context.Context) ([]model.File, error) {
	files := make([]model.File, len(o.objects))
	for i, object := range o.objects {
		files[i] = o.file(object)
	}
	return files, nil
}

func (o *Origin) file(object Object) model.File {
	f := model.File{Path: o.path(object.Key), Size: object.Size, BlobID: object.Label(), Pin: o.pin(object)}
	if o.store.VouchesFor() {
		f.Digest = object.SHA256
	}
	return f
}

// File tells of one of the objects by its path.
func (o *Origin) File(_ context.Context, name string) (model.File, error) {
	object, err := o.object(name)
	if err != nil {
		return model.File{}, err
	}
	return o.file(object), nil
}

func (o *Origin) object(name string) (Object, error) {
	i, ok := o.byPath[name]
	if !ok {
		return Object{}, fmt.Errorf("%s has no file %s", o.address, name)
	}
	return o.objects[i], nil
}

// Open opens one of the objects; it is read by range, under ctx. An error of it or of what it returns wraps source.ErrChanged if the object
// is no longer what the version consists of.
func (o *Origin) Open(ctx context.Context, f model.File) (source.Content, error) {
	object, err := o.object(f.Path)
	if err != nil {
		return nil, err
	}
	return content{source.NewRanges(ctx, fetcher{o.store, object}, object.Size)}, nil
}

type fetcher struct {
	store  Store
	object Object
}

// Fetch implements source.RangeFetcher.
func (f fetcher) Fetch(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	return f.store.Open(ctx, f.object.Key, f.object.Info, off, n)
}

// content is what a scanner reads. Nothing is open between its reads.
type content struct{ *source.Ranges }

// Close implements io.Closer.
func (content) Close() error { return nil }

// Metadata of an object is its place.
func (o *Origin) Metadata(context.Context) (model.Metadata, error) {
	return model.Metadata{URI: o.address.String()}, nil
}
