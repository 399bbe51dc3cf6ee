package zipview

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"modelgate/internal/threat"
)

// plausible tells whether a file that does not begin with a local header is to be read as an archive all the same. Readers
// that look for the end record alone open anything; a tar or a pickle with an archive near its end is an ordinary thing,
// and their own scanners find it.
func (v *View) plausible(head []byte) bool {
	if len(v.ends) == 0 {
		return false
	}
	last := v.ends[0]
	if last.to == v.size {
		return true
	}
	tar := len(head) >= 262 && bytes.Equal(head[257:262], []byte("ustar"))
	pickle := len(head) >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5
	return last.to < v.size && !tar && !pickle
}

// emptyArchive tells whether the file begins with the end record of an archive without entries.
func (v *View) emptyArchive(head []byte) bool {
	return len(head) >= lenEnd && binary.LittleEndian.Uint32(head) == sigEnd
}

// findEnds collects the end records in the tail, last one first. The last one is what readers use. One that lies within
// the comment of another, or before it, makes a second archive.
func (v *View) findEnds(tail []byte) {
	base := v.size - int64(len(tail))
	sig := binary.LittleEndian.AppendUint32(nil, sigEnd)
	for to := len(tail); len(v.ends) < maxEnds; {
		i := bytes.LastIndex(tail[:to], sig)
		if i < 0 {
			return
		}
		to = i + len(sig) - 1
		if len(tail)-i >= lenEnd {
			e := parseEnd(tail[i:], base+int64(i))
			v.ends = append(v.ends, &e)
		}
	}
}

// directory reads the central directory of an end record, at each place where some reader looks for it: where the record
// says that it is, and right before the record.
func (v *View) directory(e *end) error {
	if !e.wide && !e.known {
		if err := v.zip64(e); err != nil {
			return err
		}
	}
	first := e == v.ends[0]
	if !first {
		inside, err := v.within(e.at)
		if err != nil {
			return err
		}
		if inside {
			e.at = -1 // of an archive that is stored in this one
			return nil
		}
		e.to = e.at + lenEnd // its comment is somebody else's archive
	}
	before := e.from - e.size
	at := []int64{before}
	if e.offset != before {
		at = append(at, e.offset)
	}
	read, known := 0, len(v.dirs)
	for i, off := range at {
		if off < 0 || off > e.from {
			continue
		}
		shift := int64(0)
		if i == 0 {
			shift = before - e.offset // data was put in front of the archive
		}
		n, err := v.headers(off, e, shift)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if read > 0 && len(v.dirs) > known+1 {
			v.find(threat.MGFMT403, e.at, "The end record leads to two central directories.", "")
		}
		read = max(read, n)
	}
	if read > 0 && int64(read) != e.count && (e.wide || int64(read)&0xffff != e.count) {
		v.find(threat.MGFMT403, e.at, fmt.Sprintf("The end record counts %d entries, the central directory holds %d.", e.count, read), "")
	}
	v.judgeEnd(e, first, read)
	return nil
}

// maxOverlap is how many entries may seem to hold one offset, small ones side by side among them, before it is held by none.
const maxOverlap = 4096

// within tells whether an offset lies in the bytes of an entry that is known already. Where those begin is for the entry's local
// header to say: writers that align what they store pad its extra field.
func (v *View) within(at int64) (bool, error) {
	looked := 0
	for _, e := range v.Entries {
		shortest := e.start + lenLocal + int64(len(e.Central.Raw))
		if at < shortest || at >= shortest+e.Central.Stored+2*math.MaxUint16 {
			continue
		}
		if looked++; looked > maxOverlap { // entries of an honest archive don't overlap
			return false, nil
		}
		data := shortest
		var local [lenLocal]byte
		if v.read(local[:], e.start) && binary.LittleEndian.Uint32(local[:]) == sigLocal {
			data = e.start + lenLocal + int64(binary.LittleEndian.Uint16(local[26:])) + int64(binary.LittleEndian.Uint16(local[28:]))
		} else if err := v.fault(); err != nil {
			return false, err
		}
		if at >= data && at < data+e.Central.Stored {
			return true, nil
		}
	}
	return false, nil
}

// judgeEnd reports what is wrong with an end record; read is how many entries its directory holds.
func (v *View) judgeEnd(e *end, first bool, read int) {
	if e.quarrel != "" {
		v.find(threat.MGFMT400, e.at, "ZIP64 record: "+e.quarrel+".", "")
	}
	if first && e.disk {
		v.find(threat.MGFMT404, e.at, "The archive is spread over several disks.", "")
	}
	if first && read == 0 && (e.count > 0 || e.size > 0) {
		v.find(threat.MGFMT400, e.at, fmt.Sprintf("There is no central directory where the end record says, at %d.", e.offset), "")
	}
	if !first && read > 0 {
		v.find(threat.MGFMT403, e.at, "The file has a second end record with a directory of its own, so readers see different archives.", "")
	}
	if first && e.to > v.size {
		v.find(threat.MGFMT400, e.at, fmt.Sprintf("The archive's comment of %d bytes reaches beyond the file.", e.comment), "")
		e.to = v.size
	}
}

// zip64 looks for the ZIP64 locator right before an end record, and for the record that it leads to. Readers disagree on where
// that is: where the locator says, or right before it. They disagree too on whether it counts if the plain record has values
// of its own. Each reading that differs is an end record more.
func (v *View) zip64(e *end) error {
	var loc [lenLocator64]byte
	if !v.read(loc[:], e.at-lenLocator64) || binary.LittleEndian.Uint32(loc[:]) != sigLocator64 {
		return v.fault()
	}
	stated := binary.LittleEndian.Uint64(loc[8:])
	plain, found := *e, 0
	for _, at := range []int64{e.at - lenLocator64 - lenEnd64, int64(min(stated, 1<<62))} {
		var rec [lenEnd64]byte
		if at >= e.at || !v.read(rec[:], at) || binary.LittleEndian.Uint32(rec[:]) != sigEnd64 || found > 0 && at == e.from {
			continue
		}
		if found++; found == 1 {
			e.merge64(rec[:], at)
			continue
		}
		other := plain
		other.merge64(rec[:], at)
		v.find(threat.MGFMT403, e.at, "There are two ZIP64 end records, and readers differ in which they take.", "")
		v.ends = append(v.ends, &other)
	}
	if e.quarrel != "" && e.wide {
		plain.known = true
		v.ends = append(v.ends, &plain)
	}
	if found == 0 {
		v.find(threat.MGFMT400, e.at, fmt.Sprintf("There is no ZIP64 end record where its locator says, at %d.", stated), "")
	}
	return v.fault()
}
