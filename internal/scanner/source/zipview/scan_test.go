package zipview

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
)

// scanned runs Scan over bytes.
func scanned(t *testing.T, content []byte) *scantest.Recorder {
	t.Helper()
	rec := &scantest.Recorder{}
	if err := Scan(context.Background(), scantest.NewFile(content), rec, Plan{}); err != nil {
		t.Fatalf("Scan: %v", err)
	}
	return rec
}

const evil = "payload that must be seen" // of every archive below

func plain(name string) scantest.ZIPEntry {
	return scantest.ZIPEntry{Name: name, Content: []byte("honest content of " + name)}
}

func hidden(name string) scantest.ZIPEntry {
	return scantest.ZIPEntry{Name: name, Content: []byte(evil)}
}

func deflated(name string) scantest.ZIPEntry {
	e := hidden(name)
	e.Deflate = true
	return e
}

func with(e scantest.ZIPEntry, change func(*scantest.ZIPEntry)) scantest.ZIPEntry {
	change(&e)
	return e
}

func local(change func(*scantest.ZIPRecord)) func(*scantest.ZIPEntry) {
	return func(e *scantest.ZIPEntry) { e.Local = change }
}

func central(change func(*scantest.ZIPRecord)) func(*scantest.ZIPEntry) {
	return func(e *scantest.ZIPEntry) { e.Central = change }
}

func both(change func(*scantest.ZIPRecord)) func(*scantest.ZIPEntry) {
	return func(e *scantest.ZIPEntry) { e.Local, e.Central = change, change }
}

// hostile are the rows of detection.md 4.1, and what they must raise. In each the payload must be seen.
func hostile() map[string]struct {
	zip  []byte
	want []string
} {
	type row = struct {
		zip  []byte
		want []string
	}
	z := scantest.BuildZIP
	second := z(deflated("inner"))
	return map[string]row{
		"an entry is only in the local view": {
			z(plain("a"), with(hidden("b"), func(e *scantest.ZIPEntry) { e.NoCentral = true }), plain("c")), []string{"MG-FMT-403"},
		},
		"a deflated entry of unknown size is only in the local view": {
			z(plain("a"), with(deflated("b"), func(e *scantest.ZIPEntry) { e.NoCentral, e.Late = true, true }), plain("c")), []string{"MG-FMT-403"},
		},
		"a stored entry of unknown size is only in the local view": {
			z(plain("a"), with(hidden("b"), func(e *scantest.ZIPEntry) { e.NoCentral, e.Late = true, true }), plain("c")), []string{"MG-FMT-403"},
		},
		"names differ": {
			z(with(hidden("data.pkl"), local(func(r *scantest.ZIPRecord) { r.Name = "data.txt" }))), []string{"MG-FMT-403"},
		},
		"the directory has a bogus method": {
			z(with(hidden("a"), central(func(r *scantest.ZIPRecord) { r.Method = 99 }))), []string{"MG-FMT-403", "MG-FMT-404"},
		},
		"the local header has a bogus method over deflated bytes": {
			z(with(deflated("a"), local(func(r *scantest.ZIPRecord) { r.Method = 7 }))), []string{"MG-FMT-403", "MG-FMT-404"},
		},
		"both headers have a bogus method over deflated bytes": {
			z(with(deflated("a"), both(func(r *scantest.ZIPRecord) { r.Method = 77 }))), []string{"MG-FMT-404"},
		},
		"one header says stored, the other deflated": {
			z(with(deflated("a"), central(func(r *scantest.ZIPRecord) { r.Method = 0 }))), []string{"MG-FMT-403"},
		},
		"the directory flags encryption on bytes that are not": {
			z(with(hidden("a"), central(func(r *scantest.ZIPRecord) { r.Flags |= 1 }))), []string{"MG-FMT-403"},
		},
		"both headers flag encryption on deflated bytes that are not": {
			z(with(deflated("a"), both(func(r *scantest.ZIPRecord) { r.Flags |= 1 }))), []string{"MG-FMT-403"},
		},
		"strong encryption is flagged": {
			z(with(hidden("a"), both(func(r *scantest.ZIPRecord) { r.Flags |= 0x40 }))), []string{"MG-FMT-403"},
		},
		"patched data is flagged": {
			z(with(hidden("a"), both(func(r *scantest.ZIPRecord) { r.Flags |= 0x20 }))), []string{"MG-FMT-403"},
		},
		"masked headers are flagged in one view": {
			z(with(hidden("a"), local(func(r *scantest.ZIPRecord) { r.Flags |= 0x2000 }))), []string{"MG-FMT-403"},
		},
		"the checksum of stored bytes is bad": {
			z(with(hidden("a"), both(func(r *scantest.ZIPRecord) { r.CRC ^= 1 }))), []string{"MG-FMT-400"},
		},
		"the checksum of deflated bytes is bad": {
			z(with(deflated("a"), both(func(r *scantest.ZIPRecord) { r.CRC ^= 1 }))), []string{"MG-FMT-400"},
		},
		"checksums differ": {
			z(with(hidden("a"), local(func(r *scantest.ZIPRecord) { r.CRC ^= 1 }))), []string{"MG-FMT-403"},
		},
		"two entries have one name":                 {z(plain("a"), hidden("a")), []string{"MG-FMT-403"}},
		"names differ in case":                      {z(plain("Data.pkl"), hidden("data.PKL")), []string{"MG-FMT-403"}},
		"names differ in Unicode normalisation":     {z(plain("\u00e9"), hidden("e\u0301")), []string{"MG-FMT-403"}},
		"names differ by a leading dot and slash":   {z(plain("a/b"), hidden("./a/b")), []string{"MG-FMT-403"}},
		"names differ by a trailing blank":          {z(plain("a/b"), hidden("a/b ")), []string{"MG-FMT-400", "MG-FMT-403"}},
		"a Unicode path field gives another name":   {z(with(hidden("a"), local(aliased("a", "b")))), []string{"MG-FMT-403"}},
		"a second archive is appended":              {append(z(plain("a")), second...), []string{"MG-FMT-403"}},
		"a second archive is in front":              {append(slices.Clone(second), z(plain("a"))...), []string{"MG-FMT-403"}},
		"an archive is hidden in the comment":       {scantest.BuildZIPEnd(func(e *scantest.ZIPEnd) { e.Comment = second }, plain("a")), []string{"MG-FMT-403"}},
		"data stands in front":                      {append([]byte(evil), z(plain("a"), plain("b"))...), []string{"MG-FMT-402"}},
		"data stands behind":                        {append(z(plain("a")), evil...), []string{"MG-FMT-402"}},
		"data stands between entries":               {z(plain("a"), with(plain("b"), func(e *scantest.ZIPEntry) { e.Before = padded() })), []string{"MG-FMT-402"}},
		"data stands between entries and directory": {z(with(plain("a"), func(e *scantest.ZIPEntry) { e.After = padded() })), []string{"MG-FMT-402"}},
		"two entries of the directory share bytes":  {z(plain("a"), with(hidden("b"), func(e *scantest.ZIPEntry) {}), with(plain("c"), central(func(r *scantest.ZIPRecord) { r.Offset = 0 }))), []string{"MG-FMT-403", "MG-FMT-405"}},
		"an entry begins within another": {z(with(plain("a"), func(e *scantest.ZIPEntry) { e.Content = z(hidden("x"))[:90] }), with(hidden("b"), central(func(r *scantest.ZIPRecord) {
			r.Name, r.Offset = "x", 31
			r.CRC, r.Stored, r.Size = crcOf(evil), uint32(len(evil)), uint32(len(evil))
		}))), []string{"MG-FMT-403", "MG-FMT-405"}},
		"an entry reaches beyond the file":           {z(plain("a"), with(hidden("b"), both(func(r *scantest.ZIPRecord) { r.Stored, r.Size = 1<<30, 1<<30 }))), []string{"MG-FMT-400"}},
		"stored sizes differ":                        {z(with(hidden("a"), local(func(r *scantest.ZIPRecord) { r.Stored -= 3 }))), []string{"MG-FMT-403"}},
		"sizes differ":                               {z(with(hidden("a"), local(func(r *scantest.ZIPRecord) { r.Size -= 3 }))), []string{"MG-FMT-403"}},
		"the size of a deflated entry is wrong":      {z(with(deflated("a"), both(func(r *scantest.ZIPRecord) { r.Size = 4 }))), []string{"MG-FMT-400"}},
		"the directory counts too few":               {scantest.BuildZIPEnd(func(e *scantest.ZIPEnd) { e.Count, e.Here = 1, 1 }, plain("a"), hidden("b")), []string{"MG-FMT-403"}},
		"the directory is stated too short":          {scantest.BuildZIPEnd(func(e *scantest.ZIPEnd) { e.Size = 47 }, plain("a"), hidden("b")), []string{"MG-FMT-403"}},
		"the archive has several disks":              {scantest.BuildZIPEnd(func(e *scantest.ZIPEnd) { e.Disk = 3 }, hidden("a")), []string{"MG-FMT-404"}},
		"the end record is missing":                  {z(plain("a"), hidden("b"))[:120], []string{"MG-FMT-402", "MG-FMT-403"}},
		"the ZIP64 record contradicts the plain one": {scantest.BuildZIPEnd(wide(1, 7), hidden("a")), []string{"MG-FMT-400", "MG-FMT-403"}},
		"bytes follow a compressed stream within its entry": {z(with(deflated("a"), func(e *scantest.ZIPEntry) {
			e.Content = []byte("honest")
			e.Raw = append(scantest.Deflated(e.Content), evil...)
		})), []string{"MG-FMT-402"}},
		"a deflated entry breaks off":               {z(with(deflated("a"), func(e *scantest.ZIPEntry) { e.Raw = broken() })), []string{"MG-FMT-400"}},
		"the comment is longer than the file":       {scantest.BuildZIPEnd(func(e *scantest.ZIPEnd) { e.CommentLength = 99 }, hidden("a")), []string{"MG-FMT-400"}},
		"a name leads out of the root":              {z(hidden("../../etc/cron.d/x")), []string{"PAIT-ARV-100"}},
		"only the local name leads out of the root": {z(with(hidden("x"), local(func(r *scantest.ZIPRecord) { r.Name = "/etc/cron.d/x" }))), []string{"MG-FMT-403", "PAIT-ARV-100"}},
		"a link leads out of the root":              {z(hidden("a"), symlink("b", "../../etc")), []string{"PAIT-ARV-100"}},
		"the descriptor contradicts the directory":  {z(with(hidden("a"), func(e *scantest.ZIPEntry) { e.Late = true; e.Central = func(r *scantest.ZIPRecord) { r.Size-- } })), []string{"MG-FMT-400", "MG-FMT-403"}},
	}
}

// padded is the payload, long enough to be looked at between records.
func padded() []byte { return append([]byte(evil), strings.Repeat(".", 64)...) }

// broken is the payload deflated, cut off behind it.
func broken() []byte {
	d := scantest.Deflated([]byte(evil + strings.Repeat("0123456789abcdef", 99) + evil))
	return d[:len(d)-4]
}

func symlink(name, target string) scantest.ZIPEntry {
	return scantest.ZIPEntry{Name: name, Content: []byte(target), Central: func(r *scantest.ZIPRecord) { r.Mode = 0xa1ff << 16 }}
}

func aliased(name, alias string) func(*scantest.ZIPRecord) {
	return func(r *scantest.ZIPRecord) {
		field := binary.LittleEndian.AppendUint32([]byte{1}, crcOf(name))
		field = append(field, alias...)
		r.Extra = append([]byte{0x75, 0x70, byte(len(field)), 0}, field...)
	}
}

// wide puts a ZIP64 end record and its locator in front of the end record.
func wide(count, counted uint64) func(*scantest.ZIPEnd) {
	return func(e *scantest.ZIPEnd) {
		le := binary.LittleEndian
		b := le.AppendUint32(nil, sigEnd64)
		b = le.AppendUint64(b, 44)
		b = append(b, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		b = le.AppendUint64(b, counted)
		b = le.AppendUint64(b, counted)
		b = le.AppendUint64(b, uint64(e.Size))
		b = le.AppendUint64(b, uint64(e.Offset))
		at := uint64(e.Offset + e.Size)
		b = le.AppendUint32(b, sigLocator64)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, at)
		e.Before = le.AppendUint32(b, 1)
		e.Count, e.Here = uint16(count), uint16(count)
		if count == 0xffff {
			e.Size, e.Offset = 0xffffffff, 0xffffffff
		}
	}
}

func TestHostileArchives(t *testing.T) {
	for why, row := range hostile() {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, row.zip)
			if diff := cmp.Diff(row.want, rec.Threats()); diff != "" {
				t.Errorf("threats (-want +got):\n%s", diff)
				for _, f := range rec.Findings {
					t.Logf("%s at %d: %s %q", f.Threat, f.Offset, f.Description, f.Evidence)
				}
			}
			if !rec.Saw(evil) {
				t.Errorf("the payload was not seen; members %q", rec.Names())
			}
		})
	}
}

func TestHonestArchives(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for why, row := range map[string]struct {
		zip   []byte
		names []string
	}{
		"stored and deflated entries":     {scantest.BuildZIP(plain("a"), deflated("b/c")), []string{"a", "b/c"}},
		"an archive without entries":      {scantest.BuildZIP(), nil},
		"directories":                     {scantest.BuildZIP(scantest.ZIPEntry{Name: "d/"}, plain("d/a")), []string{"d/a"}},
		"a directory listed twice":        {scantest.BuildZIP(scantest.ZIPEntry{Name: "d/"}, scantest.ZIPEntry{Name: "d/"}, plain("d/a")), []string{"d/a"}},
		"an empty file":                   {scantest.BuildZIP(scantest.ZIPEntry{Name: "__init__.py"}, plain("a")), []string{"a"}},
		"descriptors":                     {scantest.BuildZIP(with(plain("a"), late), with(deflated("b"), late)), []string{"a", "b"}},
		"PyTorch's alignment":             {scantest.BuildZIP(with(plain("a"), aligned), with(plain("b"), func(e *scantest.ZIPEntry) { aligned(e); late(e) })), []string{"a", "b"}},
		"zeros between entries":           {scantest.BuildZIP(plain("a"), with(plain("b"), func(e *scantest.ZIPEntry) { e.Before = make([]byte, 4096) })), []string{"a", "b"}},
		"zeros behind":                    {append(scantest.BuildZIP(plain("a")), make([]byte, 2048)...), []string{"a"}},
		"a comment":                       {scantest.BuildZIPEnd(func(e *scantest.ZIPEnd) { e.Comment = []byte("made by hand") }, plain("a")), []string{"a"}},
		"a ZIP64 end record":              {scantest.BuildZIPEnd(wide(1, 1), plain("a")), []string{"a"}},
		"a ZIP64 end record of its own":   {scantest.BuildZIPEnd(wide(0xffff, 1), plain("a")), []string{"a"}},
		"a large deflated entry":          {scantest.BuildZIP(scantest.ZIPEntry{Name: "z", Content: big, Deflate: true}), []string{"z"}},
		"a name in code page 437":         {scantest.BuildZIP(plain("caf\x82")), []string{"café"}},
		"a link inside the root":          {scantest.BuildZIP(plain("a"), symlink("d/b", "../a")), []string{"a", "d/b"}},
		"an archive stored in an archive": {scantest.BuildZIP(scantest.ZIPEntry{Name: "in.zip", Content: scantest.BuildZIP(plain("a"))}), []string{"in.zip"}},
		"a TFLite model with metadata":    {append([]byte("\x1c\x00\x00\x00TFL3"+strings.Repeat("tensor", 99)), scantest.BuildZIP(plain("labels.txt"))...), []string{"labels.txt"}},
	} {
		t.Run(why, func(t *testing.T) {
			rec := scanned(t, row.zip)
			if len(rec.Findings) > 0 {
				t.Errorf("findings: %+v", rec.Findings)
			}
			if diff := cmp.Diff(row.names, rec.Names()); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
		})
	}
}

func late(e *scantest.ZIPEntry)    { e.Late = true }
func aligned(e *scantest.ZIPEntry) { e.Align = 64 }

func TestReallyEncryptedEntriesCannotBeRead(t *testing.T) {
	flags := func(r *scantest.ZIPRecord) { r.Flags |= 1 }
	zip := scantest.BuildZIP(with(plain("a"), func(e *scantest.ZIPEntry) {
		e.Raw = bytes.Repeat([]byte{0xa7, 0x13, 0x99}, 20)
		both(flags)(e)
	}))
	rec := scanned(t, zip)
	if diff := cmp.Diff([]string{"MG-FMT-404"}, rec.Threats()); diff != "" {
		t.Errorf("threats (-want +got):\n%s", diff)
	}
	rec = &scantest.Recorder{Reply: func(context.Context, source.Member) (source.Outcome, error) {
		return source.Outcome{Formats: []string{"pickle"}}, nil
	}}
	if err := Scan(context.Background(), scantest.NewFile(zip), rec, Plan{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"MG-FMT-403"}, rec.Threats()); diff != "" {
		t.Errorf("threats of bytes that are recognised (-want +got):\n%s", diff)
	}
}

func TestTooManyEntries(t *testing.T) {
	var entries []scantest.ZIPEntry
	for i := range 20 {
		entries = append(entries, plain(fmt.Sprint(i)))
	}
	f := scantest.NewFile(scantest.BuildZIP(entries...))
	f.Budget.Limits.EntriesInOne = 10
	rec := &scantest.Recorder{}
	err := Scan(context.Background(), f, rec, Plan{})
	if err == nil || !strings.Contains(err.Error(), source.ErrBudget.Error()) {
		t.Errorf("Scan: %v", err)
	}
	if len(rec.Members) < 10 {
		t.Errorf("%d members were scanned before", len(rec.Members))
	}
}

func TestBombsStop(t *testing.T) {
	zip := scantest.BuildZIP(scantest.ZIPEntry{Name: "z", Content: make([]byte, 1<<20), Deflate: true})
	f := scantest.NewFile(zip)
	f.Budget.Limits.BombThreshold, f.Budget.Limits.BombRatio = 1<<18, 50
	err := Scan(context.Background(), f, &scantest.Recorder{}, Plan{})
	if err == nil || !strings.Contains(err.Error(), source.ErrBomb.Error()) {
		t.Errorf("Scan: %v", err)
	}
}

func TestWhatIsNoArchive(t *testing.T) {
	z := scantest.BuildZIP(plain("a"))
	tar := append(make([]byte, 257), append([]byte("ustar\x0000"), make([]byte, 248)...)...)
	for why, content := range map[string][]byte{
		"nothing":                         {},
		"text":                            []byte("PK is not enough"),
		"a tar with an archive in it":     append(append(tar, z...), make([]byte, 1024)...),
		"a pickle with an archive in it":  append(append([]byte("\x80\x04B"), z...), '.'),
		"an end record cut short":         z[len(z)-22 : len(z)-2],
		"an end record without directory": append([]byte("text before"), scantest.BuildZIP()...),
	} {
		v, err := Of(scantest.NewFile(content))
		if v != nil || err != nil {
			t.Errorf("%s is taken for an archive: %+v, %v", why, v, err)
		}
	}
}

func TestKinds(t *testing.T) {
	array := scantest.ZIPEntry{Name: "x.npy", Content: []byte("\x93NUMPY\x01\x00")}
	for why, row := range map[string]struct {
		zip  []byte
		want Kind
	}{
		"a checkpoint":                 {scantest.BuildZIP(plain("archive/data.pkl"), plain("archive/version")), Checkpoint},
		"TorchScript":                  {scantest.BuildZIP(plain("m/data.pkl"), plain("m/constants.pkl"), plain("m/code/x.py")), TorchScript},
		"a package":                    {scantest.BuildZIP(plain("m/.data/extern_modules"), plain("m/a.py")), Package},
		"an exported program":          {scantest.BuildZIP(plain("serialized_exported_program.json")), Package},
		"a TorchServe archive":         {scantest.BuildZIP(plain("MAR-INF/MANIFEST.json")), Package},
		"arrays":                       {scantest.BuildZIP(array), NumPy},
		"arrays that are none":         {scantest.BuildZIP(plain("x.npy")), Plain},
		"one array among other things": {scantest.BuildZIP(array, plain("a"), plain("b")), Plain},
		"anything":                     {scantest.BuildZIP(plain("data.pkl")), Plain},
		"a local name alone":           {scantest.BuildZIP(with(plain("x"), local(func(r *scantest.ZIPRecord) { r.Name = "a/data.pkl" }))), Plain},
		"no archive":                   {[]byte("text"), None},
	} {
		if got, err := KindOf(scantest.NewFile(row.zip)); got != row.want || err != nil {
			t.Errorf("%s is of kind %d, %v; want %d", why, got, err, row.want)
		}
	}
}
