package pickle

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"modelgate/internal/scanner/scantest"
)

// unpickled is what one of CPython's unpicklers made of a stream.
type unpickled struct {
	Names, Calls [][2]string // hexadecimal
	Stop         int64
	Memo         map[uint64]string // what it held when the stream stopped
}

// streamsAtOnce is how many streams one process of CPython reads, and generatedStreams how many are made of the grammar, and as many
// mutations of them. MODELGATE_STREAMS sets another number, for long runs.
const (
	streamsAtOnce    = 5000
	generatedStreams = 3000
	mutationsOfCase  = 12
)

// TestDifferential holds the machine to CPython's own, in C and in Python: every name that one of its unpicklers resolves before it
// stops is among ours, and so is everything that it calls; a stream that they load to its end stops for us in the same place, with the same
// entries in the memo and, as far as a machine that calls nothing can know, the same values in them.
func TestDifferential(t *testing.T) {
	generated, seed := generatedStreams, uint64(1)
	if text := os.Getenv("MODELGATE_STREAMS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("MODELGATE_STREAMS: %v", err)
		}
		generated, seed = n, rand.Uint64()
		t.Logf("seed %d", seed)
	}
	d := &differential{r: rand.New(rand.NewPCG(seed, 2))}
	for _, c := range scantest.PickleCases() {
		if len(c.Bytes) == 0 || len(c.Bytes) >= 1<<16 {
			continue
		}
		d.add(t, c.Bytes)
		for range mutationsOfCase {
			d.add(t, mutate(d.r, c.Bytes))
		}
	}
	for range generated {
		s := generate(d.r)
		d.add(t, s)
		d.add(t, mutate(d.r, s))
	}
	d.run(t)
	t.Logf("%d streams, %d names, %d calls, %d clean stops, %d entries of memos", d.total, d.names, d.calls, d.stops, d.entries)
	if d.names < 4*generated || d.calls < generated || d.stops < generated/3 || d.entries < generated/3 {
		t.Errorf("%d names, %d calls, %d stops and %d entries of memos compared: the streams have become too poor", d.names, d.calls, d.stops, d.entries)
	}
}

// differential compares streams with CPython, some thousands at once.
type differential struct {
	r                          *rand.Rand
	streams                    [][]byte
	total, names, calls, stops int
	entries, failures          int
}

func (d *differential) add(t *testing.T, stream []byte) {
	t.Helper()
	if d.streams = append(d.streams, stream); len(d.streams) >= streamsAtOnce {
		d.run(t)
	}
}

// run has CPython read the streams that were added.
func (d *differential) run(t *testing.T) {
	t.Helper()
	var in bytes.Buffer
	for _, s := range d.streams {
		in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		in.Write(s)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/cpython.py")
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run python3: %v", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<26)
	for i, s := range d.streams {
		if !lines.Scan() {
			t.Fatalf("python3 told of %d streams, want %d", i, len(d.streams))
		}
		var theirs map[string]unpickled
		if err := json.Unmarshal(lines.Bytes(), &theirs); err != nil {
			t.Fatal(err)
		}
		d.compare(t, s, theirs)
		if d.failures > 10 {
			t.Fatal("too many")
		}
	}
	d.total += len(d.streams)
	d.streams = d.streams[:0]
}

// compare holds what we say of a stream to what CPython did with it.
func (d *differential) compare(t *testing.T, stream []byte, theirs map[string]unpickled) {
	t.Helper()
	ours := traced(t, stream)
	for who, u := range theirs {
		for _, n := range u.Names {
			d.names++
			if name := unhex(t, n); !slices.Contains(ours.names, name) && !nameless(name) {
				d.failures++
				t.Errorf("%s resolves %q, we don't: %q", who, name, stream)
			}
		}
		for _, n := range u.Calls {
			d.calls++
			if name := unhex(t, n); !slices.ContainsFunc(spellings(name), func(s [2]string) bool { return slices.Contains(ours.calls, s) }) && !nameless(name) {
				d.failures++
				t.Errorf("%s calls %q, we don't: %q", who, name, stream)
			}
		}
		if u.Stop >= 0 && !ours.joblib { // joblib's loader reads on behind array wrappers where these two don't
			d.stops++
			d.entries += len(u.Memo)
			at := slices.IndexFunc(ours.stops, func(s stop) bool { return u.Stop == min(s.at, int64(len(stream))) })
			if at < 0 {
				d.failures++
				t.Errorf("%s stops at %d, we at %v: %q", who, u.Stop, ours.stops, stream)
				continue
			}
			if diff := differs(u.Memo, ours.stops[at].memo); diff != "" {
				d.failures++
				t.Errorf("%s keeps another memo than we: %s: %q", who, diff, stream)
			}
		}
	}
}

// spellings are the ways in which we tell a name: as it stands, without carriage returns, and as Python 2's was renamed.
func spellings(name [2]string) [][2]string {
	trimmed := [2]string{strings.TrimRight(name[0], "\r"), strings.TrimRight(name[1], "\r")}
	module, attr := fromPython2(trimmed[0], trimmed[1])
	return [][2]string{name, trimmed, {module, attr}}
}

// nameless tells whether a name is too long to be kept, so that its calls are told without it.
func nameless(name [2]string) bool { return len(name[0]) > maxName || len(name[1]) > maxName }

// trail is what the machine told of a stream.
type trail struct {
	names, calls [][2]string
	stops        []stop // ends of streams, once more where frames are read in two ways
	joblib       bool   // whether it was read as joblib does
}

// stop is the end of a stream.
type stop struct {
	at   int64
	memo map[uint64]string
}

// contents tells what is in the machine's memo, in the words of testdata/cpython.py.
func (m *machine) contents() map[uint64]string {
	out := map[uint64]string{}
	for i, page := range m.memo.pages {
		for j, v := range page {
			if v != 0 {
				out[uint64(i*memoPage+j)] = m.kindOf(v)
			}
		}
	}
	for index, v := range m.memo.sparse {
		out[index] = m.kindOf(v)
	}
	return out
}

// kindOf tells what a value is; strings that are not kept are only that, and what calls returned is an object.
func (m *machine) kindOf(v value) string {
	switch v.kind() {
	case kNone:
		return "None"
	case kBool:
		return fmt.Sprintf("bool %d", v.payload())
	case kInt:
		n, _ := v.int()
		return fmt.Sprintf("int %d", n)
	case kText:
		text, _ := m.content(v)
		return fmt.Sprintf("str %x", text)
	case kGlobal:
		return fmt.Sprintf("name %x %x", m.globals[v.payload()].module, m.globals[v.payload()].name)
	}
	if name, ok := map[kind]string{
		kBigInt: "int", kFloat: "float", kFarText: "str", kLongText: "str", kBytes: "bytes", kNested: "bytes", kByteArray: "bytearray",
		kList: "list", kDict: "dict", kSet: "set", kFrozenSet: "frozenset", kTuple: "tuple",
	}[v.kind()]; ok {
		return name
	}
	return "object"
}

// differs tells in what two memos differ. What a call returned is unknown to CPython with its stand-ins, and names are told in several
// spellings.
func differs(theirs, ours map[uint64]string) string {
	for index, want := range theirs {
		got, ok := ours[index]
		word, detail, _ := strings.Cut(want, " ")
		switch {
		case !ok:
			return fmt.Sprintf("entry %d, %s, is missing", index, want)
		case want == "object", got == want, got == word && (word == "int" || word == "str"):
		case word == "name" && strings.HasPrefix(got, "name ") && sameName(detail, got[5:]):
		default:
			return fmt.Sprintf("entry %d is %s, want %s", index, got, want)
		}
	}
	for index, got := range ours {
		if _, ok := theirs[index]; !ok {
			return fmt.Sprintf("entry %d, %s, is too much", index, got)
		}
	}
	return ""
}

// sameName tells whether we may tell one name by the other.
func sameName(theirs, ours string) bool {
	pair := func(text string) (out [2]string) {
		module, name, _ := strings.Cut(text, " ")
		for i, digits := range []string{module, name} {
			b, _ := hex.DecodeString(digits)
			out[i] = string(b)
		}
		return out
	}
	return slices.Contains(spellings(pair(theirs)), pair(ours))
}

func traced(t *testing.T, stream []byte) trail {
	t.Helper()
	out := trail{}
	r := &scantest.Recorder{}
	err := scan(t.Context(), scantest.NewFile(stream), r, func(e event) {
		switch {
		case e.call:
			out.calls = append(out.calls, [2]string{e.module, e.name})
		case e.stopped == nil:
			out.names = append(out.names, [2]string{e.module, e.name})
		default:
			out.stops = append(out.stops, stop{e.offset, e.stopped.contents()})
		}
	})
	if err != nil {
		t.Fatalf("scan of %q: %v", stream, err)
	}
	out.joblib = slices.Contains(r.Formats, "joblib")
	return out
}

func unhex(t *testing.T, pair [2]string) (name [2]string) {
	t.Helper()
	for i, s := range pair {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		name[i] = string(b)
	}
	return name
}
