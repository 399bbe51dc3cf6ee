package pypackage

import (
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

// decoder names the step that a function takes from its first argument to what is hidden in it, "" if it is none.
func decoder(name string, second value) string {
	switch name {
	case "base64.b64decode", "base64.standard_b64decode", "base64.urlsafe_b64decode", "base64.decodebytes", "base64.decodestring", "binascii.a2b_base64":
		return "base64"
	case "base64.b32decode":
		return "base32"
	case "base64.b16decode", "binascii.unhexlify", "binascii.a2b_hex", "bytes.fromhex", "bytearray.fromhex":
		return "hex"
	case "base64.b85decode":
		return "base85"
	case "base64.a85decode":
		return "ascii85"
	case "zlib.decompress":
		return "zlib"
	case "gzip.decompress":
		return "gzip"
	case "bz2.decompress":
		return "bz2"
	case "lzma.decompress":
		return "lzma"
	case "marshal.loads":
		return "marshal"
	case "codecs.decode":
		switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(second.text)) {
		case "rot13":
			return "rot13"
		case "base64", "base64codec":
			return "base64"
		case "hex", "hexcodec":
			return "hex"
		case "zlib", "zip", "zlibcodec":
			return "zlib"
		case "bz2", "bz2codec":
			return "bz2"
		}
	}
	return ""
}

// starts tells whether a function starts a program.
func starts(name string) bool {
	switch name {
	case "os.system", "os.popen", "os.startfile", "posix.system", "nt.system", "pty.spawn", "subprocess.run", "subprocess.Popen", "subprocess.call",
		"subprocess.check_call", "subprocess.check_output", "subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput":
		return true
	}
	return strings.HasPrefix(name, "os.exec") || strings.HasPrefix(name, "os.spawn") || strings.HasPrefix(name, "os.posix_spawn")
}

// fetches tells whether a function asks something of the network.
func fetches(name string) bool {
	switch name {
	case "urllib.request.urlopen", "urllib.request.urlretrieve", "urllib.urlopen", "urllib.urlretrieve", "urllib2.urlopen", "socket.create_connection",
		"http.client.HTTPConnection", "http.client.HTTPSConnection", "ftplib.FTP", "requests.get", "requests.post", "requests.put", "requests.request",
		"requests.Session", "httpx.get", "httpx.post", "httpx.put", "httpx.request", "httpx.Client", "urllib3.PoolManager", "smtplib.SMTP", "wget.download":
		return true
	}
	return false
}
