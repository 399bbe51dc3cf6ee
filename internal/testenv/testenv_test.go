package testenv

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryEnvironmentHasTheVersionThatItsNamePromises(t *testing.T) {
	const ask = "import importlib.metadata as m, sys; print(*[m.version(p) for p in sys.argv[1:]])"
	rows := map[string]struct {
		packages, want string
	}{
		Hub24:      {"huggingface_hub hf_xet", "2.4.0 1.8.0"},
		Guardian21: {"guardian_client", "2.1.0"}, Guardian17: {"guardian_client", "1.7.0"},
		Hub36: {"huggingface_hub hf_xet", "0.36.2 1.8.0"},
		Hub23: {"huggingface_hub", "0.23.5"},
		Stack: {"huggingface_hub transformers datasets", "2.4.0 5.23.0 5.2.0"},
		Pip23: {"pip", "23.0.1"},
		Pip26: {"pip", "26.3"},
		UV:    {"uv", "0.13.9"},
	}
	for env, row := range rows {
		args := append([]string{"-c", ask}, strings.Fields(row.packages)...)
		out, err := exec.CommandContext(t.Context(), Python(t, env), args...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != row.want {
			t.Errorf("%s: %q, want %q: %v", env, got, row.want, err)
		}
	}
}

func TestAnUnknownEnvironmentIsRefusedByName(t *testing.T) {
	if _, err := FindPython(t.Context(), "hub99"); err == nil || !strings.Contains(err.Error(), "hub99") {
		t.Errorf("error %v", err)
	}
	if _, err := FindTool(t.Context(), "no-such-tool"); err == nil || !strings.Contains(err.Error(), "no-such-tool") {
		t.Errorf("error %v", err)
	}
}

func TestAFolderIsFilledOnceForEachInput(t *testing.T) {
	t.Setenv("MODELGATE_TEST_CACHE", t.TempDir())
	fills := 0
	fill := func(dir string) error {
		fills++
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("fill %d begins with a folder that is there: %v", fills, err)
		}
		return os.Mkdir(dir, 0o700)
	}
	steps := []struct {
		name, input string
		fill        func(string) error
		fills       int
		fails       bool
	}{
		{"the first call", "a", fill, 1, false},
		{"the same again", "a", fill, 1, false},
		{"other input", "b", fill, 2, false},
		{"input that cannot be had", "c", func(dir string) error {
			return errors.Join(fill(dir), errors.New("no"))
		}, 3, true},
		{"the same after it was left half done", "c", fill, 4, false},
	}
	for _, s := range steps {
		dir, err := installed(t.Context(), "thing", []byte(s.input), s.fill)
		if (err != nil) != s.fails || fills != s.fills {
			t.Errorf("%s: %d fills, error %v", s.name, fills, err)
		}
		if !s.fails && filepath.Base(dir) != "thing" {
			t.Errorf("%s: folder %q", s.name, dir)
		}
	}
}
