package zipview

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/inflate"
)

// Compression methods (APPNOTE 4.4.5) that some reader in use decodes.
const (
	methodStored  = 0
	methodDeflate = 8
	methodBzip2   = 12
	methodLZMA    = 14
	methodZstd    = 93
	methodXZ      = 95
)

// maxCheck is how many stored bytes are read for the sake of a checksum alone.
const maxCheck = 4 << 20

// errChecksum says that an entry's bytes have another CRC-32 than its header. Readers of models ignore it.
var errChecksum = errors.New("checksum differs")

// errSize says that an entry has other bytes than its header states.
var errSize = errors.New("size differs")

// reading is one way to read the bytes of an entry.
type reading struct {
	bytes   source.Reader
	stream  *source.Stream // nil if the bytes are stored
	method  uint16
	taken   int64 // how many stored bytes it reads
	certain bool  // both headers agree on it
}

// decoderOf returns the decoder of a method, or nil for one that is stored or unknown.
func decoderOf(method uint16) inflate.Func {
	switch method {
	case methodDeflate:
		return inflate.Deflate
	case methodBzip2:
		return inflate.Bzip2
	case methodLZMA:
		return inflate.ZipLZMA
	case methodZstd:
		return inflate.Zstd
	case methodXZ:
		return inflate.XZ
	}
	return nil
}

// checked compares what a decoder gives with what a header states, at the end of the stream.
type checked struct {
	r    io.Reader
	n    int64
	sum  hash.Hash32
	want *Header
	// digest, if it is kept, is that of the bytes; kept is told of it at the end.
	digest hash.Hash
	kept   func(sum []byte, n int64)
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	_, _ = c.sum.Write(p[:n])
	if c.digest != nil {
		_, _ = c.digest.Write(p[:n])
	}
	if errors.Is(err, io.EOF) {
		if c.digest != nil {
			c.kept(c.digest.Sum(nil), c.n)
		}
		if c.n != c.want.Size {
			return n, fmt.Errorf("%d bytes instead of %d: %w", c.n, c.want.Size, errSize)
		}
		if got := c.sum.Sum32(); got != c.want.CRC {
			return n, fmt.Errorf("%08x instead of %08x: %w", got, c.want.CRC, errChecksum)
		}
	}
	return n, err
}

func (c *checked) Close() error {
	switch r := c.r.(type) {
	case io.Closer:
		return r.Close()
	case interface{ Close() }:
		r.Close()
	}
	return nil
}

// KeepDigests has the view hash what is inflated of its entries from now on, for Digest.
func (v *View) KeepDigests() { v.digests = map[*Entry][]byte{} }

// Digest is the SHA-256 of an entry's bytes, if they were inflated to their end by the directory's word, were as many as it says, and
// KeepDigests was called before; else it is nil.
func (v *View) Digest(e *Entry) []byte { return v.digests[e] }

// reading returns the first taken bytes of an entry as decoded by a method, checked against the given header; nil for an
// unknown method.
func (v *View) reading(e *Entry, method uint16, taken int64, want *Header, certain bool) *reading {
	r := &reading{method: method, taken: taken, certain: certain}
	if method == methodStored {
		r.bytes = source.Section(v.r, e.data, taken)
		return r
	}
	decode := decoderOf(method)
	if decode == nil {
		return nil
	}
	r.stream = source.Decode(v.r, e.data, taken, func(f *source.Forward) (io.Reader, error) {
		d, err := decode(f)
		if err != nil {
			return nil, err
		}
		c := &checked{r: d, sum: crc32.NewIEEE(), want: want}
		if v.digests != nil && v.digests[e] == nil && e.Central != nil && method == e.Central.Method && taken == e.taken {
			c.digest = sha256.New()
			c.kept = func(sum []byte, n int64) {
				if n == e.Size() {
					v.digests[e] = sum
				}
			}
		}
		return c, nil
	}, v.budget)
	r.bytes = r.stream
	return r
}

// readings returns the ways to read an entry's bytes, those first that both headers agree on. unknown tells that there is a
// method that nobody here decodes.
func (v *View) readings(e *Entry) (ways []*reading, unknown bool) {
	main := e.header()
	methods, lengths := []uint16{main.Method}, []int64{e.taken}
	if l := e.Local; l != nil && e.Central != nil {
		if l.Method != main.Method {
			methods = append(methods, l.Method)
		}
		if n := v.clamp(e.data, l.Stored); n != e.taken && !l.late(l.Stored) {
			lengths = append(lengths, n)
		}
	}
	sure := len(methods) == 1
	for _, m := range methods {
		unknown = unknown || m != methodStored && decoderOf(m) == nil
	}
	if !sure || unknown { // readers that know only two methods try these
		for _, m := range []uint16{methodStored, methodDeflate} {
			if !slices.Contains(methods, m) {
				methods = append(methods, m)
			}
		}
	}
	want := v.sized(e)
	for i, n := range lengths {
		for _, m := range methods {
			if r := v.reading(e, m, n, want, sure && !unknown && i == 0); r != nil {
				ways = append(ways, r)
			}
		}
	}
	return ways, unknown
}

// sized returns the header whose size and checksum count: the local one is often written before they are known.
func (v *View) sized(e *Entry) *Header {
	h := *e.header()
	if e.Central == nil && h.Flags&flagDescriptor != 0 && h.Size == 0 {
		var b [16]byte // of an entry that only the local view has, the descriptor knows
		if v.read(b[:], e.data+e.taken) && le32(b[:]) == sigDescriptor {
			h.CRC, h.Size = le32(b[4:]), int64(le32(b[12:]))
		}
	}
	return &h
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// verify tells how the bytes of a reading differ from their header, nil if they don't. Of stored bytes it reads only few.
func (v *View) verify(e *Entry, r *reading) error {
	if r.stream != nil {
		if _, err := r.stream.Size(); err != nil {
			return err
		}
		return r.stream.Err()
	}
	want := v.sized(e)
	if r.taken != want.Size {
		return fmt.Errorf("%d bytes instead of %d: %w", r.taken, want.Size, errSize)
	}
	if r.taken > maxCheck {
		return nil
	}
	buf := make([]byte, r.taken)
	if !v.read(buf, e.data) {
		return v.fault()
	}
	if got := crc32.ChecksumIEEE(buf); got != want.CRC {
		return fmt.Errorf("%08x instead of %08x: %w", got, want.CRC, errChecksum)
	}
	return nil
}
