package scantest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// TFNode writes a NodeDef. Inputs are separated by blanks; of the attributes a string is a string, []string a constant of strings,
// TFFunc the name of a function, and []byte an AttrValue as it stands.
func TFNode(name, op, inputs string, attrs ...any) []byte {
	out := Message(1, name, 2, op)
	for in := range strings.FieldsSeq(inputs) {
		out = append(out, Message(3, in)...)
	}
	for i := 0; i+1 < len(attrs); i += 2 {
		var value []byte
		switch v := attrs[i+1].(type) {
		case string:
			value = Message(2, v)
		case TFFunc:
			value = Message(10, Message(1, string(v)))
		case []string:
			value = Message(8, TFStrings(v...))
		case []byte:
			value = v
		}
		out = append(out, Message(5, Message(1, attrs[i].(string), 2, value))...)
	}
	return out
}

// TFFunc is the name of a function of the library, as the value of an attribute.
type TFFunc string

// TFStrings writes a TensorProto of strings.
func TFStrings(values ...string) []byte {
	out := Message(1, 7, 2, Message(2, Message(1, len(values))))
	for _, v := range values {
		out = append(out, Message(8, v)...)
	}
	return out
}

// TFGraph writes a GraphDef of nodes and functions.
func TFGraph(nodes, functions [][]byte) []byte {
	var out, library []byte
	for _, n := range nodes {
		out = append(out, Message(1, n)...)
	}
	for _, f := range functions {
		library = append(library, Message(1, f)...)
	}
	return append(append(out, Message(2, library)...), Message(4, Message(1, 1882))...)
}

// TFFunction writes a FunctionDef. Its arguments are separated by blanks; a result is a name and what it is, with = between.
func TFFunction(name, args, results string, nodes ...[]byte) []byte {
	signature := Message(1, name)
	for a := range strings.FieldsSeq(args) {
		signature = append(signature, Message(2, Message(1, a, 3, 1))...)
	}
	for r := range strings.FieldsSeq(results) {
		key, _, _ := strings.Cut(r, "=")
		signature = append(signature, Message(3, Message(1, key, 3, 1))...)
	}
	out := Message(1, signature)
	for _, n := range nodes {
		out = append(out, Message(3, n)...)
	}
	for r := range strings.FieldsSeq(results) {
		key, value, _ := strings.Cut(r, "=")
		out = append(out, Message(4, Message(1, key, 2, value))...)
	}
	return out
}

// TFModel is what a SavedModel has besides its graph.
type TFModel struct {
	Nodes, Functions [][]byte
	Saver            [3]string   // tensors of the name and of what is saved, and the node that restores
	Assets           [][2]string // tensor and file
	Init             string      // node that runs at load
	Inputs, Outputs  []string    // tensors of the signature
	Extra            []byte      // further fields of the MetaGraphDef
}

// Meta writes a MetaGraphDef.
func (m TFModel) Meta() []byte {
	out := Message(1, Message(4, "serve", 5, "2.21.0"), 2, TFGraph(m.Nodes, m.Functions))
	if m.Saver != [3]string{} {
		out = append(out, Message(3, Message(1, m.Saver[0], 2, m.Saver[1], 3, m.Saver[2], 7, 2))...)
	}
	var signature []byte
	for i, t := range m.Inputs {
		signature = append(signature, Message(1, Message(1, fmt.Sprintf("in%d", i), 2, Message(1, t)))...)
	}
	for i, t := range m.Outputs {
		signature = append(signature, Message(2, Message(1, fmt.Sprintf("out%d", i), 2, Message(1, t)))...)
	}
	out = append(out, Message(5, Message(1, "serving_default", 2, signature))...)
	if m.Init != "" {
		out = append(out, Message(5, Message(1, "__saved_model_init_op", 2, Message(2, Message(1, "__saved_model_init_op", 2, Message(1, m.Init)))))...)
	}
	for _, a := range m.Assets {
		out = append(out, Message(6, Message(1, Message(1, a[0]), 2, a[1]))...)
	}
	return append(out, m.Extra...)
}

// Bytes writes a SavedModel.
func (m TFModel) Bytes() []byte { return Message(1, 1, 2, m.Meta()) }

// tfSaver is the main graph and the functions of a model with one variable, as TensorFlow 2 exports them. Change, if it is not nil, alters
// the function that saves.
func tfSaver(change func(nodes [][]byte) [][]byte) TFModel {
	save := [][]byte{
		TFNode("StaticRegexFullMatch", "StaticRegexFullMatch", "file_prefix", "pattern", "^s3://.*"),
		TFNode("Const", "Const", "", "value", []string{".part"}),
		TFNode("Const_1", "Const", "", "value", []string{"_temp/part"}),
		TFNode("Select", "Select", "StaticRegexFullMatch:output:0 Const:output:0 Const_1:output:0"),
		TFNode("StringJoin", "StringJoin", "file_prefix Select:output:0"),
		TFNode("num_shards", "Const", ""),
		TFNode("shard", "Const", ""),
		TFNode("ShardedFilename", "ShardedFilename", "StringJoin:output:0 shard:output:0 num_shards:output:0"),
		TFNode("names", "Const", "", "value", []string{"w/.ATTRIBUTES/VARIABLE_VALUE"}),
		TFNode("slices", "Const", "", "value", []string{""}),
		TFNode("SaveV2", "SaveV2", "ShardedFilename:filename:0 names:output:0 slices:output:0 w"),
		TFNode("prefixes", "Pack", "ShardedFilename:filename:0 ^SaveV2"),
		TFNode("MergeV2Checkpoints", "MergeV2Checkpoints", "prefixes:output:0 file_prefix"),
		TFNode("Identity", "Identity", "file_prefix ^MergeV2Checkpoints"),
	}
	if change != nil {
		save = change(save)
	}
	return TFModel{
		Nodes: [][]byte{
			TFNode("w", "VarHandleOp", ""),
			TFNode("read", "ReadVariableOp", "w"),
			TFNode("x", "Placeholder", ""),
			TFNode("y", "MatMul", "x read"),
			TFNode("saver_filename", "Placeholder", ""),
			TFNode("save", "StatefulPartitionedCall", "saver_filename read", "f", TFFunc("traced_save")),
			TFNode("restore", "StatefulPartitionedCall", "saver_filename w", "f", TFFunc("traced_restore")),
		},
		Functions: [][]byte{
			TFFunction("traced_save", "file_prefix w", "identity=Identity:output:0", save...),
			TFFunction("traced_restore", "file_prefix w", "identity=Identity:output:0",
				TFNode("names", "Const", "", "value", []string{"w/.ATTRIBUTES/VARIABLE_VALUE"}),
				TFNode("slices", "Const", "", "value", []string{""}),
				TFNode("RestoreV2", "RestoreV2", "file_prefix names:output:0 slices:output:0"),
				TFNode("Assign", "AssignVariableOp", "w RestoreV2:tensors:0"),
				TFNode("Identity", "Identity", "file_prefix ^Assign"),
			),
		},
		Saver: [3]string{"saver_filename:0", "save:0", "restore"}, Inputs: []string{"x:0"}, Outputs: []string{"y:0"},
	}
}

// TFText writes a graph of one node in the text encoding.
func TFText(name, op, attrs string) []byte {
	return []byte("node {\n  name: \"x\"\n  op: \"Placeholder\"\n}\nnode {\n  name: \"" + name + "\"\n  op: \"" + op + "\"\n  input: \"x\"\n" + attrs + "}\nversions {\n  producer: 1882\n}\n")
}

// TFTable writes the index of a checkpoint: a table of two blocks with the given entries, keys and values in turn.
func TFTable(entries ...string) []byte {
	data := tableBlock(entries...)
	others := tableBlock()
	index := tableBlock("~", handle(0, len(data)-5))
	out := append(append(data, others...), index...)
	footer := []byte(handle(len(data), len(others)-5) + handle(len(data)+len(others), len(index)-5))
	footer = append(footer, make([]byte, 40-len(footer))...)
	return append(append(out, footer...), 0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb)
}

// tableBlock writes a block with one restart, its type and its checksum.
func tableBlock(entries ...string) []byte {
	var out []byte
	for i := 0; i+1 < len(entries); i += 2 {
		out = append(out, 0)
		out = protowire.AppendVarint(out, uint64(len(entries[i])))
		out = protowire.AppendVarint(out, uint64(len(entries[i+1])))
		out = append(append(out, entries[i]...), entries[i+1]...)
	}
	out = append(out, 0, 0, 0, 0, 1, 0, 0, 0, 0)
	crc := crc32.Checksum(out, crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(out, (crc>>15|crc<<17)+0xa282ead8)
}

func handle(offset, size int) string {
	return string(protowire.AppendVarint(protowire.AppendVarint(nil, uint64(offset)), uint64(size)))
}

// SparseGraph is a GraphDef of the given size in bytes, in constants of zeros.
func SparseGraph(size int64, constants int) *Sparse {
	s := &Sparse{}
	sparseNodes(s, size/int64(constants), constants)
	return s
}

// SparseSavedModel is a SavedModel with such a graph.
func SparseSavedModel(size int64, constants int) *Sparse {
	graph := &Sparse{}
	sparseNodes(graph, size/int64(constants), constants)
	info := Message(1, Message(4, "serve", 5, "2.21.0"))
	length := func(num protowire.Number, n int64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(n))
	}
	n, err := graph.Size()
	if err != nil {
		panic(fmt.Sprintf("size of a sparse graph: %v", err))
	}
	inner := length(2, n)
	s := &Sparse{}
	s.add(Message(1, 1))
	s.add(length(2, int64(len(info)+len(inner))+n))
	s.add(info)
	s.add(inner)
	sparseNodes(s, size/int64(constants), constants)
	return s
}

// sparseNodes adds constants of zeros, each with as many bytes, and an operator that uses it.
func sparseNodes(s *Sparse, each int64, constants int) {
	length := func(num protowire.Number, n int64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.BytesType), uint64(n))
	}
	s.add(Message(1, TFNode("x", "Placeholder", "")))
	for i := range constants {
		name := fmt.Sprintf("c%d", i)
		tensor := Message(1, 1, 2, Message(2, Message(1, int(each/4))))
		content := length(4, each)
		value := length(8, int64(len(tensor)+len(content))+each)
		entry := append(Message(1, "value"), length(2, int64(len(value)+len(tensor)+len(content))+each)...)
		node := append(Message(1, name, 2, "Const"), length(5, int64(len(entry)+len(value)+len(tensor)+len(content))+each)...)
		s.add(length(1, int64(len(node)+len(entry)+len(value)+len(tensor)+len(content))+each))
		for _, part := range [][]byte{node, entry, value, tensor, content} {
			s.add(part)
		}
		s.gap(each)
		s.add(Message(1, TFNode(fmt.Sprintf("y%d", i), "MatMul", "x "+name)))
	}
}
