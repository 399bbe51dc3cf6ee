package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/iotest"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestBytesThatWereJudgedPassWhateverTheRange(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(r.Uint32())
	}
	blocks := []finding.Block{
		{Offset: 700_000, Size: 64 << 10, SHA256: sum(content[700_000 : 700_000+64<<10])},
		{Offset: 0, Size: 100_000, SHA256: sum(content[:100_000])},
	}
	check := Check{Blocks: blocks, Digest: model.Digest("sha256:" + sum(content))}
	for range 200 {
		first := r.Int64N(int64(len(content)))
		s := Span{First: first, Last: first + r.Int64N(int64(len(content))-first), Total: int64(len(content))}
		var out bytes.Buffer
		n, err := Copy(&out, iotest.HalfReader(bytes.NewReader(content[s.First:s.Last+1])), s, check)
		if err != nil || n != s.Size() || !bytes.Equal(out.Bytes(), content[s.First:s.Last+1]) {
			t.Fatalf("%+v: %d bytes, %v", s, n, err)
		}
	}
	whole := Span{Last: int64(len(content)) - 1, Total: int64(len(content))}
	var out bytes.Buffer
	if n, err := Copy(&out, bytes.NewReader(content), whole, check); err != nil || n != whole.Total {
		t.Error(n, err)
	}
}

func TestNoByteOfABlockThatDiffersPasses(t *testing.T) {
	content := bytes.Repeat([]byte("honest "), 100_000)
	s := Span{Last: int64(len(content)) - 1, Total: int64(len(content))}
	block := finding.Block{Offset: 300_000, Size: 100_000, SHA256: sum(content[300_000:400_000])}
	evil := bytes.Clone(content)
	evil[399_999] ^= 1
	var out bytes.Buffer
	n, err := Copy(&out, bytes.NewReader(evil), s, Check{Blocks: []finding.Block{block}})
	if !errors.Is(err, ErrMismatch) || n != 300_000 || out.Len() != 300_000 {
		t.Errorf("%d bytes were given out: %v", n, err)
	}
	n, err = Copy(&out, bytes.NewReader(evil), s, Check{Digest: model.Digest("sha256:" + sum(content))})
	if !errors.Is(err, ErrMismatch) || n > s.Total-withheld {
		t.Errorf("%d bytes of another whole were given out: %v", n, err)
	}
}

func TestAnAnswerThatEndsEarlyIsAnError(t *testing.T) {
	n, err := Copy(io.Discard, bytes.NewReader(make([]byte, 10)), Span{Last: 19, Total: 20}, Check{})
	if n != 10 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(n, err)
	}
	if n, err := Copy(io.Discard, bytes.NewReader(make([]byte, 30)), Span{Last: 19, Total: 20}, Check{}); n != 20 || err != nil {
		t.Error("more than the span has passed", n, err)
	}
}

func TestWhichBytesAnAnswerHas(t *testing.T) {
	for why, row := range map[string]struct {
		status int
		length int64
		ranges []string
		kind   string
		want   Span
		ok     bool
	}{
		"a whole":                   {200, 10, nil, "", Span{0, 9, 10}, true},
		"a whole that is empty":     {200, 0, nil, "", Span{0, -1, 0}, true},
		"a whole of unknown length": {200, -1, nil, "", Span{0, -1, -1}, true},
		"a part":                    {206, 5, []string{"bytes 5-9/10"}, "", Span{5, 9, 10}, true},
		"a part of an unknown size": {206, 5, []string{"bytes 5-9/*"}, "", Span{5, 9, -1}, true},
		"a part that is longer":     {206, 6, []string{"bytes 5-9/10"}, "", Span{}, false},
		"a part without a range":    {206, 5, nil, "", Span{}, false},
		"a part with two ranges":    {206, 5, []string{"bytes 5-9/10", "bytes 0-4/10"}, "", Span{}, false},
		"parts in one body":         {206, 5, []string{"bytes 5-9/10"}, "multipart/byteranges; boundary=x", Span{}, false},
		"nonsense":                  {206, 5, []string{"bytes 9-5/10"}, "", Span{}, false},
		"another status":            {203, 5, nil, "", Span{}, false},
	} {
		res := &http.Response{StatusCode: row.status, ContentLength: row.length, Header: http.Header{"Content-Range": row.ranges, "Content-Type": {row.kind}}}
		if got, err := SpanOf(res); (err == nil) != row.ok || err == nil && got != row.want {
			t.Errorf("%s: %+v, %v", why, got, err)
		}
	}
}

func TestWhichBytesARequestAsksFor(t *testing.T) {
	for value, want := range map[string]Span{
		"bytes=0-0": {0, 0, 100}, "bytes=5-": {5, 99, 100}, "bytes=-10": {90, 99, 100}, "bytes=90-200": {90, 99, 100}, "Bytes = 1-2": {1, 2, 100}, "bytes=-200": {0, 99, 100},
	} {
		if got, ok := Asked(value, 100); !ok || got != want {
			t.Errorf("%s: %+v %v", value, got, ok)
		}
	}
	for _, value := range []string{"", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-9", "lines=1-2", "bytes=a-b", "bytes=99999999999999999999-"} {
		if got, ok := Asked(value, 100); ok {
			t.Errorf("%s: %+v", value, got)
		}
	}
}
