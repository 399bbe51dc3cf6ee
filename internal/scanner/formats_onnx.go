package scanner

// onnxRows are the rows of ONNX and OpenVINO.
func onnxRows() []Format { return nil }
