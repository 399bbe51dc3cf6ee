// Command testenv installs one thing that tests or demonstrations need and prints where it is:
//
//	testenv python hub24 | hf hub24 | node-module | rust | tool <name> | all
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"modelgate/internal/testenv"
)

func main() {
	path, err := find(context.Background(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		os.Exit(1)
	}
	if _, err := fmt.Fprintln(os.Stdout, path); err != nil {
		os.Exit(1)
	}
}

func find(ctx context.Context, args []string) (string, error) {
	args = append(args, "", "")
	if args[0] == "all" {
		if err := testenv.All(ctx); err != nil {
			return "", err
		}
	}
	switch args[0] {
	case "python":
		return testenv.FindPython(ctx, args[1])
	case "hf":
		python, err := testenv.FindPython(ctx, args[1])
		return filepath.Join(filepath.Dir(python), "hf"), err
	case "node-module":
		return testenv.FindNodeModule(ctx)
	case "rust":
		return testenv.FindRust(ctx)
	case "all":
		return testenv.Cache()
	case "tool":
		return testenv.FindTool(ctx, args[1])
	default:
		return "", errors.New("usage: testenv python|hf <environment> | node-module | rust | tool <name> | all")
	}
}
