package hub

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Memory remembers facts over restarts. A fact that is lost is asked for again.
type Memory interface {
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	Put(ctx context.Context, key string, value []byte) error
}

// Bounds of what is remembered in memory, and of one fact that is kept in Memory.
const (
	factsInMemory = 100_000
	packFrom      = 4 << 10 // bytes from which facts are compressed
	maxFact       = 64 << 20
)

// facts are small things known of the Hub, in memory and behind it in a Memory. Values are JSON.
type facts struct {
	memory Memory
	recent *lru.Cache[string, any]
}

func newFacts(m Memory) (*facts, error) {
	recent, err := lru.New[string, any](factsInMemory)
	if err != nil {
		return nil, fmt.Errorf("memory of the hub: %w", err)
	}
	return &facts{memory: m, recent: recent}, nil
}

// recall finds a fact; what can't be read is not known.
func recall[T any](ctx context.Context, f *facts, key string) (T, bool) {
	var zero T
	if v, ok := f.recent.Get(key); ok {
		t, ok := v.(T)
		return t, ok
	}
	t, ok := recallStored[T](ctx, f, key)
	if !ok {
		return zero, false
	}
	f.recent.Add(key, t)
	return t, true
}

// recallStored is recall past the memory of the process, for facts that are large and kept elsewhere in it.
func recallStored[T any](ctx context.Context, f *facts, key string) (T, bool) {
	var t T
	if f.memory == nil {
		return t, false
	}
	value, ok, err := f.memory.Get(ctx, key)
	if err != nil || !ok {
		return t, false
	}
	if value, err = unpack(value); err != nil || json.Unmarshal(value, &t) != nil {
		return t, false
	}
	return t, true
}

// remember keeps a fact. Memory may fail: the fact is asked for again then.
func remember[T any](ctx context.Context, f *facts, key string, value T) error {
	f.recent.Add(key, value)
	return store(ctx, f, key, value)
}

func store[T any](ctx context.Context, f *facts, key string, value T) error {
	if f.memory == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("remember %s: %w", key, err)
	}
	if len(text) >= packFrom {
		if text, err = pack(text); err != nil {
			return fmt.Errorf("remember %s: %w", key, err)
		}
	}
	// A caller that leaves must not keep others from knowing.
	if err := f.memory.Put(context.WithoutCancel(ctx), key, text); err != nil {
		return fmt.Errorf("remember %s: %w", key, err)
	}
	return nil
}

func pack(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

// unpack undoes pack; JSON never begins as gzip does.
func unpack(value []byte) ([]byte, error) {
	if !bytes.HasPrefix(value, []byte{0x1f, 0x8b}) {
		return value, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(value))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxFact))
}
