package keras

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/wire"
)

// Fields of the metadata that Keras 2 writes beside a SavedModel (keras/protobuf/saved_metadata.proto): nodes, and of a node its
// number, its path, what kind of object it is, its configuration in JSON, and a version.
const (
	fieldNode       = 1
	fieldNumber     = 2
	fieldIdentifier = 4
	fieldMetadata   = 5
	fieldVersion    = 6
)

// Bounds of the metadata: fields that the probe looks at, nodes, bytes of an identifier.
const (
	probedFields  = 100_000
	maxNodes      = 1_000_000
	maxIdentifier = 256
)

// errEnough ends a walk that has seen what it wanted.
var errEnough = errors.New("enough was seen")

// ProbeMetadata accepts metadata whose nodes have identifiers of Keras, or configurations.
func ProbeMetadata(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 2 || head[0] != fieldNode<<3|byte(protowire.BytesType) {
		return false, err
	}
	w, err := wire.New(f)
	if err != nil {
		return false, err
	}
	whole, err := w.Whole()
	if err != nil {
		return false, err
	}
	found, seen := false, 0
	err = w.Walk(whole, func(node wire.Field) error {
		if seen++; seen > probedFields || node.Num != fieldNode || !node.IsBytes() {
			return errEnough
		}
		return node.Walk(func(field wire.Field) error {
			if field.Num < fieldNumber || field.Num > fieldVersion { // of a graph, a vocabulary or whatever begins like it
				return errEnough
			}
			if field.Num != fieldIdentifier || !field.IsBytes() || field.Size > maxIdentifier {
				return nil
			}
			identifier, err := field.Text(maxIdentifier)
			if err == nil && strings.HasPrefix(identifier, "_tf_keras_") {
				found = true
				return errEnough
			}
			return err
		})
	})
	if found || errors.Is(err, errEnough) {
		err = nil
	}
	return found, err
}

// ScanMetadata judges the configuration of every node.
func ScanMetadata(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("keras_legacy")
	s.Format("keras_metadata")
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	j := &scanner{ctx: ctx, sink: s}
	nodes := 0
	var broken error // of the first node whose JSON breaks: others may be read before that one is
	err = w.Walk(whole, func(node wire.Field) error {
		if node.Num != fieldNode || !node.IsBytes() {
			return nil
		}
		if nodes++; nodes > maxNodes {
			return fmt.Errorf("more than %d nodes: %w", maxNodes, source.ErrBudget)
		}
		return node.Walk(func(field wire.Field) error {
			if field.Num != fieldMetadata || !field.IsBytes() || field.Size == 0 {
				return nil
			}
			err := j.read(field.Reader(), field.Offset)
			if isBroken(err) {
				broken, err = cmp.Or(broken, fmt.Errorf("JSON of the node at %d: %w", node.At, err)), nil
			}
			return err
		})
	})
	return cmp.Or(err, broken)
}

// isBroken tells whether an error says that a document breaks the rules of JSON.
func isBroken(err error) bool {
	return errors.As(err, new(*source.Malformed)) || errors.Is(err, io.ErrUnexpectedEOF)
}
