package scantest

import (
	"encoding/binary"
	"strings"

	"modelgate/internal/threat"
)

// trained is trained data of so many parts, of which some are there.
func trained(order binary.AppendByteOrder, count int, parts map[int]string) []byte {
	out := order.AppendUint32(nil, uint32(count))
	at := 4 + 8*count
	for kind := range count {
		p, ok := parts[kind]
		if !ok {
			out = order.AppendUint64(out, 1<<64-1)
			continue
		}
		out = order.AppendUint64(out, uint64(at))
		at += len(p)
	}
	for kind := range count {
		out = append(out, parts[kind]...)
	}
	return out
}

// tesseractCases are trained data of Tesseract.
func tesseractCases() []Case {
	one := func(name string, id threat.ID, content []byte) Case {
		c := Case{Name: "tesseract: " + name, Path: "eng.traineddata", Bytes: content, Want: id, Twin: id == ""}
		if id != "" {
			c.Level = threat.Get(id).Level
		}
		return c
	}
	const network, characters, version = "\x00\x06\x00\x00\x00Series\x00\x00\xc0\x00\x00\x00$", "2\nNULL 0 NULL 0\na 3 0,255,0,255 Latin 1\n", "5.3.0"
	le := binary.LittleEndian
	with := func(settings string) []byte {
		return trained(le, 24, map[int]string{0: settings, 17: network, 21: characters, 23: version})
	}
	gap := with("# none\n")
	le.PutUint64(gap[4+8*17:], le.Uint64(gap[4+8*17:])+1)
	le.PutUint64(gap[4:], le.Uint64(gap[4:])+1)
	back := with("# none\n")
	le.PutUint64(back[4+8*21:], 10)
	long := strings.Repeat("a", 300)
	return []Case{
		one("twin: a network without settings", "", trained(le, 24, map[int]string{17: network, 21: characters, 23: version})),
		one("twin: the byte order of other machines", "", trained(binary.BigEndian, 24, map[int]string{17: network, 21: characters})),
		one("twin: shapes of an old release", "", trained(le, 11, map[int]string{1: characters, 3: "shapes", 4: "cuts"})),
		one("twin: settings as languages have them", "", with("# os.system('id') is a remark, and debug_file x too\n\npreserve_interword_spaces 1\r\n"+
			"language_model_ngram_scale_factor 0.1\nsegsearch_max_char_wh_ratio\t1.3\ntextord_no_rejects  T\nstopper_nondict_certainty_base   -2\n"+
			"tessedit_char_blacklist /etc/passwd\ntessedit_load_sublangs deu+~eng\nuser_words_suffix user-words\nchop_enable F of old\ntextord_show_blobs 0\n")),
		one("twin: an engine that is told to be quiet", "", with("debug_file /dev/null\n")),
		one("parameters that are written to a file", threat.MGOP301, with("chop_enable T\ntessedit_write_params_to_file /home/user/.profile\n")),
		one("a log in a place of the data's choice", threat.MGOP301, with("debug_file .bashrc\n")),
		one("ambiguities that are written to a file whose name is a number", threat.MGOP301, with("output_ambig_words_file 1\n")),
		one("words from a file outside", threat.MGPATH100, with("user_words_file /etc/passwd\n")),
		one("patterns from another file", threat.MGOP302, with("user_patterns_file words.txt\n")),
		one("a language outside", threat.MGPATH100, with("tessedit_load_sublangs ../../evil\n")),
		one("words of a language elsewhere", threat.MGOP302, with("user_words_suffix a/words\n")),
		one("pictures that are written", threat.MGOP302, with("tessedit_write_images true\n")),
		one("a viewer that is started", threat.MGOP302, with("wordrec_display_splits 1\n")),
		one("a parameter of nobody known", threat.MGOP300, with("write_elsewhere /tmp/x\n")),
		one("a parameter behind what short lines hold", threat.MGOP301, with("tessedit_char_blacklist "+long+"debug_file /tmp/x\n")),
		one("a remark whose end is a line for some", threat.MGOP301, with("#"+long+"tessedit_write_params_to_file x\n")),
		one("a parameter in front of a NUL", threat.MGOP301, with("debug_file x\x00\n")),
		one("settings without end", threat.MGFMT400, with(strings.Repeat("#\n", 600_000))),
		one("a pickle in place of a dictionary", threat.PKL100, trained(le, 24, map[int]string{17: network, 18: string(pk4(pkSystem()))})),
		one("a program in place of a version", threat.MGEXE100, trained(le, 24, map[int]string{17: network, 23: string(ELF(2, 62, true))})),
		one("a last dictionary that breaks off", threat.MGFMT400, trained(le, 24, map[int]string{17: network, 18: "*\x00\x70\x00\x00\x00\x02\x00\x00\x00" + strings.Repeat("\x00", 15)})),
		one("twin: a last dictionary that is whole", "", trained(le, 24, map[int]string{17: network, 18: "*\x00\x70\x00\x00\x00\x02\x00\x00\x00" + strings.Repeat("\x00", 16)})),
		one("last characters that break off", threat.MGFMT400, trained(le, 24, map[int]string{17: network, 21: characters[:len(characters)-1]})),
		one("offsets that leave a gap", threat.MGFMT404, gap),
		one("offsets that lead back", threat.MGFMT404, back),
		one("more parts than the engine reads", threat.MGFMT404, trained(le, 25, map[int]string{17: network, 24: "evil"})),
		one("neither characters nor a network", threat.MGFMT404, trained(le, 24, map[int]string{0: "debug_file x\n", 23: version})),
	}
}
