package gguf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
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
	case errors.Is(err, source.ErrBudget):
		rec.Find(finding.New(threat.MGFMT406, -1, err.Error()))
	case err != nil:
		t.Fatalf("Scan: %v", err)
	}
	return rec
}

type (
	file   = scantest.GGUF
	pair   = scantest.GGUFPair
	tensor = scantest.GGUFTensor
)

const template = "{% for m in messages %}{{ m.content }}{% endfor %}"

// honest is a whole model.
func honest() file {
	return file{
		Pairs: []pair{
			{Key: "general.architecture", Value: "llama"},
			{Key: "general.alignment", Value: uint32(32)},
			{Key: "llama.rope.freq_base", Value: float32(10000)},
			{Key: "tokenizer.ggml.add_bos_token", Value: true},
			{Key: "tokenizer.ggml.tokens", Value: []string{"<s>", "{{", "{%", "os.system('rm')", "{{ ''.__class__ }}"}},
			{Key: "tokenizer.ggml.token_type", Value: []uint32{1, 2, 3, 4, 5}},
			{Key: "tokenizer.chat_template", Value: template},
		},
		Tensors: []tensor{{Name: "a", Dims: []uint64{32, 2}, Type: 8}, {Name: "b", Dims: []uint64{3}, Offset: 96}},
		Data:    make([]byte, 96+12+20),
	}
}

func TestHonestModels(t *testing.T) {
	for why, change := range map[string]func(*file){
		"version 3":                      func(*file) {},
		"version 2":                      func(f *file) { f.Version = 2 },
		"version 1":                      func(f *file) { f.Version = 1 },
		"big-endian":                     func(f *file) { f.Order = binary.BigEndian },
		"a vocabulary without tensors":   func(f *file) { f.Tensors, f.Data = nil, nil },
		"no padding behind the last one": func(f *file) { f.Data = f.Data[:96+12] },
		"nested arrays":                  func(f *file) { f.Pairs = append(f.Pairs, pair{Key: "x", Value: [][]string{{"{{"}, {}}}) },
		"a tensor of a new type": func(f *file) {
			f.Tensors = append(f.Tensors, tensor{Name: "c", Dims: []uint64{64}, Type: 40, Offset: 128})
			f.Data = append(f.Data, make([]byte, 36)...)
		},
		"an empty tensor": func(f *file) {
			f.Tensors = append(f.Tensors, tensor{Name: "c", Dims: []uint64{0}, Type: 0, Offset: 128})
		},
	} {
		f := honest()
		change(&f)
		rec := scanned(t, scantest.BuildGGUF(f))
		if len(rec.Findings) > 0 {
			t.Errorf("%s: %+v", why, rec.Findings)
		}
		want := []scantest.Seen{{
			Name: "tokenizer.chat_template", Family: source.FamilyGGUF, Size: int64(len(template)), Content: []byte(template),
		}}
		if diff := cmp.Diff(want, rec.Members); diff != "" {
			t.Errorf("%s: members (-want +got):\n%s", why, diff)
		}
	}
}

func TestEveryPlaceOfATemplateIsScanned(t *testing.T) {
	f := honest()
	f.Pairs = append(f.Pairs,
		pair{Key: "tokenizer.chat_template.tool_use", Value: "tools " + template},
		pair{Key: "tokenizer.chat_templates", Value: []string{"first " + template, "second"}},
		pair{Key: "some.chat_template.nested", Value: [][]string{{"deep"}}},
		pair{Key: "tokenizer.ggml.pre", Value: "pre " + template},
		pair{Key: "tokenizer.ggml.model", Value: "gpt2"},
		pair{Key: "general.description", Value: "prose {{ x }}"},
	)
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		f.Order = order
		rec := scanned(t, scantest.BuildGGUF(f))
		want := []string{
			"tokenizer.chat_template", "tokenizer.chat_template.tool_use", "tokenizer.chat_templates[0]", "tokenizer.chat_templates[1]",
			"some.chat_template.nested[0]",
		}
		if diff := cmp.Diff(want, rec.Names()); diff != "" {
			t.Errorf("members (-want +got):\n%s", diff)
		}
		if last := rec.Members[len(rec.Members)-1]; last.Name != "tokenizer.ggml.pre" || !last.Prose {
			t.Errorf("a template under another key: %+v", last)
		}
	}
}

func evil() map[string]struct {
	file file
	want string
} {
	type row = struct {
		file file
		want string
	}
	with := func(change func(*file)) file {
		f := honest()
		change(&f)
		return f
	}
	raw := func(kind uint32, b ...byte) file {
		return with(func(f *file) { f.Pairs = append(f.Pairs, pair{Key: "x", Value: b, Type: kind}) })
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	return map[string]row{
		"more pairs than there can be":          {with(func(f *file) { f.PairCount = 1 << 60 }), "MG-FMT-400"},
		"more tensors than there can be":        {with(func(f *file) { f.TensorCount = 1<<64 - 1 }), "MG-FMT-400"},
		"one pair too many":                     {file{Pairs: []pair{{Key: "a", Value: true}}, PairCount: 2}, "MG-FMT-400"},
		"a key twice":                           {with(func(f *file) { f.Pairs = append(f.Pairs, pair{Key: "tokenizer.chat_template", Value: "x"}) }), "MG-FMT-400"},
		"a string longer than the file":         {raw(8, huge...), "MG-FMT-400"},
		"an array longer than the file":         {raw(9, append([]byte{4, 0, 0, 0}, huge...)...), "MG-FMT-400"},
		"an array of strings that overflows":    {raw(9, append([]byte{8, 0, 0, 0}, huge...)...), "MG-FMT-400"},
		"an unknown type":                       {raw(13, 0), "MG-FMT-400"},
		"an array of an unknown type":           {raw(9, 99, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), "MG-FMT-400"},
		"arrays nested too deep":                {raw(9, nest(6)...), "MG-FMT-400"},
		"an alignment of no power of two":       {with(func(f *file) { f.Pairs[1].Value = uint32(33) }), "MG-FMT-400"},
		"an alignment of zero":                  {with(func(f *file) { f.Pairs[1].Value = uint32(0) }), "MG-FMT-400"},
		"an alignment that is a string":         {with(func(f *file) { f.Pairs[1].Value = "32" }), "MG-FMT-400"},
		"a tensor twice":                        {with(func(f *file) { f.Tensors[1].Name = "a" }), "MG-FMT-400"},
		"tensors that overlap":                  {with(func(f *file) { f.Tensors[1].Offset = 64 }), "MG-FMT-400"},
		"a hole between tensors":                {with(func(f *file) { f.Tensors[1].Offset = 160; f.Data = make([]byte, 172) }), "MG-FMT-400"},
		"an offset out of line":                 {with(func(f *file) { f.Tensors[1].Offset = 97; f.Data = make([]byte, 97+12) }), "MG-FMT-400"},
		"a tensor beyond the file":              {with(func(f *file) { f.Tensors[1].Dims = []uint64{1 << 40} }), "MG-FMT-400"},
		"a tensor whose elements overflow":      {with(func(f *file) { f.Tensors[1].Dims = []uint64{1 << 62, 1 << 62} }), "MG-FMT-400"},
		"a tensor whose end overflows":          {with(func(f *file) { f.Tensors[1].Offset = 1<<64 - 32 }), "MG-FMT-400"},
		"too many dimensions":                   {with(func(f *file) { f.Tensors[1].Dims = []uint64{1, 1, 1, 1, 1} }), "MG-FMT-400"},
		"an unknown type of tensor":             {with(func(f *file) { f.Tensors[1].Type = 1000 }), "MG-FMT-400"},
		"rows of no whole blocks":               {with(func(f *file) { f.Tensors[0].Dims = []uint64{16, 4} }), "MG-FMT-400"},
		"an unknown version":                    {with(func(f *file) { f.Version = 7 }), "MG-FMT-404"},
		"something behind the last tensor":      {with(func(f *file) { f.Data = append(f.Data, "cposix\nsystem\n."...) }), "MG-FMT-402"},
		"something behind a bare vocabulary":    {with(func(f *file) { f.Tensors = nil; f.Data = []byte("cposix\nsystem\n.") }), "MG-FMT-402"},
		"a lot of zeros behind the last tensor": {with(func(f *file) { f.Data = append(f.Data, make([]byte, 9000)...) }), "MG-FMT-402"},
	}
}

// nest is an array in an array and so on.
func nest(depth int) []byte {
	var b []byte
	for range depth {
		b = append(b, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)
	}
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

func TestEvilModels(t *testing.T) {
	for why, row := range evil() {
		rec := scanned(t, scantest.BuildGGUF(row.file))
		if diff := cmp.Diff([]string{row.want}, rec.Threats()); diff != "" {
			t.Errorf("%s: threats (-want +got):\n%s\n%+v", why, diff, rec.Findings)
		}
		if row.want == "MG-FMT-402" && !rec.Members[len(rec.Members)-1].Prose {
			t.Errorf("%s: what is behind was not scanned", why)
		}
	}
}

func TestAVersionOfZeroIsReadInBothOrders(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		f := honest()
		f.Order = order
		content := scantest.BuildGGUF(f)
		copy(content[4:], "\x00\x00\x00\x00")
		rec := scanned(t, content)
		if diff := cmp.Diff([]string{"tokenizer.chat_template"}, rec.Names()); diff != "" {
			t.Errorf("%v: members (-want +got):\n%s", order, diff)
		}
	}
}

// large is the head of a model of 2 GiB with a vocabulary of 32,000 tokens, and the size of the whole.
func large() ([]byte, int64) {
	f := file{Pairs: []pair{{Key: "general.architecture", Value: "llama"}}}
	tokens := make([]string, 32_000)
	for i := range tokens {
		tokens[i] = fmt.Sprintf("▁token%d", i)
	}
	f.Pairs = append(f.Pairs,
		pair{Key: "tokenizer.ggml.tokens", Value: tokens},
		pair{Key: "tokenizer.ggml.scores", Value: make([]uint32, len(tokens))},
		pair{Key: "tokenizer.chat_template", Value: template})
	const n, each = 512, 4 << 20
	for i := range n {
		f.Tensors = append(f.Tensors, tensor{Name: fmt.Sprintf("blk.%d.attn_q.weight", i), Dims: []uint64{1024, 1024}, Type: 0, Offset: uint64(i * each)})
	}
	head := scantest.BuildGGUF(f)
	return head, int64(len(head)) + n*each
}

func BenchmarkLargeModel(b *testing.B) {
	head, size := large()
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		f := &source.File{
			Reader: &scantest.Sparse{Length: size, Parts: map[int64][]byte{0: head}}, Budget: source.NewBudget(source.DefaultLimits(), size),
		}
		if err := Scan(context.Background(), f, &scantest.Recorder{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestALargeModelCostsFewReads(t *testing.T) {
	head, size := large()
	counted := &scantest.Counted{Reader: &scantest.Sparse{Length: size, Parts: map[int64][]byte{0: head}}}
	file := &source.File{Reader: counted, Budget: source.NewBudget(source.DefaultLimits(), 2<<30)}
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), file, rec); err != nil || len(rec.Findings) > 0 || len(rec.Members) != 1 {
		t.Fatalf("%v, %+v, %q", err, rec.Findings, rec.Names())
	}
	if counted.Requests >= 8 || counted.Bytes > 1<<20 {
		t.Errorf("%d requests, %d bytes for metadata of %d", counted.Requests, counted.Bytes, len(head))
	}
}

func FuzzScan(f *testing.F) {
	f.Add(scantest.BuildGGUF(honest()))
	for _, row := range evil() {
		f.Add(scantest.BuildGGUF(row.file))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		if ok, err := Probe(file); err != nil || !ok {
			return
		}
		err := Scan(context.Background(), file, &scantest.Recorder{})
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	})
}
