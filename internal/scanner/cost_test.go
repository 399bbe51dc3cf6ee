package scanner_test

import (
	"context"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// large are files of 2 GiB, of which a scan must read next to nothing.
func large() map[string]*scantest.Sparse {
	return map[string]*scantest.Sparse{
		"model.safetensors": scantest.SparseSafetensors(2<<30, 1000),
		"model.pt":          scantest.SparseCheckpoint(2<<30-1<<24, 1000),
		"model.gguf":        scantest.SparseGGUF(2<<30, 300, 32_000),
	}
}

// scanRemote scans one large file over ranges and tells what it cost.
func scanRemote(ctx context.Context, name string, content *scantest.Sparse) (r finding.Report, requests, bytes int64, err error) {
	size, err := content.Size()
	if err != nil {
		return r, 0, 0, err
	}
	ranges := source.NewRanges(ctx, content, size)
	r, err = scanner.New(source.DefaultLimits()).Scan(ctx, scanner.Input{
		Version: model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "org/large"},
		Files:   []model.File{{Path: name, Size: size}},
		Open:    func(context.Context, model.File) (source.Content, error) { return remoteContent{ranges}, nil },
	})
	requests, bytes = ranges.Cost()
	return r, requests, bytes, err
}

func TestALargeRemoteFileCostsFewRequests(t *testing.T) {
	for name, content := range large() {
		t.Run(name, func(t *testing.T) {
			r, requests, bytes, err := scanRemote(t.Context(), name, content)
			if err != nil {
				t.Fatal(err)
			}
			if scantest.LevelOf(r) != threat.Clean {
				t.Errorf("an honest file is not clean:\n%s", scantest.Describe(r))
			}
			if requests >= 8 || bytes >= 1<<20 {
				t.Errorf("%d requests and %d bytes, want fewer than 8 and 1 MiB", requests, bytes)
			}
		})
	}
}

func BenchmarkLargeRemoteFile(b *testing.B) {
	files := large()
	files["model.h5"] = scantest.SparseHDF5(1<<30, 64)
	for name, content := range files {
		size, err := content.Size()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			var requests, bytes int64
			for b.Loop() {
				var err error
				if _, requests, bytes, err = scanRemote(b.Context(), name, content); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(requests), "requests")
			b.ReportMetric(float64(bytes), "bytes")
			b.ReportMetric(float64(size)/(1<<30), "GiB")
		})
	}
}
