package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/bodgit/sevenzip"
	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// row is a format of this package.
type row struct {
	probe func(*source.File) (bool, error)
	scan  func(context.Context, *source.File, source.Sink) error
}

func rows() map[string]row {
	all := map[string]row{
		"zip":    {ProbeZIP, ScanZIP},
		"tar":    {ProbeTar, ScanTar},
		"7_zip":  {Probe7z, Scan7z},
		"closed": {ProbeClosed, ScanClosed},
	}
	for _, c := range []Codec{GzipCodec, Bzip2Codec, XZCodec, LZMACodec, ZlibCodec, LZ4Codec, ZstdCodec} {
		all[c.Name] = row{c.Probe, c.Scan}
	}
	return all
}

// accepted tells which formats accept bytes.
func accepted(t *testing.T, content []byte) []string {
	t.Helper()
	var names []string
	for name, r := range rows() {
		ok, err := r.probe(scantest.NewFile(content))
		if err != nil {
			t.Fatalf("probe of %s: %v", name, err)
		}
		if ok {
			names = append(names, name)
		}
	}
	return names
}

// scanned scans bytes as one format, which must be the only one that accepts them.
func scanned(t *testing.T, format string, content []byte) *scantest.Recorder {
	t.Helper()
	if diff := cmp.Diff([]string{format}, accepted(t, content)); diff != "" {
		t.Fatalf("accepted as (-want +got):\n%s", diff)
	}
	rec := &scantest.Recorder{}
	err := rows()[format].scan(context.Background(), scantest.NewFile(content), rec)
	var bad *source.Malformed
	switch {
	case errors.As(err, &bad):
		rec.Find(finding.New(threat.MGFMT400, bad.Offset, bad.Reason))
	case errors.Is(err, source.ErrBudget):
		rec.Find(finding.New(threat.MGFMT406, -1, err.Error()))
	case err != nil:
		t.Fatalf("scan: %v", err)
	}
	return rec
}

const inner = "what is inside and must be seen"

func packers() map[string]func([]byte) []byte {
	return map[string]func([]byte) []byte{
		"gzip": scantest.Gzip, "xz": scantest.XZ, "lzma": scantest.LZMA, "zlib": scantest.Zlib, "lz4": scantest.LZ4, "zstd": scantest.Zstd,
	}
}

func TestStreams(t *testing.T) {
	for name, pack := range packers() {
		packed := pack([]byte(inner))
		for why, r := range map[string]struct {
			content []byte
			want    []string
		}{
			"alone":             {packed, nil},
			"padded with zeros": {append(bytes.Clone(packed), make([]byte, 600)...), nil},
			"before a payload":  {append(bytes.Clone(packed), "cposix\nsystem\n."...), []string{"MG-FMT-402"}},
			"cut off":           {packed[:len(packed)-3], []string{"MG-FMT-400"}},
		} {
			rec := scanned(t, name, r.content)
			if diff := cmp.Diff(r.want, rec.Threats()); diff != "" {
				t.Errorf("%s %s: threats (-want +got):\n%s", name, why, diff)
			}
			if diff := cmp.Diff([]string{"#" + name}, rec.Names()); diff != "" {
				t.Errorf("%s %s: members (-want +got):\n%s", name, why, diff)
			}
			// A block is decoded as a whole, so what is cut from the only one is lost in two formats.
			if whole := why != "cut off"; whole && !rec.Saw(inner) {
				t.Errorf("%s %s: the content was not seen", name, why)
			}
			if tail := len(r.want) > 0 && r.want[0] == "MG-FMT-402"; tail && !rec.Saw("cposix") {
				t.Errorf("%s %s: the tail was not seen", name, why)
			}
		}
	}
	rec := scanned(t, "bzip2", append(scantest.Bzip2(), "cposix\nsystem\n."...))
	if !rec.Saw(scantest.BzippedContent) || !rec.Saw("cposix") || rec.Threats()[0] != "MG-FMT-402" {
		t.Errorf("bzip2: %q, members %+v", rec.Threats(), rec.Members)
	}
}

func TestStreamsThatBreakOffGiveWhatCameOut(t *testing.T) {
	content := []byte(inner + strings.Repeat(" and a lot more that varies 0123456789", 20000))
	for name, pack := range packers() {
		packed := pack(content)
		rec := scanned(t, name, packed[:len(packed)-9])
		if diff := cmp.Diff([]string{"MG-FMT-400"}, rec.Threats()); diff != "" {
			t.Errorf("%s: threats (-want +got):\n%s", name, diff)
		}
		if !rec.Saw(inner) {
			t.Errorf("%s: what came out before the break was not seen", name)
		}
	}
}

func TestBombsAreStopped(t *testing.T) {
	for name, pack := range packers() {
		packed := pack(make([]byte, 4<<20))
		f := scantest.NewFile(packed)
		f.Budget.Limits.BombThreshold, f.Budget.Limits.BombRatio = 1<<20, 50
		if err := rows()[name].scan(context.Background(), f, &scantest.Recorder{}); !errors.Is(err, source.ErrBomb) {
			t.Errorf("%s: %v", name, err)
		}
		twin := scantest.NewFile(packed)
		if err := rows()[name].scan(context.Background(), twin, &scantest.Recorder{}); err != nil {
			t.Errorf("%s of many zeros, below the threshold: %v", name, err)
		}
	}
}

func TestTextIsNoStream(t *testing.T) {
	for _, content := range []string{
		"", "x", "x^2 + y^2 = z^2, which is no zlib header", "x\x9cnot deflated at all, is it?", "x\x01 text", "BZh9 is how a stream begins",
		"]\x00\x00\x00\x00 is no lzma header, is it", "\x1f\x8b\x08\xff and more bytes", "7z is a program", "\x04\x22\x4d",
	} {
		if got := accepted(t, []byte(content)); len(got) > 0 {
			t.Errorf("%q is accepted as %q", content, got)
		}
	}
}

func TestClosedContainers(t *testing.T) {
	for _, c := range closed {
		content := append(make([]byte, c.offset), c.magic+strings.Repeat("\x00", 64)...)
		rec := scanned(t, "closed", content)
		if diff := cmp.Diff([]string{"MG-FMT-404"}, rec.Threats()); diff != "" {
			t.Errorf("%s: threats (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestZIPsOfOtherFormatsAreLeftAlone(t *testing.T) {
	for why, content := range map[string][]byte{
		"a checkpoint": scantest.Checkpoint([]byte("\x80\x02N."), nil),
		"TorchScript":  scantest.TorchScript(nil, []byte("\x80\x02N."), map[string]string{"x.py": ""}),
		"arrays":       scantest.BuildZIP(scantest.ZIPEntry{Name: "a.npy", Content: []byte("\x93NUMPY\x01\x00")}),
		"legacy tar":   scantest.LegacyTar(map[string][]byte{"pickle": []byte("N."), "tensors": []byte("N."), "storages": []byte("N.")}),
	} {
		if got := accepted(t, content); len(got) > 0 {
			t.Errorf("%s is accepted as %q", why, got)
		}
	}
	rec := scanned(t, "zip", scantest.BuildZIP(scantest.ZIPEntry{Name: "data.pkl", Content: []byte(inner)}))
	if diff := cmp.Diff([]string{"data.pkl"}, rec.Names()); diff != "" || len(rec.Findings) > 0 {
		t.Errorf("members %q, findings %+v", rec.Names(), rec.Findings)
	}
}

func files() []scantest.ZIPEntry {
	return []scantest.ZIPEntry{{Name: "a/model.pt", Content: []byte(inner)}, {Name: "b.txt", Content: []byte("second")}}
}

func Test7z(t *testing.T) {
	type z = scantest.SevenZip
	content := []byte(inner + "second")
	broken := scantest.Build7z(z{Files: files(), Packed: []byte("\x01\x00\x20garbage")})
	for why, r := range map[string]struct {
		content []byte
		want    []string
		seen    bool
	}{
		"LZMA2":                      {scantest.Build7z(z{Files: files()}), nil, true},
		"a packed header":            {scantest.Build7z(z{Files: files(), Encoded: true}), nil, true},
		"stored":                     {scantest.Build7z(z{Files: files(), Codec: "\x00", Packed: content}), nil, true},
		"deflate":                    {scantest.Build7z(z{Files: files(), Codec: "\x04\x01\x08", Packed: scantest.Deflated(content)}), nil, true},
		"LZMA":                       {scantest.Build7z(z{Files: files(), Codec: "\x03\x01\x01", Properties: scantest.LZMA(content)[:5], Packed: scantest.LZMA(content)[13:]}), nil, true},
		"Zstandard":                  {scantest.Build7z(z{Files: files(), Codec: "\x04\xf7\x11\x01", Packed: scantest.Zstd(content)}), nil, true},
		"encrypted":                  {scantest.Build7z(z{Files: files(), Codec: "\x06\xf1\x07\x01", Properties: []byte{63, 0}, Packed: content}), []string{"MG-FMT-404"}, false},
		"an unknown method":          {scantest.Build7z(z{Files: files(), Codec: "\x77\x77", Packed: content}), []string{"MG-FMT-404"}, false},
		"a huge dictionary":          {scantest.Build7z(z{Files: files(), Codec: "\x21", Properties: []byte{40}, Packed: content}), []string{"MG-FMT-400", "MG-FMT-404"}, false},
		"a wrong checksum":           {scantest.Build7z(z{Files: files(), BadCRC: true}), []string{"MG-FMT-400"}, true},
		"bytes of no file":           {scantest.Build7z(z{Files: files(), NoNames: 2}), []string{"MG-FMT-403"}, true},
		"a stream that breaks off":   {broken, []string{"MG-FMT-400"}, false},
		"a name that leads out":      {scantest.Build7z(z{Files: []scantest.ZIPEntry{{Name: `..\..\x`, Content: []byte(inner)}}}), []string{"PAIT-ARV-100"}, true},
		"something behind":           {append(scantest.Build7z(z{Files: files()}), "cposix\nsystem\n."...), []string{"MG-FMT-402"}, true},
		"a header beyond the file":   {scantest.Build7z(z{Files: files()})[:60], []string{"MG-FMT-400"}, false},
		"a header of garbage":        {header7("\x01\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff"), []string{"MG-FMT-406"}, false},
		"a header that is no header": {header7("\x99"), []string{"MG-FMT-400"}, false},
		"no header at all":           {header7(""), nil, false},
	} {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, "7_zip", r.content)
			if diff := cmp.Diff(r.want, rec.Threats()); diff != "" {
				t.Errorf("threats (-want +got):\n%s\n%+v", diff, rec.Findings)
			}
			if rec.Saw(inner) != r.seen {
				t.Errorf("members %+v", rec.Members)
			}
		})
	}
}

// header7 is an archive with nothing but a header.
func header7(header string) []byte {
	b := scantest.Build7z(scantest.SevenZip{Files: files()[:1], Codec: "\x00", Packed: []byte{}})
	out := append(b[:12:12], make([]byte, 20)...)
	out[20] = byte(len(header))
	return fix7z(append(out, header...))
}

// fix7z puts the right checksums in place.
func fix7z(b []byte) []byte {
	sum := func(p []byte) [4]byte {
		c := crc(p)
		return [4]byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)}
	}
	s := sum(b[32:])
	copy(b[28:], s[:])
	s = sum(b[12:32])
	copy(b[8:], s[:])
	return b
}

func TestWhatTheOtherReaderOf7zOpensIsSeen(t *testing.T) {
	for _, encoded := range []bool{false, true} {
		content := scantest.Build7z(scantest.SevenZip{Files: files(), Encoded: encoded})
		rec := scanned(t, "7_zip", content)
		r, err := sevenzip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range r.File {
			rc, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(rc)
			if err != nil || f.Name != rec.Members[i].Name || !bytes.Equal(data, rec.Members[i].Content) {
				t.Errorf("%s: %q, %v; seen %+v", f.Name, data, err, rec.Members[i])
			}
			if err := rc.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestAPayloadTwelveContainersDeepIsSeen nests every container in the others, and scans what comes out with this package.
func TestAPayloadTwelveContainersDeepIsSeen(t *testing.T) {
	content := []byte(inner)
	zip := func(b []byte) []byte {
		return scantest.BuildZIP(scantest.ZIPEntry{Name: "x", Content: b, Deflate: true})
	}
	tar := func(b []byte) []byte { return scantest.BuildTar(scantest.TarEntry{Name: "x", Content: b}) }
	seven := func(b []byte) []byte {
		return scantest.Build7z(scantest.SevenZip{Files: []scantest.ZIPEntry{{Name: "x", Content: b}}, Encoded: true})
	}
	layers := []func([]byte) []byte{
		zip, scantest.Gzip, tar, seven, scantest.XZ, zip, scantest.Zstd, tar, scantest.LZ4, scantest.Zlib, seven, scantest.LZMA,
	}
	for _, pack := range layers {
		content = pack(content)
	}
	rec := &scantest.Recorder{}
	depth := 0
	rec.Reply = func(ctx context.Context, m source.Member) (source.Outcome, error) {
		f := &source.File{Reader: m.Bytes, Budget: source.NewBudget(source.DefaultLimits(), 1<<20)}
		for _, r := range rows() {
			ok, err := r.probe(f)
			if err != nil {
				return source.Outcome{}, err
			}
			if ok {
				depth++
				return source.Outcome{}, r.scan(ctx, f, rec)
			}
		}
		return source.Outcome{}, nil
	}
	if _, err := rec.Member(context.Background(), source.Member{Name: "outermost", Bytes: source.Bytes(content)}); err != nil {
		t.Fatal(err)
	}
	if !rec.Saw(inner) || len(rec.Findings) > 0 || depth != len(layers) {
		t.Errorf("depth %d, findings %+v", depth, rec.Findings)
	}
}

// TestNumbersThatLookLikeAStream holds a format without a magic to a MAT-file of version 4 that begins as its streams do.
func TestNumbersThatLookLikeAStream(t *testing.T) {
	numbers := []byte("\x00\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x0b\x00\x00\x00fit_params\x00\x81}'\x02\xe5\x05\xd3AF\xedh\xed+\xc4~?" +
		"\x00\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x00xdot_filt\x00\x00\x00\x00\xe0:\x8al=\x00\x00\x00`\"B\xac=")
	if isLZMA(numbers) {
		t.Error("numbers are taken for a stream")
	}
	zeros := scantest.LZMA(make([]byte, 5000))
	if !isLZMA(zeros) || !isLZMA(zeros[:len(zeros)-4]) {
		t.Error("a stream of zeros, whole or cut, is not taken for one")
	}
	broken := scantest.LZMA([]byte(strings.Repeat("cposix\nsystem\n", 300)))
	copy(broken[len(broken)-12:], "\xff\xff\xff\xff\xff\xff")
	if !isLZMA(broken) {
		t.Error("a stream that breaks behind something is not taken for one")
	}
}
