package archive_test

import (
	"fmt"
	"slices"
	"testing"

	"modelgate/internal/scanner/archive"
	"modelgate/internal/scanner/scantest"
)

// zfile compresses as joblib did; pad is one more blank, as Python 2 wrote.
func zfile(content string, length int, pad string) []byte {
	return append([]byte(fmt.Sprintf("ZF%-19s", fmt.Sprintf("%#x", length))+pad), scantest.Zlib([]byte(content))...)
}

func TestOldCompressionOfJoblib(t *testing.T) {
	content := "numbers of an array, or a pickle"
	whole := zfile(content, len(content), "")
	tests := []struct {
		name     string
		file     []byte
		accepted bool
		saw      bool
		threats  []string
	}{
		{"a whole file is handed on", whole, true, true, nil},
		{"one more blank is Python 2's", zfile(content, len(content), " "), true, true, nil},
		{"a length that is not true", zfile(content, len(content)+1, ""), true, true, []string{"MG-FMT-400"}},
		{"a stream that breaks off", whole[:len(whole)-6], true, true, []string{"MG-FMT-400"}},
		{"bytes behind the stream", append(slices.Clone(whole), "more bytes"...), true, true, []string{"MG-FMT-402"}},
		{"a length that is no number", []byte("ZF0xzz             x\x9c\x03\x00\x00\x00\x00\x01"), false, false, nil},
		{"text that begins alike", []byte("ZF0x12 is how such a file begins, but no stream follows"), false, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := scantest.NewFile(tt.file)
			ok, err := archive.ProbeZFile(f)
			if err != nil || ok != tt.accepted {
				t.Fatalf("accepted %v, error %v", ok, err)
			}
			if !ok {
				return
			}
			var sink scantest.Recorder
			if err := archive.ScanZFile(t.Context(), f, &sink); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(sink.Threats(), tt.threats) || sink.Saw(content[:8]) != tt.saw {
				t.Errorf("threats %v, want %v; members %v", sink.Threats(), tt.threats, sink.Members)
			}
		})
	}
}
