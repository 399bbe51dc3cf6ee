package flax

import (
	"context"
	"encoding/binary"
	"fmt"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Files of Orbax's database (google/tensorstore, kvstore/ocdbt/format): a manifest, and nodes of trees that hold the arrays or say
// where they lie. Each begins with a magic number (big-endian) and its length (little-endian), with both of them and the
// checksum at its end:
//
//	0cdb3a2a manifest | 0cdb20de node of a B+tree | 0cdb1234 node of versions, length u64, version, compression, …, CRC-32C
//
// The loader makes arrays of what they hold and nothing else, so their inside is opaque.
const (
	manifest = 0x0cdb3a2a
	treeNode = 0x0cdb20de
	versions = 0x0cdb1234

	ocdbtHeader = 14
)

// ProbeOrbax accepts files that begin with the header of a manifest or a node.
func ProbeOrbax(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < ocdbtHeader {
		return false, err
	}
	magic := binary.BigEndian.Uint32(head)
	return (magic == manifest || magic == treeNode || magic == versions) && head[12] == 0 && head[13] <= 1, nil
}

// ScanOrbax checks the lengths of the records, and scans what lies behind them.
func ScanOrbax(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("flax")
	s.Opaque()
	size, err := f.Size()
	if err != nil {
		return err
	}
	var head [ocdbtHeader]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return err
	}
	length := binary.LittleEndian.Uint64(head[4:])
	if length < ocdbtHeader+4 || length > uint64(size) {
		return source.Malformedf(4, "a record of %d bytes in a file of %d", length, size)
	}
	rest := size - int64(length)
	if rest == 0 {
		return nil
	}
	if binary.BigEndian.Uint32(head[:]) == manifest {
		s.Find(structure(threat.MGFMT402, int64(length), fmt.Sprintf("%d bytes follow the manifest.", rest)))
	}
	_, err = s.Member(ctx, source.Member{
		Name: fmt.Sprintf("#bytes@%d", length), Bytes: source.Section(f, int64(length), rest), Prose: true,
	})
	return err
}
