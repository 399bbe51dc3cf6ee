package keras

import (
	"context"
	"path"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// isPath tells whether a string under a key is opened as a file: the vocabulary of a lookup or text layer, what tokenizers are
// made from, a SavedModel that a layer loads.
func isPath(key string) bool { return pathKeys[key] }

var pathKeys = words(`vocabulary vocabulary_file vocab_file vocabulary_path merges merges_file merge_file proto proto_file spm_proto sentence_piece_file
	filepath file_path weights_path saved_model_path asset_path`)

// longestPath is how long a string may be that is taken for a path; what is longer is the thing itself.
const longestPath = 1 << 10

// paths judges every string of an object that a loader opens as a file.
func (j *scanner) paths(n jsontree.Node) {
	for m := range n.Members() {
		if !isPath(m.Key) || m.Value.Content() == "" || len(m.Value.Text()) > longestPath {
			continue
		}
		target, at := m.Value.Text(), j.at+m.Value.At()
		if j.alone {
			j.lonely(target, at)
			continue
		}
		j.sink.Refer(finding.Reference{Kind: finding.RefFile, Target: target, Offset: at})
	}
}

// lonely judges a path in a place that has no files beside it.
func (j *scanner) lonely(target string, at int64) {
	if f, bad := paths.Reference(target, at); bad {
		j.sink.Find(f)
		return
	}
	j.sink.Find(absent(target, at))
}

// absent is the finding of a file that is not there.
func absent(target string, at int64) finding.Finding {
	f := finding.New(threat.MGFMT400, at, "The configuration names a file that the model does not have, so the loader would open one of its host.")
	f.Role, f.Evidence = finding.RolePath, source.Evidence(target)
	return f
}

// savedModel judges a layer that loads a SavedModel by what stands under a key, a path or the address of a hub: its graph runs, in
// whatever mode the configuration is loaded.
func (j *scanner) savedModel(n jsontree.Node, class, key string) {
	for _, c := range n.All("config") {
		handle := c.Str(key)
		if handle == "" && class != "TFSMLayer" {
			continue
		}
		f := finding.New(threat.KERAS102, j.at+n.At(), "The layer loads a SavedModel from a path or an address and runs it.")
		f.Operator, f.Role, f.Evidence = class, finding.RoleOperator, source.Evidence(handle)
		j.sink.Find(f)
	}
}

// assets looks up the files that a configuration in an archive names. Everything else about it is judged where it is scanned as a
// member; leading out of the model is too.
func assets(ctx context.Context, view *zipview.View, e *zipview.Entry, s source.Sink) error {
	content, err := view.Content(e, maxSize)
	if err != nil || content == nil {
		return err
	}
	there := map[string]bool{}
	for _, e := range view.Entries {
		there[path.Base(e.Name())] = true
		there[e.Name()] = true
	}
	doc, _ := jsontree.ParseFile(source.Bytes(content), maxSize) // what is wrong with it is told there
	j := scanner{ctx: ctx, sink: &lookup{Sink: s, there: there, member: e.Name()}}
	return j.files(doc, 0)
}

// files finds the paths of a document.
func (j *scanner) files(n jsontree.Node, depth int) error {
	if n.IsNone() || depth > maxDepth {
		return j.ctx.Err()
	}
	if n.Is(jsontree.Object) {
		j.paths(n)
	}
	for item := range n.Items() {
		if err := j.files(item, depth+1); err != nil {
			return err
		}
	}
	for m := range n.Members() {
		if err := j.files(m.Value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// lookup takes references to files and looks them up among the members of an archive.
type lookup struct {
	source.Sink
	there  map[string]bool
	member string
}

// Refer implements source.Sink.
func (l *lookup) Refer(r finding.Reference) {
	if _, bad := paths.Reference(r.Target, r.Offset); bad {
		return // told where the configuration is scanned
	}
	name := path.Clean(strings.ReplaceAll(r.Target, `\`, "/"))
	if l.there[name] || l.there["assets/"+name] || l.there[path.Base(name)] {
		return
	}
	f := absent(r.Target, r.Offset)
	f.Member = l.member
	l.Find(f)
}
