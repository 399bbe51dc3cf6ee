package source

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrBudget is wrapped by every error that a spent budget causes. The engine makes a MG-FMT-406 finding of it.
var ErrBudget = errors.New("scan budget spent")

// ErrShared is wrapped, and ErrBudget with it, if what is spent is the budget that all files of a version share: then what is
// said of the file that met the end does not follow from its bytes alone.
var ErrShared = fmt.Errorf("of all files together: %w", ErrBudget)

// ErrBomb is wrapped when data expands without measure. The engine makes a MG-FMT-405 finding of it.
var ErrBomb = errors.New("data expands without measure")

// Limits bound what the scan of one version may cost, whatever its files say.
type Limits struct {
	Depth         int   // containers within containers
	Entries       int64 // members of all containers together
	EntriesInOne  int64 // members of one container
	Inflated      int64 // bytes that come out of decoders
	BombRatio     int64 // inflated bytes per stored byte beyond which ...
	BombThreshold int64 // ... more than this many inflated bytes are a bomb
}

// DefaultLimits are those of docs/configuration.md.
func DefaultLimits() Limits {
	return Limits{
		Depth: 16, Entries: 1_000_000, EntriesInOne: 100_000,
		Inflated: 8 << 30, BombRatio: 200, BombThreshold: 100 << 20,
	}
}

// Budget counts what the scanners of one version have used, safe for concurrent use.
type Budget struct {
	Limits   Limits
	stored   int64        // bytes of the version as stored
	fresh    atomic.Int64 // inflated bytes that came out for the first time
	inflated atomic.Int64 // all inflated bytes, also those that came again after a rewind
	entries  atomic.Int64
	shared   *Budget // of the version that the file belongs to, if this is the budget of a file
}

// NewBudget returns a full budget for a version of the given size in bytes.
func NewBudget(l Limits, stored int64) *Budget {
	return &Budget{Limits: l, stored: stored}
}

// For returns the budget of one file of the given size in bytes. It has the same limits, so that what is said of a file does
// not depend on its neighbours, and what it takes is taken from b too.
func (b *Budget) For(stored int64) *Budget {
	return &Budget{Limits: b.Limits, stored: stored, shared: b}
}

// Inflate takes n bytes that came out of a decoder for the first time.
func (b *Budget) Inflate(n int64) error {
	fresh := b.fresh.Add(n)
	if fresh > b.Limits.BombThreshold && b.stored > 0 && fresh/b.stored > b.Limits.BombRatio {
		return fmt.Errorf("%d bytes inflated from %d: %w", fresh, b.stored, ErrBomb)
	}
	return b.Repeat(n)
}

// Repeat takes n bytes that came out of a decoder again, because a scanner went back. They cost time but say nothing of how
// far the data expands: they count for the total alone.
func (b *Budget) Repeat(n int64) error {
	if total := b.inflated.Add(n); total > b.Limits.Inflated {
		return fmt.Errorf("%d bytes inflated: %w", total, ErrBudget)
	}
	if b.shared != nil {
		if err := b.shared.Repeat(n); err != nil {
			return fmt.Errorf("%w: %w", ErrShared, err)
		}
	}
	return nil
}

// Entry takes one member of a container.
func (b *Budget) Entry() error {
	if total := b.entries.Add(1); total > b.Limits.Entries {
		return fmt.Errorf("%d members: %w", total, ErrBudget)
	}
	if b.shared != nil {
		if err := b.shared.Entry(); err != nil {
			return fmt.Errorf("%w: %w", ErrShared, err)
		}
	}
	return nil
}

// Kept tells how many bytes of memory may be kept of a file of a size, in bytes, whatever it says: what honest models of many small
// parts take, and a fixed amount beside it.
func Kept(size int64) int64 { return 24<<20 + 2*min(size, 256<<20) }

// Inflated tells how many bytes came out of decoders so far, repeated ones included.
func (b *Budget) Inflated() int64 { return b.inflated.Load() }
