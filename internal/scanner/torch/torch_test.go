package torch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// reply answers for the pickles of a checkpoint: each data.pkl names the given storages.
func reply(storages ...source.Storage) func(context.Context, source.Member) (source.Outcome, error) {
	return func(_ context.Context, m source.Member) (source.Outcome, error) {
		if strings.HasSuffix(m.Name, "data.pkl") {
			return source.Outcome{Formats: []string{"pickle"}, Storages: storages}, nil
		}
		return source.Outcome{}, nil
	}
}

func scanned(t *testing.T, content []byte, storages ...source.Storage) *scantest.Recorder {
	t.Helper()
	f := scantest.NewFile(content)
	if ok, err := ProbeZIP(f); !ok || err != nil {
		t.Fatalf("ProbeZIP = %v, %v", ok, err)
	}
	rec := &scantest.Recorder{Reply: reply(storages...)}
	if err := ScanZIP(context.Background(), f, rec); err != nil {
		t.Fatalf("ScanZIP: %v", err)
	}
	return rec
}

const pickle = "\x80\x02}."

func tensors() [][]byte {
	return [][]byte{bytes.Repeat([]byte{1, 2, 3, 4}, 100), bytes.Repeat([]byte{9}, 64)}
}

func accounted() []source.Storage {
	return []source.Storage{{Key: "0", Size: 400}, {Key: "1", Size: 64}}
}

func TestStoragesThatPicklesAccountForAreNotRead(t *testing.T) {
	rec := scanned(t, scantest.Checkpoint([]byte(pickle), tensors(), scantest.ZIPEntry{Name: "archive/empty"}), append(accounted(), source.Storage{Key: "empty"})...)
	want := []string{
		"archive/data.pkl", "archive/.format_version", "archive/.storage_alignment", "archive/byteorder", "archive/version",
		"archive/.data/serialization_id",
	}
	if diff := cmp.Diff(want, rec.Names()); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if len(rec.Findings) > 0 {
		t.Errorf("findings: %+v", rec.Findings)
	}
	if diff := cmp.Diff([]string{"pytorch_v1_13"}, rec.Formats); diff != "" {
		t.Errorf("formats (-want +got):\n%s", diff)
	}
	for _, m := range rec.Members {
		if m.Family != source.FamilyTorch {
			t.Errorf("%s is of family %q", m.Name, m.Family)
		}
	}
}

func TestEvilCheckpoints(t *testing.T) {
	payload := scantest.ZIPEntry{Name: "archive/weird", Content: []byte("cposix\nsystem\n.")}
	late := func(change func(*scantest.ZIPRecord)) scantest.ZIPEntry {
		e := scantest.ZIPEntry{Name: "archive/data/2", Content: []byte("payload")}
		e.Central = change
		return e
	}
	for why, row := range map[string]struct {
		zip      []byte
		storages []source.Storage
		want     []string
		seen     string
	}{
		"a member that no tensor names is read": {scantest.Checkpoint([]byte(pickle), tensors(), payload), accounted(), nil, "archive/weird"},
		"a storage that no tensor names is read": {
			scantest.Checkpoint([]byte(pickle), tensors()), accounted()[:1], nil, "archive/data/1",
		},
		"a storage of another size is read": {
			scantest.Checkpoint([]byte(pickle), tensors()),
			[]source.Storage{{Key: "0", Size: 400}, {Key: "1", Size: 63}},
			[]string{"PAIT-PYTCH-101"},
			"archive/data/1",
		},
		"a deflated storage is read": {
			scantest.Checkpoint([]byte(pickle), nil, scantest.ZIPEntry{Name: "archive/data/0", Content: tensors()[0], Deflate: true}),
			accounted()[:1], nil, "archive/data/0",
		},
		"a storage is missing":               {scantest.Checkpoint([]byte(pickle), tensors()[:1]), accounted(), []string{"PAIT-PYTCH-101"}, ""},
		"a key leads out":                    {scantest.Checkpoint([]byte(pickle), tensors()), append(accounted(), source.Storage{Key: "../version", Size: 2}), []string{"PAIT-PYTCH-101"}, ""},
		"tensors disagree on a storage":      {scantest.Checkpoint([]byte(pickle), tensors()), append(accounted(), source.Storage{Key: "1", Size: 32}), []string{"PAIT-PYTCH-101"}, ""},
		"Python code lies in a checkpoint":   {scantest.Checkpoint([]byte(pickle), tensors(), scantest.ZIPEntry{Name: "archive/x.py", Content: []byte("import os")}), accounted(), []string{"MG-PY-101"}, "archive/x.py"},
		"a second checkpoint lies beside":    {scantest.Checkpoint([]byte(pickle), tensors(), scantest.ZIPEntry{Name: "other/data.pkl", Content: []byte(pickle)}), accounted(), []string{"MG-FMT-403", "PAIT-PYTCH-101"}, "other/data.pkl"},
		"data.pkl has another name locally":  {scantest.BuildZIP(scantest.ZIPEntry{Name: "a/data.pkl", Content: []byte(pickle), Local: func(r *scantest.ZIPRecord) { r.Name = "a/data.txt" }}), nil, []string{"MG-FMT-403"}, "a/data.pkl"},
		"data.pkl is flagged as encrypted":   {scantest.BuildZIP(scantest.ZIPEntry{Name: "a/data.pkl", Content: []byte(pickle), Central: func(r *scantest.ZIPRecord) { r.Flags |= 1 }}), nil, []string{"MG-FMT-403"}, "a/data.pkl"},
		"data.pkl has a bad checksum":        {scantest.BuildZIP(scantest.ZIPEntry{Name: "a/data.pkl", Content: []byte(pickle), Central: func(r *scantest.ZIPRecord) { r.CRC = 1 }, Local: func(r *scantest.ZIPRecord) { r.CRC = 1 }}), nil, []string{"MG-FMT-400"}, "a/data.pkl"},
		"a gap before a storage is read":     {scantest.Checkpoint([]byte(pickle), tensors(), scantest.ZIPEntry{Name: "archive/data/2", Content: []byte("1234"), Before: bytes.Repeat([]byte("payload "), 40)}), append(accounted(), source.Storage{Key: "2", Size: 4}), []string{"MG-FMT-402"}, "#bytes@"},
		"a storage is flagged as compressed": {scantest.Checkpoint([]byte(pickle), tensors(), late(func(r *scantest.ZIPRecord) { r.Method = 8 })), append(accounted(), source.Storage{Key: "2", Size: 7}), []string{"MG-FMT-403"}, "archive/data/2"},
	} {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, row.zip, row.storages...)
			if diff := cmp.Diff(row.want, rec.Threats()); diff != "" {
				t.Errorf("threats (-want +got):\n%s", diff)
			}
			found := row.seen == ""
			for _, m := range rec.Members {
				found = found || strings.HasPrefix(m.Name, row.seen)
			}
			if !found {
				t.Errorf("%s was not read; members %q", row.seen, rec.Names())
			}
		})
	}
}

func TestTorchScript(t *testing.T) {
	zip := scantest.TorchScript([]byte(pickle), []byte(pickle), map[string]string{"__torch__/m.py": "def forward(self):\n  pass\n"},
		scantest.ZIPEntry{Name: "m/data/0", Content: []byte("12345678")}, scantest.ZIPEntry{Name: "m/extra/info.json", Content: []byte("{}")})
	rec := scanned(t, zip, source.Storage{Key: "0", Size: 8})
	want := []string{"m/data.pkl", "m/constants.pkl", "m/code/__torch__/m.py", "m/version", "m/extra/info.json"}
	if diff := cmp.Diff(want, rec.Names()); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if len(rec.Findings) > 0 || rec.Formats[0] != "pytorch_torch_script" || rec.Members[0].Family != source.FamilyTorchScript {
		t.Errorf("findings %+v, formats %q, family %q", rec.Findings, rec.Formats, rec.Members[0].Family)
	}
}

func TestPackages(t *testing.T) {
	zip := scantest.BuildZIP(
		scantest.ZIPEntry{Name: "p/.data/extern_modules", Content: []byte("torch\n")},
		scantest.ZIPEntry{Name: "p/model/data.pkl", Content: []byte(pickle)},
		scantest.ZIPEntry{Name: "p/.data/0.storage", Content: []byte("12345678")},
		scantest.ZIPEntry{Name: "p/code.py", Content: []byte("x = 1\n")},
	)
	rec := scanned(t, zip, source.Storage{Key: "0", Size: 8})
	if diff := cmp.Diff([]string{"p/model/data.pkl", "p/.data/extern_modules", "p/code.py"}, rec.Names()); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if len(rec.Findings) > 0 || rec.Formats[0] != "pytorch_archive" {
		t.Errorf("findings %+v, formats %q", rec.Findings, rec.Formats)
	}
}

func TestExportedPrograms(t *testing.T) {
	config := `{"config": {"w": {"path_name": "weight_0", "is_param": true, "use_pickle": false}, "p": {"path_name": "weight_1", "use_pickle": true}, "e": {"path_name": "../../models/model.json"}}}`
	entry := func(name, content string) scantest.ZIPEntry {
		return scantest.ZIPEntry{Name: "m/" + name, Content: []byte(content)}
	}
	rec := scanned(t, scantest.BuildZIP(
		entry("archive_format", "pt2"), entry("models/model.json", "{}"), entry("data/weights/model_weights_config.json", config),
		entry("data/weights/weight_0", "raw bytes"), entry("data/weights/weight_1", "a pickle"), entry("data/weights/weight_2", "of nobody"),
	))
	prose := map[string]bool{}
	for _, m := range rec.Members {
		prose[m.Name] = m.Prose
	}
	want := map[string]bool{
		"m/archive_format": false, "m/models/model.json": false, "m/data/weights/model_weights_config.json": false,
		"m/data/weights/weight_0": true, "m/data/weights/weight_1": false, "m/data/weights/weight_2": false,
	}
	if diff := cmp.Diff(want, prose); diff != "" || len(rec.Findings) > 0 {
		t.Errorf("members that are raw (-want +got):\n%s\nfindings %+v", diff, rec.Findings)
	}
}

// huge is a checkpoint of 2 GiB in a thousand tensors that takes no memory.
func huge() (*scantest.Sparse, []source.Storage) {
	const each, n = 2 << 20, 1024
	file := &scantest.Sparse{Parts: map[int64][]byte{}}
	var dir bytes.Buffer
	var storages []source.Storage
	add := func(name string, content []byte, size int) {
		start := file.Length
		pad := int(63 - (start+30+int64(len(name))+4+63)%64)
		le := binary.LittleEndian
		sum := crc32.ChecksumIEEE(content)
		h := le.AppendUint32(nil, 0x04034b50)
		h = append(h, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0)
		h = append(h, make([]byte, 12)...) // sizes follow the bytes
		h = le.AppendUint16(h, uint16(len(name)))
		h = le.AppendUint16(h, uint16(4+pad))
		h = append(append(h, name...), 'F', 'B', byte(pad), 0)
		h = append(h, bytes.Repeat([]byte("Z"), pad)...)
		file.Parts[start] = append(h, content...)
		end := start + int64(len(h)+size)
		d := le.AppendUint32(nil, 0x08074b50)
		d = le.AppendUint32(d, sum)
		d = le.AppendUint32(d, uint32(size))
		file.Parts[end] = le.AppendUint32(d, uint32(size))
		file.Length = end + 16
		c := le.AppendUint32(nil, 0x02014b50)
		c = append(c, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0)
		c = le.AppendUint32(le.AppendUint32(le.AppendUint32(c, sum), uint32(size)), uint32(size))
		c = append(le.AppendUint16(c, uint16(len(name))), make([]byte, 12)...)
		dir.Write(append(le.AppendUint32(c, uint32(start)), name...))
	}
	big := bytes.Repeat([]byte("\x80\x02N0"), 38<<10) // 152 KiB of pickle
	add("archive/data.pkl", big, len(big))
	add("archive/byteorder", []byte("little"), 6)
	for i := range n - 1 {
		add(fmt.Sprintf("archive/data/%d", i), nil, each)
		storages = append(storages, source.Storage{Key: fmt.Sprint(i), Size: each})
	}
	add("archive/version", []byte("3\n"), 2)
	le := binary.LittleEndian
	end := le.AppendUint32(nil, 0x06054b50)
	end = append(end, 0, 0, 0, 0)
	end = le.AppendUint16(le.AppendUint16(end, n+2), n+2)
	end = le.AppendUint32(end, uint32(dir.Len()))
	end = append(le.AppendUint32(end, uint32(file.Length)), 0, 0)
	file.Parts[file.Length] = append(dir.Bytes(), end...)
	file.Length += int64(dir.Len() + len(end))
	return file, storages
}

func TestALargeCheckpointCostsFewReads(t *testing.T) {
	file, storages := huge()
	counted := &scantest.Counted{Reader: file}
	f := &source.File{Reader: counted, Budget: source.NewBudget(source.DefaultLimits(), file.Length)}
	if ok, err := ProbeZIP(f); !ok || err != nil {
		t.Fatalf("ProbeZIP = %v, %v", ok, err)
	}
	rec := &scantest.Recorder{Reply: reply(storages...)}
	if err := ScanZIP(context.Background(), f, rec); err != nil {
		t.Fatal(err)
	}
	if len(rec.Findings) > 0 {
		t.Errorf("findings: %+v", rec.Findings[:min(3, len(rec.Findings))])
	}
	if counted.Requests >= 8 || counted.Bytes > 1<<20 {
		t.Errorf("%d requests, %d bytes", counted.Requests, counted.Bytes)
	}
}

func BenchmarkLargeCheckpoint(b *testing.B) {
	file, storages := huge()
	for b.Loop() {
		f := &source.File{Reader: file, Budget: source.NewBudget(source.DefaultLimits(), file.Length)}
		if err := ScanZIP(context.Background(), f, &scantest.Recorder{Reply: reply(storages...)}); err != nil {
			b.Fatal(err)
		}
	}
}

func pickled(body string) string { return "\x80\x02" + body + "." }

// legacyTar is a checkpoint of version 0.1.1 with one tensor of two floats.
func legacyTar() map[string][]byte {
	le := binary.LittleEndian
	tensors := []byte(pickled("K\x01") + pickled("(K\x05K\x07ctorch\nFloatTensor\nt"))
	tensors = le.AppendUint32(le.AppendUint32(tensors, 1), 0)
	for _, v := range []uint64{2, 1, 0} { // size, stride, offset
		tensors = le.AppendUint64(tensors, v)
	}
	storages := []byte(pickled("K\x01") + pickled("(K\x07X\x03\x00\x00\x00cpuctorch\nFloatStorage\nt"))
	storages = append(le.AppendUint64(storages, 2), "\x01\x02\x03\x04\x05\x06\x07\x08"...)
	storages = append(storages, pickled("]")...)
	return map[string][]byte{"pickle": []byte(pickled("}")), "tensors": tensors, "storages": storages}
}

func TestLegacyTar(t *testing.T) {
	clean := []string{"pickle", "storages#0", "storages#1", "storages#2", "tensors#0", "tensors#1"}
	for why, row := range map[string]struct {
		change func(map[string][]byte)
		want   []string
		names  []string
	}{
		"a whole checkpoint": {func(map[string][]byte) {}, nil, clean},
		"a payload in the place of a storage": {
			func(m map[string][]byte) {
				m["storages"] = append([]byte(pickled("K\x01")), pickled("cposix\nsystem\n")+"12345678"...)
			},
			[]string{"MG-FMT-400"},
			[]string{"pickle", "storages#0", "storages#1", "storages#1", "tensors#0", "tensors#1"},
		},
		"a storage that breaks off": {
			func(m map[string][]byte) { m["storages"] = m["storages"][:len(m["storages"])-8] },
			[]string{"MG-FMT-400"},
			[]string{"pickle", "storages#0", "storages#1", "storages#1", "tensors#0", "tensors#1"},
		},
		"an unknown opcode": {
			func(m map[string][]byte) { m["tensors"] = []byte("\x80\x02\xffcposix\nsystem\n.") },
			[]string{"MG-FMT-400"},
			[]string{"pickle", "storages#0", "storages#1", "storages#2", "tensors#0"},
		},
	} {
		m := legacyTar()
		row.change(m)
		f := scantest.NewFile(scantest.LegacyTar(m))
		if ok, err := ProbeTar(f); !ok || err != nil {
			t.Fatalf("ProbeTar = %v, %v", ok, err)
		}
		rec := &scantest.Recorder{}
		if err := ScanTar(context.Background(), f, rec); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, rec.Threats()); diff != "" {
			t.Errorf("%s: threats (-want +got):\n%s", why, diff)
		}
		if diff := cmp.Diff(row.names, rec.Names()); diff != "" {
			t.Errorf("%s: members (-want +got):\n%s", why, diff)
		}
	}
}

func FuzzLegacyTar(f *testing.F) {
	for _, b := range legacyTar() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, raw := range []gap{tensorGap, storageGap} {
			if err := legacy(context.Background(), &scantest.Recorder{}, "x", source.Bytes(content), raw); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzZIP(f *testing.F) {
	f.Add(scantest.Checkpoint([]byte(pickle), tensors()))
	f.Add(scantest.TorchScript([]byte(pickle), []byte(pickle), map[string]string{"x.py": "pass"}))
	f.Fuzz(func(t *testing.T, content []byte) {
		file := scantest.NewFile(content)
		if ok, err := ProbeZIP(file); err != nil || !ok {
			return
		}
		rec := &scantest.Recorder{Reply: reply(accounted()...)}
		if err := ScanZIP(context.Background(), file, rec); err != nil && !errors.Is(err, source.ErrBudget) && !errors.Is(err, source.ErrBomb) {
			t.Fatal(err)
		}
	})
}

// TestPartsOfDistributedCheckpoints tiles files with archives, and refuses what only looks so.
func TestPartsOfDistributedCheckpoints(t *testing.T) {
	two := scantest.Distributed("\x80\x02N.", "\x80\x02]N.")
	cut := len(two) - len(scantest.Distributed("\x80\x02]N."))
	// Where the second archive's directory would be, were its place one in the file, the first one's tensor has another.
	hidden := scantest.Distributed(strings.Repeat("x", 10)+"PK\x01\x02"+strings.Repeat("x", 90), strings.Repeat("y", 10))
	for name, tt := range map[string]struct {
		content []byte
		want    int
	}{
		"two archives":                         {two, 2},
		"three archives of the same size":      {scantest.Distributed("\x80\x02N.", "\x80\x02N.", "\x80\x02N."), 3},
		"one archive":                          {two[:cut], 0},
		"an archive behind other bytes":        {append([]byte("x"), two...), 0},
		"other bytes behind an archive":        {append(slices.Clone(two), 0), 0},
		"other bytes between":                  {slices.Concat(two[:cut], []byte("x"), two[cut:]), 0},
		"a directory where others look for it": {hidden, 0},
		"nothing":                              {nil, 0},
	} {
		got, err := parts(source.Bytes(tt.content), int64(len(tt.content)))
		if err != nil || len(got) != tt.want {
			t.Errorf("%s: %d parts, %v, want %d", name, len(got), err, tt.want)
		}
	}
}
