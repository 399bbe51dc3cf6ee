package index

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestATurnIsWaitedForUntilAnotherEnds(t *testing.T) {
	all := newTurns()
	for range cap(all) {
		if err := all.take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	hasty, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := all.take(hasty); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("there was a turn more than there are: %v", err)
	}
	go func() { <-all }()
	if err := all.take(t.Context()); err != nil {
		t.Fatal(err)
	}
}
