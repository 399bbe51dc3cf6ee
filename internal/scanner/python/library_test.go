package python

import (
	"os"
	"path/filepath"
	"testing"
)

// library returns the top level of a directory of Python files, and of its packages one level deep, without tests.
func library(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.py", "asyncio/*.py", "email/*.py", "json/*.py", "unittest/*.py", "concurrent/*/*.py", "importlib/*.py"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = string(text)
		}
	}
	return out
}
