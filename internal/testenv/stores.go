package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Stand-ins of object stores, each in the version that tests were written against.
const (
	gcsModule     = "github.com/fsouza/fake-gcs-server@v1.56.1"
	azuriteModule = "azurite@3.37.0"
)

// GCSServer returns the program fake-gcs-server, which it builds if need be.
func GCSServer(t testing.TB) string {
	t.Helper()
	return must(t)(FindGCSServer(t.Context()))
}

// FindGCSServer is GCSServer for programs that are no tests.
func FindGCSServer(ctx context.Context) (string, error) {
	dir, err := installed(ctx, "fake-gcs-server", []byte(gcsModule), func(dir string) error {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make folder of fake-gcs-server: %w", err)
		}
		return run(ctx, "", "env", "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=", "go", "install", gcsModule)
	})
	return filepath.Join(dir, "fake-gcs-server"), err
}

// Azurite returns node and the script of Azurite's blob service.
func Azurite(t testing.TB) (node, script string) {
	t.Helper()
	return Tool(t, "node"), must(t)(FindAzurite(t.Context()))
}

// FindAzurite returns the script of Azurite's blob service.
func FindAzurite(ctx context.Context) (string, error) {
	dir, err := installed(ctx, "azurite", []byte(azuriteModule), func(dir string) error {
		npm, err := FindTool(ctx, "npm")
		if err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make folder of azurite: %w", err)
		}
		return run(ctx, dir, npm, "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock",
			"--prefix", dir, azuriteModule)
	})
	return filepath.Join(dir, "node_modules", "azurite", "dist", "src", "blob", "main.js"), err
}
