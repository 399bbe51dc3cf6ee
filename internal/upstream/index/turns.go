package index

import (
	"context"
	"runtime"
	"sync"

	"modelgate/internal/blob"
)

// turns bound how many files are read at once: reading them is work of the processors.
type turns chan struct{}

// turnsEach is how many turns there are for each processor: enough that a few files which take long do not stop all others.
const turnsEach = 4

func newTurns() turns { return make(turns, turnsEach*runtime.GOMAXPROCS(0)) }

// take waits for a turn.
func (t turns) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// taken is a file that is read in its turn, which ends when it is closed.
type taken struct {
	*blob.Content
	turns turns
	once  sync.Once
}

// Close implements source.Content.
func (c *taken) Close() error {
	c.once.Do(func() { <-c.turns })
	return c.Content.Close()
}
