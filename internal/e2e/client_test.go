package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"modelgate/internal/testenv"
)

// hubs are the generations of huggingface_hub that must work alike.
var hubs = []string{testenv.Hub24, testenv.Hub36, testenv.Hub23}

// patience is how long one client may take: tests fail with its output rather than hang.
const patience = 2 * time.Minute

// client runs programs as a user with an empty home who has pointed HF_ENDPOINT at an address.
type client struct {
	home string
	env  []string
}

// newClient makes a user. Further settings are NAME=value.
func newClient(t *testing.T, endpoint string, settings ...string) *client {
	t.Helper()
	home := t.TempDir()
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(kv), "=")
		return strings.HasPrefix(name, "HF_") || strings.HasSuffix(name, "_PROXY") || strings.HasPrefix(name, "MODELGATE_") || name == "HOME"
	})
	env = append(env, "HOME="+home, "HF_HOME="+filepath.Join(home, "hf"), "HF_ENDPOINT="+endpoint, "HF_HUB_DISABLE_PROGRESS_BARS=1",
		"XDG_CACHE_HOME="+filepath.Join(home, "cache"), "PYTHONWARNINGS=ignore", "NO_COLOR=1", "GIT_TERMINAL_PROMPT=0")
	return &client{home, append(env, settings...)}
}

// result is how a program ended.
type result struct {
	stdout, stderr string
	code           int
}

func (r result) all() string { return r.stdout + r.stderr }

// run runs a program in the user's home.
func (c *client) run(t *testing.T, stdin string, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.home, c.env, strings.NewReader(stdin)
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s: %v\n%s%s", program, errors.Join(err, ctx.Err()), stdout.String(), stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// python runs a script of testdata with input as JSON, and reads the last line of its output as JSON into out.
func (c *client) python(t *testing.T, env, script string, out, input any, args ...string) {
	t.Helper()
	in, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	got := c.run(t, string(in), testenv.Python(t, env), append([]string{testdata(t, script)}, args...)...)
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), out); err != nil || got.code != 0 {
		t.Fatalf("%s with %s ended with %d: %v\n%s", script, env, got.code, err, got.all())
	}
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
