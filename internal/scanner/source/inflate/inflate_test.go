package inflate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// codec is a format with a way to write it.
type codec struct {
	decode  Func
	pack    func([]byte) []byte
	several bool // streams may follow each other
}

func codecs() map[string]codec {
	return map[string]codec{
		"deflate": {Deflate, scantest.Deflated, false},
		"zlib":    {Zlib, scantest.Zlib, false},
		"gzip":    {Gzip, scantest.Gzip, true},
		"xz":      {XZ, scantest.XZ, true},
		"lzma":    {LZMA, scantest.LZMA, false},
		"lz4":     {LZ4, scantest.LZ4, true},
		"zstd":    {Zstd, scantest.Zstd, true},
	}
}

// contents are things to compress: nothing, little, noise over several blocks, and a long run.
func contents() map[string][]byte {
	noise := make([]byte, 200<<10)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	return map[string][]byte{
		"nothing": {},
		"little":  []byte("some text"),
		"noise":   noise,
		"a run":   bytes.Repeat([]byte("run "), 80<<10),
	}
}

// decoded decodes all of a stream and tells where it stopped.
func decoded(packed []byte, decode Func) (content []byte, stopped int64, err error) {
	s := source.Decode(source.Bytes(packed), 0, int64(len(packed)), decode, source.NewBudget(source.DefaultLimits(), 1<<30))
	n, err := s.Size()
	if err != nil {
		return nil, 0, err
	}
	content = make([]byte, n)
	if n > 0 {
		if _, err := s.ReadAt(content, 0); err != nil {
			return nil, 0, err
		}
	}
	return content, s.Consumed(), s.Err()
}

func TestDecodersStopWhereTheirStreamEnds(t *testing.T) {
	tails := map[string]string{"nothing": "", "one byte": "x", "text": "and some more that follows", "zeros": "\x00\x00\x00\x00\x00\x00\x00"}
	for name, c := range codecs() {
		for what, content := range contents() {
			packed := c.pack(content)
			for why, tail := range tails {
				got, stopped, err := decoded(append(slices.Clone(packed), tail...), c.decode)
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s of %s before %s: %d bytes of %d, %v", name, what, why, len(got), len(content), err)
				}
				want := int64(len(packed))
				if name == "xz" && why == "zeros" {
					want += 4 // padding in fours belongs to the format
				}
				if stopped != want {
					t.Errorf("%s of %s before %s: stopped at %d, the stream has %d bytes", name, what, why, stopped, len(packed))
				}
			}
		}
	}
}

func TestStreamsThatFollowEachOther(t *testing.T) {
	skippable := append(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, magicSkippable+5), 4), "skip"...)
	for name, c := range codecs() {
		a, b := c.pack([]byte("first ")), c.pack([]byte("second"))
		rows := map[string][]byte{"next to each other": slices.Concat(a, b)}
		switch name {
		case "xz":
			rows["with padding between"] = slices.Concat(a, make([]byte, 8), b)
		case "lz4", "zstd":
			rows["with a skippable frame between"] = slices.Concat(a, skippable, b)
			rows["after a skippable frame"] = slices.Concat(skippable, a, skippable, skippable, b, skippable)
		}
		for why, packed := range rows {
			got, stopped, err := decoded(packed, c.decode)
			want, end := "first second", int64(len(packed))
			if !c.several {
				want, end = "first ", int64(len(a))
			}
			if string(got) != want || stopped != end || err != nil {
				t.Errorf("%s streams %s: %q, stopped at %d of %d, %v", name, why, got, stopped, len(packed), err)
			}
		}
	}
}

func TestBzip2(t *testing.T) {
	packed := scantest.Bzip2()
	for why, row := range map[string]struct {
		tail string
		want string
	}{
		"alone":            {"", scantest.BzippedContent},
		"before text":      {"text", scantest.BzippedContent},
		"before another":   {string(packed), scantest.BzippedContent + scantest.BzippedContent},
		"before two bytes": {"xx", scantest.BzippedContent},
	} {
		got, stopped, err := decoded(append(slices.Clone(packed), row.tail...), Bzip2)
		end := len(packed)
		if row.tail == string(packed) {
			end *= 2
		}
		if string(got) != row.want || stopped != int64(end) || err != nil {
			t.Errorf("%s: %q, stopped at %d of %d, %v", why, got, stopped, len(packed)+len(row.tail), err)
		}
	}
}

func TestTruncatedStreamsGiveWhatCameOut(t *testing.T) {
	content := contents()["noise"]
	for name, c := range codecs() {
		packed := c.pack(content)
		got, _, err := decoded(packed[:len(packed)*3/4], c.decode)
		if err == nil || !bytes.HasPrefix(content, got) || len(got) < len(content)/4 {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(content), err)
		}
	}
}

func TestDamagedStreamsAreErrors(t *testing.T) {
	content := []byte("some text that has a checksum")
	for name, c := range codecs() {
		if name == "deflate" || name == "lzma" {
			continue // have no checksum
		}
		packed := c.pack(content)
		i := bytes.Index(packed, content[:8])
		if name == "gzip" || name == "zlib" {
			i = len(packed) - 5 // in the checksum
		}
		if name == "zstd" || i < 0 {
			i = len(packed) - 2
		}
		packed[i] ^= 0x40
		if _, _, err := decoded(packed, c.decode); err == nil {
			t.Errorf("a damaged %s stream passes", name)
		}
	}
}

func TestLargeDictionariesAreRefused(t *testing.T) {
	xz := scantest.XZ([]byte("some text"))
	// The block header begins at 12; its last filter property is the size of the dictionary.
	header := xz[12 : 12+4*(int(xz[12])+1)]
	header[bytes.Index(header, []byte{0x21, 1})+2] = 40 // 4 GiB - 1
	binary.LittleEndian.PutUint32(header[len(header)-4:], crc32.ChecksumIEEE(header[:len(header)-4]))
	alone := scantest.LZMA([]byte("some text"))
	binary.LittleEndian.PutUint32(alone[1:], 0xffffffff)
	for name, row := range map[string]struct {
		packed []byte
		decode Func
	}{
		"xz":          {xz, XZ},
		"lzma":        {alone, LZMA},
		"lzma in ZIP": {append([]byte{9, 20, 5, 0, 0x5d, 0xff, 0xff, 0xff, 0xff}, alone[13:]...), ZipLZMA},
		// Frame header: no single segment, window descriptor for 2 TiB; one raw block.
		"zstd": {[]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x09, 0x00, 0x00, 'x'}, Zstd},
	} {
		if _, _, err := decoded(row.packed, row.decode); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLZMAInZIP(t *testing.T) {
	content := []byte("some text")
	alone := scantest.LZMA(content)
	packed := append(append([]byte{9, 20, 5, 0}, alone[:5]...), alone[13:]...)
	if got, _, err := decoded(packed, ZipLZMA); string(got) != string(content) || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	packed[2] = 4
	if _, _, err := decoded(packed, ZipLZMA); !errors.Is(err, ErrUnsupported) {
		t.Errorf("properties of another length: %v", err)
	}
}

func FuzzDecoders(f *testing.F) {
	all := codecs()
	all["bzip2"] = codec{decode: Bzip2, pack: func([]byte) []byte { return scantest.Bzip2() }}
	all["ziplzma"] = codec{decode: ZipLZMA, pack: scantest.LZMA}
	for _, c := range all {
		f.Add(c.pack([]byte("some text some text")))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		for name, c := range all {
			s := source.Decode(source.Bytes(packed), 0, int64(len(packed)), c.decode,
				source.NewBudget(source.Limits{Inflated: 4 << 20, BombRatio: 1 << 40}, 1))
			if _, err := s.Size(); err != nil && !errors.Is(err, source.ErrBudget) {
				t.Fatalf("%s: %v", name, err)
			}
			if n := s.Consumed(); n < 0 || n > int64(len(packed)) {
				t.Fatalf("%s consumed %d of %d bytes", name, n, len(packed))
			}
			if err := s.Close(); err != nil {
				t.Logf("%s: close: %v", name, err)
			}
		}
	})
}

// TestManySmallBlocksOfLargeDictionaries holds that what is made to spend memory is a bomb, and that the same stream once is
// not.
func TestManySmallBlocksOfLargeDictionaries(t *testing.T) {
	one := scantest.XZ([]byte("some text"))
	header := one[12 : 12+4*(int(one[12])+1)]
	header[bytes.Index(header, []byte{0x21, 1})+2] = 28 // 64 MiB
	binary.LittleEndian.PutUint32(header[len(header)-4:], crc32.ChecksumIEEE(header[:len(header)-4]))
	if got, _, err := decoded(one, XZ); string(got) != "some text" || err != nil {
		t.Errorf("one stream: %q, %v", got, err)
	}
	many := bytes.Repeat(one, 2000)
	s := source.Decode(source.Bytes(many), 0, int64(len(many)), XZ, source.NewBudget(source.DefaultLimits(), 1<<30))
	if _, err := s.Size(); !errors.Is(err, source.ErrBomb) {
		t.Errorf("2,000 streams: %v", err)
	}
}
