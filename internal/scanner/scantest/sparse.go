package scantest

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// add writes bytes behind what is there.
func (s *Sparse) add(b []byte) {
	if s.Parts == nil {
		s.Parts = map[int64][]byte{}
	}
	s.Parts[s.Length] = bytes.Clone(b)
	s.Length += int64(len(b))
}

// gap leaves n zeros.
func (s *Sparse) gap(n int64) { s.Length += n }

// Fetch implements source.RangeFetcher.
func (s *Sparse) Fetch(_ context.Context, off, n int64) (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(s, off, n)), nil
}

// SparseSafetensors is a safetensors file of so many equal tensors of zeros.
func SparseSafetensors(size int64, tensors int) *Sparse {
	each := size / int64(tensors) / 2 * 2
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	for i := range tensors {
		header[fmt.Sprintf("model.layers.%d.self_attn.q_proj.weight", i)] = map[string]any{
			"dtype": "BF16", "shape": []int64{each / 2}, "data_offsets": []int64{int64(i) * each, int64(i+1) * each},
		}
	}
	text, err := json.Marshal(header)
	if err != nil {
		panic(fmt.Sprintf("marshal header: %v", err))
	}
	text = append(text, strings.Repeat(" ", (8-len(text)%8)%8)...)
	s := &Sparse{}
	s.add(binary.LittleEndian.AppendUint64(nil, uint64(len(text))))
	s.add(text)
	s.gap(each * int64(tensors))
	return s
}

// SparseCheckpoint is a ZIP checkpoint of so many equal tensors of zeros, as torch.save writes it. The checksums of the tensors
// are wrong, which PyTorch does not mind.
func SparseCheckpoint(size int64, tensors int) *Sparse {
	each := size / int64(tensors) / 4 * 4
	s := &Sparse{}
	var dir bytes.Buffer
	count := 0
	entry := func(name string, content []byte, n int64) {
		crc := crc32.ChecksumIEEE(content)
		head := func(sig uint32) []byte {
			out := binary.LittleEndian.AppendUint32(nil, sig)
			if sig == 0x02014b50 {
				out = append(out, 0, 0)
			}
			for _, v := range []uint16{0, 0x0800, 0, 0, 0} { // version, UTF-8, stored, time, date
				out = binary.LittleEndian.AppendUint16(out, v)
			}
			for _, v := range []uint32{crc, uint32(n), uint32(n)} {
				out = binary.LittleEndian.AppendUint32(out, v)
			}
			return binary.LittleEndian.AppendUint16(out, uint16(len(name)))
		}
		at := uint32(s.Length)
		pad := (64 - (int(s.Length)+30+len(name)+4)%64) % 64
		local := binary.LittleEndian.AppendUint16(head(0x04034b50), uint16(4+pad))
		local = append(local, name...)
		local = binary.LittleEndian.AppendUint16(append(local, 'F', 'B'), uint16(pad))
		s.add(append(local, strings.Repeat("Z", pad)...))
		if content != nil {
			s.add(content)
		} else {
			s.gap(n)
		}
		dir.Write(head(0x02014b50))
		dir.Write(make([]byte, 12)) // extra, comment, disk, attributes
		dir.Write(binary.LittleEndian.AppendUint32(nil, at))
		dir.WriteString(name)
		count++
	}
	pickle := sparsePickle(tensors, each/4)
	entry("archive/data.pkl", pickle, int64(len(pickle)))
	entry("archive/byteorder", []byte("little"), 6)
	for i := range tensors {
		entry(fmt.Sprintf("archive/data/%d", i), nil, each)
	}
	entry("archive/version", []byte("3\n"), 2)
	at := s.Length
	s.add(dir.Bytes())
	end := append([]byte("PK\x05\x06"), 0, 0, 0, 0)
	end = binary.LittleEndian.AppendUint16(end, uint16(count))
	end = binary.LittleEndian.AppendUint16(end, uint16(count))
	end = binary.LittleEndian.AppendUint32(end, uint32(dir.Len()))
	end = binary.LittleEndian.AppendUint32(end, uint32(at))
	s.add(append(end, 0, 0))
	return s
}

// sparsePickle is a state dict of tensors of so many floats.
func sparsePickle(tensors int, floats int64) []byte {
	var b bytes.Buffer
	str := func(s string) {
		b.WriteByte('X')
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		b.WriteString(s)
	}
	num := func(n int64) {
		b.WriteByte('J')
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
	b.WriteString("\x80\x02ccollections\nOrderedDict\n)R(")
	for i := range tensors {
		str(fmt.Sprintf("model.layers.%d.self_attn.q_proj.weight", i))
		b.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
		str("storage")
		b.WriteString("ctorch\nFloatStorage\n")
		str(fmt.Sprint(i))
		str("cpu")
		num(floats)
		b.WriteString("tQK\x00")
		num(floats)
		b.WriteString("\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR")
	}
	b.WriteString("u.")
	return b.Bytes()
}

// SparseGGUF is a GGUF file with a vocabulary of so many tokens, a chat template, and equal tensors of zeros.
func SparseGGUF(size int64, tensors, tokens int) *Sparse {
	var b bytes.Buffer
	u32 := func(v uint32) { b.Write(binary.LittleEndian.AppendUint32(nil, v)) }
	u64 := func(v uint64) { b.Write(binary.LittleEndian.AppendUint64(nil, v)) }
	str := func(s string) {
		u64(uint64(len(s)))
		b.WriteString(s)
	}
	b.WriteString("GGUF")
	u32(3)
	u64(uint64(tensors))
	u64(3)
	str("general.architecture")
	u32(8)
	str("llama")
	str("tokenizer.chat_template")
	u32(8)
	str("{% for m in messages %}{{ m['content'] }}{% endfor %}")
	str("tokenizer.ggml.tokens")
	u32(9)
	u32(8)
	u64(uint64(tokens))
	for i := range tokens {
		str(fmt.Sprintf("t%d", i))
	}
	each := size / int64(tensors) / 128 * 128
	for i := range tensors {
		str(fmt.Sprintf("blk.%d.attn_q.weight", i))
		u32(1)
		u64(uint64(each / 4))
		u32(0)
		u64(uint64(i) * uint64(each))
	}
	b.Write(make([]byte, (32-b.Len()%32)%32))
	s := &Sparse{}
	s.add(b.Bytes())
	s.gap(each * int64(tensors))
	return s
}
