package scanner

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// frames writes MPEG audio frames of the given header and length.
func frames(header string, length, n int) string {
	return strings.Repeat(header+strings.Repeat("\x00", length-len(header)), n)
}

func TestWhatNoLoaderOfModelsTakesIsClean(t *testing.T) {
	arrow := binary.LittleEndian.AppendUint32([]byte("\xff\xff\xff\xff"), 120)
	for name, content := range map[string]string{
		"UTF-8 text":                      "words, wörter, 言葉\n",
		"a log with colours and progress": "\x1b[32mdone\x1b[0m 10%\b\b\b20%\r\n",
		"text of an old encoding":         strings.Repeat("plain words ", 20) + "caf\xe9",
		"UTF-16 with a mark":              "\xff\xfeh\x00i\x00",
		"a long text cut within a letter": strings.Repeat("a", source.HeadSize-1) + strings.Repeat("é", 3000),
		"PNG":                             "\x89PNG\r\n\x1a\n\x00\x00",
		"BMP":                             "BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x01\x00",
		"WebP":                            "RIFF\x10\x00\x00\x00WEBPVP8 \x00",
		"MPEG-1 audio":                    frames("\xff\xfb\x90\x00", 417, 2),
		"MPEG-2 audio":                    frames("\xff\xf3\x40\x00", 104, 2),
		"Arrow stream":                    string(arrow) + "\x10\x00\x00\x00" + strings.Repeat("\x00", 120),
		"a CRFsuite model":                "lCRF\x80\x1a\x00\x00FOMC\x64\x00\x00\x00",
		"TFRecord":                        string(scantest.TFRecord([]byte("x"))),
		"a vocabulary":                    string(scantest.SentencePiece("a", "b")),
		"nothing":                         "",
	} {
		if r := one(t, content); r.Level != threat.Clean || !slices.Equal(r.Formats, []string{NotModel}) {
			t.Errorf("%s: %v %v", name, r.Formats, r.Findings)
		}
	}
}

func TestWhatNothingKnowsIsNotClean(t *testing.T) {
	long := strings.Repeat("a", 100_000)
	for name, content := range map[string]string{
		"numbers":                         "\x00\x00\x80\x3f\x00\x00\x00\x40",
		"text with a zero in it":          "words\x00words",
		"noise above ASCII":               strings.Repeat("\xfe\xed\xfa\xce", 9),
		"text that ends in numbers":       long + "\x00\x01\x02",
		"one frame of audio, then others": frames("\xff\xfb\x90\x00", 417, 1) + strings.Repeat("\x00", 500),
		"a mark of Arrow alone":           "\xff\xff\xff\xff" + strings.Repeat("\xff", 40),
		"RIFF of an unknown kind":         "RIFF\x10\x00\x00\x00ABCD\x00\x01",
		"a mark of WebP without RIFF":     "\x00\x01\x02\x03\x04\x05\x06\x07WEBPVP8 ",
		"a mark of CRFsuite cut short":    "lCRF\x80\x1a\x00\x00FOMC",
		"UTF-16 with control characters":  "\xff\xfe\x01\x00\x02\x00",
	} {
		r := one(t, content)
		if r.Level != threat.Unscannable || len(r.Formats) != 0 || !slices.Equal(ids(r.Findings), []string{"MG-FMT-404"}) {
			t.Errorf("%s: %v %v", name, r.Formats, r.Findings)
		}
	}
}
