package torch7

import "strings"

// kinds are the element types in the names of tensors and storages, with the size of an element in bytes.
func kinds() map[string]int64 {
	return map[string]int64{"Byte": 1, "Char": 1, "Short": 2, "Int": 4, "Long": 8, "Float": 4, "Double": 8, "Half": 2, "": 4}
}

// elementSize is the size of an element of a storage, by the name of its class: torch.FloatStorage, torch.CudaHalfStorage. CUDA's without a
// type are of floats.
func elementSize(name string) (int64, bool) {
	kind, ok := strings.CutPrefix(name, "torch.")
	if !ok {
		return 0, false
	}
	if kind, ok = strings.CutSuffix(kind, "Storage"); !ok {
		return 0, false
	}
	bare, cuda := strings.CutPrefix(kind, "Cuda")
	if !cuda && kind == "" {
		return 0, false
	}
	size, ok := kinds()[bare]
	return size, ok
}

// isTensor tells whether a class is a tensor.
func isTensor(name string) bool {
	kind, ok := strings.CutSuffix(name, "Tensor")
	if !ok || !strings.HasPrefix(kind, "torch.") || kind == "torch." {
		return false
	}
	_, ok = elementSize(kind + "Storage")
	return ok
}

// isKnown tells whether a class is of Torch's own libraries, whose readers read one object: layers, graphs of them, and their containers.
func isKnown(name string) bool {
	for _, library := range []string{"nn.", "nngraph.", "cudnn.", "cunn.", "graph.", "inn.", "fbcunn.", "fbnn.", "dpnn.", "rnn.", "optim.", "cunnx."} {
		if rest, ok := strings.CutPrefix(name, library); ok && rest != "" && !strings.ContainsAny(rest, " /\\:;()'\"") {
			return true
		}
	}
	return false
}
