package coreml

import (
	"context"
	"encoding/binary"
	"fmt"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// Weights (mlmodel/src/MILBlob/Blob/StorageFormat.hpp) are a header of 64 bytes (count u32, version u32 = 2) and, at multiples of 64,
// a description of 64 bytes for each blob: 0xdeadbeef, type u32, size u64, offset u64. The bytes follow their description.
const (
	blobHeader = 64
	blobMark   = 0xdeadbeef
)

// ProbeBlob accepts files with that header and the mark of the first description.
func ProbeBlob(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < blobHeader+4 {
		return false, err
	}
	le := binary.LittleEndian
	return le.Uint32(head[4:]) == 2 && le.Uint32(head) > 0 && le.Uint32(head) < 1<<24 && le.Uint32(head[blobHeader:]) == blobMark, nil
}

// ScanBlob goes from description to description.
func ScanBlob(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("coreml")
	in, err := source.NewCursor(f, 0, binary.LittleEndian)
	if err != nil {
		return err
	}
	count, err := in.U32()
	if err != nil {
		return err
	}
	size := in.Remaining() + 4
	at := int64(blobHeader)
	for range count {
		in.MoveTo(at)
		if at, err = blob(in, at, size); err != nil {
			return err
		}
	}
	if at >= size {
		return nil
	}
	found := finding.New(threat.MGFMT402, at, fmt.Sprintf("%d bytes follow the last blob.", size-at))
	found.Role = finding.RoleStructure
	s.Find(found)
	_, err = s.Member(ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", at), Bytes: source.Section(f, at, size-at), Prose: true})
	return err
}

// blob reads a description and returns where the next one stands.
func blob(in *source.Cursor, at, size int64) (int64, error) {
	mark, err := in.U32()
	if err != nil {
		return 0, err
	}
	if mark != blobMark {
		return 0, source.Malformedf(at, "no description of a blob")
	}
	if _, err := in.U32(); err != nil {
		return 0, err
	}
	length, err := in.U64()
	if err != nil {
		return 0, err
	}
	offset, err := in.U64()
	if err != nil {
		return 0, err
	}
	if offset < uint64(at+blobHeader) || offset > uint64(size) || length > uint64(size)-offset {
		return 0, source.Malformedf(at, "a blob of %d bytes at %d in a file of %d", length, offset, size)
	}
	end := int64(offset + length)
	return min((end+63)/64*64, max(end, size)), nil
}

// maxManifest is the largest manifest that is read, in bytes.
const maxManifest = 4 << 20

// ProbeManifest accepts the manifest of a package.
func ProbeManifest(f *source.File) (bool, error) {
	shape, err := jsontree.ShapeOf(f)
	return shape.Has("itemInfoEntries", "rootModelIdentifier"), err
}

// ScanManifest checks the paths of a package's items, which lie under Data, and that one of them is the model.
func ScanManifest(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("coreml")
	root, err := jsontree.ParseFile(f, maxManifest)
	entries := root.Get("itemInfoEntries")
	if !entries.IsNone() {
		for m := range entries.Members() {
			for _, item := range m.Value.All("path") {
				target := "Data/" + item.Content()
				if found, bad := paths.Reference(item.Content(), item.At()); bad {
					s.Find(found)
				} else if isModelFile(target) {
					s.Refer(finding.Reference{Kind: finding.RefFile, Target: target, Offset: item.At()})
				}
			}
		}
	}
	if err != nil {
		return err
	}
	if id := root.Get("rootModelIdentifier"); entries.Get(id.Content()).IsNone() {
		return source.Malformedf(id.At(), "the package has no item that is its model")
	}
	return nil
}

// ProbePackage accepts ZIP archives of packages.
func ProbePackage(f *source.File) (bool, error) {
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return false, err
	}
	for i, e := range view.Entries {
		if isPackageName(e.Name()) {
			return true, nil
		}
		if i > 10_000 {
			break
		}
	}
	return false, nil
}

// ScanPackage scans every member.
func ScanPackage(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("coreml")
	return zipview.Scan(ctx, f, s, zipview.Plan{})
}
