package indextest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sort"
	"strings"
)

// Wheel builds a wheel {project}-{version}-py3-none-any.whl of a package with the given files, with correct METADATA, WHEEL and RECORD,
// unless files bring their own.
func Wheel(project, version string, files map[string]string) File {
	name := strings.ReplaceAll(project, "-", "_")
	info := name + "-" + version + ".dist-info/"
	all := map[string]string{
		info + "METADATA": Metadata(project, version),
		info + "WHEEL":    "Wheel-Version: 1.0\nGenerator: indextest\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
	}
	for path, content := range files {
		all[path] = content
	}
	if _, ok := all[info+"RECORD"]; !ok {
		all[info+"RECORD"] = record(all, info+"RECORD")
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, path := range sorted(all) {
		w, err := z.Create(path)
		must(err)
		_, err = w.Write([]byte(all[path]))
		must(err)
	}
	must(z.Close())
	return File{Name: name + "-" + version + "-py3-none-any.whl", Bytes: b.Bytes(), Meta: []byte(all[info+"METADATA"])}
}

// Metadata is the least that core metadata must say.
func Metadata(project, version string) string {
	return "Metadata-Version: 2.1\nName: " + project + "\nVersion: " + version + "\n"
}

// record is the RECORD of a wheel.
func record(files map[string]string, self string) string {
	var b strings.Builder
	for _, path := range sorted(files) {
		sum := sha256.Sum256([]byte(files[path]))
		fmt.Fprintf(&b, "%s,sha256=%s,%d\n", path, base64.RawURLEncoding.EncodeToString(sum[:]), len(files[path]))
	}
	return b.String() + self + ",,\n"
}

// Sdist builds {project}-{version}.tar.gz with the given files below its folder.
func Sdist(project, version string, files map[string]string) File {
	top := strings.ReplaceAll(project, "-", "_") + "-" + version
	all := map[string]string{"PKG-INFO": Metadata(project, version)}
	for path, content := range files {
		all[path] = content
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, path := range sorted(all) {
		must(t.WriteHeader(&tar.Header{Name: top + "/" + path, Mode: 0o644, Size: int64(len(all[path])), Typeflag: tar.TypeReg}))
		_, err := t.Write([]byte(all[path]))
		must(err)
	}
	must(t.Close())
	must(z.Close())
	return File{Name: top + ".tar.gz", Bytes: b.Bytes()}
}

func sorted(files map[string]string) []string {
	var out []string
	for path := range files {
		out = append(out, path)
	}
	sort.Strings(out)
	return out
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
