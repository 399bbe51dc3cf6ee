package store

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

func TestRulesThatNobodyEditedFollowTheDefaults(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "modelgate.db"), Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	edited, untouched := uuid.New(), uuid.New()
	defaults := func(state model.RuleState) []model.Group {
		return []model.Group{{
			UUID: uuid.MustParse("11111111-2222-3333-4444-555555555555"), Name: "Default LOCAL", Source: model.Local, Default: true,
			Rules: []model.RuleInstance{
				{UUID: uuid.NewSHA1(edited, nil), Rule: edited, State: state},
				{UUID: uuid.NewSHA1(untouched, nil), Rule: untouched, State: state},
			},
		}}
	}
	ctx := context.Background()
	states := func() (of [2]model.RuleState) {
		g, err := s.Group(ctx, defaults(model.Allowing)[0].UUID)
		if err != nil {
			t.Fatal(err)
		}
		return [2]model.RuleState{g.Rules[0].State, g.Rules[1].State}
	}
	ensure := func(state model.RuleState) {
		if err := s.EnsureGroups(ctx, defaults(state), nil); err != nil {
			t.Fatal(err)
		}
	}
	ensure(model.Allowing)
	g, err := s.Group(ctx, defaults(model.Allowing)[0].UUID)
	if err != nil {
		t.Fatal(err)
	}
	g.Rules[0].State = model.Disabled
	if err := s.PutGroup(ctx, &g); err != nil {
		t.Fatal(err)
	}
	for _, preset := range []model.RuleState{model.Blocking, model.Allowing, model.Blocking} {
		ensure(preset)
		if got, want := states(), [2]model.RuleState{model.Disabled, preset}; got != want {
			t.Errorf("states %v, want %v", got, want)
		}
	}
}
