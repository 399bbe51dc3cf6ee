package gate

import (
	"context"
	"errors"
	"testing"

	"modelgate/internal/model"
)

// importing makes loaders import code from other/code.
const importing = `{"auto_map": {"AutoModel": "other/code--modeling_x.Model"}}`

func TestCodeFromAnotherRepositoryIsJudgedThere(t *testing.T) {
	other := model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "other/code", Revision: "1111111111111111111111111111111111111111"}
	tests := []struct {
		name  string
		files map[string]string // of the other repository; nil if it can't be found
		want  model.Outcome
	}{
		{"a repository in which nothing was found", map[string]string{"config.json": good}, model.Allowed},
		{"a repository that is blocked", map[string]string{"model.bin": evil}, model.Blocked},
		{"a repository that can't be found", nil, model.Blocked},
		{"two repositories that import from each other", map[string]string{"config.json": importing}, model.Blocked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, t.TempDir(), nil)
			req := request(newOrigin(map[string]string{"config.json": importing}), "config.json")
			req.Other = func(_ context.Context, repo string) (model.Version, Origin, error) {
				if repo != "other/code" || tt.files == nil {
					return model.Version{}, nil, errors.New("not found")
				}
				return other, newOrigin(tt.files), nil
			}
			v := check(t, h, req)
			if v.Outcome != tt.want {
				t.Errorf("%s: %s", v.Outcome, v.Message)
			}
			if tt.files == nil {
				return
			}
			if known, ok := h.Known(t.Context(), Request{Version: other, Path: "config.json"}); !ok || known.Scan == v.Scan {
				t.Error("the other repository has no scan of its own")
			}
		})
	}
}
