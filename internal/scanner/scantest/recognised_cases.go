package scantest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/threat"
)

// recognisedCases are the smallest files of each format that is recognised and not yet analysed, and neighbours that are not
// of it.
func recognisedCases() []Case {
	var cases []Case
	for _, s := range recognisedSamples() {
		cases = append(cases, Case{
			Name: "recognised: " + s.title, Path: "model" + s.ext, Bytes: s.bytes, Want: threat.MGFMT404, Level: threat.Unscannable,
		})
	}
	for _, s := range []sample{
		{"prose that begins as a LightGBM model", ".txt", []byte("tree\nversions of it grow in every garden\n")},
		{"JSON whose inner object has the keys of an XGBoost model", ".json", []byte(`{"notes": {"learner": 1, "version": [2]}}`)},
		{"XML of another root than OpenVINO", ".xml", []byte("<?xml version=\"1.0\"?><network><net/></network>")},
		{"text that begins with the letters of a Darwin archive", ".txt", []byte("binford tools bs64 and other words")},
		{"a vocabulary of a tokenizer", ".model", SentencePiece("<unk>", "the", "▁a")},
		{"an event log of training", ".0", TFRecord([]byte("hello"))},
		{"a picture", ".png", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")},
		{"text in UTF-16", ".txt", []byte("\xff\xfeh\x00e\x00l\x00l\x00o\x00")},
		{"an empty file", ".txt", []byte{}},
	} {
		cases = append(cases, Case{Name: "silent: " + s.title, Path: "file" + s.ext, Bytes: s.bytes, Twin: true})
	}
	return append(cases,
		Case{Name: "unknown: bytes of no format", Path: "blob.bin", Bytes: []byte("\xee\x01\xdd\x02\xcc\x00\xbb\x00\x00\xaa"), Want: threat.MGFMT404, Level: threat.Unscannable},
		Case{
			Name:  "twin: the same bytes beside the OpenVINO model that they belong to are left to that model",
			Files: map[string][]byte{"m.bin": []byte("\xee\x01\xdd\x02\xcc\x00\xbb\x00\x00\xaa"), "m.xml": []byte("<net name=\"m\" version=\"11\"><layers/></net>")},
			Twin:  true,
		},
	)
}

type sample struct {
	title, ext string
	bytes      []byte
}

// Message writes protobuf fields: a number is a varint, a string or []byte is length-delimited.
func Message(fields ...any) []byte {
	var out []byte
	for i := 0; i+1 < len(fields); i += 2 {
		num := protowire.Number(fields[i].(int))
		switch v := fields[i+1].(type) {
		case int:
			out = protowire.AppendVarint(protowire.AppendTag(out, num, protowire.VarintType), uint64(v))
		case string:
			out = protowire.AppendString(protowire.AppendTag(out, num, protowire.BytesType), v)
		case []byte:
			out = protowire.AppendBytes(protowire.AppendTag(out, num, protowire.BytesType), v)
		}
	}
	return out
}

// SentencePiece writes a tokenizer's vocabulary.
func SentencePiece(pieces ...string) []byte {
	var out []byte
	for _, p := range pieces {
		piece := protowire.AppendFixed32(protowire.AppendTag(Message(1, p), 2, protowire.Fixed32Type), 0x3f800000)
		out = append(out, Message(1, piece)...)
	}
	return append(out, Message(2, Message(3, 1), 3, Message(1, "nmt_nfkc"))...)
}

// flatBuffer writes the smallest buffer with an identifier: a root table without fields.
func flatBuffer(identifier string) []byte {
	out := []byte("\x0c\x00\x00\x00" + identifier + "\x04\x00\x04\x00\x04\x00\x00\x00")
	return append(out, make([]byte, 16)...)
}

// words writes 32-bit little-endian integers.
func words(w ...uint32) []byte {
	var out []byte
	for _, v := range w {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return out
}

func jsonObject(keys ...string) []byte {
	m := map[string]any{}
	for _, k := range keys {
		m[k] = []any{}
	}
	out, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("marshal sample: %v", err))
	}
	return out
}

func recognisedSamples() []sample {
	return nil
}

// TFRecord writes one record as TensorFlow does: length, masked CRC-32C of it, content, masked CRC-32C of that.
func TFRecord(content []byte) []byte {
	mask := func(b []byte) uint32 {
		crc := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
		return (crc>>15 | crc<<17) + 0xa282ead8
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(content)))
	out = binary.LittleEndian.AppendUint32(out, mask(out))
	out = append(out, content...)
	return binary.LittleEndian.AppendUint32(out, mask(content))
}
