package testenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Names of the Python environments.
const (
	// Hub24 has huggingface_hub 2.4.0 with hf_xet 1.8.0 and the hf command.
	Hub24 = "hub24"
	// Hub36 has huggingface_hub 0.36.2 with hf_xet 1.8.0 and the hf command.
	Hub36 = "hub36"
	// Hub23 has huggingface_hub 0.23.5, which knows nothing of Xet.
	Hub23 = "hub23"
	// Stack has transformers 5.23.0 and datasets 5.2.0 on huggingface_hub 2.4.0.
	Stack = "stack"
	// Pip23 and Pip26 have pip 23.0.1 and pip 26.3, UV has uv 0.13.9.
	Pip23 = "pip23"
	Pip26 = "pip26"
	UV    = "uv"
	// Peers has the scanners that modelgate is measured beside: modelscan 0.8.8, picklescan 1.0.5, fickling 0.1.12, modelaudit 0.2.54.
	// Only benchmarks need it.
	Peers = "peers"
	// Poetry has poetry 2.5.1. Only tests against the real index need it.
	Poetry = "poetry"
	// Proxpi has proxpi 1.3.1 and Devpi has devpi-server 6.20.3, the mirrors of package indexes that ours is measured beside. Only
	// benchmarks need them.
	Proxpi = "proxpi"
	Devpi  = "devpi"
	// Moto has moto 5.2.5, a stand-in of S3, with boto3 1.44.8.
	Moto = "moto"
	// Stores has the clients of object stores: boto3 1.44.8, awscli 1.46.3, s5cmd 2.3.0, google-cloud-storage 3.17.1, gcsfs 2026.10.1,
	// azure-storage-blob 12.31.1, adlfs 2026.8.0. S3FS has s3fs 2026.9.0, which needs another botocore than boto3.
	Stores = "stores"
	S3FS   = "s3fs"
	// Guardian21 has guardian-client 2.1.0 and Guardian17 has guardian-client 1.7.0, which other people wrote for the contract of the API.
	Guardian21 = "guardian21"
	Guardian17 = "guardian17"
	// Web has requests 2.34.2, httpx 0.28.1 and aiohttp 3.14.5.
	Web = "web"
	// Mitmproxy has mitmproxy, which the forward proxy is measured beside. Only benchmarks need it.
	Mitmproxy = "mitmproxy"
)

// hubModule is the npm module of the Hub's own JavaScript client.
const hubModule = "@huggingface/hub@2.17.5"

//go:embed requirements/*.txt
var requirements embed.FS

//go:embed hfhub
var hfhub embed.FS

// Python returns the interpreter of an environment.
func Python(t testing.TB, env string) string {
	t.Helper()
	return must(t)(FindPython(t.Context(), env))
}

// HF returns the hf command of an environment.
func HF(t testing.TB, env string) string {
	t.Helper()
	return filepath.Join(filepath.Dir(Python(t, env)), "hf")
}

// Node returns the node command and the address that import takes for the Hub's JavaScript client.
func Node(t testing.TB) (node, module string) {
	t.Helper()
	return Tool(t, "node"), must(t)(FindNodeModule(t.Context()))
}

// Rust returns a program that downloads files with the Rust crate hf-hub 0.4.3: "hfhub <repo> <revision> <file>…".
func Rust(t testing.TB) string {
	t.Helper()
	return must(t)(FindRust(t.Context()))
}

// Tool returns the path of a program of the operating system: curl, wget, aria2c, git, git-lfs, redis-server, nginx, node, npm.
func Tool(t testing.TB, name string) string {
	t.Helper()
	return must(t)(FindTool(t.Context(), name))
}

// All installs everything that there is.
func All(ctx context.Context) error {
	for _, env := range []string{Hub24, Hub36, Hub23, Stack, Pip23, Pip26, UV, Moto, Web, Stores, S3FS, Guardian21, Guardian17} {
		if _, err := FindPython(ctx, env); err != nil {
			return err
		}
	}
	if _, err := FindNodeModule(ctx); err != nil {
		return err
	}
	if _, err := FindRust(ctx); err != nil {
		return err
	}
	if _, err := FindGCSServer(ctx); err != nil {
		return err
	}
	if _, err := FindAzurite(ctx); err != nil {
		return err
	}
	if _, err := FindUndici(ctx); err != nil {
		return err
	}
	if _, err := FindAirsCLI(ctx); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(installable)) {
		if _, err := FindTool(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func must(t testing.TB) func(string, error) string {
	return func(path string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatalf("tests need a client that cannot be had: %v", err)
		}
		return path
	}
}

// Cache is the folder that everything is installed into: $MODELGATE_TEST_CACHE, or .cache at the root of the project.
func Cache() (string, error) {
	if dir := os.Getenv("MODELGATE_TEST_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the project (or set MODELGATE_TEST_CACHE): %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".cache"), nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("there is no go.mod above the working folder: set MODELGATE_TEST_CACHE")
		}
		dir = above
	}
}

// FindPython is Python for programs that are no tests.
func FindPython(ctx context.Context, env string) (string, error) {
	list, err := requirements.ReadFile("requirements/" + env + ".txt")
	if err != nil {
		return "", fmt.Errorf("there is no Python environment %q", env)
	}
	dir, err := installed(ctx, "venv-"+env, list, func(dir string) error {
		python, err := basePython(ctx)
		if err != nil {
			return err
		}
		if err := run(ctx, "", python, "-m", "venv", dir); err != nil {
			return err
		}
		pinned := filepath.Join(dir, "requirements.txt")
		if err := os.WriteFile(pinned, list, 0o600); err != nil {
			return fmt.Errorf("write list of packages: %w", err)
		}
		return run(ctx, "", filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check",
			"--no-deps", "--only-binary", ":all:", "--requirement", pinned)
	})
	return filepath.Join(dir, "bin", "python"), err
}

// basePython finds an interpreter that the pinned packages exist for and that can make environments.
func basePython(ctx context.Context) (string, error) {
	for _, name := range []string{"python3", "python3.13", "python3.12", "python3.11", "python3.14"} {
		python, err := FindTool(ctx, name)
		if err != nil {
			continue
		}
		if run(ctx, "", python, "-c", "import sys, venv, ensurepip; assert (3, 11) <= sys.version_info < (3, 15)") == nil {
			return python, nil
		}
	}
	return "", errors.New("no Python from 3.11 to 3.14 with venv and ensurepip on the PATH")
}

// FindNodeModule returns the address of the Hub's JavaScript client.
func FindNodeModule(ctx context.Context) (string, error) {
	dir, err := npmInstalled(ctx, "node", hubModule)
	return "file://" + filepath.Join(dir, "node_modules", "@huggingface", "hub", "dist", "index.mjs"), err
}

// FindRust returns the Rust client, which it builds if need be.
func FindRust(ctx context.Context) (string, error) {
	var sources []byte
	err := fs.WalkDir(hfhub, "hfhub", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := hfhub.ReadFile(path)
		sources = append(sources, b...)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read sources of the Rust client: %w", err)
	}
	dir, err := installed(ctx, "hfhub", sources, func(dir string) error { return buildRust(ctx, dir) })
	return filepath.Join(dir, "bin"), err
}

// buildRust builds the client in a folder of its own and keeps the program alone.
func buildRust(ctx context.Context, dir string) error {
	cargo, err := exec.LookPath("cargo")
	if err != nil {
		return fmt.Errorf("find cargo, the Rust builder: %w", err)
	}
	src, err := os.MkdirTemp("", "hfhub-*")
	if err != nil {
		return fmt.Errorf("make folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(src) }() // scratch
	for name, as := range map[string]string{"cargo.toml.txt": "Cargo.toml", "main.rs": "src/main.rs"} {
		b, err := hfhub.ReadFile("hfhub/" + name)
		if err != nil {
			return fmt.Errorf("read source of the Rust client: %w", err)
		}
		to := filepath.Join(src, as)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("make folder of sources: %w", err)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			return fmt.Errorf("write source of the Rust client: %w", err)
		}
	}
	if err := run(ctx, src, cargo, "build", "--quiet"); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder of the Rust client: %w", err)
	}
	return run(ctx, "", "cp", filepath.Join(src, "target", "debug", "hfhub"), filepath.Join(dir, "bin"))
}

// installed returns a folder of the cache that install has filled from inputs. A folder of other inputs, or one that
// was left half filled, is removed and filled anew.
func installed(ctx context.Context, name string, inputs []byte, install func(dir string) error) (string, error) {
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(inputs)
	dir, stamp := filepath.Join(cache, name), hex.EncodeToString(sum[:])
	ready := filepath.Join(dir, ".ready")
	if have, err := os.ReadFile(ready); err == nil && string(have) == stamp {
		return dir, nil
	}
	unlock, err := lock(cache, name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if have, err := os.ReadFile(ready); err == nil && string(have) == stamp {
		return dir, nil // another process was faster
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remove what an earlier install of %s left: %w", name, err)
	}
	if err := install(dir); err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	if err := os.WriteFile(ready, []byte(stamp), 0o600); err != nil {
		return "", fmt.Errorf("note that %s is installed: %w", name, err)
	}
	return dir, ctx.Err()
}

// lock takes the file lock of a name, and waits for it.
func lock(cache, name string) (unlock func(), err error) {
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, fmt.Errorf("make cache of test tools: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(cache, name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { _ = f.Close() }, nil // closing unlocks
}

// run runs a program to its end. What it wrote is in the error if it fails.
func run(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}
