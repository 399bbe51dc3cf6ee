package tarview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// IsTorch tells whether an archive is what torch.save wrote before version 0.1.2: files pickle, tensors and storages. No
// more than its first entries are read.
func IsTorch(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || !Probe(head) {
		return false, err
	}
	t, err := NewReader(f)
	if err != nil {
		return false, err
	}
	seen := map[string]bool{}
	for range 8 {
		e, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
		name := path.Clean(e.Name)
		switch name {
		case "pickle", "tensors", "storages":
			seen[name] = true
		case "sys_info", ".":
		default:
			if !strings.HasPrefix(name, "storages/") {
				return false, nil
			}
		}
	}
	return seen["pickle"] && seen["tensors"] && seen["storages"], nil
}

// Scan scans an archive in full: every entry's bytes, every path, and what belongs to no entry. Member hands the bytes of
// an entry on; nil gives them to the sink with the family of the file itself.
func Scan(ctx context.Context, f *source.File, s source.Sink, member func(e *Entry, bytes source.Reader) error) error {
	t, err := NewReader(f)
	if err != nil {
		return err
	}
	t.Find = s.Find
	if member == nil {
		member = func(e *Entry, bytes source.Reader) error {
			_, err := s.Member(ctx, source.Member{Name: e.Name, Bytes: bytes, Family: f.Family})
			return err
		}
	}
	links := map[string]bool{}
	for n := int64(0); ; n++ {
		e, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if n >= f.Budget.Limits.EntriesInOne {
			return fmt.Errorf("more than %d entries: %w", f.Budget.Limits.EntriesInOne, source.ErrBudget)
		}
		judge(e, s, links)
		if e.Size == 0 && e.sparse == nil {
			continue
		}
		if err := member(e, e.Bytes(f)); err != nil {
			return err
		}
		if e.other > e.Size {
			_, err := s.Member(ctx, source.Member{Name: e.Name, Bytes: source.Section(f, e.Data, e.other), Family: f.Family, Prose: true})
			if err != nil {
				return err
			}
		}
	}
	return regions(ctx, f, s, t.Regions())
}

// judge reports paths, links and devices.
func judge(e *Entry, s source.Sink, links map[string]bool) {
	names := []string{e.Name}
	if e.Header != e.Name && !cut(e) {
		names = append(names, e.Header) // of readers that know no extensions
	}
	for _, name := range names {
		if found, bad := paths.Entry(name, e.At); bad {
			s.Find(found)
		}
	}
	key := paths.Key(e.Name)
	const longest, most = 4096, 10_000 // bytes of a path that a file system takes, and links to remember
	for dir := path.Dir(key); len(links) > 0 && len(key) <= longest && dir != "." && dir != "/"; dir = path.Dir(dir) {
		if links[dir] {
			f := finding.New(threat.ARV100, e.At, "An entry is written through a link that an earlier entry made.")
			f.Role, f.Evidence = finding.RolePath, source.Evidence(e.Name)
			s.Find(f)
			break
		}
	}
	switch e.Type {
	case '1': // the target of a hard link is a path from the root
		if found, bad := paths.Entry(e.Link, e.At); bad {
			found.Evidence = source.Evidence(e.Name + " -> " + e.Link)
			s.Find(found)
		}
	case '2':
		if len(key) <= longest && len(links) < most {
			links[key] = true
		}
		if found, bad := paths.Link(e.Name, e.Link, e.At); bad {
			s.Find(found)
		}
	case '3', '4', '6':
		f := finding.New(threat.MGFMT400, e.At, "An entry is a device or a pipe, which no model needs.")
		f.Severity = threat.High
		f.Role, f.Evidence = finding.RoleStructure, source.Evidence(e.Name)
		s.Find(f)
	}
}

// cut tells whether the name in a header is the beginning of the entry's name, as much as fits: writers cut it so, and an extension has the
// rest.
func cut(e *Entry) bool {
	const fits = 100 // bytes
	return len(e.Header) == fits && strings.HasPrefix(e.Name, e.Header)
}

// regions scans what belongs to no entry.
func regions(ctx context.Context, f *source.File, s source.Sink, junk []Region) error {
	for _, r := range junk {
		found := finding.New(threat.MGFMT402, r.From, fmt.Sprintf("The archive has %d bytes that belong to no entry.", r.To-r.From))
		found.Role = finding.RoleStructure
		s.Find(found)
		_, err := s.Member(ctx, source.Member{
			Name: fmt.Sprintf("#bytes@%d", r.From), Bytes: source.Section(f, r.From, r.To-r.From), Family: f.Family, Prose: true,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
