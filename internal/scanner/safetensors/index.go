package safetensors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// maxIndex is the largest index that is looked for, in bytes. That of a model with a million tensors has 100 MB.
const maxIndex = 256 << 20

// ProbeIndex accepts JSON objects with a key "weight_map" at their top, however it is escaped, whose value is an object. It is
// how a model in several files says which tensor lies where, for safetensors and PyTorch's pickles alike.
func ProbeIndex(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || !bytes.HasPrefix(bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n"), []byte("{")) {
		return false, err
	}
	found := false
	err = walkTop(f, func(key string, dec *json.Decoder) error {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		if key == "weight_map" && t == json.Delim('{') {
			found = true
			return errDone
		}
		return skipValue(dec, t)
	})
	if isJSON(err) || errors.Is(err, errDone) {
		return found, nil
	}
	return found, err
}

// errDone ends a walk early.
var errDone = errors.New("done")

// isJSON tells whether an error is one of the bytes.
func isJSON(err error) bool {
	var syntax *json.SyntaxError
	var malformed *source.Malformed
	return errors.As(err, &syntax) || errors.As(err, &malformed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// walkTop calls field for each key of the object that a file is; field reads the value.
func walkTop(f *source.File, field func(key string, dec *json.Decoder) error) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size > maxIndex {
		return source.Malformedf(0, "no index has %d bytes", size)
	}
	fw := source.NewForward(f, 0, size)
	if bytes.Equal(fw.Peek(3), []byte("\xef\xbb\xbf")) {
		fw.Skip(3)
	}
	dec := json.NewDecoder(fw)
	dec.UseNumber()
	err = walkObject(dec, func(key string) error { return field(key, dec) })
	if fault := fw.Fault(); fault != nil {
		return fault
	}
	return err
}

// walkObject reads an object and calls field for each key.
func walkObject(dec *json.Decoder, field func(key string) error) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return source.Malformedf(dec.InputOffset(), "no object")
	}
	return walkFields(dec, field)
}

// walkFields reads an object whose brace has been read.
func walkFields(dec *json.Decoder, field func(key string) error) error {
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return source.Malformedf(dec.InputOffset(), "a key that is no string")
		}
		if err := field(key); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// skipValue reads the rest of a value that began with a token.
func skipValue(dec *json.Decoder, t json.Token) error {
	for depth := 0; ; {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if t, err = dec.Token(); err != nil {
			return err
		}
	}
}

// ScanIndex judges the files that an index names, and states them as references, each once.
func ScanIndex(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("safetensors_index")
	x := &index{s: s, shards: map[string]bool{}}
	maps := 0
	err := walkTop(f, func(key string, dec *json.Decoder) error {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		if key != "weight_map" || t != json.Delim('{') {
			return skipValue(dec, t)
		}
		if maps++; maps == 2 {
			x.find(threat.MGFMT403, dec.InputOffset(), key, "The index has two weight maps, and readers differ in which they take.")
		}
		return x.weights(dec)
	})
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return source.Malformedf(syntax.Offset, "the index is no JSON: %s", syntax.Error())
	}
	return err
}

type index struct {
	s      source.Sink
	shards map[string]bool
}

// weights reads a weight map whose brace has been read: tensor names with the files that hold them.
func (x *index) weights(dec *json.Decoder) error {
	const most = 1_000_000                                // names of tensors whose repetition is noticed
	seen, seed := map[uint64]uint64{}, maphash.MakeSeed() // hashes of names and files
	return walkFields(dec, func(key string) error {
		at := dec.InputOffset()
		t, err := dec.Token()
		if err != nil {
			return err
		}
		shard, ok := t.(string)
		if !ok {
			x.find(threat.MGFMT400, at, key, "A tensor's file is no string.")
			return skipValue(dec, t)
		}
		name, file := maphash.String(seed, key), maphash.String(seed, shard)
		if old, twice := seen[name]; twice && old != file {
			x.find(threat.MGFMT403, at, key, "A tensor lies in two files, and readers differ in which they take.")
		}
		if len(seen) < most {
			seen[name] = file
		}
		if x.shards[shard] {
			return nil
		}
		x.shards[shard] = true
		if found, bad := paths.Reference(shard, at); bad {
			x.s.Find(found)
		}
		x.s.Refer(finding.Reference{Kind: finding.RefFile, Target: shard, Offset: at})
		return nil
	})
}

func (x *index) find(id threat.ID, at int64, name, description string) {
	f := finding.New(id, at, description)
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(name)
	x.s.Find(f)
}
