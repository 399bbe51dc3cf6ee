// Package bucket is object stores as the outside world: S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage, read with
// credentials of modelgate's own.
//
// An [Address] says where something lies; [Parse] is the one place that reads the URIs of models. [Stores] knows the endpoints and credentials
// that are configured and gives the store of an address: one concrete type a provider ([S3], [GCS], [Azure]), each with three methods. Stat
// tells what an object is now, Open reads a range of exactly that, List tells what lies below a prefix. [Origin] is an object, or all below a
// prefix, as a version that the gate scans.
//
// Stores may be written to at any time, so nothing is read by name alone. What Stat and List say of an object pins it: its version id,
// generation or entity tag. Open asks for that state, and looks at the answer before it hands out a byte: status, range, total size, entity
// tag, time and encoding must be those that were asked for. An object that was replaced in between is an error that wraps
// source.ErrChanged, never other bytes. A range that is cut is gone on with under the same conditions.
//
// The package writes nothing, and sends credentials to nobody but the store that they are for.
package bucket

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
)

// Info is what a store says of one state of an object.
type Info struct {
	Size int64
	// ETag is the entity tag, without quotes.
	ETag string
	// VersionID is the version id of S3 and Azure or the generation of GCS; "" if the store does not tell.
	VersionID string
	// LastModified is in full seconds, which is what every way to ask has.
	LastModified time.Time
	// SHA256 is what the provider states of the whole object; "" if it does not. A store that is not the provider's own can claim anything.
	SHA256 model.Digest
	// Encoding is the Content-Encoding that the object is stored under. Listed says that a listing told of the object, which may know
	// neither encoding nor version.
	Encoding string
	Listed   bool
}

// Pin names the state in the store's own words: equal pins of one object stand for the same bytes.
func (i Info) Pin() string {
	if i.ETag == "" {
		return i.VersionID
	}
	pin := fmt.Sprintf("%s %d", i.ETag, i.LastModified.Unix())
	if i.VersionID != "" {
		pin += " " + i.VersionID
	}
	return pin
}

// Label is how people are told of the state.
func (i Info) Label() string {
	if i.VersionID != "" {
		return i.VersionID
	}
	return i.ETag
}

// changed says how another answer contradicts what is known of an object; nil if it does not. Something must be known to both.
func (i Info) changed(got Info) error {
	moved := func(what, from, to string) error {
		return fmt.Errorf("%s was %q and is %q now: %w", what, from, to, source.ErrChanged)
	}
	both := func(a, b string) bool { return a != "" && b != "" }
	switch {
	case both(i.VersionID, got.VersionID) && i.VersionID != got.VersionID:
		return moved("the version", i.VersionID, got.VersionID)
	case both(i.ETag, got.ETag) && i.ETag != got.ETag:
		return moved("the entity tag", i.ETag, got.ETag)
	case !both(i.VersionID, got.VersionID) && !both(i.ETag, got.ETag):
		return fmt.Errorf("neither version nor entity tag is told: %w", ErrAnswer)
	case !i.LastModified.IsZero() && !got.LastModified.IsZero() && !i.LastModified.Equal(got.LastModified):
		return moved("the time of the last change", i.LastModified.Format(time.RFC3339), got.LastModified.Format(time.RFC3339))
	case !i.Listed && i.Encoding != got.Encoding:
		return moved("the encoding", i.Encoding, got.Encoding)
	}
	return nil
}

// Object is an object of a listing.
type Object struct {
	Key string
	Info
}

// Store is one bucket or container. Keys are exact bytes: "//", "." and ".." are ordinary.
type Store interface {
	// Stat tells of an object's current state, or of the given version.
	Stat(ctx context.Context, key, version string) (Info, error)
	// Open opens n bytes from off, or all from off if n is negative, of an object in the state that info tells of.
	Open(ctx context.Context, key string, info Info, off, n int64) (io.ReadCloser, error)
	// List lists the objects whose keys begin with prefix, in the order of their keys. More than limit of them wrap ErrTooMany.
	List(ctx context.Context, prefix string, limit int) ([]Object, error)
	// Identity names provider, endpoint and bucket: two stores of one identity hold the same objects.
	Identity() string
	// VouchesFor tells whether the digests that the store states are of its provider's own making.
	VouchesFor() bool
}

// IsMarker tells whether a key's name marks the prefix that it lies in as a model: a configuration, a manifest, an index of shards.
func IsMarker(key string) bool {
	switch name := path.Base(key); name {
	case "config.json", "model_index.json", "MLmodel", "config.pbtxt", "saved_model.pb", "tokenizer_config.json", "adapter_config.json":
		return !strings.HasSuffix(key, "/")
	default:
		return strings.HasSuffix(name, ".index.json") && !strings.HasSuffix(key, "/")
	}
}
