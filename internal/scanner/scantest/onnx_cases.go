package scantest

// onnxCases are the cases of ONNX and OpenVINO.
func onnxCases() []Case { return nil }
