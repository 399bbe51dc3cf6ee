package bucket

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/source"
)

// memory keeps reports of files.
type memory map[string]finding.FileReport

func (m memory) Report(_ context.Context, key string) (finding.FileReport, bool) {
	r, ok := m[key]
	return r, ok
}

func (m memory) PutReport(_ context.Context, key string, r finding.FileReport) { m[key] = r }

// tensors is a safetensors file of some two GiB.
func tensors() *fakeObject {
	const data = 2 << 30
	header := fmt.Sprintf(`{"w":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}`, data/4, data)
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	head = append(head, header...)
	o := text("")
	o.etag, o.size = "0123456789abcdef-128", int64(len(head))+data
	o.at = func(off int64) byte {
		if off < int64(len(head)) {
			return head[off]
		}
		return byte(off * 31)
	}
	return o
}

func scan(t *testing.T, o *Origin, known scanner.Known) finding.Report {
	t.Helper()
	files, err := o.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	engine := scanner.New(source.DefaultLimits())
	rep, err := engine.Scan(t.Context(), scanner.Input{Version: o.Version(), Files: files, Open: o.Open, Known: known})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestVerdictOnLargeObjectIsCheap holds the price of a verdict on two GiB of tensors: under 8 requests and 1 MiB.
func TestVerdictOnLargeObjectIsCheap(t *testing.T) {
	f := newFakeS3(t)
	f.objects["model.safetensors"] = tensors()
	rep := scan(t, find(t, newStores(t, model.S3, f.URL, testKeys()), "s3://models/model.safetensors"), nil)
	if formats := rep.Files[0].Report.Formats; len(formats) != 1 || formats[0] != "safetensors" {
		t.Errorf("formats %v, findings %v", formats, rep.Files[0].Findings())
	}
	requests, sent := f.counted()
	t.Logf("%d requests, %d bytes", requests, sent)
	if requests >= 8 || sent >= 1<<20 {
		t.Errorf("%d requests and %d bytes for a verdict", requests, sent)
	}
}

// TestObjectsAreReadOnce has an object in two versions of its prefix, and by itself.
func TestObjectsAreReadOnce(t *testing.T) {
	f := newFakeS3(t)
	s := newStores(t, model.S3, f.URL, testKeys())
	f.objects["m/model.safetensors"], f.objects["m/config.json"] = tensors(), text("{}")
	known := memory{}
	scan(t, find(t, s, "s3://models/m/"), known)
	f.objects["m/config.json"] = text(`{"a": 1}`)
	_, before := f.counted()
	scan(t, find(t, s, "s3://models/m/"), known)
	scan(t, find(t, s, "s3://models/m/model.safetensors"), known)
	if _, after := f.counted(); after-before != int64(len(`{"a": 1}`)) {
		t.Errorf("%d bytes were read for one small object that is new", after-before)
	}
	f.objects["m/model.safetensors"].etag = "fedcba9876543210-128"
	scan(t, find(t, s, "s3://models/m/model.safetensors"), known)
	if _, after := f.counted(); after-before < 64<<10 {
		t.Error("an object that was written anew was not read")
	}
}

// TestEvilObject has the finding of an object at its place.
func TestEvilObject(t *testing.T) {
	f := newFakeS3(t)
	f.objects["m/evil.pkl"] = text("cos\nsystem\n(S'true'\ntR.")
	rep := scan(t, find(t, newStores(t, model.S3, f.URL, testKeys()), "s3://models/m"), nil)
	if found := rep.Files[0].Findings(); rep.Files[0].Path != "evil.pkl" || len(found) == 0 || found[0].Operator != "system" {
		t.Errorf("%s: %+v", rep.Files[0].Path, found)
	}
}
