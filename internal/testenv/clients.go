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
	dir, err := npmInstalled(ctx, "undici", undiciModule)
	return filepath.Join(dir, "node_modules", "undici"), err
}

// airsModule is the npm module of a command line that other people wrote for the contract of the API.
const airsModule = "@cdot65/prisma-airs-cli@7.0.1"

// AirsCLI returns that command line.
func AirsCLI(t testing.TB) string {
	t.Helper()
	return must(t)(FindAirsCLI(t.Context()))
}

// FindAirsCLI is AirsCLI for programs that are no tests.
func FindAirsCLI(ctx context.Context) (string, error) {
	dir, err := npmInstalled(ctx, "airs-cli", airsModule)
	return filepath.Join(dir, "node_modules", ".bin", "airs-cli"), err
}

// npmInstalled is a folder of the cache with a module of npm and what it needs.
func npmInstalled(ctx context.Context, name, module string) (string, error) {
	return installed(ctx, name, []byte(module), func(dir string) error {
		npm, err := FindTool(ctx, "npm")
		if err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make folder of %s: %w", name, err)
		}
		return run(ctx, dir, npm, "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock",
			"--prefix", dir, module)
	})
}
