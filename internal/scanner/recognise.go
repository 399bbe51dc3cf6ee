package scanner

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// recogniser knows a format by its content and nothing more: what a loader would do with it is not analysed yet, and what
// is not analysed is not clean.
type recogniser struct {
	// name is the machine name, title what people say, by what the format is recognised.
	name, title, by string
	text            bool
	// matches looks at the head of the stream, or at what else of it is cheap. It must be bounded.
	matches func(h *header) (bool, error)
}

// recognisedOnly are the rows of all formats that are recognised and not yet analysed.
func recognisedOnly() []Format {
	var rows []Format
	for _, group := range [][]recogniser{magicFormats()} {
		for _, r := range group {
			rows = append(rows, r.row())
		}
	}
	return rows
}

// row is the recogniser as a row of the table.
func (r recogniser) row() Format {
	return Format{
		Name: r.name, Title: r.title, Version: 1, Text: r.text, Recognised: r.by,
		Limits: "recognised, and reported as not yet analysed (MG-FMT-404)",
		Probe: func(f *source.File) (bool, error) {
			h, err := headerOf(f)
			if err != nil {
				return false, err
			}
			return r.matches(h)
		},
		Scan: func(_ context.Context, _ *source.File, sink source.Sink) error {
			sink.Format(r.name)
			found := finding.New(threat.MGFMT404, 0, fmt.Sprintf("%s is recognised and not yet analysed, so nothing can be said of what loading it does.", r.title))
			found.Role = finding.RoleStructure
			sink.Find(found)
			if p, ok := sink.(interface{ recognisedOnly() }); ok {
				p.recognisedOnly()
			}
			return nil
		},
	}
}

// header is what recognisers look at: the first bytes of a stream and its size.
type header struct {
	file *source.File
	head []byte
	size int64
}

func headerOf(f *source.File) (*header, error) {
	head, err := f.Head()
	if err != nil {
		return nil, err
	}
	h := &header{file: f, head: head, size: int64(len(head))}
	if len(head) == source.HeadSize { // the size of an inflating stream costs a pass over it
		if h.size, err = f.Size(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// has tells whether s stands at an offset of the head.
func (h *header) has(at int, s string) bool {
	return at >= 0 && len(h.head) >= at+len(s) && string(h.head[at:at+len(s)]) == s
}

// u32 and u64 read little-endian integers of the head; what is not there is 0.
func (h *header) u32(at int) uint32 {
	if len(h.head) < at+4 {
		return 0
	}
	return binary.LittleEndian.Uint32(h.head[at:])
}

func (h *header) u64(at int) uint64 {
	if len(h.head) < at+8 {
		return 0
	}
	return binary.LittleEndian.Uint64(h.head[at:])
}

// flatbuffer tells whether the head is that of a FlatBuffer with one of the identifiers: the offset of the root table, which
// must lie in the file, then four letters.
func (h *header) flatbuffer(identifiers ...string) bool {
	for _, id := range identifiers {
		if root := int64(h.u32(0)); h.has(4, id) && root >= 8 && root+4 <= h.size {
			return true
		}
	}
	return false
}

// magicFormats are known by fixed bytes and the plausibility of what follows.
func magicFormats() []recogniser {
	is := func(matches func(h *header) bool) func(*header) (bool, error) {
		return func(h *header) (bool, error) { return matches(h), nil }
	}
	return []recogniser{
		{name: "darknet", title: "Darknet weights", by: "version 0.1 or 0.2 and a plausible header", matches: is(func(h *header) bool {
			return h.u32(0) == 0 && (h.u32(4) == 1 || h.u32(4) == 2) && h.u32(8) <= 5 && h.size > 1<<16 && (h.size-16)%4 == 0 && h.u32(12) > 0 && strings.HasSuffix(h.file.Path, ".weights")
		})},
	}
}

// isKModel recognises models of nncase: LDMK and a version since v1, before that the header of version 3 (version, flags,
// architecture, layers, where the first one starts, memory, outputs).
func isKModel(h *header) bool {
	if h.has(0, "LDMK") {
		return h.u32(4) < 100 && h.size > 16
	}
	return h.u32(0) == 3 && h.u32(4) <= 1 && h.u32(8) == 0 && h.u32(12) > 0 && h.u32(12) < 1024 &&
		int64(h.u32(16)) < h.size && h.u32(20) < 1<<26 && h.u32(24) > 0 && h.u32(24) < 64 && h.size > 28+8
}
