package pickle

import (
	"cmp"
	"slices"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// found collects what a scan has to say until its end, when it is known whose file it is: one hit for each name, one finding
// for each way in which the bytes break the rules.
type found struct {
	hits   []hit
	others []finding.Finding
	said   map[string]bool
	muted  bool // only what is dangerous is noted
}

// hit is what is to be said of a name.
type hit struct {
	grade        grade
	role         finding.Role
	offset       int64
	module, name string
	evidence     string
	description  string // instead of the usual one
	excerpt      []string
}

// mostHits is how many hits wait for a stronger role; later ones are told at once.
const mostHits = finding.MaxFindings

// rank orders roles by how much they say.
func rank(r finding.Role) int {
	switch r {
	case finding.RoleCall:
		return 5
	case finding.RoleBuild, finding.RoleFill:
		return 4
	case finding.RoleNew:
		return 3
	case finding.RoleAttribute, finding.RoleArgument:
		return 2
	default:
		return 1
	}
}

// hit notes something of a name; the strongest grade and role stay.
func (s *scanner) hit(g *global, h hit) {
	h.module, h.name = g.module, g.name
	if s.found.muted && h.grade < dangerous {
		return
	}
	if g.hit > 0 {
		old := &s.found.hits[g.hit-1]
		if h.grade > old.grade || h.grade == old.grade && rank(h.role) > rank(old.role) {
			h.excerpt = s.excerpt()
			*old = h
		}
		return
	}
	h.excerpt = s.excerpt()
	if len(s.found.hits) >= mostHits {
		f := s.finding(h)
		f.Format = s.format()
		s.sink.Find(f)
		return
	}
	s.found.hits = append(s.found.hits, h)
	g.hit = len(s.found.hits)
}

// settled tells whether nothing stronger can be said of a name by a hit of this grade and role, so that it need not be put
// into words.
func (s *scanner) settled(g *global, grade grade, role finding.Role) bool {
	if g.hit == 0 {
		return false
	}
	old := s.found.hits[g.hit-1]
	return old.grade > grade || old.grade == grade && rank(old.role) >= rank(role)
}

// nameless notes something that has no name, once for each description. What is shown of it is put into words only then.
func (s *scanner) nameless(h hit, evidence func() string) {
	if s.found.muted && h.grade < dangerous || !s.once(h.description) || len(s.found.hits) >= 2*mostHits {
		return
	}
	if evidence != nil {
		h.evidence = evidence()
	}
	h.excerpt = s.excerpt()
	s.found.hits = append(s.found.hits, h)
}

// Work beyond reading the stream is bounded by what was read of it, so that no few bytes make the scanner go over the same
// values again and again.
const (
	effortPerByte = 16
	effortFree    = 1 << 20
)

// afford tells whether n more steps may be spent on looking at values.
func (m *machine) afford(n int) bool {
	m.effort += int64(n)
	if m.effort <= effortFree+effortPerByte*m.at {
		return true
	}
	m.spent(m.at, "the same values are used again and again")
	return false
}

// once tells whether something is said for the first time.
func (s *scanner) once(text string) bool {
	if s.found.said[text] {
		return false
	}
	if s.found.said == nil {
		s.found.said = map[string]bool{}
	}
	s.found.said[text] = true
	return true
}

// structure notes how the bytes break the rules, once for each reason.
func (s *scanner) structure(id threat.ID, at int64, reason string) {
	if s.found.muted || len(s.found.others) >= mostHits || !s.once(string(id)+reason) {
		return
	}
	f := finding.New(id, at, "The pickle breaks its format's rules: "+reason+".")
	switch id {
	case threat.MGFMT402:
		f.Description = "The file holds more than its pickle: " + reason + "."
	case threat.MGFMT403:
		f.Description = "Loaders read the pickle in different ways: " + reason + "."
	case threat.MGFMT405:
		f.Description = "The pickle expands without measure: " + reason + "."
	case threat.MGFMT406:
		f.Description = "The pickle was not read to its end: " + reason + "."
	}
	f.Role = finding.RoleStructure
	s.found.others = append(s.found.others, f)
}

func (s *scanner) malformed(at int64, reason string) { s.structure(threat.MGFMT400, at, reason) }
func (s *scanner) second(at int64, reason string)    { s.structure(threat.MGFMT402, at, reason) }
func (s *scanner) differ(at int64, reason string)    { s.structure(threat.MGFMT403, at, reason) }
func (s *scanner) spent(at int64, reason string)     { s.structure(threat.MGFMT406, at, reason) }

func (m *machine) bomb(reason string) { m.structure(threat.MGFMT405, m.at, reason) }

// finding makes a finding of a hit.
func (s *scanner) finding(h hit) finding.Finding {
	bad, odd := s.ids()
	id, text := odd, "The model may execute remote code since it contains unknown operator `"
	if h.grade == dangerous {
		id, text = bad, "The model will execute remote code since it contains operator `"
	}
	name, module := source.Evidence(h.name), source.Evidence(h.module)
	f := finding.New(id, h.offset, text+name+"` from module `"+module+"`.")
	if h.description != "" {
		f.Description = h.description
	}
	f.Operator, f.Module, f.Role, f.Evidence, f.Excerpt = name, module, h.role, source.Evidence(h.evidence), h.excerpt
	return f
}

// flush tells everything, in the order of the bytes.
func (s *scanner) flush() {
	for i := range s.globals {
		s.unused(&s.globals[i])
	}
	all := s.found.others
	for _, h := range s.found.hits {
		all = append(all, s.finding(h))
	}
	slices.SortStableFunc(all, func(a, b finding.Finding) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Threat, b.Threat), cmp.Compare(a.Operator, b.Operator))
	})
	for _, f := range all {
		f.Format = s.format()
		s.sink.Find(f)
	}
}
