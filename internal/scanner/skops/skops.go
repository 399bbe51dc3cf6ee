// Package skops scans models in the format of skops.io, which stores scikit-learn estimators without pickle.
//
// A file is a ZIP archive of schema.json and, beside it, arrays (.npy, .npz) and bytes (.bin) that the schema names. The schema
// (skops/io/_audit.py, _general.py, _numpy.py, _scipy.py, _sklearn.py) is a tree of nodes:
//
//	{"__class__": "LogisticRegression", "__module__": "sklearn.linear_model._logistic", "__loader__": "ObjectNode",
//	 "content": {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {…}, …}, "__id__": 1}
//
// What a loader makes of a node is decided by __loader__: an ObjectNode imports the class and gives it a state, a
// ConstructorFromReduceNode calls it, a FunctionNode imports a function, an OperatorFuncNode calls one of module operator, a
// MethodNode looks an attribute up. The library asks its user about every type that it does not trust; users agree to what they
// do not know, and releases of the library have shown them another name than the one that was used (CVE-2025-54412,
// CVE-2025-54413). Here every name is judged by what the loader does with it, whatever its node claims to be.
//
// Names that estimators are made of are known from the libraries themselves (names.txt). The schema is read as a stream,
// since that of a large forest has millions of values.
package skops

import (
	"context"
	"errors"
	"fmt"
	"io"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// schemaName is the member that holds the tree.
const schemaName = "schema.json"

// maxSchema is the largest schema that is read, in bytes.
const maxSchema = 64 << 20

// Probe accepts archives that have a schema whose object names a class and its loader.
func Probe(f *source.File) (bool, error) {
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return false, err
	}
	for _, e := range view.Entries {
		if e.Name() != schemaName {
			continue
		}
		bytes, err := view.Content(e, maxSchema)
		if err != nil || bytes == nil {
			return false, err
		}
		return isSchema(bytes)
	}
	return false, nil
}

// isSchema tells whether a document is an object of the form of a node. A schema that breaks off counts as far as it goes.
func isSchema(text []byte) (bool, error) {
	root, err := readSchema(source.Bytes(text), func(*node) {}, func(string, int64) {})
	if err != nil && !broken(err) {
		return false, err
	}
	return root != nil && root.text["__loader__"] != "" && (root.text["__class__"] != "" || root.text["__module__"] != ""), nil
}

// broken tells whether an error is one of the bytes.
func broken(err error) bool {
	var malformed *source.Malformed
	return errors.As(err, &malformed) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Scan judges every node of every schema in the archive, and scans all members.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("skops")
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return err
	}
	present := map[string]bool{}
	for _, e := range view.Entries {
		present[e.Name()] = true
	}
	j := &judge{sink: s, present: present, bytes: map[string]bool{}, said: map[string]bool{}}
	for _, e := range view.Entries {
		if e.Name() != schemaName {
			continue
		}
		if err := j.schema(view, e); err != nil {
			return err
		}
	}
	return zipview.Scan(ctx, f, s, zipview.Plan{Raw: func(e *zipview.Entry) bool { return j.bytes[e.Name()] }})
}

// schema judges one schema. What precedes a fault is judged all the same.
func (j *judge) schema(view *zipview.View, e *zipview.Entry) error {
	text, err := view.Content(e, maxSchema)
	if err != nil {
		return err
	}
	if text == nil {
		return fmt.Errorf("a schema of %d bytes: %w", e.Size(), source.ErrBudget)
	}
	root, err := readSchema(source.Bytes(text), j.node, j.twice)
	if err == nil && (root == nil || root.text["__loader__"] == "") {
		err = source.Malformedf(0, "the schema is no node")
	}
	if err == nil || !broken(err) {
		return err
	}
	f := finding.New(threat.MGFMT400, -1, "The schema breaks the rules of its format: "+err.Error()+".")
	f.Role, f.Member = finding.RoleStructure, schemaName
	j.sink.Find(f)
	return nil
}
