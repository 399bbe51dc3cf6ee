package scantest

import (
	"fmt"
	"strings"

	"modelgate/internal/threat"
)

// IRLayer writes a layer of OpenVINO with the given attributes, and what stands inside of it.
func IRLayer(id int, attributes string, inside ...string) string {
	return fmt.Sprintf("<layer id=\"%d\" name=\"l%d\" %s>%s</layer>\n", id, id, attributes, strings.Join(inside, ""))
}

// IRModel writes a model of OpenVINO: a parameter, the layers, a result, and edges between each and the next.
func IRModel(layers ...string) []byte {
	all := append([]string{IRLayer(0, `type="Parameter" version="opset1"`, `<data shape="1,4" element_type="f32"/>`)}, layers...)
	all = append(all, IRLayer(len(all), `type="Result" version="opset1"`))
	var edges strings.Builder
	for i := 1; i < len(all); i++ {
		fmt.Fprintf(&edges, "<edge from-layer=\"%d\" from-port=\"0\" to-layer=\"%d\" to-port=\"0\"/>\n", i-1, i)
	}
	return []byte("<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">\n<layers>\n" + strings.Join(all, "") + "</layers>\n<edges>\n" + edges.String() + "</edges>\n" +
		"<rt_info><MO_version value=\"x\"/><layer type=\"Evil\" library=\"../x.so\"/><note text=\"os.system ../../etc\"/></rt_info>\n</net>\n")
}

// irConstant is a constant whose data lies at a place of the weights.
func irConstant(id int, offset, size string) string {
	return IRLayer(id, `type="Const" version="opset1"`, fmt.Sprintf(`<data element_type="f32" shape="4" offset="%s" size="%s"/>`, offset, size))
}

// irIf is a condition with a layer in each of its branches.
func irIf(id int, layer string) string {
	branch := func(name string) string {
		return "<" + name + "><layers>" + IRLayer(0, `type="Parameter" version="opset1"`) + layer + "</layers><edges><edge from-layer=\"0\" from-port=\"0\" to-layer=\"1\" to-port=\"0\"/></edges></" + name + ">"
	}
	return IRLayer(id, `type="If" version="opset8"`, branch("then_body"), branch("else_body"))
}

// openVINOCases are models of OpenVINO.
func openVINOCases() []Case {
	relu := IRLayer(1, `type="ReLU" version="opset1"`)
	evil := func(name string, id threat.ID, content []byte) Case {
		return Case{Name: "openvino: " + name, Path: "model.xml", Bytes: content, Want: id, Level: threat.Get(id).Level}
	}
	twin := func(name string, files map[string][]byte) Case {
		return Case{Name: "openvino twin: " + name, Files: files, Twin: true}
	}
	weights := append([]byte("\xee\x01\xdd\x02"), make([]byte, 60)...)
	text := func(s string) []byte { return []byte(s) }
	library := IRModel(IRLayer(1, `type="ReLU" version="opset1" library="libevil.so"`))[len("<?xml version=\"1.0\"?>\n"):]
	cases := []Case{
		evil("an external entity", threat.MGXML100, text(`<?xml version="1.0"?><!DOCTYPE net [<!ENTITY x SYSTEM "file:///etc/passwd">]>`+string(IRModel(relu))[21:])),
		evil("entities that expand each other", threat.MGXML101, text(`<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>`+string(IRModel(relu))[21:])),
		evil("a layer with a library", threat.MGOP301, IRModel(IRLayer(1, `type="ReLU" version="opset1" library="libevil.so"`))),
		evil("a layer with a library behind a comment of 70,000 bytes", threat.MGOP301, text("<!--"+strings.Repeat("words ", 12_000)+"-->"+string(library))),
		evil("a layer with a library behind text", threat.MGOP301, text(strings.Repeat("words ", 12_000)+string(library))),
		evil("data with a library", threat.MGOP301, IRModel(IRLayer(1, `type="ReLU" version="opset1"`, `<data library="/tmp/libevil.so"/>`))),
		evil("a layer with a kernel of its own", threat.MGOP301, IRModel(IRLayer(1, `type="ReLU" version="opset1"`, `<data kernel="evil.cl"/>`))),
		evil("a layer with a library in a branch", threat.MGOP301, IRModel(irIf(1, IRLayer(1, `type="ReLU" version="opset1" library="libevil.so"`)))),
		evil("a layer that OpenVINO does not have", threat.MGOP300, IRModel(IRLayer(1, `type="Evil" version="opset1"`))),
		evil("a layer of an operation set that is not OpenVINO's", threat.MGOP300, IRModel(IRLayer(1, `type="ReLU" version="custom_opset"`))),
		evil("a layer that OpenVINO does not have in the body of a loop", threat.MGOP300, IRModel(IRLayer(1, `type="TensorIterator" version="opset1"`, "<body><layers>"+IRLayer(0, `type="Evil" version="extension"`)+"</layers></body>"))),
		evil("a layer whose type stands twice", threat.MGFMT403, IRModel(IRLayer(1, `type="ReLU" type="Evil" version="opset1"`))),
		evil("a path that leads out of the model", threat.MGPATH100, IRModel(IRLayer(1, `type="ReLU" version="opset1"`, `<data path="../../etc/passwd"/>`))),
		evil("a path that leads out of the model by references to characters", threat.MGPATH100, IRModel(IRLayer(1, `type="ReLU" version="opset1"`, `<data path="&#46;&#x2e;/w.bin"/>`))),
		evil("a constant at a place that is no number", threat.MGFMT400, IRModel(irConstant(1, "-1", "16"))),
		evil("two layers of one id", threat.MGFMT400, IRModel(relu, IRLayer(1, `type="ReLU" version="opset1"`))),
		evil("an edge to a layer that is not there", threat.MGFMT400, text(strings.Replace(string(IRModel(relu)), `to-layer="2"`, `to-layer="9"`, 1))),
		evil("two roots", threat.MGFMT403, append(IRModel(relu), `<net name="b" version="11"><layers></layers></net>`...)),
		{
			Name: "openvino: a constant behind the end of the weights", Want: threat.MGFMT400, Level: threat.Suspicious,
			Files: map[string][]byte{"m/model.xml": IRModel(irConstant(1, "32", "64")), "m/model.bin": weights},
		},
		twin("a constant in the weights", map[string][]byte{"m/model.xml": IRModel(irConstant(1, "32", "32")), "m/model.bin": weights}),
		twin("a condition with branches", map[string][]byte{"model.xml": IRModel(irIf(1, IRLayer(1, `type="ReLU" version="opset1"`)))}),
		twin("types in other letters, and of a later set", map[string][]byte{"model.xml": IRModel(IRLayer(1, `type="relu" version="opset1"`), IRLayer(2, `type="Gelu" version="opset1"`))}),
		twin("a loop whose body has more layers than the network around it", map[string][]byte{"model.xml": IRModel(IRLayer(1, `type="Loop" version="opset5"`,
			`<back_edges><edge from-layer="7" to-layer="0"/></back_edges><body><layers>`+IRLayer(0, `type="Parameter" version="opset1"`)+IRLayer(7, `type="Result" version="opset1"`)+`</layers></body>`))}),
		twin("sizes of kernels", map[string][]byte{"model.xml": IRModel(IRLayer(1, `type="MaxPool" version="opset1"`, `<data kernel="3,3" strides="2,2"/>`))}),
		twin("a model of an old version", map[string][]byte{"model.xml": text(`<net name="m" version="7"><layers><layer id="0" name="a" type="Input" precision="FP32"/><layer id="1" name="b" type="FullyConnected"><data out-size="3"/></layer></layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/></edges></net>`)}),
	}
	return cases
}
