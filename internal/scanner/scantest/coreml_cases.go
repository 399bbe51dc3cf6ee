package scantest

import (
	"encoding/binary"

	"modelgate/internal/threat"
)

// cmlModel writes a model of Core ML around the field that it is.
func cmlModel(kind int, content []byte) []byte {
	description := Message(1, Message(1, "input", 3, Message(5, "")), 10, Message(1, "output"))
	return Message(1, 7, 2, description, kind, content)
}

// cmlLayer is a layer of a neural network.
func cmlLayer(kind int, content []byte) []byte {
	return Message(1, Message(1, "layer1", 2, "input", 3, "output", kind, content))
}

// cmlProgram is an ML program of one operation with an attribute.
func cmlProgram(op string, attribute []byte, blocks ...any) []byte {
	operation := append(Message(1, op, 5, Message(1, "val", 2, attribute)), Message(blocks...)...)
	block := Message(2, "output", 3, operation)
	return Message(1, 1, 2, Message(1, "main", 2, Message(2, "CoreML7", 3, Message(1, "CoreML7", 2, block))))
}

// cmlFile is a value in a file of weights.
func cmlFile(name string) []byte { return Message(5, Message(1, name, 2, 64)) }

// cmlBlob is a file of weights of one blob.
func cmlBlob(size, offset uint64, behind string) []byte {
	le := binary.LittleEndian
	out := append(words(1, 2), make([]byte, 56)...)
	out = append(out, words(0xdeadbeef, 2)...)
	out = le.AppendUint64(le.AppendUint64(out, size), offset)
	out = append(out, make([]byte, 128-len(out))...)
	return append(append(out, make([]byte, 64)...), behind...)
}

// coremlCases are models of Core ML that are more than the operating system's own code.
func coremlCases() []Case {
	one := func(name, path string, id threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: name, Path: path, Bytes: content, Want: id, Level: level, Twin: id == ""}
	}
	several := func(name string, id threat.ID, level threat.Level, files map[string][]byte) Case {
		return Case{Name: name, Files: files, Want: id, Level: level, Twin: id == ""}
	}
	manifest := func(path string) []byte {
		return []byte(`{"fileFormatVersion": "1.0.0", "itemInfoEntries": {"A": {"author": "com.apple.CoreML", "name": "model.mlmodel", "path": "` + path + `"}}, "rootModelIdentifier": "A"}`)
	}
	const dir = "Data/com.apple.CoreML/"
	linear := cmlModel(500, cmlLayer(140, Message(1, 2, 2, 2)))
	stored := cmlModel(502, cmlProgram("const", cmlFile("@model_path/weights/weight.bin")))
	custom := cmlLayer(500, Message(10, "EvilLayer", 30, Message(1, "path", 2, Message(20, "os.system"))))
	return []Case{
		one("twin: coreml: a neural network", "m.mlmodel", "", threat.Clean, linear),
		one("coreml: a custom layer", "m.mlmodel", threat.MGOP300, threat.Suspicious, cmlModel(500, custom)),
		one("coreml: a custom layer in a branch of a classifier", "m.mlmodel", threat.MGOP300, threat.Suspicious, cmlModel(403, cmlLayer(605, Message(1, custom)))),
		one("coreml: a custom layer in a loop in a pipeline", "m.mlmodel", threat.MGOP300, threat.Suspicious, cmlModel(202, Message(1, cmlModel(500, cmlLayer(615, Message(1, 3, 2, "x", 4, custom)))))),
		one("twin: coreml: a pipeline of a loop", "m.mlmodel", "", threat.Clean, cmlModel(202, Message(1, cmlModel(500, cmlLayer(615, Message(1, 3, 2, "x", 4, cmlLayer(140, nil))))))),
		one("coreml: a layer of a kind that nobody knows", "m.mlmodel", threat.MGOP300, threat.Suspicious, cmlModel(500, cmlLayer(7777, nil))),
		one("coreml: a custom model", "m.mlmodel", threat.MGOP300, threat.Suspicious, cmlModel(555, Message(10, "EvilModel"))),
		one("coreml: a model of a kind that nobody knows", "m.mlmodel", threat.MGOP300, threat.Suspicious, cmlModel(557, Message(10, "x"))),
		one("coreml: a linked model of the machine", "m.mlmodel", threat.MGPATH100, threat.Malicious, cmlModel(556, Message(1, Message(1, Message(1, "/tmp/other.mlmodelc"))))),
		one("coreml: a linked model that is looked for above", "m.mlmodel", threat.MGPATH100, threat.Malicious, cmlModel(556, Message(1, Message(1, Message(1, "other"), 2, Message(1, ".:../../shared"))))),
		one("twin: coreml: an ML program", "m.mlmodel", "", threat.Clean, cmlModel(502, cmlProgram("relu", nil))),
		one("coreml: an operator that nobody knows", "m.mlmodel", threat.MGOP300, threat.Suspicious, cmlModel(502, cmlProgram("evil_op", nil))),
		one("coreml: an operator of the application", "m.mlmodel", threat.MGOP300, threat.Suspicious, cmlModel(502, cmlProgram("custom_layer", nil))),
		one("coreml: an operator that nobody knows, in a block of a loop", "m.mlmodel", threat.MGOP300, threat.Suspicious,
			cmlModel(502, cmlProgram("while_loop", nil, 4, Message(3, Message(1, "evil_op"))))),
		one("coreml: weights in a file of the machine", "m.mlmodel", threat.MGPATH100, threat.Malicious, cmlModel(502, cmlProgram("const", cmlFile("/etc/passwd")))),
		one("coreml: weights in a file above the model", "m.mlmodel", threat.MGPATH100, threat.Malicious, cmlModel(502, cmlProgram("const", cmlFile("@model_path/../../secret.bin")))),
		one("coreml: weights above the model, in a list in a value", "m.mlmodel", threat.MGPATH100, threat.Malicious,
			cmlModel(502, cmlProgram("const", Message(3, Message(3, Message(1, cmlFile("../secret.bin"))))))),
		several("twin: coreml: a package", "", threat.Clean, map[string][]byte{
			"Manifest.json": manifest("com.apple.CoreML/model.mlmodel"), dir + "model.mlmodel": stored, dir + "weights/weight.bin": cmlBlob(64, 128, ""),
		}),
		several("coreml: a package without its weights", threat.MGFMT400, threat.Suspicious, map[string][]byte{
			"Manifest.json": manifest("com.apple.CoreML/model.mlmodel"), dir + "model.mlmodel": stored,
		}),
		several("coreml: a pickle in place of the weights", threat.PKL100, threat.Malicious, map[string][]byte{dir + "model.mlmodel": stored, dir + "weights/weight.bin": pk4(pkSystem())}),
		one("coreml: a manifest that leads out of the package", "Manifest.json", threat.MGPATH100, threat.Malicious, manifest("../../../Library/evil.mlmodel")),
		one("coreml: a blob that is longer than its file", "weight.bin", threat.MGFMT400, threat.Suspicious, cmlBlob(1<<40, 128, "")),
		one("coreml: a pickle behind the weights", "weight.bin", threat.PKL100, threat.Malicious, cmlBlob(64, 128, string(pk4(pkSystem())))),
		one("coreml: a model that is two", "m.mlmodel", threat.MGFMT403, threat.Suspicious, append(append([]byte{}, linear...), Message(502, cmlProgram("relu", nil))...)),
		one("coreml: a pickle in a zipped package", "p.zip", threat.PKL100, threat.Malicious,
			BuildZIP(ZIPEntry{Name: "m.mlpackage/" + dir + "model.mlmodel", Content: stored}, ZIPEntry{Name: "m.mlpackage/" + dir + "weights/weight.bin", Content: pk4(pkSystem())})),
		one("twin: coreml: a zipped package", "p.zip", "", threat.Clean,
			BuildZIP(ZIPEntry{Name: "m.mlpackage/" + dir + "model.mlmodel", Content: stored}, ZIPEntry{Name: "m.mlpackage/" + dir + "weights/weight.bin", Content: cmlBlob(64, 128, "")})),
	}
}
