package archive

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/inflate"
	"modelgate/internal/threat"
)

// joblib before version 0.10 compressed by a format of its own (joblib/numpy_pickle_compat.py): "ZF", the length of what
// follows when inflated as a hexadecimal number, blanks up to 21 bytes or, from Python 2, 22, and a zlib stream. What it
// inflates to is a pickle, or the raw numbers of an array that a pickle names.
const zfileHeader = 21

// zfileLength reads the header: the stated length, and where the stream begins.
func zfileLength(head []byte) (length, start int64, ok bool) {
	if len(head) < zfileHeader+2 || string(head[:4]) != "ZF0x" {
		return 0, 0, false
	}
	digits := bytes.TrimRight(head[4:zfileHeader], " L")
	length, err := strconv.ParseInt(string(digits), 16, 64)
	if err != nil {
		return 0, 0, false
	}
	start = zfileHeader
	if head[start] == ' ' {
		start++
	}
	return length, start, isZlib(head[start:])
}

// ProbeZFile accepts such files.
func ProbeZFile(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	_, _, ok := zfileLength(head)
	return ok, nil
}

// ScanZFile hands what the stream inflates to back to the engine. Raw numbers are nothing that a loader acts on, so nothing is
// said if nothing recognises them.
func ScanZFile(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("joblib")
	head, err := f.Head()
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	length, start, _ := zfileLength(head)
	stream := source.Decode(f, start, size-start, inflate.Zlib, f.Budget)
	defer func() { _ = stream.Close() }() // how an abandoned decoder closes says nothing
	if _, err := s.Member(ctx, source.Member{Name: "#zlib", Bytes: stream, Family: source.FamilyJoblib, Prose: true}); err != nil {
		return err
	}
	inflated, err := stream.Size()
	if err != nil {
		return err
	}
	if err := stream.Err(); err != nil {
		ZlibCodec.broken(s, stream.Consumed(), err)
		return nil
	}
	if inflated != length {
		found := finding.New(threat.MGFMT400, 0, fmt.Sprintf("The stream inflates to %d bytes, the header states %d.", inflated, length))
		found.Role = finding.RoleStructure
		s.Find(found)
	}
	return ZlibCodec.tail(ctx, f, s, stream.Consumed(), size)
}
