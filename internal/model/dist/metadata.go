package dist

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Metadata are the core metadata of a package: the header of a METADATA or PKG-INFO file, as far as anybody here asks.
type Metadata struct {
	Name, Version string
	// LicenseExpression is one of SPDX; License is free text; Classifiers are those that name a licence, without what stands before it.
	LicenseExpression, License string
	Classifiers                []string
}

// Bounds of a header: lines that are read, bytes of a value, and classifiers.
const (
	maxHeaders     = 10_000
	maxValue       = 1 << 10
	maxClassifiers = 100
)

// ParseMetadata reads core metadata (PyPA specifications, "Core metadata"): lines "Name: value" up to the first empty one.
func ParseMetadata(text []byte) Metadata {
	var m Metadata
	n := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if n++; line == "" || n > maxHeaders {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || line[0] == ' ' || line[0] == '\t' { // it continues the line before
			continue
		}
		value = strings.TrimSpace(value)
		value = value[:min(len(value), maxValue)]
		switch strings.ToLower(name) {
		case "name":
			m.Name = value
		case "version":
			m.Version = value
		case "license-expression":
			m.LicenseExpression = value
		case "license":
			m.License = value
		case "classifier":
			parts := strings.Split(value, " :: ")
			if len(parts) > 1 && parts[0] == "License" && value != "License :: OSI Approved" && len(m.Classifiers) < maxClassifiers {
				m.Classifiers = append(m.Classifiers, parts[len(parts)-1])
			}
		}
	}
	return m
}

// longestLicense is the length from which the free text of a licence is a licence's text, not its name.
const longestLicense = 100

// Licenses are what the metadata declare: the expression if there is one, else the classifiers, else the free text if it is a name.
func (m Metadata) Licenses() []string {
	switch {
	case m.LicenseExpression != "":
		return []string{m.LicenseExpression}
	case len(m.Classifiers) > 0:
		return m.Classifiers
	case m.License != "" && len(m.License) <= longestLicense && !strings.EqualFold(m.License, "UNKNOWN"):
		return []string{m.License}
	default:
		return nil
	}
}

// Bounds of reading metadata out of an archive: bytes of metadata, bytes of an sdist that are read to find them, and members.
const (
	maxMetadata = 4 << 20
	maxUnpacked = 256 << 20
	maxMembers  = 100_000
)

// errNoMetadata means that an archive has no core metadata where they belong.
var errNoMetadata = errors.New("the archive has no core metadata")

// ArchiveMetadata reads the core metadata of a wheel, or of an sdist that is a zip or a gzipped tar.
func ArchiveMetadata(r io.ReaderAt, size int64, filename string) ([]byte, error) {
	switch {
	case strings.HasSuffix(filename, ".whl"):
		return zipMetadata(r, size, func(name string) bool {
			dir, base := path.Split(name)
			return base == "METADATA" && strings.HasSuffix(dir, ".dist-info/") && strings.Count(name, "/") == 1
		})
	case strings.HasSuffix(filename, ".zip"):
		return zipMetadata(r, size, isPackageInfo)
	case strings.HasSuffix(filename, ".tar.gz"), strings.HasSuffix(filename, ".tgz"):
		return tarMetadata(io.NewSectionReader(r, 0, size))
	default:
		return nil, errNoMetadata
	}
}

// isPackageInfo tells whether a member is the PKG-INFO of an sdist.
func isPackageInfo(name string) bool {
	return path.Base(name) == "PKG-INFO" && strings.Count(name, "/") == 1
}

func zipMetadata(r io.ReaderAt, size int64, is func(string) bool) ([]byte, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	for _, f := range z.File {
		if !is(f.Name) {
			continue
		}
		m, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("read metadata: %w", err)
		}
		text, err := readText(m)
		if err = errors.Join(err, m.Close()); err != nil {
			return nil, fmt.Errorf("read metadata: %w", err)
		}
		return text, nil
	}
	return nil, errNoMetadata
}

func tarMetadata(r io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	t := tar.NewReader(io.LimitReader(z, maxUnpacked))
	for range maxMembers {
		h, err := t.Next()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoMetadata, err)
		}
		if h.Typeflag == tar.TypeReg && isPackageInfo(h.Name) {
			text, err := readText(t)
			if err != nil {
				return nil, fmt.Errorf("read metadata: %w", err)
			}
			return text, nil
		}
	}
	return nil, errNoMetadata
}

// readText reads a member to its end, or as far as metadata go.
func readText(r io.Reader) ([]byte, error) {
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(r, maxMetadata))
	return b.Bytes(), err
}
