package zipview

import (
	"bytes"
	"fmt"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// region scans bytes that belong to no record. Prefix and suffix always count, what lies between two records from 64 bytes.
func (sc *scan) region(r Region) error {
	n := r.To - r.From
	edge := r.From == 0 || r.To == sc.v.size
	if n < minRegion && !edge {
		return nil
	}
	zero, err := sc.v.zeros(r)
	if err != nil || zero {
		return err
	}
	known, err := sc.v.known(r)
	if err != nil {
		return err
	}
	where := "between its records"
	switch {
	case r.From == 0:
		where = "in front of it"
	case r.To == sc.v.size:
		where = "behind it"
	}
	if known && r.From == 0 {
		return nil // whose own scanner has the file from its first byte
	}
	if !known {
		f := finding.New(threat.MGFMT402, r.From, fmt.Sprintf("The archive has %d bytes of other data %s.", n, where))
		f.Role = finding.RoleStructure
		sc.s.Find(f)
	}
	_, err = sc.s.Member(sc.ctx, source.Member{
		Name: fmt.Sprintf("#bytes@%d", r.From), Bytes: source.Section(sc.v.r, r.From, n), Family: sc.f.Family, Prose: true,
	})
	return err
}

// zeros tells whether a region is alignment: nothing but zeros, and not many.
func (v *View) zeros(r Region) (bool, error) {
	n := r.To - r.From
	if n > maxGapZeros {
		return false, nil
	}
	buf := make([]byte, n)
	if !v.read(buf, r.From) {
		return false, v.fault()
	}
	return len(bytes.Trim(buf, "\x00")) == 0, nil
}

// known tells whether a region belongs to a composition that is no polyglot: a TFLite model with metadata behind it, a
// llamafile's launcher, the signing block of an Android package.
func (v *View) known(r Region) (bool, error) {
	var head, foot [16]byte
	if r.To-r.From < int64(len(head)) {
		return false, nil
	}
	if !v.read(head[:], r.From) || !v.read(foot[:], r.To-int64(len(foot))) {
		return false, v.fault()
	}
	launcher := bytes.HasPrefix(head[:], []byte("MZqFpD='")) || bytes.HasPrefix(head[:], []byte("jartsr='"))
	return r.From == 0 && (string(head[4:8]) == "TFL3" || launcher) || string(foot[:]) == "APK Sig Block 42", nil
}
