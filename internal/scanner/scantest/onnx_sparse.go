package scantest

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// SparseONNX is a model of so many products with equal weights of zeros, which lie in the file.
func SparseONNX(size int64, tensors int) *Sparse {
	each := size / int64(tensors) / 4 * 4
	g := ONNXGraph{Inputs: []string{"x"}, Outputs: []string{fmt.Sprintf("h%d", tensors-1)}}
	last := "x"
	for i := range tensors {
		out := fmt.Sprintf("h%d", i)
		g.Nodes = append(g.Nodes, ONNXNode{Op: "MatMul", Name: fmt.Sprintf("/layers.%d/MatMul", i), In: []string{last, fmt.Sprintf("w%d", i)}, Out: []string{out}})
		last = out
	}
	graph := g.Bytes()
	var heads [][]byte
	length := int64(len(graph))
	for i := range tensors {
		tensor := Message(1, int(each/4), 2, 1, 8, fmt.Sprintf("w%d", i))
		tensor = protowire.AppendVarint(protowire.AppendTag(tensor, 9, protowire.BytesType), uint64(each))
		head := protowire.AppendVarint(protowire.AppendTag(nil, 5, protowire.BytesType), uint64(int64(len(tensor))+each))
		heads = append(heads, append(head, tensor...))
		length += int64(len(heads[i])) + each
	}
	s := &Sparse{}
	s.add(protowire.AppendVarint(protowire.AppendTag(Message(1, 8, 8, Message(2, 17)), 7, protowire.BytesType), uint64(length)))
	s.add(graph)
	for _, head := range heads {
		s.add(head)
		s.gap(each)
	}
	return s
}
