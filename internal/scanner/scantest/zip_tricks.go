package scantest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
)

// Trick is hostile bytes and the threats that their structure raises, whatever the payload is.
type Trick struct {
	Bytes []byte
	Want  []string
}

func zipCRC(s string) uint32 { return crc32.ChecksumIEEE([]byte(s)) }

// ZIPTricks are the rows of what hostile archives do, each with what its structure must raise. The payload is in all of
// them, and must be seen.
func ZIPTricks(payload string) map[string]Trick {
	z := BuildZIP
	second := z(zipDeflated(payload, "inner"))
	return map[string]Trick{
		"an entry is only in the local view": {
			z(zipPlain("a"), zipWith(zipHidden(payload, "b"), func(e *ZIPEntry) { e.NoCentral = true }), zipPlain("c")), []string{"MG-FMT-403"},
		},
		"a deflated entry of unknown size is only in the local view": {
			z(zipPlain("a"), zipWith(zipDeflated(payload, "b"), func(e *ZIPEntry) { e.NoCentral, e.Late = true, true }), zipPlain("c")), []string{"MG-FMT-403"},
		},
		"a stored entry of unknown size is only in the local view": {
			z(zipPlain("a"), zipWith(zipHidden(payload, "b"), func(e *ZIPEntry) { e.NoCentral, e.Late = true, true }), zipPlain("c")), []string{"MG-FMT-403"},
		},
		"names differ": {
			z(zipWith(zipHidden(payload, "data.pkl"), zipLocal(func(r *ZIPRecord) { r.Name = "data.txt" }))), []string{"MG-FMT-403"},
		},
		"the directory has a bogus method": {
			z(zipWith(zipHidden(payload, "a"), zipCentral(func(r *ZIPRecord) { r.Method = 99 }))), []string{"MG-FMT-403", "MG-FMT-404"},
		},
		"the local header has a bogus method over deflated bytes": {
			z(zipWith(zipDeflated(payload, "a"), zipLocal(func(r *ZIPRecord) { r.Method = 7 }))), []string{"MG-FMT-403", "MG-FMT-404"},
		},
		"both headers have a bogus method over deflated bytes": {
			z(zipWith(zipDeflated(payload, "a"), zipBoth(func(r *ZIPRecord) { r.Method = 77 }))), []string{"MG-FMT-404"},
		},
		"one header says stored, the other deflated": {
			z(zipWith(zipDeflated(payload, "a"), zipCentral(func(r *ZIPRecord) { r.Method = 0 }))), []string{"MG-FMT-403"},
		},
		"the directory flags encryption on bytes that are not": {
			z(zipWith(zipHidden(payload, "a"), zipCentral(func(r *ZIPRecord) { r.Flags |= 1 }))), []string{"MG-FMT-403"},
		},
		"both headers flag encryption on deflated bytes that are not": {
			z(zipWith(zipDeflated(payload, "a"), zipBoth(func(r *ZIPRecord) { r.Flags |= 1 }))), []string{"MG-FMT-403"},
		},
		"strong encryption is flagged": {
			z(zipWith(zipHidden(payload, "a"), zipBoth(func(r *ZIPRecord) { r.Flags |= 0x40 }))), []string{"MG-FMT-403"},
		},
		"patched data is flagged": {
			z(zipWith(zipHidden(payload, "a"), zipBoth(func(r *ZIPRecord) { r.Flags |= 0x20 }))), []string{"MG-FMT-403"},
		},
		"masked headers are flagged in one view": {
			z(zipWith(zipHidden(payload, "a"), zipLocal(func(r *ZIPRecord) { r.Flags |= 0x2000 }))), []string{"MG-FMT-403"},
		},
		"the checksum of stored bytes is bad": {
			z(zipWith(zipHidden(payload, "a"), zipBoth(func(r *ZIPRecord) { r.CRC ^= 1 }))), []string{"MG-FMT-400"},
		},
		"the checksum of deflated bytes is bad": {
			z(zipWith(zipDeflated(payload, "a"), zipBoth(func(r *ZIPRecord) { r.CRC ^= 1 }))), []string{"MG-FMT-400"},
		},
		"checksums differ": {
			z(zipWith(zipHidden(payload, "a"), zipLocal(func(r *ZIPRecord) { r.CRC ^= 1 }))), []string{"MG-FMT-403"},
		},
		"two entries have one name":                 {z(zipPlain("a"), zipHidden(payload, "a")), []string{"MG-FMT-403"}},
		"names differ in case":                      {z(zipPlain("Data.pkl"), zipHidden(payload, "data.PKL")), []string{"MG-FMT-403"}},
		"names differ in Unicode normalisation":     {z(zipPlain("\u00e9"), zipHidden(payload, "e\u0301")), []string{"MG-FMT-403"}},
		"names differ by a leading dot and slash":   {z(zipPlain("a/b"), zipHidden(payload, "./a/b")), []string{"MG-FMT-403"}},
		"names differ by a trailing blank":          {z(zipPlain("a/b"), zipHidden(payload, "a/b ")), []string{"MG-FMT-400", "MG-FMT-403"}},
		"a Unicode path field gives another name":   {z(zipWith(zipHidden(payload, "a"), zipLocal(zipAlias("a", "b")))), []string{"MG-FMT-403"}},
		"a second archive is appended":              {append(z(zipPlain("a")), second...), []string{"MG-FMT-403"}},
		"a second archive is in front":              {append(slices.Clone(second), z(zipPlain("a"))...), []string{"MG-FMT-403"}},
		"an archive is hidden in the comment":       {BuildZIPEnd(func(e *ZIPEnd) { e.Comment = second }, zipPlain("a")), []string{"MG-FMT-403"}},
		"data stands in front":                      {append([]byte(payload), z(zipPlain("a"), zipPlain("b"))...), []string{"MG-FMT-402"}},
		"data stands behind":                        {append(z(zipPlain("a")), payload...), []string{"MG-FMT-402"}},
		"data stands between entries":               {z(zipPlain("a"), zipWith(zipPlain("b"), func(e *ZIPEntry) { e.Before = zipPadded(payload) })), []string{"MG-FMT-402"}},
		"data stands between entries and directory": {z(zipWith(zipPlain("a"), func(e *ZIPEntry) { e.After = zipPadded(payload) })), []string{"MG-FMT-402"}},
		"two entries of the directory share bytes":  {z(zipPlain("a"), zipHidden(payload, "b"), zipWith(zipPlain("c"), zipCentral(func(r *ZIPRecord) { r.Offset = 0 }))), []string{"MG-FMT-403", "MG-FMT-405"}},
		"an entry begins within another": {z(zipWith(zipPlain("a"), func(e *ZIPEntry) { e.Content = z(zipHidden(payload, "x"))[:90] }), zipWith(zipHidden(payload, "b"), zipCentral(func(r *ZIPRecord) {
			r.Name, r.Offset = "x", 31
			r.CRC, r.Stored, r.Size = zipCRC(payload), uint32(len(payload)), uint32(len(payload))
		}))), []string{"MG-FMT-403", "MG-FMT-405"}},
		"an entry reaches beyond the file":           {z(zipPlain("a"), zipWith(zipHidden(payload, "b"), zipBoth(func(r *ZIPRecord) { r.Stored, r.Size = 1<<30, 1<<30 }))), []string{"MG-FMT-400"}},
		"stored sizes differ":                        {z(zipWith(zipHidden(payload, "a"), zipLocal(func(r *ZIPRecord) { r.Stored -= 3 }))), []string{"MG-FMT-403"}},
		"sizes differ":                               {z(zipWith(zipHidden(payload, "a"), zipLocal(func(r *ZIPRecord) { r.Size -= 3 }))), []string{"MG-FMT-403"}},
		"the size of a deflated entry is wrong":      {z(zipWith(zipDeflated(payload, "a"), zipBoth(func(r *ZIPRecord) { r.Size = 4 }))), []string{"MG-FMT-400"}},
		"the directory counts too few":               {BuildZIPEnd(func(e *ZIPEnd) { e.Count, e.Here = 1, 1 }, zipPlain("a"), zipHidden(payload, "b")), []string{"MG-FMT-403"}},
		"the directory is stated too short":          {BuildZIPEnd(func(e *ZIPEnd) { e.Size = 47 }, zipPlain("a"), zipHidden(payload, "b")), []string{"MG-FMT-403"}},
		"the archive has several disks":              {BuildZIPEnd(func(e *ZIPEnd) { e.Disk = 3 }, zipHidden(payload, "a")), []string{"MG-FMT-404"}},
		"the end record is missing":                  {z(zipPlain("a"), zipHidden(payload, "b"))[:120], []string{"MG-FMT-402", "MG-FMT-403"}},
		"the ZIP64 record contradicts the plain one": {BuildZIPEnd(zipWide(1, 7), zipHidden(payload, "a")), []string{"MG-FMT-400", "MG-FMT-403"}},
		"bytes follow a compressed stream within its entry": {z(zipWith(zipDeflated(payload, "a"), func(e *ZIPEntry) {
			e.Content = []byte("honest")
			e.Raw = append(Deflated(e.Content), payload...)
		})), []string{"MG-FMT-402"}},
		"stored bytes are called deflated in both headers": {
			z(zipWith(zipHidden(payload, "a"), zipBoth(func(r *ZIPRecord) { r.Method = 8 }))), []string{"MG-FMT-400"},
		},
		"deflated bytes of no entry are called stored": {
			z(zipPlain("a"), zipWith(zipDeflated(payload, "b"), func(e *ZIPEntry) { e.NoCentral = true; e.Local = func(r *ZIPRecord) { r.Method = 0 } })), []string{"MG-FMT-400", "MG-FMT-403"},
		},
		"two ZIP64 end records":                     {BuildZIPEnd(zipTwoWide(), zipPlain("a"), zipHidden(payload, "b")), []string{"MG-FMT-403"}},
		"a deflated entry breaks off":               {z(zipWith(zipDeflated(payload, "a"), func(e *ZIPEntry) { e.Raw = zipBroken(payload) })), []string{"MG-FMT-400"}},
		"the comment is longer than the file":       {BuildZIPEnd(func(e *ZIPEnd) { e.CommentLength = 99 }, zipHidden(payload, "a")), []string{"MG-FMT-400"}},
		"a name leads out of the root":              {z(zipHidden(payload, "../../etc/cron.d/x")), []string{"PAIT-ARV-100"}},
		"only the local name leads out of the root": {z(zipWith(zipHidden(payload, "x"), zipLocal(func(r *ZIPRecord) { r.Name = "/etc/cron.d/x" }))), []string{"MG-FMT-403", "PAIT-ARV-100"}},
		"a link leads out of the root":              {z(zipHidden(payload, "a"), zipLink("b", "../../etc")), []string{"PAIT-ARV-100"}},
		"the descriptor contradicts the directory":  {z(zipWith(zipHidden(payload, "a"), func(e *ZIPEntry) { e.Late = true; e.Central = func(r *ZIPRecord) { r.Size-- } })), []string{"MG-FMT-400", "MG-FMT-403"}},
	}
}

// zipPadded is the payload, long enough to be looked at between records.
func zipPadded(payload string) []byte { return append([]byte(payload), strings.Repeat(".", 64)...) }

// zipBroken is the payload deflated, cut off behind it.
func zipBroken(payload string) []byte {
	d := Deflated([]byte(payload + strings.Repeat("0123456789abcdef", 99) + payload))
	return d[:len(d)-4]
}

func zipLink(name, target string) ZIPEntry {
	return ZIPEntry{Name: name, Content: []byte(target), Central: func(r *ZIPRecord) { r.Mode = 0xa1ff << 16 }}
}

func zipAlias(name, alias string) func(*ZIPRecord) {
	return func(r *ZIPRecord) {
		field := binary.LittleEndian.AppendUint32([]byte{1}, zipCRC(name))
		field = append(field, alias...)
		r.Extra = append([]byte{0x75, 0x70, byte(len(field)), 0}, field...)
	}
}

// zipWide puts a ZIP64 end record and its locator in front of the end record.
func zipWide(count, counted uint64) func(*ZIPEnd) {
	return func(e *ZIPEnd) {
		le := binary.LittleEndian
		b := le.AppendUint32(nil, uint32(0x06064b50))
		b = le.AppendUint64(b, 44)
		b = append(b, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		b = le.AppendUint64(b, counted)
		b = le.AppendUint64(b, counted)
		b = le.AppendUint64(b, uint64(e.Size))
		b = le.AppendUint64(b, uint64(e.Offset))
		at := uint64(e.Offset + e.Size)
		b = le.AppendUint32(b, uint32(0x07064b50))
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, at)
		e.Before = le.AppendUint32(b, 1)
		e.Count, e.Here = uint16(count), uint16(count)
		if count == 0xffff {
			e.Size, e.Offset = 0xffffffff, 0xffffffff
		}
	}
}

// zipTwoWide puts two ZIP64 end records in front of the end record: one that ends the directory behind its first entry where
// the locator says, and a true one right before the locator.
func zipTwoWide() func(*ZIPEnd) {
	return func(e *ZIPEnd) {
		whole := *e
		zipWide(0xffff, 2)(e)
		decoy := whole
		decoy.Size = 47
		zipWide(0xffff, 1)(&decoy)
		record := decoy.Before[:56]
		locator := e.Before[56:]
		at := uint64(whole.Offset + whole.Size)
		locator = append(append(bytes.Clone(locator[:8]), binary.LittleEndian.AppendUint64(nil, at)...), locator[16:]...)
		e.Before = append(append(bytes.Clone(record), e.Before[:56]...), locator...)
	}
}

func zipPlain(name string) ZIPEntry {
	return ZIPEntry{Name: name, Content: []byte("honest content of " + name)}
}

func zipHidden(payload, name string) ZIPEntry {
	return ZIPEntry{Name: name, Content: []byte(payload)}
}

func zipDeflated(payload, name string) ZIPEntry {
	e := zipHidden(payload, name)
	e.Deflate = true
	return e
}

func zipWith(e ZIPEntry, change func(*ZIPEntry)) ZIPEntry {
	change(&e)
	return e
}

func zipLocal(change func(*ZIPRecord)) func(*ZIPEntry) {
	return func(e *ZIPEntry) { e.Local = change }
}

func zipCentral(change func(*ZIPRecord)) func(*ZIPEntry) {
	return func(e *ZIPEntry) { e.Central = change }
}

func zipBoth(change func(*ZIPRecord)) func(*ZIPEntry) {
	return func(e *ZIPEntry) { e.Local, e.Central = change, change }
}

// Twin is an honest neighbour of a trick: nothing is to be said of it, and its members have these names.
type Twin struct {
	Bytes []byte
	Names []string
}

// ZIPTwins are honest archives that differ from hostile ones in the one thing that matters.
func ZIPTwins() map[string]Twin {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	return map[string]Twin{
		"stored and deflated entries":     {BuildZIP(zipPlain("a"), zipDeflated("inner", "b/c")), []string{"a", "b/c"}},
		"an archive without entries":      {BuildZIP(), nil},
		"directories":                     {BuildZIP(ZIPEntry{Name: "d/"}, zipPlain("d/a")), []string{"d/a"}},
		"a directory listed twice":        {BuildZIP(ZIPEntry{Name: "d/"}, ZIPEntry{Name: "d/"}, zipPlain("d/a")), []string{"d/a"}},
		"an empty file":                   {BuildZIP(ZIPEntry{Name: "__init__.py"}, zipPlain("a")), []string{"a"}},
		"descriptors":                     {BuildZIP(zipWith(zipPlain("a"), zipLate), zipWith(zipDeflated("inner", "b"), zipLate)), []string{"a", "b"}},
		"PyTorch's alignment":             {BuildZIP(zipWith(zipPlain("a"), zipAligned), zipWith(zipPlain("b"), func(e *ZIPEntry) { zipAligned(e); zipLate(e) })), []string{"a", "b"}},
		"zeros between entries":           {BuildZIP(zipPlain("a"), zipWith(zipPlain("b"), func(e *ZIPEntry) { e.Before = make([]byte, 4096) })), []string{"a", "b"}},
		"zeros behind":                    {append(BuildZIP(zipPlain("a")), make([]byte, 2048)...), []string{"a"}},
		"a comment":                       {BuildZIPEnd(func(e *ZIPEnd) { e.Comment = []byte("made by hand") }, zipPlain("a")), []string{"a"}},
		"a ZIP64 end record":              {BuildZIPEnd(zipWide(1, 1), zipPlain("a")), []string{"a"}},
		"a ZIP64 end record of its own":   {BuildZIPEnd(zipWide(0xffff, 1), zipPlain("a")), []string{"a"}},
		"a large deflated entry":          {BuildZIP(ZIPEntry{Name: "z", Content: big, Deflate: true}), []string{"z"}},
		"a name in code page 437":         {BuildZIP(zipPlain("caf\x82")), []string{"café"}},
		"a link inside the root":          {BuildZIP(zipPlain("a"), zipLink("d/b", "../a")), []string{"a", "d/b"}},
		"an archive stored in an archive": {BuildZIP(ZIPEntry{Name: "in.zip", Content: BuildZIP(zipPlain("a"))}), []string{"in.zip"}},
		"a TFLite model with metadata":    {append(LiteModel(nil, LiteOp{}), BuildZIP(zipPlain("labels.txt"))...), []string{"labels.txt"}},
	}
}

func zipLate(e *ZIPEntry)    { e.Late = true }
func zipAligned(e *ZIPEntry) { e.Align = 64 }
