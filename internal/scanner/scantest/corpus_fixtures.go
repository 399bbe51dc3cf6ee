package scantest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Manifest is the file beside fixtures that says which library wrote each; it is no fixture.
const Manifest = "MANIFEST.tsv"

// Fixtures reads the models that real libraries wrote (`make fixtures`), by family, from a directory such as testdata/real. A
// file right inside a family is a model of its own, a directory there is one model of several files. Those that carry code of
// their author are left to [CustomFixtures].
func Fixtures(dir string) ([]Honest, error) {
	return fixtures(dir, func(name string) bool { return !strings.HasPrefix(name, customPrefix) })
}

// customPrefix begins the names of models that carry code of their author, which are suspicious by design.
const customPrefix = "custom_"

// CustomFixtures reads the models that carry code of their author.
func CustomFixtures(dir string) ([]Honest, error) {
	return fixtures(dir, func(name string) bool { return strings.HasPrefix(name, customPrefix) })
}

func fixtures(dir string, want func(name string) bool) ([]Honest, error) {
	families, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []Honest
	for _, family := range families {
		entries, err := os.ReadDir(filepath.Join(dir, family.Name()))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !want(e.Name()) || e.Name() == Manifest || strings.HasSuffix(e.Name(), ".md") && !e.IsDir() {
				continue
			}
			files, err := readModel(filepath.Join(dir, family.Name(), e.Name()), e)
			if err != nil {
				return nil, err
			}
			out = append(out, Honest{Package: path.Join(family.Name(), e.Name()), Files: files})
		}
	}
	return out, nil
}

// readModel reads a file, or all files below a directory by their path in it.
func readModel(name string, e fs.DirEntry) (map[string][]byte, error) {
	if !e.IsDir() {
		content, err := os.ReadFile(name)
		return map[string][]byte{e.Name(): content}, err
	}
	files := map[string][]byte{}
	err := filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == Manifest {
			return err
		}
		rel, err := filepath.Rel(name, p)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)], err = os.ReadFile(p)
		return err
	})
	return files, err
}
