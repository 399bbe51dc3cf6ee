//go:build real

package scanner_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"modelgate/internal/model"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// onDisk is an open file on disk.
type onDisk struct{ *os.File }

func (f onDisk) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// TestRealPackages scans what packages ship (`make test-real`): each is one version, and has no finding that raises a level, but
// for those that are known to be right. It prints the model files of each format.
func TestRealPackages(t *testing.T) {
	dirs := map[string]scantest.RealPackage{}
	for _, p := range scantest.RealPackages() {
		dir, err := p.Unpacked(t.Context())
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		dirs[dir] = p
	}
	if large := os.Getenv("MODELGATE_LARGE_FIXTURES"); large != "" {
		models, err := filepath.Glob(filepath.Join(large, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range models {
			dirs[dir] = scantest.RealPackage{Spec: filepath.Base(dir)}
		}
	}
	files, formats := 0, map[string]int{}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		files += scanReal(t, dirs[dir], dir, formats)
	}
	fmt.Printf("%d packages, %d model files over %d formats\n", len(dirs), files, len(formats))
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		fmt.Printf("%6d %s\n", formats[name], name)
	}
}

// scanReal scans the files of one package and counts them.
func scanReal(t *testing.T, p scantest.RealPackage, dir string, formats map[string]int) (files int) {
	t.Helper()
	names, err := scantest.Listed(dir)
	if err != nil {
		t.Fatal(err)
	}
	in := scanner.Input{
		Version: model.Version{Source: model.Local, Kind: model.Models, Name: p.Spec, Revision: "1"},
		Open: func(_ context.Context, f model.File) (source.Content, error) {
			file, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Path)))
			return onDisk{file}, err
		},
	}
	for _, name := range names {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		size, err := io.Copy(sum, file)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		in.Files = append(in.Files, model.File{Path: name, Size: size, Digest: model.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil)))})
	}
	r, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), in)
	if err != nil {
		t.Errorf("%s: %v", p.Spec, err)
		return 0
	}
	for _, f := range r.Files {
		names := modelFormats(f)
		if len(names) > 0 {
			files++
		}
		for _, name := range names {
			formats[name]++
		}
		for _, x := range f.Findings() {
			known := slices.ContainsFunc(p.Known, func(k scantest.Known) bool { return k.Threat == x.Threat && strings.HasPrefix(f.Path, k.Path) })
			if x.Level > threat.Clean && !known {
				t.Errorf("%s: %s %v: %s", p.Spec, f.Path, f.Report.Formats, told(x))
			}
		}
	}
	return files
}
