package scanner_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/model/dist"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

var update = flag.Bool("update", false, "write the golden findings instead of comparing them")

// inMemory is an open file in memory.
type inMemory struct{ source.Bytes }

func (inMemory) Close() error { return nil }

// version is a version in memory.
type version map[string][]byte

func (v version) files() []model.File {
	var out []model.File
	for name, content := range v {
		sum := sha256.Sum256(content)
		out = append(out, model.File{Path: name, Size: int64(len(content)), Digest: model.Digest("sha256:" + hex.EncodeToString(sum[:]))})
	}
	return out
}

func (v version) open(_ context.Context, f model.File) (source.Content, error) {
	content, ok := v[f.Path]
	if !ok {
		return nil, errors.New("no such file")
	}
	return inMemory{source.Bytes(content)}, nil
}

func (v version) input() scanner.Input {
	return scanner.Input{
		Version: model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "org/name", Revision: "0123456789"},
		Files:   v.files(), Open: v.open,
	}
}

// inputOf is the version of a case.
func inputOf(c scantest.Case) scanner.Input {
	in := version(c.Content()).input()
	if c.Source != "" {
		in.Version = model.Version{Source: c.Source, Name: "demo", Revision: "0123456789"}
		if project, ok := dist.GuessProject(c.Path); ok {
			in.Version.Name = project
		}
	}
	return in
}

func scanCase(t *testing.T, c scantest.Case) finding.Report {
	t.Helper()
	r, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), inputOf(c))
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return r
}

func TestGoldenFindings(t *testing.T) {
	scantest.Golden(t, "testdata/golden", *update, scanCase)
}

// ranged fetches ranges of content in memory, in short pieces.
type ranged []byte

func (r ranged) Fetch(_ context.Context, off, n int64) (io.ReadCloser, error) {
	return io.NopCloser(source.NewForward(source.Bytes(r), off, n)), nil
}

// remoteContent is an open remote file.
type remoteContent struct{ *source.Ranges }

func (remoteContent) Close() error { return nil }

// TestRemoteEqualsLocal pads nothing and leaves nothing out: every case is scanned over ranges too, and what comes out is the
// same but for the blocks that are remembered.
func TestRemoteEqualsLocal(t *testing.T) {
	for _, c := range scantest.All() {
		v := version(c.Content())
		in := inputOf(c)
		in.Open = func(ctx context.Context, f model.File) (source.Content, error) {
			return remoteContent{source.NewRanges(ctx, ranged(v[f.Path]), f.Size)}, nil
		}
		r, err := scanner.New(source.DefaultLimits()).Scan(t.Context(), in)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if local := scantest.Describe(scanCase(t, c)); scantest.Describe(r) != local {
			t.Errorf("%s: over ranges\n%sin memory\n%s", c.Name, scantest.Describe(r), local)
		}
		for _, f := range r.Files {
			if f.Report.Size > 0 && len(f.Report.Blocks) == 0 {
				t.Errorf("%s: no block of %s is remembered", c.Name, f.Path)
			}
		}
	}
}
