// Package archive scans containers that no more special format claims: ZIP, tar and 7z archives, compressed streams, and
// containers that are recognised and not opened. What is inside goes back to the engine, whatever its name.
//
// It refuses to be exact about what other formats are for: a ZIP file that is a PyTorch checkpoint is left to package
// torch, one that is a set of arrays to package numpy.
package archive

import (
	"bytes"
	"context"
	"fmt"
	"regexp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/tarview"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// ProbeZIP accepts archives that no other format claims.
func ProbeZIP(f *source.File) (bool, error) {
	kind, err := zipview.KindOf(f)
	return kind == zipview.Plain, err
}

// ScanZIP scans every entry of both views.
func ScanZIP(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("zip")
	return zipview.Scan(ctx, f, s, zipview.Plan{Raw: func(e *zipview.Entry) bool { return variables.MatchString(e.Name()) }})
}

// variables are the raw numbers of a SavedModel of TensorFlow, as its directory names them: of those that nothing recognises nothing is
// said.
var variables = regexp.MustCompile(`(^|/)variables/variables\.data-[0-9]{5}-of-[0-9]{5}$`)

// ProbeTar accepts archives that are not PyTorch's.
func ProbeTar(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || !tarview.Probe(head) {
		return false, err
	}
	torch, err := tarview.IsTorch(f)
	return !torch, err
}

// ScanTar scans every entry.
func ScanTar(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("tar")
	return tarview.Scan(ctx, f, s, func(e *tarview.Entry, bytes source.Reader) error {
		_, err := s.Member(ctx, source.Member{Name: e.Name, Bytes: bytes, Family: f.Family, Prose: variables.MatchString(e.Name)})
		return err
	})
}

// closed are containers that are recognised by the bytes at an offset, and not opened.
var closed = []struct {
	name   string
	offset int
	magic  string
}{
	{"RAR archive", 0, "Rar!\x1a\x07"},
	{"RAR archive of an old version", 0, "RE\x7e\x5e"},
	{"cabinet", 0, "MSCF\x00\x00\x00\x00"},
	{"ARC archive of FreeArc", 0, "ArC\x01"},
	{"ACE archive", 7, "**ACE**"},
	{"LHA archive", 2, "-lh5-"},
	{"LHA archive", 2, "-lh6-"},
	{"LHA archive", 2, "-lh7-"},
	{"ZOO archive", 20, "\xdc\xa7\xc4\xfd"},
	{"XAR archive", 0, "xar!\x00\x1c"},
	{"Debian package", 0, "!<arch>\ndebian-binary"},
	{"cpio archive", 0, "070701"},
	{"cpio archive", 0, "070702"},
	{"cpio archive", 0, "070707"},
	{"lzip stream", 0, "LZIP\x01"},
	{"lzop stream", 0, "\x89LZO\x00\x0d\x0a\x1a\x0a"},
	{"lrzip stream", 0, "LRZI"},
	{"framed Snappy stream", 0, "\xff\x06\x00\x00sNaPpY"},
	{"LZ4 stream of the legacy format", 0, "\x02\x21\x4c\x18"},
	{"compress stream", 0, "\x1f\x9d\x90"},
	{"SquashFS image", 0, "hsqs"},
	{"ISO 9660 image", 32769, "CD001"},
	{"Windows image", 0, "MSWIM\x00\x00\x00"},
	{"virtual disk", 0, "QFI\xfb"},
}

// ProbeClosed accepts containers that are not opened.
func ProbeClosed(f *source.File) (bool, error) {
	head, err := f.Head()
	return err == nil && closedName(head) != "", err
}

func closedName(head []byte) string {
	for _, c := range closed {
		if len(head) > c.offset && bytes.HasPrefix(head[c.offset:], []byte(c.magic)) {
			return c.name
		}
	}
	return ""
}

// ScanClosed reports that a container is not opened.
func ScanClosed(_ context.Context, f *source.File, s source.Sink) error {
	head, err := f.Head()
	if err != nil {
		return err
	}
	found := finding.New(threat.MGFMT404, 0, fmt.Sprintf("The file is a %s, which no scanner opens.", closedName(head)))
	found.Role = finding.RoleStructure
	s.Find(found)
	return nil
}
