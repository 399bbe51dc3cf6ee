// Package osv reads records of the OSV format (OSV schema 1.x) that tell which releases of Python packages are malicious or vulnerable:
// from a folder, a zip of one, or a single file. No network is needed; whoever has none copies a file.
//
// A record affects a version if it lists the version, or if a range of the type ECOSYSTEM holds it. A record without either affects
// nothing, and one that was withdrawn is ignored. Broken records are skipped and counted; a folder in which nothing can be used is an
// error, so that whoever reloads keeps what there was.
package osv

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"modelgate/internal/model/dist"
)

// Bounds of what is read: bytes of a record, of all that a zip unpacks to, and how many records.
const (
	maxRecord  = 4 << 20
	maxZip     = 8 << 30
	maxRecords = 2_000_000
)

// Set is the records of a folder. It is immutable.
type Set struct {
	byProject map[string][]record
	digest    string
	// Records is how many are used. Broken could not be read, Unusable affect nothing.
	Records, Broken, Unusable int
	// FirstBroken names one of the broken ones.
	FirstBroken string
}

// record is what matters of one: which versions of one project are affected.
type record struct {
	id        string
	malicious bool
	severity  string
	versions  []string
	ranges    [][]event
}

// event is a step of a range: from introduced on, up to fixed, last affected or limit.
type event struct {
	Introduced   string `json:"introduced"`
	Fixed        string `json:"fixed"`
	LastAffected string `json:"last_affected"`
	Limit        string `json:"limit"`
}

// document is a record as it is written.
type document struct {
	ID        string   `json:"id"`
	Aliases   []string `json:"aliases"`
	Withdrawn string   `json:"withdrawn"`
	Severity  []score  `json:"severity"`
	Database  database `json:"database_specific"`
	Affected  []struct {
		Severity []score `json:"severity"`
		Package  struct {
			Ecosystem string `json:"ecosystem"`
			Name      string `json:"name"`
		} `json:"package"`
		Versions []string `json:"versions"`
		Ranges   []struct {
			Type   string  `json:"type"`
			Events []event `json:"events"`
		} `json:"ranges"`
	} `json:"affected"`
}

// database is what a database says of a record in fields of its own, which may be anything.
type database struct{ severity string }

// UnmarshalJSON takes the severity if there is one that is a text.
func (d *database) UnmarshalJSON(text []byte) error {
	var fields struct {
		Severity any `json:"severity"`
	}
	if json.Unmarshal(text, &fields) == nil {
		d.severity, _ = fields.Severity.(string)
	}
	return nil
}

// identifier is what an id may be, since it is shown in headers.
var identifier = regexp.MustCompile(`^[A-Z]+-[0-9A-Za-z-]{1,60}$`)

// Load reads the records of all places, each a folder, a zip or a file.
func Load(places ...string) (*Set, error) {
	s := &Set{byProject: map[string][]record{}}
	sum := sha256.New()
	for _, place := range places {
		err := walk(place, func(name string, text []byte) error {
			s.add(name, text)
			content := sha256.Sum256(text)
			sum.Write(content[:])
			if s.Records+s.Broken+s.Unusable > maxRecords {
				return fmt.Errorf("more than %d records", maxRecords)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read advisories in %s: %w", place, err)
		}
	}
	if s.Records == 0 && s.Broken > 0 {
		return nil, fmt.Errorf("none of %d advisories can be read, %s for one", s.Broken, s.FirstBroken)
	}
	s.digest = hex.EncodeToString(sum.Sum(nil)[:8])
	return s, nil
}

// Digest changes with the records.
func (s *Set) Digest() string {
	if s == nil {
		return ""
	}
	return s.digest
}

// walk reads every record of a place.
func walk(place string, visit func(name string, text []byte) error) error {
	info, err := os.Stat(place)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if strings.HasSuffix(place, ".zip") {
			return walkZip(place, visit)
		}
		text, err := readBounded(place)
		if err != nil {
			return err
		}
		return visit(place, text)
	}
	return filepath.WalkDir(place, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !strings.HasSuffix(name, ".json") {
			return err
		}
		text, err := readBounded(name)
		if err != nil {
			return err
		}
		return visit(name, text)
	})
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxRecord+1))
}

// walkZip reads the records in a zip.
func walkZip(place string, visit func(name string, text []byte) error) error {
	z, err := zip.OpenReader(place)
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }()
	left := int64(maxZip)
	for _, member := range z.File {
		if !strings.HasSuffix(member.Name, ".json") {
			continue
		}
		r, err := member.Open()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("%s: %w", member.Name, err)
		}
		if left -= int64(len(text)); left < 0 {
			return fmt.Errorf("it unpacks to more than %d bytes", int64(maxZip))
		}
		if err := visit(member.Name, text); err != nil {
			return err
		}
	}
	return nil
}

// add takes one record.
func (s *Set) add(name string, text []byte) {
	var d document
	if len(text) > maxRecord || json.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), &d) != nil || !identifier.MatchString(d.ID) {
		if s.Broken++; s.FirstBroken == "" {
			s.FirstBroken = name
		}
		return
	}
	if d.Withdrawn != "" {
		return
	}
	id, malicious := d.ID, strings.HasPrefix(d.ID, "MAL-")
	for _, alias := range d.Aliases {
		if strings.HasPrefix(alias, "MAL-") && identifier.MatchString(alias) && !malicious {
			id, malicious = alias, true
		}
	}
	used := false
	for _, a := range d.Affected {
		project, ok := dist.Normalize(a.Package.Name)
		if !ok || a.Package.Ecosystem != "PyPI" {
			continue
		}
		r := record{id: id, malicious: malicious, severity: severityOf(d.Database.severity, append(a.Severity, d.Severity...)), versions: a.Versions}
		for _, span := range a.Ranges {
			if span.Type == "ECOSYSTEM" && len(span.Events) > 0 {
				r.ranges = append(r.ranges, span.Events)
			}
		}
		if len(r.versions) == 0 && len(r.ranges) == 0 {
			continue
		}
		used = true
		s.byProject[project] = append(s.byProject[project], r)
	}
	if used {
		s.Records++
	} else {
		s.Unusable++
	}
}

// Advisory is a record that affects a version.
type Advisory struct {
	ID        string
	Malicious bool   // it says that the release is malware, not that it has a flaw
	Severity  string // of a flaw: [Low] to [Critical], "" if it is not known
}

// Match finds what affects a version of a project, whose name must be in its normal form. The most serious come first.
func (s *Set) Match(project, version string) []Advisory {
	if s == nil {
		return nil
	}
	var out []Advisory
	for _, r := range s.byProject[project] {
		if a := (Advisory{r.id, r.malicious, r.severity}); r.affects(version) && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b Advisory) int {
		if a.Malicious != b.Malicious {
			if a.Malicious {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// affects tells whether a version is listed or in a range.
func (r record) affects(version string) bool {
	v, err := dist.ParseVersion(version)
	for _, listed := range r.versions {
		w, errListed := dist.ParseVersion(listed)
		if listed == version || err == nil && errListed == nil && v.Equal(w) {
			return true
		}
	}
	if err != nil { // ranges order versions; what is none is in all that have no beginning
		return slices.ContainsFunc(r.ranges, func(events []event) bool {
			return len(events) == 1 && events[0].Introduced == "0"
		})
	}
	return slices.ContainsFunc(r.ranges, func(events []event) bool { return within(events, v) })
}

// within evaluates the events of a range in the order of their versions (OSV schema, "Evaluation").
func within(events []event, v dist.Version) bool {
	type step struct {
		at               dist.Version
		all              bool // "0": before every version
		opens, inclusive bool
	}
	var steps []step
	for _, e := range events {
		for _, side := range []struct {
			text             string
			opens, inclusive bool
		}{{e.Introduced, true, true}, {e.Fixed, false, true}, {e.LastAffected, false, false}, {e.Limit, false, true}} {
			if side.text == "" {
				continue
			}
			at, err := dist.ParseVersion(side.text)
			if side.text == "*" {
				continue // a limit of no limit
			}
			if err != nil {
				return true // a range that cannot be read is not one that lets pass
			}
			steps = append(steps, step{at, side.text == "0", side.opens, side.inclusive})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		if a.all != b.all {
			if a.all {
				return -1
			}
			return 1
		}
		return a.at.Compare(b.at)
	})
	in := false
	for _, s := range steps {
		c := v.Compare(s.at)
		if s.all || c > 0 || c == 0 && s.inclusive {
			in = s.opens
		}
	}
	return in
}
