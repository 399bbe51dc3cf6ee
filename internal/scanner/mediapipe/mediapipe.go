// Package mediapipe scans what MediaPipe loads: bundles of models for its tasks, and graphs of calculators.
//
// A bundle (.task) is a ZIP archive of TFLite models, further bundles and labels, all at its root. Its members are scanned like those of
// any archive. A graph (.binarypb) is a protobuf message (mediapipe/framework/calculator.proto):
//
//	CalculatorGraphConfig { 1 nodes, 6 packet factories, 7 packet generators, 8 threads, 9 status handlers, 10 inputs, 14 executors,
//	  15 outputs, 16 and 17 side packets, 18 profiler, 19 package, 20 type, … }
//	Node { 1 name, 2 calculator or subgraph, 3 to 6 streams and packets, 7 options, 8 options as Any, …, 15 profiler, … }
//	ProfilerConfig { …, 9 path of the trace log, 15 log disabled, 16 tracing enabled, … }
//
// A calculator is code of the program that runs the graph, chosen by its name. Most compute; some read or write files, at paths that the
// graph or the host gives.
package mediapipe

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// maxNames bounds the members of an archive that are looked at.
const maxNames = 10_000

// ProbeBundle accepts archives without directories that hold a TFLite model or another bundle.
func ProbeBundle(f *source.File) (bool, error) {
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return false, err
	}
	models := false
	for _, e := range view.Entries[:min(len(view.Entries), maxNames)] {
		name := e.Name()
		if strings.ContainsAny(name, `/\`) {
			return false, nil
		}
		models = models || slices.Contains([]string{".tflite", ".task"}, path.Ext(name)) || strings.HasPrefix(name, "TF_LITE_")
	}
	return models, nil
}

// ScanBundle states the name: the members are scanned by the scanner of archives.
func ScanBundle(_ context.Context, _ *source.File, s source.Sink) error {
	s.Format("mediapipe")
	return nil
}

//go:embed calculators.txt
var calculatorsText string

// calculators are the calculators and subgraphs of MediaPipe.
var calculators = registry.Parse(calculatorsText)

// Bounds of a graph: bytes of a name, nodes that Probe looks at, messages inside each other in options.
const (
	maxName    = 4 << 10
	maxProbed  = 16
	maxNesting = 12
)

// Fields of a graph and of a node.
const (
	graphNode     = 1
	graphProfiler = 18
	nodeName      = 2
	nodeOptions   = 7
	nodeAny       = 8
	nodeProfiler  = 15
)

// errDone ends a walk early.
var errDone = errors.New("done")

// ProbeGraph accepts messages with the fields of a graph whose first nodes name calculators.
func ProbeGraph(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 4 {
		return false, err
	}
	if tag, n := protowire.ConsumeVarint(head); n < 0 || !isGraphField(int32(tag>>3), protowire.Type(tag&7)) {
		return false, nil
	}
	w, err := wire.New(f)
	if err != nil {
		return false, err
	}
	whole, err := w.Whole()
	if err != nil {
		return false, err
	}
	nodes, known := 0, 0
	err = w.Walk(whole, func(field wire.Field) error {
		if !isGraphField(field.Num, field.Type) {
			return source.Malformedf(field.At, "no field of a graph")
		}
		if field.Num != graphNode {
			return nil
		}
		name, err := calculatorOf(field)
		if err != nil {
			return err
		}
		if nodes++; strings.HasSuffix(name, "Calculator") || calculators.Has(name) {
			known++
		}
		if nodes == maxProbed {
			return errDone
		}
		return nil
	})
	if errors.Is(err, errDone) {
		err = nil
	}
	return err == nil && known > 0, err
}

// isGraphField tells whether a graph has a field of that number and type.
func isGraphField(num int32, typ protowire.Type) bool {
	switch num {
	case 8, 11, 21:
		return typ == protowire.VarintType
	case 1, 6, 7, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 1001, 1002:
		return typ == protowire.BytesType
	}
	return false
}

// calculatorOf reads the calculator that a node names, and is Malformed if it cannot be a node.
func calculatorOf(node wire.Field) (name string, err error) {
	err = node.Walk(func(f wire.Field) error {
		if f.Num < 1 || f.Num > 17 && f.Num != 1005 {
			return source.Malformedf(f.At, "no field of a node")
		}
		if f.Num == nodeName {
			name, err = f.Text(maxName)
			return err
		}
		return nil
	})
	return name, err
}

// ScanGraph judges every node.
func ScanGraph(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("mediapipe")
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	g := &graph{s: s, seen: map[string]bool{}}
	err = w.Walk(whole, func(field wire.Field) error {
		switch {
		case field.Num == graphNode && field.IsBytes():
			return g.node(field)
		case field.Num == graphProfiler && field.IsBytes():
			return g.profiler(field)
		}
		return nil
	})
	g.places()
	return err
}

// graph is what has been read of a graph.
type graph struct {
	s     source.Sink
	seen  map[string]bool
	files bool // a calculator opens files, at a path that another node may give
	texts []text
}

// text is a string in the options of a node.
type text struct {
	at    int64
	value string
}

// maxTexts bounds the strings of options that are kept, and the findings about them.
const maxTexts = 10_000

// node judges the calculator of a node, and keeps the strings of its options.
func (g *graph) node(field wire.Field) error {
	var name string
	err := field.Walk(func(f wire.Field) (err error) {
		switch {
		case f.Num == nodeName && f.IsBytes():
			name, err = f.Text(maxName)
			return err
		case f.Num == nodeProfiler && f.IsBytes():
			return g.profiler(f)
		case (f.Num == nodeOptions || f.Num == nodeAny) && f.IsBytes():
			return g.options(f, 0)
		}
		return nil
	})
	g.calculator(name, field.At)
	return err
}

// opens tells of a calculator that it opens files, and reaches that it opens more than one file of the model's own: what a pattern matches,
// a film, records, a graph of TensorFlow; or that it writes.
var (
	opens   = regexp.MustCompile(`File|Video|Record|Sstable|SavedModel|FrozenGraph|AudioDecoder|MediaDecoder|Writer|FileSink`)
	reaches = regexp.MustCompile(`FilePattern|Video(De|En)coder|VideoReader|VideoWriter|Record(Io)?(Reader|Writer)|Sstable|SavedModel|FrozenGraph|AudioDecoder|MediaDecoder|Writer|FileSink|ToFile|WriteTo`)
)

// calculator judges a name, once.
func (g *graph) calculator(name string, at int64) {
	g.files = g.files || opens.MatchString(name)
	if g.seen[name] || len(g.seen) > maxTexts {
		return
	}
	g.seen[name] = true
	id, words := threat.MGOP300, "The calculator is none of MediaPipe's; whoever runs the graph must bring its code."
	switch {
	case reaches.MatchString(name):
		id, words = threat.MGOP302, "The calculator reads or writes files of its own choice, or of the graph's."
	case calculators.Has(name):
		return
	case name == "":
		words = "A node names no calculator."
	}
	f := finding.New(id, at, words)
	f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, name, "mediapipe", source.Evidence(name)
	g.s.Find(f)
}

// options keeps the strings of a message whose schema is the calculator's own. What is no message may be a string, and what is a message
// may be one too.
func (g *graph) options(f wire.Field, depth int) error {
	if f.Size > 0 && f.Size <= maxName && len(g.texts) < maxTexts {
		s, err := f.Text(maxName)
		if err != nil {
			return err
		}
		if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' }) < 0 {
			g.texts = append(g.texts, text{f.Offset, s})
		}
	}
	if depth >= maxNesting {
		return nil
	}
	err := f.Walk(func(inner wire.Field) error {
		if inner.IsBytes() {
			return g.options(inner, depth+1)
		}
		return nil
	})
	var bad *source.Malformed
	if errors.As(err, &bad) { // no message, then
		return nil
	}
	return err
}

// named is a path with an extension, as files of models and labels have.
var named = regexp.MustCompile(`^[^\s"'<>|]*\.[A-Za-z0-9]{1,10}$`)

// topic is an identifier of Google's knowledge graph, which labels have and which looks like a path.
var topic = regexp.MustCompile(`^/[mg]/[0-9a-z_]+$`)

// places judges the paths among the strings of the options. A string without an extension is a path only if something opens files.
func (g *graph) places() {
	for _, t := range g.texts {
		if !named.MatchString(t.value) && (!g.files || strings.ContainsAny(t.value, " \t") || strings.HasPrefix(t.value, "type.googleapis.com/")) {
			continue
		}
		if !strings.ContainsAny(t.value, `/\:~`) || topic.MatchString(t.value) {
			continue
		}
		if f, bad := paths.Reference(t.value, t.at); bad && f.Threat == threat.MGPATH100 {
			g.s.Find(f)
		}
	}
}

// profiler judges the settings of a profiler: while tracing is on it writes logs.
func (g *graph) profiler(field wire.Field) error {
	var place string
	var at int64
	on, off := false, false
	err := field.Walk(func(f wire.Field) (err error) {
		switch f.Num {
		case 9:
			at = f.Offset
			place, err = f.Text(maxName)
		case 15:
			off = f.Value != 0
		case 16:
			on = f.Value != 0
		}
		return err
	})
	if err != nil || place == "" || !on || off {
		return err
	}
	f := finding.New(threat.MGOP302, at, fmt.Sprintf("Running the graph writes trace logs to %s.", source.Evidence(place)))
	f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, "trace_log_path", "mediapipe", source.Evidence(place)
	g.s.Find(f)
	if f, bad := paths.Reference(place, at); bad {
		g.s.Find(f)
	}
	return nil
}
