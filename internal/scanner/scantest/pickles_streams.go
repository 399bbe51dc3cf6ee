package scantest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"modelgate/internal/threat"
)

// pickleNested hides a pickle in a value of another.
func pickleNested() []Case {
	inner := pk4(pkSystem())
	return []Case{
		evilPickle("nested in bytes", pk4(pkBytes(inner))),
		evilPickle("nested in bytes and loaded", pk4(pkCall(pkStack("pickle", "loads"), pkBytes(inner)))),
		evilPickle("nested in base64", pk4(pkStr(base64.StdEncoding.EncodeToString(inner)))),
		evilPickle("nested in hexadecimal", pk4(pkStr(hex.EncodeToString(inner)))),
		evilPickle("nested in a bytearray", pk4("\x96"+string(binary.LittleEndian.AppendUint64(nil, uint64(len(inner))))+string(inner))),
		evilPickle("nested in a string of protocol 0", pk4(pkStr(pkSystem0+"."))),
		evilPickle("nested in bytes that protocol 2 writes as Latin-1", []byte("\x80\x02c_codecs\nencode\n"+pkStr(latin1(inner))+pkStr("latin1")+"\x86R.")),
		evilPickle("nested in a string of Python 2", []byte("\x80\x02U"+string([]byte{byte(len(inner))})+string(inner)+".")),
		evilPickle("nested in gzip", pk4(pkBytes(Gzip(inner)))),
		evilPickle("nested twice", pk4(pkBytes(pk4(pkBytes(inner))))),
		evilPickle("nested in what torch loads from bytes", pk4(pkCall(pkStack("torch.storage", "_load_from_bytes"), pkBytes(inner)))),
		oddPickle("torch loads bytes that are nothing", pk4(pkCall(pkStack("torch.storage", "_load_from_bytes"), pkBytes([]byte("nothing at all"))))),
	}
}

// latin1 encodes bytes as the UTF-8 of the characters of the same numbers.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// pickleStreams have more than one stream, or something between and behind them.
func pickleStreams() []Case {
	clean := pk4("K\x01")
	payload := pk4(pkSystem())
	join := func(parts ...[]byte) []byte {
		var out []byte
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	wrapper := pkStack("joblib.numpy_pickle", "NumpyArrayWrapper") + ")\x81"
	float64s := pkCall(pkStack("numpy", "dtype"), pkStr("f8"), "\x89", "\x88") + pkTuple("K\x03", pkStr("<"), "N", "N", "N", "J\xff\xff\xff\xff", "J\xff\xff\xff\xff", "K\x00") + "b"
	state := func(dtype, shape string, more ...string) string {
		s := "}(" + pkStr("subclass") + pkStack("numpy", "ndarray") + pkStr("shape") + shape + pkStr("order") + pkStr("C") + pkStr("dtype") + dtype
		for _, m := range more {
			s += m
		}
		return s + "u"
	}
	raw := string(make([]byte, 16))
	objects := pkCall(pkStack("numpy", "dtype"), pkStr("O8"), "\x89", "\x88")
	small := pkCall(pkStack("numpy", "dtype"), pkStr("u1"), "\x89", "\x88")
	evilJoblib := func(name string, content []byte) Case {
		return Case{Name: "joblib: " + name, Path: "model.joblib", Bytes: content, Want: threat.JOBLIB100, Level: threat.Malicious}
	}
	return append(pickleLegacy(),
		evilPickle("second stream", join(clean, payload)),
		evilPickle("second stream behind padding", join(clean, make([]byte, 100), payload)),
		evilPickle("second stream behind junk", join(clean, []byte("\xff\xfe\xfd junk \x00\x01"), payload)),
		evilPickle("second stream behind a frame that goes on after STOP", join([]byte("\x80\x04\x95\x08\x00\x00\x00\x00\x00\x00\x00N.junk\xff\xff"), []byte("Vposix\nVsystem\n\x93\x8c\x02id\x85R."))),
		evilPickle("second stream behind a broken one", join([]byte("\x80\x04N\x93."), payload)),
		evilPickle("second stream of protocol 0 behind junk", join(clean, []byte("\xff\xfejunk"), []byte(pkSystem0+"."))),
		Case{
			Name: "pickle: trailing data", Path: "model.pkl", Bytes: join(clean, []byte("\xff\xfe\xfd\xfc what is this")),
			Want: threat.MGFMT402, Level: threat.Suspicious,
		},
		evilJoblib("a payload behind an array", pk4("("+wrapper+state(float64s, pkTuple("K\x02"))+"b"+raw+pkSystem()+"t")),
		evilJoblib("a payload behind a padded array", pk4("("+wrapper+state(float64s, pkTuple("K\x02"), pkStr("numpy_array_alignment_bytes")+"K\x10")+"b\x03\xff\xff\xff"+raw+pkSystem()+"t")),
		evilJoblib("an array whose size can't be told, and the rest of the stream behind it", pk4("("+wrapper+state(float64s, pkTuple("h\x63"))+"b"+raw+raw+pkSystem()+"t")),
		evilJoblib("a shape that is set twice", pk4("("+wrapper+state(float64s, pkTuple("K\x40"))+pkStr("shape")+pkTuple("K\x02")+"sb"+raw+pkSystem()+"t")),
		evilJoblib("an array of objects is a pickle", pk4(wrapper+state(objects, pkTuple("K\x01"))+"b"+string(payload))),
		evilJoblib("an array whose size can't be told, and a payload behind it", pk4("("+wrapper+state(float64s, pkTuple("h\x63"))+"b"+raw+raw+string(payload)+"t")),
		evilJoblib("bytes of an array are opcodes for a plain loader", pk4("("+wrapper+state(float64s, pkTuple("K\x20"))+"b"+
			pkSystem()+"t."+string(make([]byte, 256-len(pkSystem())-2))+"t")),
		Case{
			Name: "joblib: an unknown class beside an array", Path: "model.joblib", Want: threat.JOBLIB101, Level: threat.Suspicious,
			Bytes: pk4("(" + wrapper + state(float64s, pkTuple("K\x02")) + "b" + raw + pkStack("somewhere", "Net") + ")\x81t"),
		},
		Case{
			Name: "joblib: an array in a file elsewhere", Path: "model.joblib", Want: threat.MGPATH100, Level: threat.Malicious,
			Bytes: pk4(pkStack("joblib.numpy_pickle", "NDArrayWrapper") + ")\x81}" + pkStr("filename") + pkStr("../../etc/x.npy") + "sb"),
		},
		Case{
			Name: "joblib twin: an array of numbers that are opcodes", Path: "model.joblib", Twin: true,
			Bytes: pk4("(" + wrapper + state(small, pkTuple("M\x58\x02")) + "b" + strings.Repeat("N", 600) + pkStack("collections", "OrderedDict") + "t"),
		},
		Case{
			Name: "joblib twin: arrays of numbers and of objects", Path: "model.joblib", Twin: true,
			Bytes: pk4("(" + wrapper + state(float64s, pkTuple("K\x02")) + "b" + raw + wrapper + state(objects, pkTuple("K\x01")) + "b" + string(clean) + "t"),
		},
	)
}

// pickleLegacy are torch's legacy files.
func pickleLegacy() []Case {
	magic := "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	protocol := "\x80\x02M\xe9\x03."
	sys := "\x80\x02}(X\x10\x00\x00\x00protocol_versionM\xe9\x03X\x0d\x00\x00\x00little_endian\x88u."
	storage := pkTuple(pkStr("storage"), pkGlobal("torch", "FloatStorage"), pkStr("0"), pkStr("cpu"), "K\x02") + "Q"
	tensor := pkCall(pkGlobal("torch._utils", "_rebuild_tensor_v2"), storage, "K\x00", pkTuple("K\x02"), pkTuple("K\x01"), "\x89", "}")
	object := func(more string) string { return "\x80\x02}(" + pkStr("w") + tensor + more + "u." }
	keys := "\x80\x02]" + pkStr("0") + "a."
	data := "\x02\x00\x00\x00\x00\x00\x00\x00" + string(make([]byte, 8))
	evil := func(name string, content string) Case {
		return Case{Name: "torch legacy: " + name, Path: "model.pt", Bytes: []byte(content), Want: threat.PYTCH100, Level: threat.Malicious}
	}
	return []Case{
		evil("payload in the object", magic+protocol+sys+object(pkStr("x")+pkSystem())+keys+data),
		evil("payload among the facts of the system", magic+protocol+"\x80\x02"+pkSystem()+"."+object("")+keys+data),
		evil("payload among the keys", magic+protocol+sys+object("")+"\x80\x02]"+pkStr("0")+"a0"+pkSystem()+"0]"+pkStr("0")+"a."+data),
		evil("payload behind the storages", magic+protocol+sys+object("")+keys+data+string(pk4(pkSystem()))),
		{
			Name: "torch legacy: a magic number that a call computes", Path: "model.pt", Want: threat.PKL100, Level: threat.Malicious,
			Bytes: []byte("\x80\x02" + pkSystem() + "." + protocol + sys + object("") + keys + data),
		},
		{
			Name: "torch legacy: a persistent id that is no storage", Path: "model.pt", Want: threat.PYTCH101, Level: threat.Suspicious,
			Bytes: []byte(magic + protocol + sys + "\x80\x02" + pkTuple(pkStr("storage"), pkGlobal("torch", "FloatStorage"), pkStr("../0"), pkStr("cpu"), "K\x02") + "Q." + keys + data),
		},
		{Name: "torch legacy twin: a state dict", Path: "model.pt", Bytes: []byte(magic + protocol + sys + object("") + keys + data), Twin: true},
	}
}

// pickleTwins differ from an evil case in the one thing that matters.
func pickleTwins() []Case {
	inner := pk4("]K\x01a")
	return []Case{
		twinPickle("plain values", pk4("}("+pkStr("a")+"K\x01"+pkStr("b")+"](N\x88\x89eu")),
		twinPickle("dangerous words as values", pk4("]("+pkStr("posix")+pkStr("system")+pkStr("os.system('id')")+pkStr("cposix\nsystem is prose, as far as it goes")+"e")),
		twinPickle("PUT stores the top, which is harmless", pk4("\x8c\x05posix\x8c\x04mathp0\n0h\x00\x8c\x04sqrt\x93")),
		twinPickle("decoys that POP_MARK drops are dangerous words", pk4("\x8c\x04math(\x8c\x05posix\x8c\x06system1\x8c\x04sqrt\x93")),
		twinPickle("two streams", append(pk4("K\x01"), pk4("K\x02")...)),
		twinPickle("padding behind the stream", append(pk4("K\x01"), make([]byte, 4096)...)),
		twinPickle("a harmless pickle in bytes", pk4(pkBytes(inner))),
		twinPickle("random bytes", pk4(pkBytes([]byte("\x80\x02\xff\xfe and so on, not a pickle")))),
		twinPickle("OrderedDict by REDUCE and SETITEMS", pk4(pkCall(pkStack("collections", "OrderedDict"))+"("+pkStr("a")+"K\x01u")),
		twinPickle("defaultdict of list", pk4(pkCall(pkStack("collections", "defaultdict"), pkStack("builtins", "list")))),
		twinPickle("type of None", pk4(pkCall(pkStack("builtins", "type"), "N"))),
		twinPickle("bytes of protocol 2", []byte("\x80\x02c_codecs\nencode\n"+pkStr(latin1([]byte("\xff\x00plain")))+pkStr("latin1")+"\x86R.")),
		twinPickle("names of Python 2", []byte("ccopy_reg\n_reconstructor\n(ccollections\nOrderedDict\nc__builtin__\ndict\n}tR.")),
		twinPickle("partial of a harmless class", pk4(pkCall(pkStack("functools", "partial"), pkStack("collections", "OrderedDict")))),
		twinPickle("a universal function by name", pk4(pkCall(pkStack("numpy._core", "_ufunc_reconstruct"), pkStr("numpy"), pkStr("log1p")))),
		twinPickle("torch tensors rebuilt by type", pk4(pkCall(pkStack("torch._tensor", "_rebuild_from_type_v2"),
			pkStack("torch._utils", "_rebuild_parameter"), pkStack("torch.nn.parameter", "Parameter"), ")", "N"))),
		twinPickle("an estimator", pk4(pkStack("sklearn.linear_model._base", "LinearRegression")+")\x81}"+pkStr("fit_intercept")+"\x88sb")),
		twinPickle("a member of an enumeration", pk4(pkCall(pkStack("builtins", "getattr"), pkStack("transformers.trainer_utils", "IntervalStrategy"), pkStr("STEPS")))),
		twinPickle("a list shared by ten others", pk4("]\x94(K\x01e(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00l")),
	}
}
