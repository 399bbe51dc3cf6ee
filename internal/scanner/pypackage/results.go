package pypackage

import (
	"slices"
	"strconv"
	"strings"
)

// result is what a call gives, as far as it is known: constants that are put together, what is decoded, names that are looked up, answers.
func (c *code) result(fn value, made call) value {
	var first, second value
	if len(made.args) > 0 {
		first = made.args[0]
	}
	if len(made.args) > 1 {
		second = made.args[1]
	}
	if how := decoder(fn.name, second); how != "" {
		from := join(first.from, how)
		if first.known {
			return c.peel(how, first)
		}
		return value{from: from, fetched: first.fetched}
	}
	switch fn.name {
	case "chr":
		if n, err := strconv.ParseUint(first.text, 0, 21); err == nil && !first.known {
			return c.constant(string(rune(n)), "")
		}
	case "bytes", "bytearray":
		return c.bytesOf(first)
	case "str", "memoryview", "compile":
		return value{text: first.text, known: first.known, from: first.from, fetched: first.fetched}
	case "__import__", "importlib.import_module":
		if first.known {
			return value{name: first.text}
		}
	case "getattr":
		if second.known && first.name != "" {
			return attribute(first, second.text)
		}
	case ".join":
		return c.joined(fn, first)
	case ".decode", ".encode", ".strip", ".read", ".text", ".content", ".replace":
		known := fn.known && fn.name != ".replace" && (len(made.args) == 0 || !strings.Contains(strings.ToLower(first.text), "rot"))
		if known {
			return value{text: fn.text, known: true, from: fn.from, fetched: fn.fetched}
		}
		return value{from: fn.from, fetched: fn.fetched}
	}
	return value{fetched: fetches(fn.name) || fn.fetched, from: fn.from}
}

// bytesOf is what bytes() makes of a list of numbers.
func (c *code) bytesOf(v value) value {
	if v.list == nil || v.text != "" {
		return value{text: v.text, known: v.known, from: v.from, fetched: v.fetched}
	}
	out := make([]byte, 0, len(v.list))
	for _, x := range v.list {
		n, err := strconv.ParseUint(x.text, 0, 8)
		if err != nil || x.known {
			return value{}
		}
		out = append(out, byte(n))
	}
	return c.constant(string(out), "numbers")
}

// joined is what the method join of a constant makes of a list.
func (c *code) joined(fn, list value) value {
	var parts []string
	for _, x := range list.list {
		if !x.known {
			return value{}
		}
		parts = append(parts, x.text)
	}
	if list.list == nil || !fn.known {
		return value{}
	}
	return c.constant(strings.Join(parts, fn.text), "joined")
}

// decoders are the functions that take a step from their first argument to what is hidden in it, by the step.
var decoders = map[string]string{
	"base64.b64decode": "base64", "base64.standard_b64decode": "base64", "base64.urlsafe_b64decode": "base64", "base64.decodebytes": "base64",
	"base64.decodestring": "base64", "binascii.a2b_base64": "base64", "base64.b32decode": "base32", "base64.b16decode": "hex",
	"binascii.unhexlify": "hex", "binascii.a2b_hex": "hex", "bytes.fromhex": "hex", "bytearray.fromhex": "hex",
	"base64.b85decode": "base85", "base64.a85decode": "ascii85", "zlib.decompress": "zlib", "gzip.decompress": "gzip", "bz2.decompress": "bz2",
	"lzma.decompress": "lzma", "marshal.loads": "marshal",
}

// codecsDecode decodes by the codec that its second argument names.
const codecsDecode = "codecs.decode"

// codecNames are the names of codecs, without - and _, by the step that they take.
var codecNames = map[string]string{
	"rot13": "rot13", "base64": "base64", "base64codec": "base64", "hex": "hex", "hexcodec": "hex", "zlib": "zlib", "zip": "zlib",
	"zlibcodec": "zlib", "bz2": "bz2", "bz2codec": "bz2",
}

// decoder names the step that a function takes from its first argument to what is hidden in it, "" if it is none.
func decoder(name string, second value) string {
	if name == codecsDecode {
		return codecNames[strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(second.text), "-", ""), "_", "")]
	}
	return decoders[name]
}

// starters are the functions that start a program.
var starters = setOf("os.system", "os.popen", "os.startfile", "posix.system", "nt.system", "pty.spawn", "subprocess.run", "subprocess.Popen",
	"subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput")

// starterFamilies are what the names of the other functions that start a program begin with.
var starterFamilies = []string{"os.exec", "os.spawn", "os.posix_spawn"}

// starts tells whether a function starts a program.
func starts(name string) bool {
	return starters[name] || slices.ContainsFunc(starterFamilies, func(family string) bool { return strings.HasPrefix(name, family) })
}

// fetchers are the functions that ask something of the network.
var fetchers = setOf("urllib.request.urlopen", "urllib.request.urlretrieve", "urllib.urlopen", "urllib.urlretrieve", "urllib2.urlopen",
	"socket.create_connection", "http.client.HTTPConnection", "http.client.HTTPSConnection", "ftplib.FTP", "requests.get", "requests.post",
	"requests.put", "requests.request", "requests.Session", "httpx.get", "httpx.post", "httpx.put", "httpx.request", "httpx.Client",
	"urllib3.PoolManager", "smtplib.SMTP", "wget.download")

// fetches tells whether a function asks something of the network.
func fetches(name string) bool { return fetchers[name] }

// executors are the functions that execute code.
var executors = setOf("exec", "eval", "__builtins__.exec", "__builtins__.eval")

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
