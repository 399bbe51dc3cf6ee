package hubtest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
	"sync"
)

// Files are the files of a commit by path. The path is as git keeps it: slashes, no leading slash, any characters.
type Files map[string]Content

// Content is what a file holds: bytes in memory, or bytes that are made as they are read. It never changes. The zero
// Content stands for a file that a commit deletes.
type Content struct {
	b *blob
}

// storage says how a file is kept: in git, with LFS, or as its name and size tell.
type storage int

const (
	byName storage = iota
	inGit
	inLFS
)

// blob is the state behind a Content: where its bytes come from, and the digests, computed once when first needed.
type blob struct {
	data  io.ReaderAt
	size  int64
	store storage

	shaOnce sync.Once
	sha     string // SHA-256, hexadecimal
	gitOnce sync.Once
	git     string // SHA-1 of a git blob, hexadecimal
}

func newContent(data io.ReaderAt, size int64, store storage) Content {
	return Content{&blob{data: data, size: size, store: store}}
}

// Bytes is a file of these bytes. It is kept with LFS if its name ends like those that the Hub keeps so by default
// (.bin, .safetensors, .pkl, …) or if it is larger than 10 MiB, and in git otherwise.
func Bytes(b []byte) Content { return newContent(strings.NewReader(string(b)), int64(len(b)), byName) }

// Text is Bytes of a string.
func Text(s string) Content { return newContent(strings.NewReader(s), int64(len(s)), byName) }

// Git is a file that is kept in git whatever its name and size.
func Git(b []byte) Content { return newContent(strings.NewReader(string(b)), int64(len(b)), inGit) }

// LFS is a file that is kept with LFS whatever its name and size.
func LFS(b []byte) Content { return newContent(strings.NewReader(string(b)), int64(len(b)), inLFS) }

// Synthetic is a file of size bytes that look random, depend on seed alone, and are made as they are read: it costs no
// memory, and its digest is computed by streaming when it is first needed. It is kept with LFS.
func Synthetic(size int64, seed uint64) Content {
	return newContent(io.NewSectionReader(noise(seed), 0, size), size, inLFS)
}

// Safetensors is a valid safetensors file with one tensor of size bytes of Synthetic noise behind its header.
func Safetensors(size int64, seed uint64) Content {
	header := fmt.Sprintf(`{"__metadata__":{"format":"pt"},"noise":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, size, size)
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return Concat(Bytes(append(head, header...)), Synthetic(size, seed))
}

// Concat is a file of the bytes of all parts, one behind the other. It is kept with LFS.
func Concat(parts ...Content) Content {
	var all joined
	var size int64
	for _, p := range parts {
		all = append(all, part{size, p.b.size, p.b.data})
		size += p.b.size
	}
	return newContent(all, size, inLFS)
}

// From is a file of size bytes that are read from data, which must give the same bytes for as long as the Content is used. It is kept
// as Bytes are.
func From(data io.ReaderAt, size int64) Content { return newContent(data, size, byName) }

// Size is the number of bytes.
func (c Content) Size() int64 { return c.b.size }

// ReadAt implements io.ReaderAt.
func (c Content) ReadAt(p []byte, off int64) (int, error) { return c.b.data.ReadAt(p, off) }

// NewReader reads the content from its beginning.
func (c Content) NewReader() *io.SectionReader { return io.NewSectionReader(c.b.data, 0, c.b.size) }

// SHA256 is the digest of the bytes in hexadecimal: the LFS object id.
func (c Content) SHA256() string {
	c.b.shaOnce.Do(func() { c.b.sha = c.digest(sha256.New()) })
	return c.b.sha
}

// GitSHA1 is the id that git gives a blob of these bytes, in hexadecimal.
func (c Content) GitSHA1() string {
	c.b.gitOnce.Do(func() {
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", c.b.size)
		c.b.git = c.digest(h)
	})
	return c.b.git
}

func (c Content) digest(h hash.Hash) string {
	if _, err := io.CopyBuffer(h, c.NewReader(), make([]byte, 1<<20)); err != nil {
		panic(fmt.Sprintf("hubtest: read content: %v", err)) // memory and noise cannot fail
	}
	return hex.EncodeToString(h.Sum(nil))
}

// lfsNames are the endings that the Hub's template of .gitattributes hands to LFS.
var lfsNames = func() map[string]bool {
	m := map[string]bool{}
	for _, ext := range strings.Fields("7z arrow bin bz2 ckpt ftz gguf gz h5 joblib keras lz4 mlmodel model msgpack npy npz onnx ot " +
		"parquet pb pickle pkl pt pth rar safetensors tar tflite tgz wasm whl xz zip zst") {
		m["."+ext] = true
	}
	return m
}()

// file is a Content under a name, with what the Hub says of it.
type file struct {
	Content
	path string
	lfs  bool
}

func newFile(name string, c Content) *file {
	lfs := c.b.store == inLFS || c.b.store == byName && (lfsNames[strings.ToLower(path.Ext(name))] || c.b.size > 10<<20)
	return &file{Content: c, path: name, lfs: lfs}
}

// pointer is the text that git keeps in place of an LFS object.
func (f *file) pointer() []byte {
	return fmt.Appendf(nil, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", f.SHA256(), f.Size())
}

// oid is the id of the file's blob in git: of its pointer if it is kept with LFS.
func (f *file) oid() string {
	if f.lfs {
		return Git(f.pointer()).GitSHA1()
	}
	return f.GitSHA1()
}

// etag is what the Hub's ETag holds between its quotes.
func (f *file) etag() string {
	if f.lfs {
		return f.SHA256()
	}
	return f.GitSHA1()
}

// xetHash is the file's name in Xet.
func (f *file) xetHash() string { return XetHash(f.Content) }

// XetHash is a name in Xet's manner for the bytes of an LFS file: 64 hexadecimal digits that are not their SHA-256.
func XetHash(c Content) string {
	sum := sha256.Sum256([]byte("xet " + c.SHA256()))
	return hex.EncodeToString(sum[:])
}

// noise is an endless file of bytes that look random: word i is a hash of i and the seed (splitmix64).
type noise uint64

func (n noise) ReadAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	var word [8]byte
	i, skip := uint64(off)/8, int(off%8)
	binary.LittleEndian.PutUint64(word[:], n.word(i))
	done := copy(p, word[skip:])
	for i++; len(p)-done >= 8; i++ {
		binary.LittleEndian.PutUint64(p[done:], n.word(i))
		done += 8
	}
	binary.LittleEndian.PutUint64(word[:], n.word(i))
	copy(p[done:], word[:])
	return len(p), nil
}

func (n noise) word(i uint64) uint64 {
	z := uint64(n) + (i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// joined reads parts one behind the other.
type joined []part

type part struct {
	off, size int64
	data      io.ReaderAt
}

func (j joined) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for _, s := range j {
		at := off + int64(done) - s.off
		if at < 0 || at >= s.size || done == len(p) {
			continue
		}
		want := min(int64(len(p)-done), s.size-at)
		n, err := s.data.ReadAt(p[done:done+int(want)], at)
		done += n
		if err != nil && int64(n) < want {
			return done, err
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// safetensorsHeader reads the JSON header of a safetensors file; ok is false if it is none.
func safetensorsHeader(c Content) (header json.RawMessage, ok bool) {
	var head [8]byte
	if _, err := c.ReadAt(head[:], 0); err != nil {
		return nil, false
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > uint64(c.Size())-8 || n > 25<<20 {
		return nil, false
	}
	header = make([]byte, n)
	if _, err := c.ReadAt(header, 8); err != nil && !errors.Is(err, io.EOF) {
		return nil, false
	}
	return header, json.Valid(header)
}
