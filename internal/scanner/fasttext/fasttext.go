// Package fasttext scans word vectors and classifiers of fastText.
//
// A model (facebookresearch/fastText, src/fasttext.cc, args.cc, dictionary.cc, densematrix.cc, quantmatrix.cc, productquantizer.cc) is
// little-endian and without padding:
//
//	i32 793712314, i32 version (11 or 12), arguments: 12 × i32, f64
//	dictionary: i32 entries, i32 words, i32 labels, i64 tokens, i64 pruned; entries: word, 0, i64 count, i8 type; pruned: 2 × i32
//	u8 quantised, matrix of the input, u8 output quantised too, matrix of the output
//	a matrix: i64 rows, i64 columns, f32 each
//	a quantised one: u8 with norms, i64 rows, i64 columns, i32 codes, codes, quantiser [, codes of norms, quantiser]
//	a quantiser: i32 dimensions, i32 parts, i32 of a part, i32 of the last, f32 × 256 × dimensions
//
// Nothing in it can carry code, and words may be of any text. What is checked is that counts and sizes fit the file.
package fasttext

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

const (
	magic     = 793712314
	arguments = 12*4 + 8

	maxWord  = 1 << 20
	maxModel = 3 // kinds of models, from 1
)

// Probe accepts files with the magic and a version that releases have.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 8 {
		return false, err
	}
	version := binary.LittleEndian.Uint32(head[4:])
	return binary.LittleEndian.Uint32(head) == magic && (version == 11 || version == 12), nil
}

// Scan goes through the parts of a model, and past its matrices.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("fasttext")
	size, err := f.Size()
	if err != nil {
		return err
	}
	m := &model{in: source.NewForward(f, 8, size-8), size: size}
	if err := m.read(); err != nil {
		if fault := m.in.Fault(); fault != nil {
			return fault
		}
		return err
	}
	end := m.in.Offset()
	if end >= size {
		return nil
	}
	found := finding.New(threat.MGFMT402, end, fmt.Sprintf("%d bytes follow the model.", size-end))
	found.Role = finding.RoleStructure
	s.Find(found)
	_, err = s.Member(ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", end), Bytes: source.Section(f, end, size-end), Prose: true})
	return err
}

// model reads a model from front to back.
type model struct {
	in   *source.Forward
	size int64
}

// take reads n bytes, which are few.
func (m *model) take(n int) ([]byte, error) {
	b := m.in.Peek(n)
	if len(b) < n {
		return nil, source.Malformedf(m.in.Offset(), "%d bytes wanted, %d remain", n, len(b))
	}
	b = bytes.Clone(b)
	m.in.Skip(int64(n))
	return b, nil
}

// skip goes past count things of a width.
func (m *model) skip(count, width uint64) error {
	over, n := bits.Mul64(count, width)
	if over > 0 || n > uint64(m.in.Left()) {
		return source.Malformedf(m.in.Offset(), "%d times %d bytes, and %d remain", count, width, m.in.Left())
	}
	m.in.Skip(int64(n))
	return nil
}

func (m *model) u32() (uint32, error) {
	b, err := m.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (m *model) flag() (bool, error) {
	b, err := m.take(1)
	if err != nil {
		return false, err
	}
	if b[0] > 1 {
		return false, source.Malformedf(m.in.Offset()-1, "%d where only 0 and 1 can be", b[0])
	}
	return b[0] == 1, nil
}

// read reads arguments, dictionary and both matrices.
func (m *model) read() error {
	args, err := m.take(arguments)
	if err != nil {
		return err
	}
	if kind := binary.LittleEndian.Uint32(args[7*4:]); kind < 1 || kind > maxModel {
		return source.Malformedf(8+7*4, "a model of kind %d", int32(kind))
	}
	if err := m.dictionary(); err != nil {
		return err
	}
	quantised, err := m.flag()
	if err != nil {
		return err
	}
	if err := m.matrix(quantised); err != nil {
		return err
	}
	output, err := m.flag()
	if err != nil {
		return err
	}
	return m.matrix(quantised && output)
}

// dictionary reads the words.
func (m *model) dictionary() error {
	at := m.in.Offset()
	head, err := m.take(3*4 + 2*8)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	entries, words, labels := int32(le.Uint32(head)), int32(le.Uint32(head[4:])), int32(le.Uint32(head[8:]))
	pruned := int64(le.Uint64(head[20:]))
	const least = 10 // bytes of an entry
	if entries < 0 || words < 0 || labels < 0 || int64(words)+int64(labels) != int64(entries) || int64(entries) > m.in.Left()/least {
		return source.Malformedf(at, "a dictionary of %d entries, %d words and %d labels in the %d bytes that remain", entries, words, labels, m.in.Left())
	}
	for range entries {
		if err := m.entry(); err != nil {
			return err
		}
	}
	if pruned > 0 {
		return m.skip(uint64(pruned), 8)
	}
	return nil
}

// entry reads a word, its count and its type.
func (m *model) entry() error {
	at := m.in.Offset()
	for n := 0; ; n++ {
		c, err := m.in.ReadByte()
		if err != nil {
			return source.Malformedf(at, "a word that does not end")
		}
		if c == 0 {
			break
		}
		if n > maxWord {
			return source.Malformedf(at, "a word of more than %d bytes", maxWord)
		}
	}
	tail, err := m.take(9)
	if err != nil {
		return err
	}
	if tail[8] > 1 {
		return source.Malformedf(m.in.Offset()-1, "an entry of type %d", tail[8])
	}
	return nil
}

// matrix goes past a matrix.
func (m *model) matrix(quantised bool) error {
	norms := false
	var err error
	if quantised {
		if norms, err = m.flag(); err != nil {
			return err
		}
	}
	at := m.in.Offset()
	head, err := m.take(16)
	if err != nil {
		return err
	}
	rows, columns := binary.LittleEndian.Uint64(head), binary.LittleEndian.Uint64(head[8:])
	over, cells := bits.Mul64(rows, columns)
	if over > 0 || rows > 1<<62 || columns > 1<<62 {
		return source.Malformedf(at, "a matrix of %d by %d", rows, columns)
	}
	if !quantised {
		return m.skip(cells, 4)
	}
	codes, err := m.u32()
	if err != nil {
		return err
	}
	if err := m.skip(uint64(codes), 1); err != nil {
		return err
	}
	if err := m.quantiser(); err != nil || !norms {
		return err
	}
	if err := m.skip(rows, 1); err != nil {
		return err
	}
	return m.quantiser()
}

// quantiser goes past the centroids of a quantiser.
func (m *model) quantiser() error {
	head, err := m.take(16)
	if err != nil {
		return err
	}
	const centroids = 256
	return m.skip(uint64(binary.LittleEndian.Uint32(head)), 4*centroids)
}
