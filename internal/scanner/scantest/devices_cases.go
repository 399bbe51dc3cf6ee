package scantest

import (
	"slices"

	"modelgate/internal/threat"
)

// DeviceCases are the cases that formats of devices begin to fuzz with.
func DeviceCases() []Case { return deviceCases() }

// deviceCases are the cases of compiled models of devices.
func deviceCases() []Case {
	return slices.Concat(kmodelCases(), omCases(), rknnCases(), tensorRTCases(), luaCases(), cntkCases(), textNetCases())
}

// deviceCase is an evil model in a file of a name.
func deviceCase(name, path string, id threat.ID, level threat.Level, content []byte) Case {
	return Case{Name: name, Path: path, Bytes: content, Want: id, Level: level}
}

func kmodelCases() []Case {
	of := func(name string, id threat.ID, content []byte) Case {
		return deviceCase("kmodel: "+name, "model.kmodel", id, threat.Get(id).Level, content)
	}
	twin := func(name string, content []byte) Case {
		return Case{Name: "kmodel twin: " + name, Path: "model.kmodel", Bytes: content, Twin: true}
	}
	library, pickle := ELF(3, 62, false), pk4(pkSystem())
	return []Case{
		of("a library where a layer begins", threat.MGEXE101, KModel3(10240, library, nil)),
		of("a library where a node begins", threat.MGEXE101, KModel4(0x2002, library, nil)),
		of("a library where a section begins", threat.MGEXE101, KModel5("stackvm", ".text", library, nil)),
		of("a pickle where a section begins", threat.PKL100, KModel5("stackvm", ".rdata", pickle, nil)),
		of("a script where a section begins", threat.MGEXE101, KModel5("stackvm", ".rdata", []byte("#!/bin/sh\nid\n"), nil)),
		of("a pickle behind the model", threat.PKL100, KModel3(10240, noise(64), pickle)),
		of("anything behind the model", threat.MGFMT402, KModel5("k210", ".rdata", noise(64), noise(256))),
		of("a layer of no type", threat.MGOP300, KModel4(0x7777, noise(16), nil)),
		of("a module of no type", threat.MGOP300, KModel5("evil", ".text", noise(16), nil)),
		of("a body beyond the file", threat.MGFMT400, KModel3(10240, noise(64), nil)[:60]),
		of("a section beyond the file", threat.MGFMT400, KModel5("k210", ".text", noise(64), nil)[:120]),
		of("a version of the future", threat.MGFMT404, slices.Concat([]byte("LDMK"), words(9), make([]byte, 64))),
		twin("version 3 with code for the device", KModel3(10240, noise(64), make([]byte, 8))),
		twin("version 4", KModel4(0x2002, noise(64), nil)),
		twin("version 5 with the byte code of the runtime", KModel5("stackvm", ".text", noise(64), nil)),
	}
}

func omCases() []Case {
	of := func(name string, id threat.ID, content []byte) Case {
		return deviceCase("om: "+name, "model.om", id, threat.Get(id).Level, content)
	}
	op := func(attributes ...[]byte) []byte {
		node := Message(1, "conv", 2, "Conv2D")
		for _, a := range attributes {
			node = append(node, Message(10, a)...)
		}
		return Message(1, "net", 7, Message(1, "graph", 6, node))
	}
	text := func(name, value string) []byte { return Message(1, name, 2, Message(2, value)) }
	encrypted := OM(op())
	encrypted[80] = 1
	library := append([]byte("\x01\x00\x00\x00\x07\x00\x00\x00libx.so"), ELF(3, 62, false)...)
	return []Case{
		of("a partition of libraries", threat.MGOP301, OM(op(), OMPart{5, library})),
		of("an operator that names a library", threat.MGOP301, OM(op(text("binFile", "/opt/libcust_opapi.so")))),
		of("a custom AI CPU kernel", threat.MGOP300, OM(op(), OMPart{4, ELF(3, 183, false)})),
		of("a library in place of weights", threat.MGEXE101, OM(op(), OMPart{1, ELF(3, 62, false)})),
		of("a pickle in place of weights", threat.PKL100, OM(op(), OMPart{1, pk4(pkSystem())})),
		of("a pickle behind the model", threat.PKL100, append(OM(op(), OMPart{1, noise(64)}), pk4(pkSystem())...)),
		of("encrypted", threat.MGFMT404, encrypted),
		of("partitions beyond the file", threat.MGFMT400, OM(op(), OMPart{1, noise(64)})[:300]),
		of("a definition that is no message", threat.MGFMT400, OM([]byte("\xff\xff\xff\xff\xff"))),
		{Name: "om twin: kernels for the device, as every compiler run writes them", Path: "model.om", Twin: true, Bytes: OM(
			op(text("name", "te_conv2d"), text("kernelSo", "libaicpu_kernels.so")), OMPart{1, noise(64)}, OMPart{3, ELF(2, 62, false)},
		)},
		{Name: "om twin: settings of devices where libraries may be", Path: "model.om", Twin: true, Bytes: OM(
			op(), OMPart{5, []byte("\x01\x00\x00\x00\x03\x00\x00\x00npu\x00\x00\x00\x00")},
		)},
	}
}

func rknnCases() []Case {
	of := func(name string, id threat.ID, content []byte) Case {
		return deviceCase("rknn: "+name, "model.rknn", id, threat.Get(id).Level, content)
	}
	model := FlatBuffer("RKNN", FB{1: uint32(1)})
	honest := `{"name": "net", "nodes": [{"lid": "Conv", "name": "c"}], "target_platform": ["rk3588"], "version": "1.4.1"}`
	return []Case{
		of("encrypted", threat.MGFMT404, append([]byte("CYPTRKNN"), noise(128)...)),
		of("a pickle in place of the model", threat.PKL100, RKNN(pk4(pkSystem()), honest)),
		of("a library in place of the model", threat.MGEXE101, RKNN(ELF(3, 62, false), honest)),
		of("a script in place of the description", threat.MGEXE101, RKNN(model, "#!/bin/sh\nid\n")),
		of("an operator that names a library", threat.MGOP301, RKNN(model, `{"nodes": [{"lid": "cst_op", "param": {"lib": "./libcst.so"}}]}`)),
		of("a pickle behind the header of the third toolkit", threat.PKL100, slices.Concat([]byte("RKNX"), make([]byte, 0x4c), pk4(pkSystem()))),
		of("a pickle behind the description", threat.PKL100, append(RKNN(model, honest), pk4(pkSystem())...)),
		of("a model longer than the file", threat.MGFMT400, RKNN(model, honest)[:70]),
		of("a FlatBuffer whose root is nowhere", threat.MGFMT400, RKNN(append([]byte("\xff\xff\xff\x7fRKNN"), make([]byte, 64)...), honest)),
		{Name: "rknn twin: a container", Path: "model.rknn", Bytes: RKNN(model, honest), Twin: true},
		{Name: "rknn twin: a model of the first chips", Path: "model.rknn", Bytes: RKNN(append([]byte("VPMN"), noise(64)...), honest), Twin: true},
	}
}

func tensorRTCases() []Case {
	of := func(name string, id threat.ID, content []byte) Case {
		return deviceCase("tensorrt: "+name, "model.engine", id, threat.Get(id).Level, content)
	}
	engine := func(parts ...[]byte) []byte {
		plan := slices.Concat(noise(64), slices.Concat(parts...))
		return slices.Concat([]byte("ftrt"), words(0x57, 0, uint32(len(plan)), 0, 0), plan)
	}
	return []Case{
		of("a plugin library in the plan", threat.MGOP301, engine(ELF(3, 62, false), noise(64))),
		of("a Windows plugin in the plan", threat.MGOP301, engine(PE(true), make([]byte, 64))),
		of("the path of a plugin", threat.MGOP301, engine([]byte("\x00MyPlugin\x00/opt/plugins/libmyplugin.so\x00"))),
		of("a library where the plan begins", threat.MGOP301, slices.Concat([]byte("ptrt"), words(0, 0, 0, 0, 0), ELF(3, 62, false))),
		of("a plan that is cut", threat.MGFMT400, engine(noise(64))[:100]),
		of("a pickle where the plan begins", threat.PKL100, slices.Concat([]byte("ftrt"), words(0, 0, 0, 0, 0), pk4(pkSystem()))),
		{Name: "tensorrt twin: kernels for the GPU", Path: "model.engine", Bytes: engine(ELF(2, 190, false), noise(64)), Twin: true},
		{Name: "tensorrt twin: an engine behind metadata", Path: "model.engine", Bytes: slices.Concat([]byte("\x0f\x00\x00\x00{\"task\":\"pose\"}"), engine()), Twin: true},
		{Name: "tensorrt twin: words that sound dangerous", Path: "model.engine", Bytes: engine([]byte("os.system plugin.so ELF MZ")), Twin: true},
	}
}
