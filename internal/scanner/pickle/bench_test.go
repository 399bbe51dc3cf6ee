package pickle

import (
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"syscall"
	"testing"
	"time"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// objects is an endless-looking pickle of small objects that is made while it is read: a list of dicts as Python 3.11's
// protocol 4 writes them, {"id": int, "name": str, "score": float, "tags": (str, str), "on": bool}, a thousand to an APPENDS.
type objects struct {
	head, body, tail []byte
	batches          int64
	ops              int64 // of everything
}

func newObjects(size int64) *objects {
	o := &objects{head: []byte("\x80\x04]\x94"), tail: []byte(".")}
	word := func(b []byte, s string) []byte {
		return append(append(append(b, opShortBinUnicode, byte(len(s))), s...), opMemoize)
	}
	for _, key := range []string{"id", "name", "score", "tags", "on"} { // memo 1 to 5, popped again
		o.head = append(word(o.head, key), opPop)
	}
	o.body = append(o.body, opMark)
	for i := range 1000 {
		o.body = append(o.body, opEmptyDict, opMemoize, opMark, opBinGet, 1, opBinInt2)
		o.body = binary.LittleEndian.AppendUint16(o.body, uint16(i))
		o.body = append(o.body, opBinGet, 2)
		o.body = word(o.body, fmt.Sprintf("n%04d", i))
		o.body = append(o.body, opBinGet, 3, opBinFloat, 1, 2, 3, 4, 5, 6, 7, 8, opBinGet, 4, opBinGet, 1, opBinGet, 2, opTuple2, opMemoize)
		o.body = append(o.body, opBinGet, 5, opNewTrue, opSetItems)
	}
	o.body = append(o.body, opAppends)
	o.batches = (size - int64(len(o.head))) / int64(len(o.body))
	o.ops = 3 + 5*3 + o.batches*(2+1000*19) + 1
	return o
}

func (o *objects) Size() (int64, error) {
	return int64(len(o.head)+len(o.tail)) + o.batches*int64(len(o.body)), nil
}

func (o *objects) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		body := at - int64(len(o.head))
		switch {
		case body < 0:
			n += copy(p[n:], o.head[at:])
		case body < o.batches*int64(len(o.body)):
			n += copy(p[n:], o.body[body%int64(len(o.body)):])
		default:
			rest := body - o.batches*int64(len(o.body))
			if rest >= int64(len(o.tail)) {
				return n, io.EOF
			}
			n += copy(p[n:], o.tail[rest:])
		}
	}
	return n, nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkObjects scans 500 MB of small objects, as 100 million opcodes and more.
func BenchmarkObjects(b *testing.B) {
	o := newObjects(500 << 20)
	size, _ := o.Size()
	b.SetBytes(size)
	start := cpu()
	for b.Loop() {
		r := &scantest.Recorder{}
		f := &source.File{Reader: o, Path: "objects.pkl", Budget: source.NewBudget(source.DefaultLimits(), size)}
		if err := Scan(b.Context(), f, r); err != nil || len(r.Findings) > 0 {
			b.Fatal(err, r.Findings)
		}
	}
	spent := cpu() - start
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(o.ops)*float64(b.N)/spent.Seconds()/1e6, "Mop/cpu-s")
	b.ReportMetric(float64(mem.Sys)/(1<<20), "MiB-sys")
}

// sampled tells how much memory lives while a stream is read.
type sampled struct {
	source.Reader
	reads int
	peak  uint64
}

func (s *sampled) ReadAt(p []byte, off int64) (int, error) {
	if s.reads++; s.reads%24 == 0 {
		runtime.GC()
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		s.peak = max(s.peak, mem.HeapAlloc)
	}
	return s.Reader.ReadAt(p, off)
}

// TestMemoryStaysBounded scans more objects than the memo keeps.
func TestMemoryStaysBounded(t *testing.T) {
	const limit = 64 << 20
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	o := newObjects(120 << 20)
	r := &scantest.Recorder{}
	s := &sampled{Reader: o}
	f := &source.File{Reader: s, Path: "objects.pkl", Budget: source.NewBudget(source.DefaultLimits(), 120<<20)}
	if err := Scan(t.Context(), f, r); err != nil || len(r.Findings) > 0 {
		t.Fatal(err, list(r.Findings))
	}
	if used := s.peak - before.HeapAlloc; s.peak == 0 || used > limit {
		t.Errorf("%d MiB lived while 120 MiB of objects were scanned, want %d at most", used>>20, limit>>20)
	}
}
