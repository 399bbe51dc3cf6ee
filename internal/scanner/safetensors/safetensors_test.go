package safetensors

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// scanned scans bytes; an error of the bytes counts as the finding that the engine makes of it.
func scanned(t *testing.T, content []byte) *scantest.Recorder {
	t.Helper()
	f := scantest.NewFile(content)
	if ok, err := Probe(f); !ok || err != nil {
		t.Fatalf("Probe = %v, %v", ok, err)
	}
	rec := &scantest.Recorder{}
	err := Scan(context.Background(), f, rec)
	var bad *source.Malformed
	switch {
	case errors.As(err, &bad):
		rec.Find(finding.New(threat.MGFMT400, bad.Offset, bad.Reason))
	case err != nil:
		t.Fatalf("Scan: %v", err)
	}
	return rec
}

const one = `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`

func TestHonestFiles(t *testing.T) {
	for why, content := range map[string][]byte{
		"one tensor":                       scantest.Safetensors(one, make([]byte, 8)),
		"no tensor":                        scantest.Safetensors(`{}`, nil),
		"metadata alone":                   scantest.Safetensors(`{"__metadata__":{"format":"pt"}}`, nil),
		"many tensors":                     scantest.Safetensors(scantest.SafetensorsHeader(50, 16), make([]byte, 800)),
		"a scalar":                         scantest.Safetensors(`{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`, make([]byte, 8)),
		"empty tensors at equal offsets":   scantest.Safetensors(`{"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"c":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, make([]byte, 4)),
		"tensors out of order":             scantest.Safetensors(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, make([]byte, 2)),
		"elements of less than a byte":     scantest.Safetensors(`{"a":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]},"b":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[3,6]}}`, make([]byte, 6)),
		"elements of 8 bits":               scantest.Safetensors(`{"a":{"dtype":"F8_E8M0","shape":[3],"data_offsets":[0,3]}}`, make([]byte, 3)),
		"prose that sounds dangerous":      scantest.Safetensors(`{"__metadata__":{"os.system('rm -rf /')":"eval(exec(__import__)) {{ ''.__class__ }}"},"../../etc/passwd":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, make([]byte, 1)),
		"a header padded with many blanks": scantest.Safetensors(one+strings.Repeat(" ", 10000), make([]byte, 8)),
		"blanks in the header":             scantest.Safetensors("{ \n\"a\" : "+one[5:], make([]byte, 8)),
	} {
		rec := scanned(t, content)
		if len(rec.Findings) > 0 || len(rec.Members) > 0 {
			t.Errorf("%s: findings %+v, members %q", why, rec.Findings, rec.Names())
		}
		if diff := cmp.Diff([]string{"safetensors"}, rec.Formats); diff != "" {
			t.Errorf("%s: formats (-want +got):\n%s", why, diff)
		}
	}
}

func evil() map[string]struct {
	content []byte
	want    string
} {
	type row = struct {
		content []byte
		want    string
	}
	file := scantest.Safetensors
	long := file(one, make([]byte, 8))
	binary.LittleEndian.PutUint64(long, 1<<63)
	return map[string]row{
		"a length beyond the file":              {long, "MG-FMT-400"},
		"a key twice":                           {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, make([]byte, 2)), "MG-FMT-400"},
		"a key twice, once escaped":             {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, make([]byte, 2)), "MG-FMT-400"},
		"a field twice":                         {file(`{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, make([]byte, 1)), "MG-FMT-400"},
		"metadata twice":                        {file(`{"__metadata__":{},"__metadata__":{}}`, nil), "MG-FMT-400"},
		"a key of the metadata twice":           {file(`{"__metadata__":{"k":"a","k":"b"}}`, nil), "MG-FMT-400"},
		"metadata that is no string":            {file(`{"__metadata__":{"k":{"a":[1,{}]}}}`, nil), "MG-FMT-400"},
		"metadata that is no object":            {file(`{"__metadata__":[]}`, nil), "MG-FMT-400"},
		"a hole at the start":                   {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, make([]byte, 2)), "MG-FMT-400"},
		"a hole in the middle":                  {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}`, make([]byte, 4)), "MG-FMT-400"},
		"an overlap":                            {file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, make([]byte, 3)), "MG-FMT-400"},
		"a tensor twice":                        {file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, make([]byte, 2)), "MG-FMT-400"},
		"a size that does not fit the shape":    {file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, make([]byte, 8)), "MG-FMT-400"},
		"a shape that overflows":                {file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}`, make([]byte, 8)), "MG-FMT-400"},
		"bits that fill no byte":                {file(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}`, make([]byte, 1)), "MG-FMT-400"},
		"an unknown dtype":                      {file(`{"a":{"dtype":"PICKLE","shape":[8],"data_offsets":[0,8]}}`, make([]byte, 8)), "MG-FMT-400"},
		"offsets the wrong way round":           {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, nil), "MG-FMT-400"},
		"a negative offset":                     {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, make([]byte, 1)), "MG-FMT-400"},
		"a fractional size":                     {file(`{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}`, make([]byte, 1)), "MG-FMT-400"},
		"three offsets":                         {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}`, nil), "MG-FMT-400"},
		"a field of its own":                    {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"code":"x"}}`, make([]byte, 1)), "MG-FMT-400"},
		"a tensor beyond the end":               {file(`{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}`, make([]byte, 8)), "MG-FMT-400"},
		"a header that breaks off":              {file(`{"a":{"dtype":"U8","sha`, make([]byte, 8)), "MG-FMT-400"},
		"something behind the object":           {file(one+`{"b":1}`, make([]byte, 8)), "MG-FMT-400"},
		"something behind the last tensor":      {file(one, []byte("12345678cposix\nsystem\n.")), "MG-FMT-402"},
		"something where there are no tensors":  {file(`{}`, []byte("\x80\x04cposix\nsystem\n.")), "MG-FMT-402"},
		"something behind a tensor of no bytes": {file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, []byte("PK\x03\x04 and so on")), "MG-FMT-402"},
	}
}

func TestEvilFiles(t *testing.T) {
	for why, row := range evil() {
		rec := scanned(t, row.content)
		if diff := cmp.Diff([]string{row.want}, rec.Threats()); diff != "" {
			t.Errorf("%s: threats (-want +got):\n%s", why, diff)
		}
		if seen := len(rec.Members) == 1 && rec.Members[0].Prose; seen != (row.want == "MG-FMT-402") {
			t.Errorf("%s: members %+v", why, rec.Members)
		}
	}
}

func TestConfigurationsInMetadataAreScanned(t *testing.T) {
	rec := scanned(t, scantest.Safetensors(`{"__metadata__":{"cfg":"{\"_target_\": \"os.system\"}","esc":"{\"\\u005ftarget_\": 1}","title":"a [model]"}}`, nil))
	if diff := cmp.Diff(2, len(rec.Members)); diff != "" || rec.Members[0].Name != "__metadata__.cfg" || !rec.Members[0].Prose {
		t.Errorf("members %+v", rec.Members)
	}
}

func TestWhatIsNoSafetensors(t *testing.T) {
	for why, content := range map[string]string{
		"nothing":                   "",
		"JSON":                      `{"a": 1}` + strings.Repeat(" ", 20),
		"a length that is too long": "\xff\xff\x00\x00\x00\x00\x00\x00{\"a\":1}",
		"no object":                 "\x08\x00\x00\x00\x00\x00\x00\x00[1,2,3] ",
		"text after a length":       "\x08\x00\x00\x00\x00\x00\x00\x00{abcdef}",
	} {
		if ok, err := Probe(scantest.NewFile([]byte(content))); ok || err != nil {
			t.Errorf("%s: Probe = %v, %v", why, ok, err)
		}
	}
}

func TestALargeFileCostsFewReads(t *testing.T) {
	const tensors, each = 1000, 2 << 20
	head := scantest.Safetensors(scantest.SafetensorsHeader(tensors, each), nil)
	counted := &scantest.Counted{Reader: &scantest.Sparse{Length: int64(len(head)) + tensors*each, Parts: map[int64][]byte{0: head}}}
	f := &source.File{Reader: counted, Budget: source.NewBudget(source.DefaultLimits(), 2<<30)}
	if ok, err := Probe(f); !ok || err != nil {
		t.Fatalf("Probe = %v, %v", ok, err)
	}
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), f, rec); err != nil || len(rec.Findings) > 0 {
		t.Fatalf("%v, %+v", err, rec.Findings)
	}
	if counted.Requests >= 6 || counted.Bytes > 512<<10 {
		t.Errorf("%d requests, %d bytes for a header of %d", counted.Requests, counted.Bytes, len(head))
	}
}

func BenchmarkLargeFile(b *testing.B) {
	const tensors, each = 1000, 2 << 20
	head := scantest.Safetensors(scantest.SafetensorsHeader(tensors, each), nil)
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		f := &source.File{
			Reader: &scantest.Sparse{Length: int64(len(head)) + tensors*each, Parts: map[int64][]byte{0: head}},
			Budget: source.NewBudget(source.DefaultLimits(), 2<<30),
		}
		if err := Scan(context.Background(), f, &scantest.Recorder{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestIndex(t *testing.T) {
	for why, row := range map[string]struct {
		json string
		want []string
		refs []string
	}{
		"an index": {
			`{"metadata":{"total_size":1},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00001-of-00002.safetensors"}}`,
			nil,
			[]string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"},
		},
		"an index of pickles":          {`{"weight_map":{"a":"pytorch_model-1.bin"}}`, nil, []string{"pytorch_model-1.bin"}},
		"a shard outside the model":    {`{"weight_map":{"a":"../../../etc/passwd"}}`, []string{"MG-PATH-100"}, []string{"../../../etc/passwd"}},
		"an escaped shard and key":     {`{"weigh\u0074_map":{"a":"\u002e\u002e/x"}}`, []string{"MG-PATH-100"}, []string{"../x"}},
		"a shard on the web":           {`{"weight_map":{"a":"https://example.com/x"}}`, []string{"MG-PATH-100"}, []string{"https://example.com/x"}},
		"two weight maps":              {`{"weight_map":{"a":"x"},"weight_map":{"a":"y"}}`, []string{"MG-FMT-403"}, []string{"x", "y"}},
		"a tensor in two files":        {`{"weight_map":{"a":"x","a":"y"}}`, []string{"MG-FMT-403"}, []string{"x", "y"}},
		"a shard that is no string":    {`{"weight_map":{"a":["x",{}],"b":"y"}}`, []string{"MG-FMT-400"}, []string{"y"}},
		"a weight map behind a string": {`{"x":"` + strings.Repeat("a", 100<<10) + `","weight_map":{"a":"x"}}`, nil, []string{"x"}},
	} {
		f := scantest.NewFile([]byte(row.json))
		if ok, err := ProbeIndex(f); !ok || err != nil {
			t.Errorf("%s: ProbeIndex = %v, %v", why, ok, err)
		}
		rec := &scantest.Recorder{}
		if err := ScanIndex(context.Background(), f, rec); err != nil {
			t.Errorf("%s: %v", why, err)
		}
		var refs []string
		for _, r := range rec.Refs {
			refs = append(refs, r.Target)
		}
		if diff := cmp.Diff(row.want, rec.Threats()); diff != "" {
			t.Errorf("%s: threats (-want +got):\n%s", why, diff)
		}
		if diff := cmp.Diff(row.refs, refs); diff != "" {
			t.Errorf("%s: references (-want +got):\n%s", why, diff)
		}
	}
	for _, other := range []string{`{"a":{"weight_map":{}}}`, `{"weight_map":[1]}`, `{"weight`, `[]`, `weight_map`, ``} {
		if ok, err := ProbeIndex(scantest.NewFile([]byte(other))); ok || err != nil {
			t.Errorf("%s: ProbeIndex = %v, %v", other, ok, err)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, row := range evil() {
		f.Add(row.content)
	}
	f.Add([]byte(`{"weight_map":{"a":"x","a":"y"}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		if ok, err := ProbeIndex(file); err != nil {
			t.Fatal(err)
		} else if ok {
			if err := ScanIndex(context.Background(), file, &scantest.Recorder{}); err != nil && !jsontree.IsBroken(err) {
				t.Fatal(err)
			}
		}
		if ok, err := Probe(file); err != nil || !ok {
			return
		}
		if err := Scan(context.Background(), file, &scantest.Recorder{}); err != nil && !jsontree.IsBroken(err) {
			t.Fatal(err)
		}
	})
}
