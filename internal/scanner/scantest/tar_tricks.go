package scantest

import (
	"fmt"
	"strings"
)

// TarFile is an entry of the payload.
func TarFile(payload, name string) TarEntry { return TarEntry{Name: name, Content: []byte(payload)} }

// tarOctal writes a number into a header.
func tarOctal(at, n int, v int64) func([]byte) {
	return func(h []byte) { copy(h[at:], fmt.Sprintf("%0*o\x00", n-1, v)) }
}

// tarBase256 writes a size as GNU does for large ones.
func tarBase256(v int64) func([]byte) {
	return func(h []byte) {
		h[124] = 0x80
		for i := range 11 {
			h[135-i] = byte(v)
			v >>= 8
		}
	}
}

// tarSparse is an entry of GNU's type S: 1,000 bytes, of which the payload stands at 512.
func tarSparse(payload string) TarEntry {
	e := TarFile(payload, "sparse")
	e.Type = 'S'
	e.Change = func(h []byte) {
		copy(h[257:], "ustar  \x00")
		tarOctal(386, 12, 512)(h)
		tarOctal(398, 12, int64(len(payload)))(h)
		tarOctal(483, 12, 1000)(h)
	}
	return e
}

// TarTricks are the rows of what hostile archives do, each with what its structure must raise. The payload is in all of
// them, and must be seen.
func TarTricks(payload string) map[string]Trick {
	b := BuildTar
	return map[string]Trick{
		"a name that leads out":      {b(TarFile(payload, "../../etc/x")), []string{"PAIT-ARV-100"}},
		"an absolute name":           {b(TarFile(payload, "/etc/x")), []string{"PAIT-ARV-100"}},
		"a long name that leads out": {b(TarEntry{Name: strings.Repeat("a/", 80) + strings.Repeat("../", 90) + "x", Long: true, Content: []byte(payload)}), []string{"PAIT-ARV-100"}},
		"a header of another long name that ends in a blank": {b(tarWith(TarFile(payload, strings.Repeat("b", 99)+" "), func(e *TarEntry) {
			e.PAX = map[string]string{"path": strings.Repeat("a", 99) + " x"}
		})), []string{"MG-FMT-400"}},
		"a PAX name that leads out":        {b(tarWith(TarFile(payload, "x"), func(e *TarEntry) { e.PAX = map[string]string{"path": "../x"} })), []string{"PAIT-ARV-100"}},
		"a name that only PAX hides":       {b(tarWith(TarFile(payload, "../x"), func(e *TarEntry) { e.PAX = map[string]string{"path": "x"} })), []string{"PAIT-ARV-100"}},
		"a symbolic link that leads out":   {b(tarLink('2', "a/l", "../../x"), TarFile(payload, "b")), []string{"PAIT-ARV-100"}},
		"an absolute symbolic link":        {b(tarLink('2', "l", "/etc"), TarFile(payload, "b")), []string{"PAIT-ARV-100"}},
		"a hard link that leads out":       {b(tarLink('1', "l", "../../etc/passwd"), TarFile(payload, "b")), []string{"PAIT-ARV-100"}},
		"an absolute hard link":            {b(tarLink('1', "l", "/etc/passwd"), TarFile(payload, "b")), []string{"PAIT-ARV-100"}},
		"a PAX link that leads out":        {b(tarWith(tarLink('2', "l", "x"), func(e *TarEntry) { e.PAX = map[string]string{"linkpath": "/etc"} }), TarFile(payload, "b")), []string{"PAIT-ARV-100"}},
		"an entry through an earlier link": {b(tarLink('2', "d", "inside"), TarFile(payload, "d/x")), []string{"PAIT-ARV-100"}},
		"a device":                         {b(tarLink('3', "dev", ""), TarFile(payload, "b")), []string{"MG-FMT-400"}},
		"a pipe":                           {b(tarLink('6', "pipe", ""), TarFile(payload, "b")), []string{"MG-FMT-400"}},
		"a bad checksum":                   {b(TarEntry{Name: "a", Content: []byte("x")}, tarWith(TarFile(payload, "b"), func(e *TarEntry) { e.BadSum = true })), []string{"MG-FMT-400"}},
		"a bad checksum of the first":      {b(tarWith(TarFile(payload, "b"), func(e *TarEntry) { e.BadSum = true })), []string{"MG-FMT-400"}},
		"data behind the end":              {append(b(TarEntry{Name: "a", Content: []byte("x")}), payload...), []string{"MG-FMT-402"}},
		"a second archive behind the end":  {append(b(TarEntry{Name: "a", Content: []byte("x")}), b(TarFile(payload, "b"))...), []string{"MG-FMT-402"}},
		"data between entries":             {b(TarEntry{Name: "a", Content: []byte("x"), After: append([]byte(payload), make([]byte, 512-len(payload))...)}, TarEntry{Name: "c"}), []string{"MG-FMT-402"}},
		"a size that only PAX has": {b(tarWith(TarFile(payload, "a"), func(e *TarEntry) {
			e.Change = tarOctal(124, 12, 0)
			e.PAX = map[string]string{"size": fmt.Sprint(len(payload))}
		})), []string{"MG-FMT-403"}},
		"two sizes":                    {b(tarWith(TarFile(payload, "a"), func(e *TarEntry) { e.PAX = map[string]string{"size": "3"} })), []string{"MG-FMT-403"}},
		"a link with a size":           {b(tarWith(tarLink('2', "l", "x"), func(e *TarEntry) { e.Content = []byte(payload) })), []string{"MG-FMT-403"}},
		"a size beyond the file":       {b(tarWith(TarFile(payload, "a"), func(e *TarEntry) { e.Size = 1 << 30 })), []string{"MG-FMT-400"}},
		"a size that is no number":     {b(TarFile(payload, "b"), tarWith(TarFile(payload, "a"), func(e *TarEntry) { e.Change = func(h []byte) { copy(h[124:], "hello") } })), []string{"MG-FMT-400", "MG-FMT-402"}},
		"a negative size":              {b(TarFile(payload, "b"), tarWith(TarFile(payload, "a"), func(e *TarEntry) { e.Change = func(h []byte) { h[124] = 0xff } })), []string{"MG-FMT-400", "MG-FMT-402"}},
		"PAX records that break off":   {b(TarEntry{Name: "p", Type: 'x', Content: []byte("99 path=x\n")}, TarFile(payload, "a")), []string{"MG-FMT-400"}},
		"a PAX size that is no number": {b(tarWith(TarFile(payload, "a"), func(e *TarEntry) { e.PAX = map[string]string{"size": "-1"} })), []string{"MG-FMT-400"}},
		"an archive without an end":    {b(TarFile(payload, "a"))[:540], nil},
		"a sparse map out of order":    {b(tarWith(tarSparse(payload), func(e *TarEntry) { old := e.Change; e.Change = func(h []byte) { old(h); tarOctal(483, 12, 10)(h) } })), []string{"MG-FMT-400"}},
		"a sparse file that is a bomb": {b(tarWith(tarSparse(payload), func(e *TarEntry) { old := e.Change; e.Change = func(h []byte) { old(h); tarOctal(483, 12, 1<<32)(h) } })), []string{"MG-FMT-405"}},
	}
}

func tarLink(kind byte, name, target string) TarEntry {
	return TarEntry{Name: name, Type: kind, Link: target}
}

func tarWith(e TarEntry, change func(*TarEntry)) TarEntry {
	change(&e)
	return e
}

// TarTwins are honest archives of the payload that differ from hostile ones in the one thing that matters.
func TarTwins(payload string) map[string]Twin {
	long := strings.Repeat("directory/", 30) + "file"
	dotted := strings.Repeat("a", 99) + ".txt"
	return map[string]Twin{
		"files and directories": {BuildTar(TarEntry{Name: "d/", Type: '5'}, TarFile(payload, "d/a"), TarFile(payload, "b")), []string{"d/a", "b"}},
		"a header of version 7": {BuildTar(TarEntry{Name: "a", Content: []byte(payload), NoMagic: true}), []string{"a"}},
		"a GNU long name":       {BuildTar(TarEntry{Name: long, Long: true, Content: []byte(payload)}), []string{long}},
		"a PAX name":            {BuildTar(TarEntry{Name: "x", PAX: map[string]string{"path": long, "mtime": "1.5"}, Content: []byte(payload)}), []string{long}},
		"a PAX name that its header cuts behind a dot": {BuildTar(tarWith(TarFile(payload, dotted), func(e *TarEntry) {
			e.PAX = map[string]string{"path": dotted}
		})), []string{dotted}},
		"a PAX header for all":   {BuildTar(TarEntry{Name: "g", Type: 'g', Content: PAXRecords(map[string]string{"comment": "x"})}, TarFile(payload, "a")), []string{"a"}},
		"a size in base 256":     {BuildTar(TarEntry{Name: "a", Content: []byte(payload), Change: tarBase256(int64(len(payload)))}), []string{"a"}},
		"links inside the root":  {BuildTar(TarFile(payload, "d/a"), TarEntry{Name: "d/l", Type: '2', Link: "a"}, TarEntry{Name: "d/m", Type: '2', Link: "../b"}, TarEntry{Name: "h", Type: '1', Link: "d/a"}), []string{"d/a"}},
		"many blocks at the end": {append(BuildTar(TarFile(payload, "a")), make([]byte, 8192)...), []string{"a"}},
		"an empty file":          {BuildTar(TarEntry{Name: "a"}, TarFile(payload, "b")), []string{"b"}},
		"a sparse file":          {BuildTar(tarSparse(payload)), []string{"sparse"}},
		"a sparse file of format 0.1": {BuildTar(TarEntry{
			Name: "x", Content: []byte(payload),
			PAX: map[string]string{"GNU.sparse.map": fmt.Sprintf("512,%d", len(payload)), "GNU.sparse.size": "1000", "GNU.sparse.name": "sparse"},
		}), []string{"sparse"}},
		"a sparse file of format 1.0": {BuildTar(TarEntry{
			Name:    "x",
			Content: append(append([]byte(fmt.Sprintf("1\n512\n%d\n", len(payload))), make([]byte, 512-len(fmt.Sprintf("1\n512\n%d\n", len(payload))))...), payload...),
			PAX:     map[string]string{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1000", "GNU.sparse.name": "sparse"},
		}), []string{"sparse"}},
	}
}
