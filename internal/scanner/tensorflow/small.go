package tensorflow

import (
	"context"
	"errors"
	"io"
	"path"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/tarview"
	"modelgate/internal/scanner/source/wire"
)

// maxFingerprint is the largest fingerprint, in bytes: seven short fields.
const maxFingerprint = 1 << 10

// ProbeFingerprint accepts fingerprint.pb, FingerprintDef: 1 to 5 hashes, of which those that are 0 are left out, 6 an identifier,
// 7 a version.
func ProbeFingerprint(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 16 || len(head) > maxFingerprint {
		return false, err
	}
	hashes := 0
	walkErr := walkFlat(f, func(x wire.Field) error {
		switch {
		case x.Num >= 1 && x.Num <= 5 && x.Type == protowire.VarintType:
			hashes++
			return nil
		case (x.Num == 6 || x.Num == 7) && x.IsBytes() && x.Size <= 64:
			return nil
		}
		return errNo
	})
	ok, err := decided(walkErr)
	return walkErr == nil && hashes >= 3 || ok, err
}

// walkFlat reads the fields of a file.
func walkFlat(f *source.File, visit func(wire.Field) error) error {
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	return w.Walk(whole, visit)
}

// ProbeHubModule accepts tfhub_module.pb, which says that the SavedModel beside it is a module of TensorFlow Hub: format 3 and
// nothing else.
func ProbeHubModule(f *source.File) (bool, error) {
	head, err := f.Head()
	return string(head) == "\x08\x03", err
}

// ProbeHubArchive accepts the archives in which TensorFlow Hub hands out its modules: a tar with saved_model.pb or tfhub_module.pb at its
// root, among its first entries.
func ProbeHubArchive(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || !tarview.Probe(head) {
		return false, err
	}
	t, err := tarview.NewReader(f)
	if err != nil {
		return false, err
	}
	for range maxEntries {
		e, err := t.Next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		switch path.Clean(e.Name) {
		case "saved_model.pb", "saved_model.pbtxt", "tfhub_module.pb":
			return true, nil
		}
	}
	return false, nil
}

// maxEntries bounds the entries that are looked at: each may cost a request.
const maxEntries = 16

// Named states the format of what has nothing to be judged.
func Named(format string) func(context.Context, *source.File, source.Sink) error {
	return func(_ context.Context, _ *source.File, sink source.Sink) error {
		sink.Format(format)
		return nil
	}
}
