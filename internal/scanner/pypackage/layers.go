package pypackage

import (
	"bytes"
	"context"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/inflate"
	"modelgate/internal/scanner/source/pytokens"
	"modelgate/internal/threat"
)

// Bounds of what is peeled out of the literals of one file.
const (
	maxLayers   = 8
	maxDecoded  = 16 << 20 // bytes, of all layers
	maxLayer    = 8 << 20  // bytes, of one
	maxRatio    = 200
	maxLiterals = 2000
	minLiteral  = 24
)

// peeler takes layers off literals: encodings and compressions, as code that runs them names them, or as their bytes show.
type peeler struct {
	ctx     context.Context
	f       *source.File
	s       source.Sink
	decoded int64
	tried   int
	short   bool // a bound was reached
	err     error
	seen    map[string]bool // what was looked at, by its text
	layers  []value         // text that looks like Python, and how it was reached
}

// step decodes one layer that a call names. What cannot be decoded is not known, but where it comes from is.
func (p *peeler) step(how string, v value) value {
	from := join(v.from, how)
	unknown := value{from: from, fetched: v.fetched}
	if strings.Count(from, "!") >= maxLayers || p.tried >= maxLiterals {
		p.short = true
		return unknown
	}
	p.tried++
	out, ok := p.decode(how, v.text)
	if !ok {
		return unknown
	}
	v = value{text: out, known: true, from: from}
	p.look(v)
	return v
}

// decode decodes a layer within the bounds.
func (p *peeler) decode(how, text string) (out string, ok bool) {
	if p.err != nil || p.decoded >= maxDecoded {
		p.short = p.short || p.err == nil
		return "", false
	}
	var b []byte
	var err error
	switch how {
	case "base64":
		text = plainBase64.Replace(text)
		b, err = base64.RawStdEncoding.DecodeString(text)
	case "base32":
		b, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(text, "="))
	case "hex":
		b, err = hex.DecodeString(strings.Join(strings.Fields(text), ""))
	case "base85":
		b, err = base85(text)
	case "ascii85":
		text = strings.TrimSuffix(strings.TrimPrefix(text, "<~"), "~>")
		b = make([]byte, 4*len(text)+4)
		var n int
		n, _, err = ascii85.Decode(b, []byte(text), true)
		b = b[:n]
	case "rot13":
		b = []byte(strings.Map(rot13, text))
	case "zlib", "gzip", "bz2", "lzma":
		b, err = p.inflate(how, text)
	default:
		return "", false
	}
	p.decoded += int64(len(b))
	return string(b), err == nil && len(b) > 0
}

// plainBase64 leaves of base64 what is neither white space nor padding, in the alphabet without - and _.
var plainBase64 = strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "", " ", "", "=", "")

func rot13(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return 'a' + (r-'a'+13)%26
	case r >= 'A' && r <= 'Z':
		return 'A' + (r-'A'+13)%26
	}
	return r
}

// base85 decodes what Python calls base85: five digits of an alphabet of its own for four bytes.
func base85(text string) ([]byte, error) {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
	out := make([]byte, 0, len(text)/5*4+4)
	for len(text) > 0 {
		n := min(5, len(text))
		group := text[:n] + "~~~~"[:5-n]
		text = text[n:]
		var v uint64
		for i := range group {
			digit := strings.IndexByte(alphabet, group[i])
			if digit < 0 {
				return nil, errors.New("no digit of base 85")
			}
			v = v*85 + uint64(digit)
		}
		out = append(out, []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}[:n-1]...)
	}
	return out, nil
}

// inflate inflates a layer. What breaks off gives what came out before.
func (p *peeler) inflate(how, text string) ([]byte, error) {
	open := map[string]inflate.Func{"zlib": inflate.Zlib, "gzip": inflate.Gzip, "bz2": inflate.Bzip2, "lzma": inflate.LZMA}[how]
	if how == "lzma" && strings.HasPrefix(text, "\xfd7zXZ") {
		open = inflate.XZ
	}
	r, err := open(source.NewForward(source.Bytes(text), 0, int64(len(text))))
	if err != nil {
		return nil, err
	}
	limit := min(maxLayer, maxDecoded-p.decoded, int64(len(text))*maxRatio)
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, limit+1))
	if n > limit {
		p.short = true
	}
	if p.err = p.f.Budget.Inflate(n); p.err != nil {
		return nil, p.err
	}
	if n > 0 {
		return b.Bytes(), nil
	}
	return nil, err
}

// look hands what was peeled to the engine if it is a program, an archive or a pickle, and keeps it if it may be Python.
func (p *peeler) look(v value) {
	if p.err != nil || p.seen[v.text] {
		return
	}
	p.seen[v.text] = true
	if isBinary(v.text) {
		_, p.err = p.s.Member(p.ctx, source.Member{Name: "#" + v.from, Bytes: source.Bytes(v.text), Family: source.FamilyPackage, Prose: true})
		return
	}
	if looksLikePython(v.text) {
		p.layers = append(p.layers, v)
	}
}

// isBinary tells whether bytes begin like a program, an archive or a pickle.
func isBinary(text string) bool {
	switch {
	case strings.HasPrefix(text, "\x7fELF"), strings.HasPrefix(text, "PK\x03\x04"), strings.HasPrefix(text, "\xcf\xfa\xed\xfe"):
		return true
	case strings.HasPrefix(text, "MZ"):
		return len(text) > 256 && strings.Contains(text[:min(len(text), 4096)], "PE\x00\x00")
	case len(text) > 3 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5:
		return strings.HasSuffix(text, ".")
	}
	return false
}

// looksLikePython tells whether a text has words of code.
func looksLikePython(text string) bool {
	if len(text) < 8 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return false
	}
	for _, word := range []string{"import ", "__import__", "exec(", "eval(", "lambda", "os.system"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// literal tries a literal that no call decodes: by its alphabet, and by the bytes that its content begins with.
func (p *peeler) literal(k pytokens.Token) {
	if len(k.Text) < minLiteral || len(k.Text) > maxLayer || p.err != nil {
		return
	}
	how := ""
	switch {
	case packing(k.Text) != "":
		how = packing(k.Text)
	case strings.Trim(k.Text[:minLiteral], "0123456789abcdefABCDEF") == "" && strings.Trim(k.Text, "0123456789abcdefABCDEF") == "":
		how = "hex"
	case strings.IndexFunc(k.Text[:minLiteral], notBase64) < 0 && strings.IndexFunc(k.Text, notBase64) < 0:
		how = "base64"
	default:
		return
	}
	if p.tried++; p.tried > maxLiterals {
		p.short = true
		return
	}
	v := value{text: k.Text}
	for range maxLayers {
		text, ok := p.decode(how, v.text)
		if !ok {
			return
		}
		v = value{text: text, known: true, from: join(v.from, how)}
		if how = packing(text); how == "" {
			break
		}
	}
	p.look(v)
}

func notBase64(r rune) bool {
	return (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("+/-_=\n\r ", r)
}

// packing tells by which compression bytes are packed, by what they begin with.
func packing(text string) string {
	switch {
	case strings.HasPrefix(text, "\x1f\x8b\x08"):
		return "gzip"
	case strings.HasPrefix(text, "BZh") && len(text) > 10 && text[4:10] == "1AY&SY":
		return "bz2"
	case strings.HasPrefix(text, "\xfd7zXZ"):
		return "lzma"
	case len(text) > 2 && text[0] == 'x' && strings.IndexByte("\x01\x5e\x9c\xda", text[1]) >= 0:
		return "zlib"
	}
	return ""
}

// limits says that not all layers were taken off.
func (p *peeler) limits() {
	if p.short {
		p.s.Find(found(threat.MGPKG104, "", -1, "", fmt.Sprintf(
			"It holds more than is read: %d levels of layers in %d literals, %d bytes of them, %d calls, %d words and signs.",
			maxLayers, maxLiterals, maxDecoded, maxCalls, pytokens.Max)))
	}
}
