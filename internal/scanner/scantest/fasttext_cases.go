package scantest

import (
	"encoding/binary"
	"strings"

	"modelgate/internal/threat"
)

// fastText is a model of two words and one label, of so many dimensions, whose dictionary states so many entries.
func fastText(entries, rows uint32, behind string) []byte {
	le := binary.LittleEndian
	out := words(793712314, 12, 2, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100)
	out = le.AppendUint64(out, 0x3f1a36e2eb1c432d)
	out = append(out, words(entries, entries-1, 1)...)
	out = le.AppendUint64(le.AppendUint64(out, 30), 0xffffffffffffffff)
	for i, w := range []string{"os.system", "eval(1)", "__label__cat"} {
		out = le.AppendUint64(append(out, w+"\x00"...), 5)
		out = append(out, byte(i/2))
	}
	for i, n := range []uint64{uint64(rows), 1} {
		out = le.AppendUint64(le.AppendUint64(append(out, 0), n), 2)
		out = append(out, make([]byte, []int{3, 1}[i]*8)...)
	}
	return append(out, behind...)
}

// wordCases are models of fastText and documents of PMML.
func wordCases() []Case {
	one := func(name, path string, id threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: name, Path: path, Bytes: content, Want: id, Level: level, Twin: id == ""}
	}
	pmml := func(more string) []byte {
		return []byte("<?xml version=\"1.0\"?>\n<PMML version=\"4.4\" xmlns=\"http://www.dmg.org/PMML-4_4\"><Header copyright=\"x\">" + more +
			"</Header><DataDictionary><DataField name=\"eval(1)\" optype=\"continuous\" dataType=\"double\"/></DataDictionary></PMML>")
	}
	pickle := string(pk4(pkSystem()))
	return []Case{
		one("twin: fasttext: a classifier", "model.bin", "", threat.Clean, fastText(3, 3, "")),
		one("fasttext: a dictionary of more words than there is room for", "model.bin", threat.MGFMT400, threat.Suspicious, fastText(0x7fffffff, 3, "")),
		one("fasttext: a matrix longer than its file", "model.bin", threat.MGFMT400, threat.Suspicious, fastText(3, 0x7fffffff, "")),
		one("fasttext: a model that breaks off", "model.bin", threat.MGFMT400, threat.Suspicious, fastText(3, 3, "")[:90]),
		one("fasttext: a pickle behind the model", "model.bin", threat.PKL100, threat.Malicious, fastText(3, 3, pickle)),
		one("fasttext: bytes behind the model", "model.bin", threat.MGFMT402, threat.Suspicious, fastText(3, 3, "\x00\x01\x02")),
		one("twin: pmml: a model", "model.pmml", "", threat.Clean, pmml("<Extension name=\"author\" value=\"system administrator\"/><Annotation>do not eval(this) or call os.system(x)</Annotation>")),
		one("pmml: an external entity", "model.pmml", threat.MGXML100, threat.Malicious,
			[]byte(strings.Replace(string(pmml("&x;")), "<PMML", "<!DOCTYPE PMML [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><PMML", 1))),
		one("pmml: a script in an extension", "model.pmml", threat.MGXML101, threat.Suspicious, pmml("<Extension name=\"script\" value=\"java.lang.Runtime.getRuntime().exec('id')\"/>")),
		one("pmml: a script in an element of an extension", "model.pmml", threat.MGXML101, threat.Suspicious, pmml("<Extension><script>function(x) { return x; }</script></Extension>")),
		one("pmml: a script by escapes", "model.pmml", threat.MGXML101, threat.Suspicious, pmml("<Extension value=\"&#x52;untime.getRuntime()\"/>")),
	}
}
