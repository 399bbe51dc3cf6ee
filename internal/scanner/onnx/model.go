package onnx

// model is what is kept of a file.
type model struct {
	at      int64
	version int64 // of the format
	// sets are the versions of the operator sets that the model imports, by domain.
	sets      map[string]int64
	graph     *graph
	training  []*graph
	functions []*function
}

// graph is a graph or the body of a control-flow operator.
type graph struct {
	at      int64
	inputs  []string
	numbers []int64 // how many numbers each input is by its type, 0 if they are many or unknown; models of ONNX Runtime have none
	outputs []string
	nodes   []*node
	tensors []*tensor // initializers
}

// function is an operator that the model defines itself.
type function struct {
	at                     int64
	domain, name, overload string
	inputs, outputs        []string
	nodes                  []*node
	sets                   map[string]int64
}

// key is the name of a function among those of the model.
func (f *function) key() string { return functionKey(f.domain, f.name, f.overload) }

func functionKey(domain, name, overload string) string {
	return canonical(domain) + "\x00" + name + "\x00" + overload
}

// canonical is a domain with one spelling for that of ONNX itself.
func canonical(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

// node is an operator of a graph.
type node struct {
	at                         int64
	name, op, domain, overload string
	inputs, outputs            []string
	attributes                 []attribute
}

// attribute is one that matters: it has a graph or a tensor, or its name is one of those that are looked at.
type attribute struct {
	name   string
	at     int64
	text   string // the first bytes of a string
	number int64
	graphs []*graph
	tensor *tensor
}

// attr returns an attribute of a node, nil if it has none of that name.
func (n *node) attr(name string) *attribute {
	for i := range n.attributes {
		if n.attributes[i].name == name {
			return &n.attributes[i]
		}
	}
	return nil
}

// text is the string of an attribute, "" if there is none.
func (n *node) text(name string) string {
	if a := n.attr(name); a != nil {
		return a.text
	}
	return ""
}

// keeps tells whether an attribute of that name is looked at.
func keeps(name string) bool {
	switch name {
	case "to", "func_name", "func_class", "name", "module", "class_name", "compute", "operator", "ep_cache_context", "embed_mode", "source", "onnx_model_filename",
		"model_uri", "value_int", "value_float":
		return true
	}
	return false
}

// tensor is a constant. Its data is not read.
type tensor struct {
	at      int64
	name    string
	kind    int64 // type of its elements
	sparse  bool
	outside bool // its data lies in another file
	// offset and size are where its data lies in this file; size is 0 if it is scattered or absent.
	offset, size int64
	packed       bool // the data are varints
}

// Types of elements (TensorProto.DataType).
const (
	typeFloat  = 1
	typeUint8  = 2
	typeInt8   = 3
	typeInt32  = 6
	typeInt64  = 7
	typeString = 8
	typeBool   = 9
	typeHalf   = 10
	typeDouble = 11
	typeBFloat = 16
)

// width is how many bytes an element takes in raw data, 1 for what is not told apart.
func (t *tensor) width() int64 {
	switch t.kind {
	case typeFloat, typeInt32, 12:
		return 4
	case typeInt64, typeDouble, 13:
		return 8
	case typeHalf, typeBFloat, 4, 5:
		return 2
	}
	return 1
}

// external is a file that tensors lie in.
type external struct {
	at  int64 // of the first tensor that names it
	end int64 // of the tensor that lies farthest behind, 0 if none says where it lies
	// needed says that a loader opens the file: its tensor says that its data lies there.
	needed bool
}
