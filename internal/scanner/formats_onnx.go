package scanner

import (
	"modelgate/internal/scanner/onnx"
	"modelgate/internal/scanner/openvino"
)

// onnxRows are the rows of ONNX and OpenVINO.
func onnxRows() []Format {
	return []Format{
		{
			Name: "onnx", Title: "ONNX", Version: 2,
			Recognised: "ModelProto: version of the format, and a graph or operator sets",
			Threats: "operators that run code, call out or that nobody defines, in all graphs, functions and bodies; files outside the model; functions in the place of " +
				"standard operators; gates that the input switches; fields that stand twice; pickles in tensors",
			Limits: "weights in other files are taken for learned, and what a program for a device (EPContext) does is not analysed",
			Probe:  onnx.Probe, Scan: onnx.Scan,
		},
		{
			Name: "onnx", Title: "ONNX Runtime model", Version: 1,
			Recognised: "FlatBuffers identifier ORTM",
			Threats:    "those of ONNX",
			Limits:     "those of ONNX",
			Probe:      onnx.ProbeORT, Scan: onnx.ScanORT,
		},
		{
			Name: "onnx", Title: "ONNX tensor", Version: 1,
			Recognised: "TensorProto: a type, and as much data as the dimensions say, or a place in another file",
			Threats:    "files outside the model, pickles in the data",
			Probe:      onnx.ProbeTensor, Scan: onnx.ScanTensor,
		},
		{
			Name: "openvino_xml", Title: "OpenVINO", Version: 1, Text: true,
			Recognised: "XML whose root is net, with a version or layers; its weights through it",
			Threats:    "layers that name libraries or that OpenVINO does not have, also in bodies; paths outside the model; constants outside the weights; attributes that stand twice",
			Probe:      openvino.Probe, Scan: openvino.Scan,
		},
	}
}
