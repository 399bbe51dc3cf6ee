package scantest

import (
	"encoding/binary"
	"fmt"
	"strings"

	"modelgate/internal/threat"
)

// The pieces that MessagePack is put together from.

func mpStr(s string) string { return string([]byte{0xd9, byte(len(s))}) + s }

func mpBin(b []byte) string {
	return "\xc6" + string(binary.BigEndian.AppendUint32(nil, uint32(len(b)))) + string(b)
}

func mpExt(kind byte, content string) string {
	return "\xc9" + string(binary.BigEndian.AppendUint32(nil, uint32(len(content)))) + string([]byte{kind}) + content
}

// mpMap is a map of pairs: key, value, key, value.
func mpMap(pairs ...string) string {
	return string([]byte{0x80 | byte(len(pairs)/2)}) + strings.Join(pairs, "")
}

// mpArray is an array of Flax.
func mpArray(dtype string, content []byte, shape ...byte) string {
	return mpExt(1, "\x93"+string([]byte{0x90 | byte(len(shape))})+string(shape)+mpStr(dtype)+mpBin(content))
}

// flaxParams is a tree of parameters, with further pairs beside them.
func flaxParams(more ...string) []byte {
	layer := mpMap(mpStr("kernel"), mpArray("float32", make([]byte, 24), 2, 3), mpStr("bias"), mpArray("bfloat16", make([]byte, 6), 3))
	return []byte(mpMap(append([]string{mpStr("params"), mpMap(mpStr("Dense_0"), layer)}, more...)...))
}

// flaxCases are trees of parameters that hold something else.
func flaxCases() []Case {
	pickle := pk4(pkSystem())
	harmless := pk4("}")
	evil := func(name string, id threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: "flax: " + name, Path: "flax_model.msgpack", Bytes: content, Want: id, Level: level}
	}
	twin := func(name string, content []byte) Case {
		return Case{Name: "twin: flax: " + name, Path: "flax_model.msgpack", Bytes: content, Twin: true}
	}
	many := strings.Repeat("\x81\xa1a", 150) + "\xc0"
	return []Case{
		evil("a leaf that is a dangerous pickle", threat.PKL100, threat.Malicious, flaxParams(mpStr("extra"), mpBin(pickle))),
		evil("a leaf that is a harmless pickle", threat.MGOBJ101, threat.Suspicious, flaxParams(mpStr("extra"), mpBin(harmless))),
		twin("a leaf of bytes that are nothing", flaxParams(mpStr("extra"), mpBin([]byte("\x80\x04 is how pickles begin")))),
		evil("a pickle as an old string", threat.PKL100, threat.Malicious, flaxParams(mpStr("extra"), mpStr(string(pickle)))),
		evil("a pickle in an array of bytes", threat.PKL100, threat.Malicious, flaxParams(mpStr("extra"), mpArray("uint8", pickle, byte(len(pickle))))),
		twin("an array of bytes", flaxParams(mpStr("extra"), mpArray("uint8", []byte("\x80\x04\xff\xff"), 4))),
		evil("an extension that is none of Flax's, with a pickle", threat.PKL100, threat.Malicious, flaxParams(mpStr("extra"), mpExt(42, string(pickle)))),
		evil("an extension that is none of Flax's", threat.MGFMT400, threat.Suspicious, flaxParams(mpStr("extra"), mpExt(42, "hello"))),
		twin("the extensions of Flax, and a time", flaxParams(mpStr("c"), mpExt(2, "\x92"+"\xcb\x00\x00\x00\x00\x00\x00\x00\x00"+"\xcb\x00\x00\x00\x00\x00\x00\x00\x00"),
			mpStr("s"), mpExt(3, "\x93\x90"+mpStr("int32")+mpBin(make([]byte, 4))), mpStr("t"), mpExt(0xff, "\x00\x00\x00\x00"))),
		evil("a key by which objects are built, with bytes", threat.MGOBJ100, threat.Malicious, flaxParams(mpStr("x"), mpMap(mpStr("__reduce__"), mpBin([]byte("state"))))),
		evil("a key by which objects are built, with a name", threat.MGOBJ100, threat.Malicious, flaxParams(mpStr("x"), mpMap(mpStr("__reduce__"), mpStr("os.system")))),
		evil("a key by which objects are built, alone", threat.MGOBJ101, threat.Suspicious, flaxParams(mpStr("x"), mpMap(mpStr("__class__"), mpStr("Dense")))),
		twin("a key that merely looks private", flaxParams(mpStr("__step__"), "\x07", mpStr("name"), mpStr("os.system"))),
		evil("an array whose shape lies", threat.MGFMT400, threat.Suspicious, flaxParams(mpStr("x"), mpArray("float32", make([]byte, 8), 3))),
		evil("an array of objects", threat.PKL100, threat.Malicious, flaxParams(mpStr("x"), mpArray("object", pickle, 1))),
		evil("nesting without end", threat.MGFMT405, threat.Suspicious, flaxParams(mpStr("x"), many)),
		evil("a container of four thousand million values", threat.MGFMT405, threat.Suspicious, flaxParams(mpStr("x"), "\xdd\xff\xff\xff\xff")),
		evil("a length beyond the end", threat.MGFMT400, threat.Suspicious, flaxParams(mpStr("x"), "\xc6\x00\x00\xff\xffhi")),
		evil("a pickle behind the end", threat.PKL100, threat.Malicious, append(flaxParams(), pickle...)),
		evil("bytes behind the end", threat.MGFMT402, threat.Suspicious, append(flaxParams(), "\x00\x00\x00\x00"...)),
		{
			Name: "flax: a dangerous pickle as an array of objects, as msgpack_numpy unpickles it", Path: "model",
			Bytes: []byte(mpMap(mpStr("nd"), "\xc3", mpStr("kind"), mpStr("O"), mpStr("data"), mpBin(pickle))), Want: threat.PKL100, Level: threat.Malicious,
		},
		{Name: "twin: flax: MessagePack as spaCy writes it", Path: "model", Bytes: []byte(mpMap(mpStr("nodes"), "\x91"+mpMap(mpStr("name"), mpStr("tok2vec")))), Twin: true},
		{
			Name: "twin: flax: chunks of an Orbax checkpoint are left to its manifest", Twin: true,
			Files: map[string][]byte{"manifest.ocdbt": orbax(0x0cdb3a2a, ""), "d/0123": []byte("\xee\x01\xdd\x02\xcc\x00\xbb\x00"), "d/4567": orbax(0x0cdb20de, "\xee\x01\xdd")},
		},
		{
			Name:  "flax: a pickle among the chunks of an Orbax checkpoint",
			Files: map[string][]byte{"manifest.ocdbt": orbax(0x0cdb3a2a, ""), "d/0123": pickle}, Want: threat.PKL100, Level: threat.Malicious,
		},
		{Name: "flax: a pickle behind the manifest of an Orbax checkpoint", Path: "manifest.ocdbt", Bytes: orbax(0x0cdb3a2a, string(pickle)), Want: threat.PKL100, Level: threat.Malicious},
		{
			Name: "flax: bytes in a directory that only looks like an Orbax checkpoint", Path: fmt.Sprintf("d/%s", "0123"), Bytes: []byte("\xee\x01\xdd\x02\xcc\x00\xbb\x00"),
			Want: threat.MGFMT404, Level: threat.Unscannable,
		},
	}
}

// orbax is a record of an Orbax database, and what lies behind it.
func orbax(magic uint32, behind string) []byte {
	out := binary.BigEndian.AppendUint32(nil, magic)
	out = binary.LittleEndian.AppendUint64(out, 14+8+4)
	return append(append(out, 0, 0), "contents\x01\x02\x03\x04"+behind...)
}
