package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// undiciModule is the npm module of the HTTP client that Node.js has inside, which reads a proxy from the environment.
const undiciModule = "undici@6.29.1"

// Undici returns the node command and the path of undici.
func Undici(t testing.TB) (node, module string) {
	t.Helper()
	return Tool(t, "node"), must(t)(FindUndici(t.Context()))
}

// FindUndici is Undici for programs that are no tests.
func FindUndici(ctx context.Context) (string, error) {
	dir, err := installed(ctx, "undici", []byte(undiciModule), func(dir string) error {
		npm, err := FindTool(ctx, "npm")
		if err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make folder of undici: %w", err)
		}
		return run(ctx, dir, npm, "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock",
			"--prefix", dir, undiciModule)
	})
	return filepath.Join(dir, "node_modules", "undici"), err
}
