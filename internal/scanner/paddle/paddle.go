// Package paddle scans programs and parameters of PaddlePaddle.
//
// A program is a protobuf (paddle/fluid/framework/framework.proto) or, since release 3, JSON of its intermediate representation:
//
//	ProgramDesc  1 blocks: 1 index, 2 parent, 3 variables, 4 operators: 3 type, 1 inputs, 2 outputs,
//	             4 attributes: 1 name, 2 type, 5 string, 8 strings, 12 and 14 blocks
//	JSON         {"base_code": {"magic": "pir", …}, "program": {"regions": [{"blocks": [{"ops": [{"#": "1.conv2d", "A": […]}]}]}]}}
//
// All blocks of a ProgramDesc stand in one list, those of loops and branches too; in JSON they are nested. Names of operators in
// JSON begin with the number of their dialect. Operators are judged by what they do when the program runs: some call code of
// the host, some call out, some read or write files. Parameters (.pdiparams) are described in params.go; .pdparams are pickles.
package paddle

import (
	"context"
	_ "embed" // operators.txt
	"fmt"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/threat"
)

//go:embed operators.txt
var operatorsText string

var operators = registry.Parse(operatorsText)

// Bounds: bytes of a name, of an attribute and of a document, regions inside each other, names of an operator in JSON, which has one.
const (
	maxName     = 1 << 10
	maxString   = 1 << 16
	maxProgram  = 128 << 20
	maxDepth    = 64
	maxReadings = 4
)

// class is what is known of an operator that is not harmless.
type class struct {
	id   threat.ID
	does string
}

// classes are the operators that do more than compute.
var classes = func() map[string]class {
	t := map[string]class{}
	for c, list := range map[class]string{
		{threat.MGOP301, "calls a function of the Python program that runs it"}: "py_func py_layer",
		{threat.MGOP301, "writes a file"}:                                       "save save_combine",
		{threat.MGOP301, "talks to other machines"}: `listen_and_serv heter_listen_and_serv send recv send_barrier fetch_barrier
			checkpoint_notify send_and_recv prefetch rpc fl_listen_and_serv gen_nccl_id c_gen_nccl_id distributed_lookup_table
			pull_sparse pull_sparse_v2 push_sparse push_sparse_v2 pull_dense push_dense pull_box_sparse push_box_sparse`,
		{threat.MGOP302, "reads a file"}:                                          "load load_combine read_file create_recordio_file_reader open_files",
		{threat.MGOP302, "runs a program that another library compiled"}:          "tensorrt_engine lite_engine dlnne_engine openvino_engine anakin_engine cinn_launch run_program",
		{threat.MGOP300, "prints what it is given, which no exported model does"}: "print",
	} {
		for name := range strings.FieldsSeq(list) {
			t[name] = c
		}
	}
	return t
}()

// ProbeProgram accepts protobufs whose fields are those of a ProgramDesc.
func ProbeProgram(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 6 || head[0] != 1<<3|2 {
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
	blocks := 0
	err = w.Walk(whole, func(f wire.Field) error {
		if !f.IsBytes() || f.Num != 1 && f.Num != 4 && f.Num != 5 {
			return source.Malformedf(f.At, "no program")
		}
		if blocks++; f.Num != 1 || blocks > 1 {
			return nil
		}
		return isBlock(f)
	})
	return err == nil && blocks > 0, err
}

// isBlock tells whether a message begins as the first block: with its index and that of its parent.
func isBlock(f wire.Field) error {
	numbers := 0
	return f.Walk(func(inner wire.Field) error {
		if numbers++; numbers <= 2 && int(inner.Num) == numbers && !inner.IsBytes() {
			return nil
		}
		if numbers > 2 && (inner.Num == 5 || inner.IsBytes() && (inner.Num == 3 || inner.Num == 4)) {
			return nil
		}
		return source.Malformedf(inner.At, "no block")
	})
}

// ScanProgram judges every operator of every block.
func ScanProgram(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("paddle")
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	j := &judge{sink: s, unknown: map[string]*unknownOp{}}
	err = w.Walk(whole, func(f wire.Field) error {
		if f.Num != 1 || !f.IsBytes() {
			return nil
		}
		return f.Walk(func(op wire.Field) error {
			if op.Num != 4 || !op.IsBytes() {
				return nil
			}
			return j.desc(op)
		})
	})
	j.tell()
	return err
}

// desc judges an OpDesc.
func (j *judge) desc(f wire.Field) error {
	op := operator{at: f.At}
	err := f.Walk(func(part wire.Field) error {
		if !part.IsBytes() {
			return nil
		}
		var err error
		switch part.Num {
		case 3:
			if op.name != "" {
				j.find(threat.MGFMT403, part.At, op.name, "An operator has two types, and readers differ in which they take.")
			}
			op.name, err = part.Text(maxName)
		case 4:
			err = attribute(part, &op)
		}
		return err
	})
	j.operator(op)
	return err
}

// attribute reads the strings of an attribute.
func attribute(f wire.Field, op *operator) error {
	name := ""
	return f.Walk(func(part wire.Field) error {
		if !part.IsBytes() || part.Num != 1 && part.Num != 5 && part.Num != 8 || part.Size > maxString {
			return nil
		}
		text, err := part.Text(maxString)
		if part.Num == 1 {
			name = text
		} else {
			op.add(name, text, part.At)
		}
		return err
	})
}

// ProbeJSON accepts programs of the intermediate representation.
func ProbeJSON(f *source.File) (bool, error) {
	shape, err := jsontree.ShapeOf(f)
	return shape.Has("base_code", "program"), err
}

// ScanJSON judges every operator of every region.
func ScanJSON(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("paddle")
	root, err := jsontree.ParseFile(f, maxProgram)
	j := &judge{sink: s, unknown: map[string]*unknownOp{}}
	for _, program := range root.All("program") {
		j.regions(program, 0)
	}
	j.tell()
	return err
}

// regions walks the operators of an object that has regions: the program, or an operator with bodies.
func (j *judge) regions(n jsontree.Node, depth int) {
	if depth > maxDepth {
		j.find(threat.MGFMT400, n.At(), "", fmt.Sprintf("Regions are nested more than %d deep.", maxDepth))
		return
	}
	for _, regions := range n.All("regions") {
		for region := range regions.Items() {
			for _, blocks := range region.All("blocks") {
				for block := range blocks.Items() {
					for _, ops := range block.All("ops") {
						for op := range ops.Items() {
							j.node(op, depth)
						}
					}
				}
			}
		}
	}
}

// node judges an operator of JSON, and the regions in it.
func (j *judge) node(n jsontree.Node, depth int) {
	named := n.Some("#", maxReadings)
	if len(named) == 0 {
		j.find(threat.MGFMT400, n.At(), "", "An operator has no name.")
	}
	if len(named) > 1 {
		j.find(threat.MGFMT403, n.At(), named[0].Content(), "An operator has two names, and readers differ in which they take.")
	}
	for _, name := range named {
		op := operator{at: name.At(), name: name.Content()}
		for _, list := range n.All("A") {
			for a := range list.Items() {
				op.add(a.Str("N"), a.Get("AT").Str("D"), a.At())
			}
		}
		j.operator(op)
	}
	j.regions(n, depth+1)
}

// operator is an operator with the strings among its attributes.
type operator struct {
	at      int64
	name    string
	strings []text
}

type text struct {
	at         int64
	key, value string
}

func (o *operator) add(key, value string, at int64) {
	if value != "" && key != "op_callstack" && len(o.strings) < 256 {
		o.strings = append(o.strings, text{at, key, value})
	}
}

// judge is what was seen of a program.
type judge struct {
	sink    source.Sink
	unknown map[string]*unknownOp
	order   []string
}

type unknownOp struct {
	at    int64
	count int
}

// operator judges an operator by its name and its strings.
func (j *judge) operator(op operator) {
	name, bare := full(op.name)
	c, listed := classes[strings.TrimSuffix(bare, "_")]
	switch {
	case listed:
		j.find(c.id, op.at, op.name, "The operator "+c.does+".")
		for _, s := range op.strings {
			if isPath(s.key) {
				if f, bad := paths.Reference(s.value, s.at); bad {
					j.sink.Find(f)
				}
			}
		}
	case operators.Has(name) || operators.Has(bare) && name == bare:
	case slices.ContainsFunc(op.strings, func(s text) bool { return isLibrary(s.value) }):
		j.find(threat.MGOP301, op.at, op.name, "An operator that PaddlePaddle does not have names a library of code.")
	default:
		j.note(op)
	}
}

// full writes out the dialect of an operator, and returns its name without it too.
func full(name string) (whole, bare string) {
	if name == "p" {
		return "builtin.parameter", "parameter"
	}
	dialect, rest, ok := strings.Cut(name, ".")
	if !ok {
		return name, name
	}
	switch dialect {
	case "0":
		dialect = "builtin"
	case "1":
		dialect = "pd_op"
	case "2":
		dialect = "cf"
	}
	return dialect + "." + rest, rest
}

// isPath tells whether an attribute names a file.
func isPath(key string) bool {
	return slices.Contains([]string{"file_path", "filename", "path", "model_dir", "dirname", "file_names"}, key)
}

// isLibrary tells whether a string is the name of a library or of Python code.
func isLibrary(value string) bool {
	lower := strings.ToLower(value)
	return strings.HasSuffix(lower, ".so") || strings.Contains(lower, ".so.") || strings.HasSuffix(lower, ".dll") || strings.HasSuffix(lower, ".dylib") || strings.HasSuffix(lower, ".py")
}

// note counts an operator that nobody knows.
func (j *judge) note(op operator) {
	if u, ok := j.unknown[op.name]; ok {
		u.count++
		return
	}
	if len(j.unknown) < finding.MaxFindings {
		j.unknown[op.name] = &unknownOp{op.at, 1}
		j.order = append(j.order, op.name)
	}
}

// tell reports the operators that nobody knows.
func (j *judge) tell() {
	for _, name := range j.order {
		u := j.unknown[name]
		j.find(threat.MGOP300, u.at, name, fmt.Sprintf("PaddlePaddle has no operator of this name, which the program uses %d times.", u.count))
	}
}

func (j *judge) find(id threat.ID, at int64, name, description string) {
	f := finding.New(id, at, description)
	f.Role, f.Operator, f.Evidence = finding.RoleOperator, name, source.Evidence(name)
	j.sink.Find(f)
}
