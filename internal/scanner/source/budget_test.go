package source_test

import (
	"errors"
	"testing"

	"modelgate/internal/scanner/source"
)

func TestBudgetOfAFileDoesNotDependOnItsNeighbours(t *testing.T) {
	limits := source.Limits{Entries: 10, Inflated: 1000, BombRatio: 10, BombThreshold: 100}
	tests := []struct {
		name         string
		spent        int64 // by a neighbour
		spend        int64 // by the file, of 1,000 bytes
		budget       bool
		shared, bomb bool
	}{
		{name: "within both budgets", spent: 100, spend: 100},
		{name: "more than the file may", spend: 1001, budget: true},
		{name: "more than all files may", spent: 900, spend: 200, budget: true, shared: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			whole := source.NewBudget(limits, 2000)
			if err := whole.For(1000).Inflate(tt.spent); err != nil {
				t.Fatal(err)
			}
			err := whole.For(1000).Inflate(tt.spend)
			if errors.Is(err, source.ErrBudget) != tt.budget || errors.Is(err, source.ErrShared) != tt.shared {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("a bomb beside a large file is a bomb", func(t *testing.T) {
		limits.Inflated = 1 << 30
		whole := source.NewBudget(limits, 1<<40)
		if err := whole.For(10).Inflate(200); !errors.Is(err, source.ErrBomb) {
			t.Errorf("error %v, want that of a bomb", err)
		}
	})
	t.Run("members are counted for all files too", func(t *testing.T) {
		whole := source.NewBudget(limits, 100)
		for range 10 {
			if err := whole.For(10).Entry(); err != nil {
				t.Fatal(err)
			}
		}
		if err := whole.For(10).Entry(); !errors.Is(err, source.ErrShared) {
			t.Errorf("error %v, want that of the shared budget", err)
		}
	})
}
