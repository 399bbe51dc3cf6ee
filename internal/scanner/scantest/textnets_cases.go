package scantest

import "modelgate/internal/threat"

// TextNetCases are the cases that formats of nets in text begin to fuzz with.
func TextNetCases() []Case { return textNetCases() }

// textNetCases are nets of Caffe, ncnn, TNN and Darknet.
func textNetCases() []Case {
	of := func(name, path string, id threat.ID, content string) Case {
		return deviceCase(name, path, id, threat.Get(id).Level, []byte(content))
	}
	twin := func(name, path, content string) Case {
		return Case{Name: name, Path: path, Bytes: []byte(content), Twin: true}
	}
	caffe := func(layers string) string {
		return "name: \"net\"\nlayer { name: \"data\" type: \"Input\" top: \"data\" }\n" + layers
	}
	python := "layer {\n  name: \"p\"\n  type: \"Python\"\n  python_param {\n    module: \"os\"\n    layer: \"system\"\n  }\n}\n"
	weights := Message(1, "net", 100, Message(1, "conv1", 2, "Convolution", 7, Message(7, "x")))
	return []Case{
		of("caffe: a layer of Python", "deploy.prototxt", threat.MGOP301, caffe(python)),
		of("caffe: a layer of Python whose type is escaped and in two parts", "deploy.prototxt", threat.MGOP301, caffe("layer { type: \"Pyt\" 'h\\x6fn' python_param < module: 'm' > }")),
		of("caffe: a layer of Python behind one of nobody", "deploy.prototxt", threat.MGOP301, "layer { type: \"MyLayer\" }\n"+python),
		of("caffe: a layer that writes a file", "deploy.prototxt", threat.MGOP301, caffe("layer { type: \"HDF5Output\" hdf5_output_param { file_name: \"out.h5\" } }")),
		of("caffe: a layer that reads a file elsewhere", "deploy.prototxt", threat.MGOP302, caffe("layer { type: \"ImageData\" image_data_param { source: \"/etc/passwd\" } }")),
		of("caffe: a layer of nobody", "deploy.prototxt", threat.MGOP300, caffe("layer { type: \"EvilLayer\" }")),
		of("caffe: a message that does not end", "deploy.prototxt", threat.MGFMT400, caffe("layer { type: \"ReLU\"")),
		of("ncnn: a layer of nobody", "model.param", threat.MGOP300, "7767517\n2 2\nInput data 0 1 data\nEvil e 1 1 data out 0=1\n"),
		of("ncnn: fewer layers than it states", "model.param", threat.MGFMT400, "7767517\n3 2\nInput data 0 1 data\n"),
		of("ncnn: a line that is no layer", "model.param", threat.MGFMT400, "7767517\n1 1\nimport os\n"),
		of("tnn: a layer of nobody", "model.tnnproto", threat.MGOP300, "\"1 2 1 4206624770 ,\"\n\"in 1 3 8 8 ,\"\n\" in out ,\"\n\"out ,\"\n\" 1 ,\"\n\"Evil e 1 1 in out ,\"\n"),
		of("tnn: a line that is no layer", "model.tnnproto", threat.MGFMT400, "\"1 2 1 4206624770 ,\"\na\nb\nc\nd\nimport os\n"),
		of("darknet: a layer of nobody", "model.cfg", threat.MGOP300, "[net]\nbatch=1\n[convolutional]\nfilters=1\n[evil]\nx=1\n"),
		of("darknet: a line that is no option", "model.cfg", threat.MGFMT400, "[net]\nbatch=1\n[convolutional]\nfilters=1\nimport os\n"),
		twin("caffe twin: known layers, and a data set of the training", "train.prototxt", caffe("layer { type: \"Data\" data_param { source: \"examples/mnist/train_lmdb\" } }\nlayer { name: \"type: 'Python'\" type: \"ReLU\" }")),
		twin("caffe twin: a net of old", "deploy.prototxt", "name: 'n'\ninput: 'data'\nlayers { name: 'a' type: CONVOLUTION convolution_param { num_output: 1 } }\n# layer { type: 'Python' }\n"),
		{Name: "caffe twin: weights", Path: "model.caffemodel", Bytes: weights, Twin: true},
		twin("ncnn twin: known layers", "model.param", "7767517\n2 2\nInput data 0 1 data\nReLU Evil 1 1 data out\n"),
		twin("tnn twin: known layers", "model.tnnproto", "\"1 2 1 4206624770 ,\"\n\"in 1 3 8 8 ,\"\n\" in out ,\"\n\"out ,\"\n\" 1 ,\"\n\"ReLU e 1 1 in out ,\"\n"),
		twin("darknet twin: known layers", "model.cfg", "[net]\nbatch=1\n[convolutional]\nfilters=1\n; [evil]\n[yolo]\nmask=0\n"),
	}
}
