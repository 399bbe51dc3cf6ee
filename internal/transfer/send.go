package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// ErrMismatch is wrapped when bytes that pass are not those that were judged.
var ErrMismatch = errors.New("the bytes are not those that were judged")

// Check says what the bytes must be.
type Check struct {
	// Blocks are what scanners were given. Those that lie whole in what passes are compared before any byte of them is given out.
	Blocks []finding.Block
	// Digest is that of the whole, "" if it is not known. It is compared if the whole passes: the last bytes are given out only if it is right.
	Digest model.Digest
}

// Sizes of what is held back.
const (
	piece    = 256 << 10
	withheld = 64 << 10
	maxBlock = 8 << 20 // a larger block is compared without being held back; scanners remember none
)

// Copy gives out the bytes of a span as they come from body. It returns the number of those given out, and an error that wraps
// ErrMismatch if they are not what they must be, or io.ErrUnexpectedEOF if they end too early; what was given out then is short of its length.
// A span whose end is not known ends with the body.
func Copy(w io.Writer, body io.Reader, s Span, c Check) (int64, error) {
	p := &passing{w: w, at: s.First, blocks: within(c.Blocks, s)}
	if c.Digest != "" && s.Whole() {
		p.whole, p.digest = sha256.New(), c.Digest
	}
	left := s.Size()
	endless := s.Total < 0 && s.Last < s.First
	buf := make([]byte, piece)
	for endless || left > 0 {
		take := int64(len(buf))
		if !endless {
			take = min(take, left)
		}
		n, err := body.Read(buf[:take])
		left -= int64(n)
		if e := p.pass(buf[:n]); e != nil {
			return p.given, e
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return p.given, err
		}
	}
	if !endless && left > 0 {
		return p.given, fmt.Errorf("%d bytes are missing: %w", left, io.ErrUnexpectedEOF)
	}
	return p.given, p.end()
}

// within are the blocks that lie whole in a span, in their order.
func within(blocks []finding.Block, s Span) []finding.Block {
	var out []finding.Block
	for _, b := range blocks {
		if b.Size > 0 && b.Offset >= s.First && (b.Offset+b.Size-1 <= s.Last || s.Total < 0) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b finding.Block) int { return int(min(1, max(-1, a.Offset-b.Offset))) })
	return slices.CompactFunc(out, func(a, b finding.Block) bool { return b.Offset < a.Offset+a.Size })
}

// passing is what has passed so far.
type passing struct {
	w      io.Writer
	at     int64 // offset of the next byte
	given  int64
	blocks []finding.Block // still to come; the first one may have begun
	block  hash.Hash       // of the block that has begun, nil between blocks
	held   []byte          // bytes that wait for a block or for the whole to be right
	whole  hash.Hash       // nil if there is nothing to compare
	digest model.Digest
}

// pass takes the next bytes.
func (p *passing) pass(b []byte) error {
	if p.whole != nil {
		_, _ = p.whole.Write(b)
	}
	for len(b) > 0 {
		n, err := p.step(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// step takes some of the next bytes: up to the next border of a block.
func (p *passing) step(b []byte) (int, error) {
	if len(p.blocks) == 0 || p.at < p.blocks[0].Offset {
		n := len(b)
		if len(p.blocks) > 0 {
			n = int(min(int64(n), p.blocks[0].Offset-p.at))
		}
		p.at += int64(n)
		return n, p.give(b[:n])
	}
	next := p.blocks[0]
	if p.block == nil {
		p.block = sha256.New()
	}
	n := int(min(int64(len(b)), next.Offset+next.Size-p.at))
	_, _ = p.block.Write(b[:n])
	p.at += int64(n)
	if p.held = append(p.held, b[:n]...); next.Size > maxBlock {
		if err := p.give(nil); err != nil {
			return n, err
		}
	}
	if p.at < next.Offset+next.Size {
		return n, nil
	}
	if !strings.EqualFold(next.SHA256, hex.EncodeToString(p.block.Sum(nil))) {
		return n, fmt.Errorf("a scanner was given other bytes at %d: %w", next.Offset, ErrMismatch)
	}
	p.blocks, p.block = p.blocks[1:], nil
	return n, p.give(nil)
}

// give gives out what is held and what is added, but for the last bytes of a whole that is still to be compared.
func (p *passing) give(b []byte) error {
	keep := 0
	if p.whole != nil {
		keep = withheld
	}
	if len(p.held) == 0 && keep == 0 {
		return p.write(b)
	}
	p.held = append(p.held, b...)
	if n := len(p.held) - keep; n > 0 {
		if err := p.write(p.held[:n]); err != nil {
			return err
		}
		p.held = p.held[:copy(p.held, p.held[n:])]
	}
	return nil
}

func (p *passing) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := p.w.Write(b)
	p.given += int64(n)
	return err
}

// end compares the whole and gives out the rest.
func (p *passing) end() error {
	if p.block != nil { // the whole was shorter than the block: only where its size was not known
		return fmt.Errorf("it ends within a block: %w", ErrMismatch)
	}
	if p.whole != nil {
		if got := hex.EncodeToString(p.whole.Sum(nil)); got != p.digest.Hex() {
			return fmt.Errorf("the whole is %s: %w", got, ErrMismatch)
		}
		p.whole = nil
	}
	return p.give(nil)
}
