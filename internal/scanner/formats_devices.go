package scanner

import (
	"modelgate/internal/scanner/caffe"
	"modelgate/internal/scanner/cntk"
	"modelgate/internal/scanner/devices"
	"modelgate/internal/scanner/textnets"
	"modelgate/internal/scanner/torch7"
)

// deviceRows are the rows of compiled models of devices.
func deviceRows() []Format {
	return []Format{
		{
			Name: "kmodel", Title: "KModel of nncase", Version: 1,
			Recognised: "LDMK at 0 and a version, or the header of version 3 with plausible counts and a known layer",
			Threats:    "code for a host, pickles and scripts where layers and sections begin, unknown layers and modules, bodies beyond the file, what follows the model",
			Limits:     "code for the device is opaque; versions 6 and 7 are tested with models of our own making: the compiler's package runs on .NET, which no package brings",
			Probe:      devices.ProbeKModel, Scan: devices.ScanKModel,
		},
		{
			Name: "om", Title: "Ascend OM", Version: 1,
			Recognised: "IMOD at 0 and a header of 256 bytes",
			Threats:    "partitions of libraries and of AI CPU kernels, operators that name a library, encryption, what takes the place of weights or follows the model",
			Limits:     "kernels of the device are opaque; of a file with several models the first is read; tested with models of our own making: its compiler is not to be had",
			Probe:      devices.ProbeOM, Scan: devices.ScanOM,
		},
		{
			Name: "rknn", Title: "RKNN", Version: 1,
			Recognised: "RKNN, RKNX, CYPTRKNN or VPMN at 0, or RKNN at 4",
			Threats:    "encryption, what takes the place of the model or its description, operators that name a library, what follows",
			Limits:     "the model for the device is opaque",
			Probe:      devices.ProbeRKNN, Scan: devices.ScanRKNN,
		},
		{
			Name: "tensorrt", Title: "TensorRT engine", Version: 1,
			Recognised: "ftrt or ptrt at 0, or behind metadata in JSON",
			Threats:    "plugin libraries in the plan, paths to them",
			Limits:     "the plan is undocumented: of more than 64 MiB the first and last 32 MiB are searched; kernels of the GPU are opaque; tested with engines of our own making",
			Probe:      devices.ProbeTensorRT, Scan: devices.ScanTensorRT,
		},
		{
			Name: "torch", Title: "Torch7 object", Version: 1,
			Recognised: "type, index, and what a class, a table or a function begins with",
			Threats:    "functions, classes of nobody known, lengths beyond the file, what follows the object",
			Limits:     "byte code is not read: a function is enough; tested with objects of our own making: neither a package nor Debian brings the library, and packages for Python only read them",
			Probe:      torch7.Probe, Scan: torch7.Scan,
		},
		{
			Name: "torch", Title: "Torch7 object in text form", Version: 1,
			Recognised: "the same as decimal lines",
			Threats:    "the same",
			Probe:      torch7.ProbeText, Scan: torch7.ScanText,
		},
		{
			Name: "lua", Title: "Lua", Version: 1,
			Recognised: "ESC Lua or ESC LJ at 0, or constructs of Lua under a name of Torch's files",
			Threats:    "that it is there",
			Probe:      torch7.ProbeLua, Scan: torch7.ScanLua,
		},
	}
}

// netRows are the rows of CNTK, Caffe and of nets that are described as text.
func netRows() []Format {
	return []Format{
		{
			Name: "cntk", Title: "CNTK model, version 1", Version: 1,
			Recognised: "BCN in UTF-16 at 0",
			Threats:    "what follows the model, sections that are missing",
			Limits:     "nodes are not read: the program has a fixed list of them; tested with models of our own making",
			Probe:      cntk.Probe1, Scan: cntk.Scan1,
		},
		{
			Name: "cntk", Title: "CNTK model, version 2", Version: 1,
			Recognised: "Dictionary with the keys of a function",
			Threats:    "functions of a user's own, the more so with a library, a file or a dangerous function of Python, operators beyond the table, pickles in arrays of bytes",
			Limits:     "the library runs on no current Python: tested with the model that its package ships, and with models of our own making",
			Probe:      cntk.Probe2, Scan: cntk.Scan2,
		},
		{
			Name: "caffe", Title: "Caffe net", Version: 1, Text: true,
			Recognised: "text of protobuf with layers, the first of which is of a known type",
			Threats:    "layers of Python, layers that write files or read them elsewhere, layers of nobody known",
			Probe:      caffe.ProbeText, Scan: caffe.ScanText,
		},
		{
			Name: "caffe", Title: "Caffe weights", Version: 1,
			Recognised: "NetParameter: name and layers",
			Threats:    "messages that break off",
			Limits:     "loaders take the weights alone, so the types of the layers are not judged",
			Probe:      caffe.Probe, Scan: caffe.Scan,
		},
		{
			Name: "ncnn", Title: "ncnn net", Version: 1, Text: true,
			Recognised: "first line 7767517",
			Threats:    "layers of nobody known, lines that are none",
			Limits:     "the binary form of the net is not recognised",
			Probe:      textnets.ProbeNCNN, Scan: textnets.ScanNCNN,
		},
		{
			Name: "tnn", Title: "TNN net", Version: 1, Text: true,
			Recognised: "quoted first line with a magic",
			Threats:    "the same",
			Probe:      textnets.ProbeTNN, Scan: textnets.ScanTNN,
		},
		{
			Name: "darknet", Title: "Darknet net", Version: 1, Text: true,
			Recognised: "section net with a known layer behind it",
			Threats:    "the same",
			Probe:      textnets.ProbeDarknet, Scan: textnets.ScanDarknet,
		},
		{
			Name: "darknet", Title: "Darknet weights", Version: 1,
			Recognised: "version 0.1 or 0.2, and the name",
			Threats:    "none: numbers to the end",
			Probe:      textnets.ProbeWeights, Scan: textnets.ScanWeights,
		},
	}
}
