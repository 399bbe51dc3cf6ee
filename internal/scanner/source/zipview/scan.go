package zipview

import (
	"context"
	"errors"
	"fmt"
	"io"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/inflate"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// Plan is what a format adds to the scan of an archive.
type Plan struct {
	// Skip tells which entries the format accounts for by other means: they are not read. Nil skips none.
	Skip func(*Entry) bool
	// Done tells which entries were scanned already, with Member. Nil means none.
	Done func(*Entry) bool
	// Raw tells which entries another one calls raw numbers: nothing is said of those that nothing recognises. Nil means
	// none.
	Raw func(*Entry) bool
	// Family tells for whose loader an entry is meant. Nil hands on the family of the file itself.
	Family func(*Entry) source.Family
}

// minRegion is the size in bytes from which a region between the records is looked at.
const minRegion = 64

// Scan scans an archive in full: it builds the local view, compares it with the central one, and hands every member and
// every region that belongs to none to the sink. Findings of the structure carry the offset in the archive.
func Scan(ctx context.Context, f *source.File, s source.Sink, plan Plan) error {
	v, err := Of(f)
	if err != nil || v == nil {
		return err
	}
	if plan.Skip == nil {
		plan.Skip = func(*Entry) bool { return false }
	}
	if plan.Done == nil {
		plan.Done = func(*Entry) bool { return false }
	}
	if plan.Raw == nil {
		plan.Raw = func(*Entry) bool { return false }
	}
	if plan.Family == nil {
		plan.Family = func(*Entry) source.Family { return f.Family }
	}
	regions, err := v.walk(plan.Skip)
	sc := scan{ctx: ctx, f: f, s: s, v: v, plan: plan, seen: map[content]bool{}}
	v.names()
	for _, found := range v.found {
		s.Find(found)
	}
	v.found = nil
	if err != nil {
		return err
	}
	for _, e := range v.Entries {
		if plan.Skip(e) || plan.Done(e) {
			continue
		}
		if err := sc.entry(e); err != nil {
			return err
		}
	}
	for _, r := range regions {
		if err := sc.region(r); err != nil {
			return err
		}
	}
	return v.spent
}

// Content returns an entry's bytes, at most limit of them, for a format that must read it itself: by the directory's word
// alone. It is nil if they are more, or cannot be read.
func (v *View) Content(e *Entry, limit int64) ([]byte, error) {
	if e.Central == nil || e.Size() > limit || e.start < 0 || e.start >= v.size {
		return nil, nil
	}
	if err := v.resolve(e); err != nil {
		return nil, err
	}
	way := v.reading(e, e.Central.Method, e.taken, e.Central, true)
	if way == nil {
		return nil, nil
	}
	buf := make([]byte, e.Size())
	n, err := way.bytes.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf[:n], nil
}

// Open returns an entry's bytes as the directory says that they are stored, nil if they cannot be read by its word alone.
func (v *View) Open(e *Entry) (source.Reader, error) {
	if e.Central == nil || e.start < 0 || e.start >= v.size {
		return nil, nil
	}
	if err := v.resolve(e); err != nil {
		return nil, err
	}
	way := v.reading(e, e.Central.Method, e.taken, e.Central, true)
	if way == nil {
		return nil, nil
	}
	return way.bytes, nil
}

// Member hands one entry to the sink before Scan does, because its outcome decides about others. The caller must tell Scan
// so, through Plan.Done.
func (v *View) Member(ctx context.Context, f *source.File, s source.Sink, e *Entry, family source.Family) (source.Outcome, error) {
	if e.start >= 0 && e.start < v.size {
		if err := v.resolve(e); err != nil {
			return source.Outcome{}, err
		}
	}
	sc := scan{ctx: ctx, f: f, s: s, v: v, seen: map[content]bool{}, plan: Plan{Family: func(*Entry) source.Family { return family }}}
	err := sc.entry(e)
	return sc.outcome, err
}

// content identifies stored bytes and the way to read them, so that entries which share them are scanned once.
type content struct {
	data, taken int64
	method      uint16
}

type scan struct {
	ctx     context.Context
	f       *source.File
	s       source.Sink
	v       *View
	plan    Plan
	seen    map[content]bool // whether it was scanned for sure, not as a guess
	broken  bool             // the last entry did not inflate
	outcome source.Outcome   // of the last member
}

// entry scans one entry in every way in which it can be read, under each of its names.
func (sc *scan) entry(e *Entry) error {
	if e.data < 0 || e.IsDir() && e.taken == 0 {
		return nil
	}
	if err := sc.link(e); err != nil {
		return err
	}
	if e.taken == 0 {
		return nil
	}
	ways, unknown := sc.v.readings(e)
	if e.flags()&(flagEncrypted|flagStrong|flagPatched) != 0 {
		return sc.encrypted(e, ways)
	}
	if unknown {
		sc.find(threat.MGFMT404, e, fmt.Sprintf("An entry is stored by method %d, which no scanner reads.", e.header().Method))
	}
	sc.broken = false
	for _, way := range ways {
		if err := sc.way(e, way, !way.certain || sc.raw(e)); err != nil {
			return err
		}
	}
	if !sc.broken && e.Central != nil {
		return nil
	}
	// What does not inflate, or has no entry in the directory, may be something else to another reader.
	for _, m := range []uint16{methodStored, methodDeflate} {
		if err := sc.way(e, sc.v.reading(e, m, e.taken, sc.v.sized(e), false), true); err != nil {
			return err
		}
	}
	return nil
}

// raw tells whether the plan calls an entry raw numbers.
func (sc *scan) raw(e *Entry) bool { return sc.plan.Raw != nil && sc.plan.Raw(e) }

// flags are those that either header sets.
func (e *Entry) flags() uint16 {
	flags := e.header().Flags
	if e.Local != nil {
		flags |= e.Local.Flags
	}
	return flags
}

// way scans an entry in one of its readings. Prose makes it a guess: nothing is said of bytes that turn out to be nothing.
func (sc *scan) way(e *Entry, way *reading, prose bool) error {
	key := content{e.data, way.taken, way.method}
	if certain, seen := sc.seen[key]; seen && (certain || prose) {
		return nil
	}
	sc.seen[key] = !prose
	for _, name := range e.names() {
		out, err := sc.s.Member(sc.ctx, source.Member{Name: name, Bytes: way.bytes, Family: sc.plan.Family(e), Prose: prose})
		if err != nil {
			return err
		}
		sc.outcome = out
	}
	if !prose {
		if err := sc.verify(e, way); err != nil {
			return err
		}
	}
	if !prose && way.stream != nil {
		if err := sc.rest(e, way); err != nil {
			return err
		}
	}
	if way.stream != nil {
		_ = way.stream.Close() // how an abandoned decoder closes says nothing
	}
	return nil
}

// rest scans what an entry holds behind the end of its compressed stream. No writer leaves anything there.
func (sc *scan) rest(e *Entry, way *reading) error {
	from, to := way.stream.Consumed(), e.data+way.taken
	if from >= to || way.stream.Err() != nil && !errors.Is(way.stream.Err(), errSize) && !errors.Is(way.stream.Err(), errChecksum) {
		return nil
	}
	sc.find(threat.MGFMT402, e, fmt.Sprintf("An entry has %d bytes behind the end of its compressed stream.", to-from))
	_, err := sc.s.Member(sc.ctx, source.Member{
		Name: e.Name() + "#rest", Bytes: source.Section(sc.v.r, from, to-from), Family: sc.plan.Family(e), Prose: true,
	})
	return err
}

// names are all names of an entry in both headers, each once.
func (e *Entry) names() []string {
	var names []string
	seen := map[string]bool{}
	for _, h := range []*Header{e.Central, e.Local} {
		if h == nil {
			continue
		}
		for _, n := range h.Names() {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	return names
}

// verify reports where an entry's bytes differ from what its headers state.
func (sc *scan) verify(e *Entry, way *reading) error {
	err := sc.v.verify(e, way)
	var id threat.ID
	switch {
	case err == nil:
		return nil
	case errors.Is(err, source.ErrBudget), errors.Is(err, source.ErrBomb):
		return err
	case errors.Is(err, source.ErrPanic):
		id = threat.MGFMT407
	case errors.Is(err, inflate.ErrUnsupported):
		id = threat.MGFMT404
	case way.stream == nil && !errors.Is(err, errSize) && !errors.Is(err, errChecksum):
		return err // of the reader
	case way.stream != nil && way.stream.Err() == nil:
		return err // of the reader
	default:
		id = threat.MGFMT400
		sc.broken = way.stream != nil && !errors.Is(err, errSize) && !errors.Is(err, errChecksum)
	}
	sc.find(id, e, "The bytes of an entry do not fit its headers: "+err.Error()+".")
	return nil
}

// encrypted scans an entry whose flags say that it is encrypted. Readers of models ignore the flags, so what counts is
// whether the bytes make sense as they are.
func (sc *scan) encrypted(e *Entry, ways []*reading) error {
	readable := false
	for _, way := range ways {
		plain := false
		if err := sc.v.verify(e, way); err == nil {
			plain = way.stream != nil || way.taken <= maxCheck
		} else if errors.Is(err, source.ErrBudget) || errors.Is(err, source.ErrBomb) {
			return err
		}
		if err := sc.way(e, way, !plain); err != nil {
			return err
		}
		readable = readable || plain || recognised(sc.outcome)
	}
	if readable {
		sc.find(threat.MGFMT403, e, "An entry is flagged as encrypted, and is not.")
	} else {
		sc.find(threat.MGFMT404, e, "An entry is encrypted.")
	}
	return nil
}

// recognised tells whether the engine knew a member by any format.
func recognised(out source.Outcome) bool {
	for _, name := range out.Formats {
		if name != "not_model" {
			return true
		}
	}
	return false
}

// link judges the target of a symbolic link, which is the content of its entry.
func (sc *scan) link(e *Entry) error {
	const typeMask, typeLink = 0xf000, 0xa000
	if e.Central == nil || e.Central.Mode&typeMask != typeLink || e.Central.Size > 1<<16 {
		return nil
	}
	ways, _ := sc.v.readings(e)
	for _, way := range ways {
		buf := make([]byte, e.Central.Size)
		n, err := way.bytes.ReadAt(buf, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if found, bad := paths.Link(e.Name(), string(buf[:n]), e.start); bad && way.certain {
			sc.s.Find(found)
		}
	}
	return nil
}

func (sc *scan) find(id threat.ID, e *Entry, description string) {
	f := finding.New(id, e.start, description)
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(e.Name())
	sc.s.Find(f)
}

// names judges the names of all entries by themselves and against each other.
func (v *View) names() {
	byKey := make(map[string]string, len(v.Entries))
	for _, e := range v.Entries {
		h := e.header()
		for _, name := range e.names() {
			if found, bad := paths.Entry(name, h.At); bad {
				v.add(found)
			}
		}
		key := paths.Key(e.Name())
		first, taken := byKey[key]
		switch {
		case !taken:
			byKey[key] = h.Raw
		case e.IsDir() && first == h.Raw: // a directory listed twice hides nothing
		case first == h.Raw:
			v.find(threat.MGFMT403, h.At, "Two entries have the same name.", h.Raw)
		default:
			v.find(threat.MGFMT403, h.At, "Two entries have names that some file systems take for the same: "+source.Evidence(first)+".", h.Raw)
		}
	}
}
