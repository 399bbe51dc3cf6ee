package python

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"modelgate/internal/scanner/source/pystring"
)

// foldCall returns what a call of a known function with constant arguments gives; ok is false if the function is none of
// those.
func (w *walker) foldCall(name string, of []value, args arguments) (out value, ok bool) {
	if method, found := strings.CutPrefix(name, "."); found && len(of) == 1 {
		return w.foldMethod(of[0][0], method, args), true
	}
	first := args.at(0, "")
	switch strings.TrimPrefix(name, "builtins.") {
	case "chr":
		if a, ok := first.one(); ok && a.kind == aNum {
			return str(string(rune(a.n))), true
		}
		return hiddenIf(first), true
	case "ord":
		if s, ok := first.text(); ok && s != "" {
			return value{{kind: aNum, n: int64([]rune(s)[0])}}, true
		}
		return hiddenIf(first), true
	case "bytes", "bytearray":
		return foldBytes(first), true
	case "str", "compile", "memoryview":
		if a, ok := first.one(); ok && a.kind == aBytes {
			return str(a.s), true
		}
		return first, true
	case "int":
		return foldInt(first, args.at(1, "base")), true
	case "list", "tuple", "iter", "sorted", "set":
		if a, ok := first.one(); ok && name != "builtins.sorted" {
			return value{{kind: aList, items: a.elements()}}, true
		}
		return hiddenIf(first), true
	case "reversed":
		return reverse(first), true
	case "next", "max", "min", "random.choice":
		return first.contents().plus(args.at(1, "default")), true
	case "enumerate":
		return value{{kind: aList, items: []value{{{kind: aList, items: []value{nil, first.contents()}}}}}}, true
	case "zip":
		row := atom{kind: aList}
		for _, v := range args.positional {
			row.items = append(row.items, v.contents())
		}
		return value{{kind: aList, items: []value{{row}}}}, true
	case "filter":
		return args.at(1, ""), true
	case "dict", "collections.OrderedDict", "types.SimpleNamespace":
		return dictOf(first, args), true
	case "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "os.path.expanduser", "os.fspath", "os.path.abspath", "os.path.expandvars":
		if _, ok := first.begins(); ok {
			return first, true
		}
		return nil, false
	case "pathlib.Path.home":
		return str("~"), true
	case "os.path.join":
		return w.path(args.positional), true
	case "map":
		return w.foldMap(args), true
	case "range":
		return nil, true
	}
	return w.foldDecoder(name, first, args)
}

// hiddenIf keeps what is hidden.
func hiddenIf(v value) value {
	if v.has(aHidden) {
		return hidden()
	}
	return nil
}

// path joins the parts of a path.
func (w *walker) path(parts []value) value {
	var out value
	for i, v := range parts {
		s, known := v.text()
		switch before, ok := out.begins(); {
		case i == 0, known && strings.HasPrefix(s, "/"), ok && before == "":
			out = v
		case known && s == "":
		default:
			out = w.concat(w.concat(out, str("/")), v)
		}
	}
	return out
}

// dictOf is the dict of another one and of keywords.
func dictOf(v value, args arguments) value {
	out := atom{kind: aList, s: dictMark}
	if a, ok := v.one(); ok && a.isDict() {
		out.items, out.keys = append(out.items, a.items...), append(out.keys, a.keys...)
	}
	for _, k := range slices.Sorted(maps.Keys(args.named)) {
		out.items, out.keys = append(out.items, args.named[k]), append(out.keys, k)
	}
	return value{out}
}

func foldBytes(v value) value {
	a, ok := v.one()
	if !ok {
		return hiddenIf(v)
	}
	switch a.kind {
	case aStr, aBytes:
		return bytesOf(a.s)
	case aList:
		var b strings.Builder
		for _, item := range a.items {
			n, ok := item.one()
			if !ok || n.kind != aNum {
				return hiddenIf(item)
			}
			b.WriteByte(byte(n.n))
		}
		return bytesOf(b.String())
	}
	return hiddenIf(v)
}

func foldInt(v, base value) value {
	s, ok := v.text()
	if !ok {
		if a, one := v.one(); one && a.kind == aNum {
			return v
		}
		return hiddenIf(v)
	}
	b := int64(10)
	if n, ok := base.one(); ok && n.kind == aNum {
		b = n.n
	}
	n := int64(0)
	for _, c := range strings.ToLower(strings.TrimPrefix(strings.TrimSpace(s), "0x")) {
		digit := int64(strings.IndexRune("0123456789abcdefghijklmnopqrstuvwxyz", c))
		if digit < 0 || digit >= b || n > 1<<50 {
			return nil
		}
		n = n*b + digit
	}
	return value{{kind: aNum, n: n}}
}

func reverse(v value) value {
	a, ok := v.one()
	if !ok {
		return hiddenIf(v)
	}
	out := atom{kind: aList}
	items := a.elements()
	for i := range items {
		out.items = append(out.items, items[len(items)-1-i])
	}
	return value{out}
}

// foldMap folds map of a known function over a constant.
func (w *walker) foldMap(args arguments) value {
	f, ok1 := args.at(0, "").one()
	over, ok2 := args.at(1, "").one()
	if !ok1 || !ok2 || f.kind != aRef {
		return hiddenIf(args.at(1, ""))
	}
	out := atom{kind: aList}
	for _, item := range over.elements() {
		v, ok := w.foldCall(f.s, nil, arguments{positional: []value{item}})
		if !ok {
			return nil
		}
		out.items = append(out.items, v)
	}
	return value{out}
}

// foldMethod folds the methods of strings and lists.
func (w *walker) foldMethod(a atom, method string, args arguments) value {
	if a.kind == aHidden {
		return hidden()
	}
	if a.kind == aList || a.kind == aPrefix {
		return foldOther(a, method)
	}
	w.charge(len(a.s))
	same := func(s string) value { return value{{kind: a.kind, s: s}} }
	first, given := args.at(0, "").text()
	switch method {
	case "decode", "encode":
		if codec := strings.ToLower(first); given && codec != "" {
			if out, ok := decoders[strings.NewReplacer("-", "", "_", "").Replace(codec)]; ok {
				return w.decoded(a.s, out)
			}
		}
		if method == "encode" {
			return bytesOf(a.s)
		}
		return str(a.s)
	case "lower", "casefold":
		return same(strings.ToLower(a.s))
	case "upper":
		return same(strings.ToUpper(a.s))
	case "strip":
		if given {
			return same(strings.Trim(a.s, first))
		}
		return same(strings.TrimSpace(a.s))
	case "replace":
		to, ok := args.at(1, "").text()
		if !given || !ok || len(a.s)*(len(to)+1) > 64*maxFolded {
			return hidden()
		}
		if out := strings.ReplaceAll(a.s, first, to); len(out) <= maxFolded {
			return same(out)
		}
		return hidden()
	case "expanduser", "resolve", "absolute", "as_posix", "__str__":
		return value{a}
	case "joinpath":
		return w.concat(str(a.s+"/"), args.at(0, ""))
	case "join":
		return w.join(a, args.at(0, ""))
	case "split":
		parts := strings.Fields(a.s)
		if given && first != "" {
			parts = strings.Split(a.s, first)
		}
		out := atom{kind: aList}
		for _, p := range parts[:min(len(parts), maxItems)] {
			out.items = append(out.items, same(p))
		}
		return value{out}
	case "format":
		return w.format(a.s, args)
	case "translate", "swapcase", "title", "zfill", "hex":
		return hidden()
	case "fromhex":
		return w.decoded(first, decoders["hex"])
	}
	return nil
}

// foldOther folds the methods of lists, and of strings of which the beginning is known.
func foldOther(a atom, method string) value {
	switch method {
	case "pop", "__getitem__", "popleft":
		if a.kind == aList {
			return elements(a)
		}
	case "copy", "__iter__", "encode", "decode", "expanduser", "resolve", "absolute":
		return value{a}
	}
	return nil
}

func (w *walker) join(sep atom, list value) value {
	a, ok := list.one()
	if !ok {
		return hiddenIf(list)
	}
	var b strings.Builder
	for i, item := range a.elements() {
		s, ok := item.text()
		if !ok || b.Len() > maxFolded {
			return hiddenIf(item)
		}
		if i > 0 {
			b.WriteString(sep.s)
		}
		b.WriteString(s)
	}
	if b.Len() > maxFolded {
		return hidden()
	}
	w.charge(b.Len())
	return value{{kind: sep.kind, s: b.String()}}
}

// format folds the method format with fields that are empty, numbers or names.
func (w *walker) format(s string, args arguments) value {
	var b strings.Builder
	for auto := 0; ; {
		literal, rest, found := strings.Cut(s, "{")
		b.WriteString(literal)
		if !found {
			break
		}
		field, after, closed := strings.Cut(rest, "}")
		s = after
		v := args.at(auto, field)
		if field == "" {
			auto++
		} else if n, ok := w.number(field); ok {
			v = args.at(n, "")
		}
		a, ok := v.one()
		if ok && a.kind == aNum {
			v = w.concat(str(""), v)
		}
		text, ok := v.text()
		if !closed || !ok || b.Len()+len(text) > maxFolded {
			return hiddenIf(v)
		}
		b.WriteString(text)
	}
	return str(b.String())
}

func (w *walker) number(s string) (int, bool) {
	n, ok := foldInt(str(s), nil).one()
	return int(n.n), ok && n.n < 1000
}

// decoder undoes an encoding; its result is bounded by the caller.
type decoder func(s string) (io.Reader, error)

func plain(b []byte, err error) (io.Reader, error) { return bytes.NewReader(b), err }

// decoders are those of Python's libraries, by their names there.
var decoders = map[string]decoder{
	"base64": func(s string) (io.Reader, error) {
		s = strings.NewReplacer("\n", "", "\r", "", " ", "", "-", "+", "_", "/").Replace(s)
		return plain(base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "=")))
	},
	"base32": func(s string) (io.Reader, error) { return plain(base32.StdEncoding.DecodeString(s)) },
	"hex": func(s string) (io.Reader, error) {
		return plain(hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", ":", "").Replace(s)))
	},
	"ascii85": func(s string) (io.Reader, error) {
		s = strings.TrimSuffix(strings.TrimPrefix(s, "<~"), "~>")
		return ascii85.NewDecoder(strings.NewReader(s)), nil
	},
	"base85": func(s string) (io.Reader, error) { return plain(base85(s)) },
	"zlib":   func(s string) (io.Reader, error) { return zlib.NewReader(strings.NewReader(s)) },
	"gzip":   func(s string) (io.Reader, error) { return gzip.NewReader(strings.NewReader(s)) },
	"bz2":    func(s string) (io.Reader, error) { return bzip2.NewReader(strings.NewReader(s)), nil },
	"rot13": func(s string) (io.Reader, error) {
		return strings.NewReader(strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z':
				return 'a' + (r-'a'+13)%26
			case r >= 'A' && r <= 'Z':
				return 'A' + (r-'A'+13)%26
			}
			return r
		}, s)), nil
	},
	"unicodeescape": func(s string) (io.Reader, error) { return strings.NewReader(pystring.Unescape(s, false)), nil },
}

// base85 decodes Python's b85decode.
func base85(s string) ([]byte, error) {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
	padding := (5 - len(s)%5) % 5
	s += strings.Repeat("~", padding)
	out := make([]byte, 0, len(s)/5*4)
	for i := 0; i < len(s); i += 5 {
		n := uint64(0)
		for _, c := range []byte(s[i : i+5]) {
			d := strings.IndexByte(alphabet, c)
			if d < 0 {
				return nil, errors.New("no base85")
			}
			n = n*85 + uint64(d)
		}
		out = append(out, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return out[:len(out)-padding], nil
}

// functions that decode, by their dotted names.
var decoderNames = map[string]string{
	"base64.b64decode": "base64", "base64.standard_b64decode": "base64", "base64.urlsafe_b64decode": "base64", "base64.decodebytes": "base64",
	"base64.decodestring": "base64", "binascii.a2b_base64": "base64", "base64.b32decode": "base32", "base64.b16decode": "hex",
	"base64.a85decode": "ascii85", "base64.b85decode": "base85", "binascii.unhexlify": "hex", "binascii.a2b_hex": "hex",
	"builtins.bytes.fromhex": "hex", "builtins.bytearray.fromhex": "hex", "zlib.decompress": "zlib", "gzip.decompress": "gzip",
	"bz2.decompress": "bz2",
}

// unfollowed decode too, but their result is not computed.
var unfollowed = map[string]bool{
	"lzma.decompress": true, "codecs.decode": true, "codecs.getdecoder": true, "marshal.loads": true, "cryptography.fernet.Fernet.decrypt": true,
	"Crypto.Cipher.AES.new": true,
}

// foldDecoder folds a call of a decoder.
func (w *walker) foldDecoder(name string, first value, args arguments) (value, bool) {
	kind := decoderNames[name]
	if name == "codecs.decode" {
		codec, _ := args.at(1, "encoding").text()
		kind = strings.NewReplacer("-", "", "_", "", "codec", "").Replace(strings.ToLower(codec))
	}
	d := decoders[kind]
	if len(first) > 1 && d != nil { // of what it may be, each is decoded
		var out value
		for _, a := range first {
			if a.kind == aStr || a.kind == aBytes {
				out = out.plus(w.decoded(a.s, d))
			}
		}
		return out.plus(hiddenIf(first)), true
	}
	s, known := first.text()
	switch {
	case d != nil && known:
		return w.decoded(s, d), true
	case unfollowed[name]:
		return value{{kind: aHidden, s: hiddenObject}}, true
	case d != nil:
		return hidden(), true
	}
	return nil, false
}

// decoded runs a decoder within the bounds of folding.
func (w *walker) decoded(s string, d decoder) value {
	w.charge(len(s))
	r, err := d(s)
	if err != nil {
		return hidden()
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, maxFolded+1))
	if err != nil || n > maxFolded {
		return hidden()
	}
	w.charge(int(n))
	return bytesOf(b.String())
}
