package pypackage

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/model/dist"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/tarview"
	"modelgate/internal/threat"
)

// maxTops is how many folders at the top of an archive are told apart.
const maxTops = 16

// ProbeSdist accepts the tar archives of packages, and ZIPs that are named as a source distribution and have no folder of a wheel's metadata.
func ProbeSdist(f *source.File) (bool, error) {
	if f.Family != source.FamilyPackage {
		return false, nil
	}
	head, err := f.Head()
	if err != nil || tarview.Probe(head) {
		return err == nil, err
	}
	return probeZip(f)
}

// ScanSdist scans a source distribution: every member by the engine, and what it says of itself.
func ScanSdist(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("sdist")
	head, err := f.Head()
	if err != nil {
		return err
	}
	if !tarview.Probe(head) {
		return scanZip(ctx, f, s)
	}
	tops := map[string]bool{}
	project, _ := dist.GuessProject(path.Base(f.Path))
	own := newSources(&sdist{ctx: ctx, file: f}, cmp.Or(f.Project, project))
	members, texts := &memberNames{s: s, byKey: map[string]string{}}, &texts{s: s}
	var info []byte
	infoName := ""
	err = tarview.Scan(ctx, f, hygiene{Sink: s, tar: true}, func(e *tarview.Entry, bytes source.Reader) error {
		name := path.Clean(e.Name)
		top, rest, _ := strings.Cut(name, "/")
		if len(tops) < maxTops {
			tops[top] = true
		}
		if rest == "PKG-INFO" && info == nil {
			infoName = e.Name
			text := make([]byte, min(e.Size, maxMetadata))
			if n, err := bytes.ReadAt(text, 0); n == len(text) || soft(err) {
				info = text[:n]
			} else if err != nil {
				return err
			}
		}
		members.add(e.Name, e.At)
		if path.Clean(e.Header) != name && max(len(e.Header), len(e.Name)) < headerName && isASCII(e.Name) {
			f := found(threat.MGPKG108, "", e.At, e.Header+" -> "+e.Name, "An extension gives the entry another name than its header, which older readers take.")
			s.Find(f)
		}
		if rest == "pyproject.toml" {
			if err := backend(e.Name, e.Size, bytes, s); err != nil {
				return err
			}
		}
		if !texts.take(e.Name, e.Size) {
			return nil
		}
		_, err := hygiene{Sink: s, sources: own}.Member(ctx, source.Member{Name: e.Name, Bytes: bytes, Family: source.FamilyPackage})
		return err
	})
	if err != nil {
		return err
	}
	compiled(slices.Sorted(maps.Values(members.byKey)), s)
	folders(tops, infoName, info, s)
	return nil
}

// folders checks that the archive has one folder at its top, and that its metadata, if there are any, tell of the same project and version.
func folders(tops map[string]bool, infoName string, info []byte, s source.Sink) {
	delete(tops, ".")
	delete(tops, "pax_global_header")
	if len(tops) > 1 {
		s.Find(finding.New(threat.MGPKG108, 0, "The archive has more than one folder at its top."))
	}
	if info == nil {
		return // old tools and plain archives of repositories have none
	}
	says := headers(info)
	for top := range tops {
		project, ok := dist.Normalize(says["name"])
		parsed, fits := dist.ParseFilename(project, top+".tar.gz")
		v, err := dist.ParseVersion(says["version"])
		if !ok || !fits || err != nil || !v.Equal(parsed.Version) {
			s.Find(found(threat.MGPKG107, infoName, -1, says["name"]+" "+says["version"], fmt.Sprintf(
				"The metadata tell of %s %s, the folder is %s.", source.Evidence(says["name"]), source.Evidence(says["version"]), source.Evidence(top))))
		}
	}
}

// sdist is the files of a source distribution, read once more if a pickle in it names what may be the package's own. That is seldom.
type sdist struct {
	ctx   context.Context
	file  *source.File
	names map[string]bool
	texts map[string]string // of Python sources, as far as there is room
	tops  []string
}

// load reads the archive, at the first call.
func (d *sdist) load() *sdist {
	if d.names != nil {
		return d
	}
	d.names, d.texts = map[string]bool{}, map[string]string{}
	left := int64(maxSources)
	tops := map[string]bool{}
	err := tarview.Scan(d.ctx, d.file, nobody{}, func(e *tarview.Entry, bytes source.Reader) error {
		name := path.Clean(e.Name)
		d.names[name] = true
		if top, _, ok := strings.Cut(name, "/"); ok {
			tops[top+"/"] = true
		}
		if !isText(name) || e.Size > min(maxSource, left) {
			return nil
		}
		left -= e.Size
		text := make([]byte, e.Size)
		if n, err := bytes.ReadAt(text, 0); n == len(text) || soft(err) {
			d.texts[name] = string(text[:n])
		} else {
			return err
		}
		return nil
	})
	d.tops = slices.Sorted(maps.Keys(tops))
	if err != nil { // then nothing is known
		d.names, d.texts, d.tops = map[string]bool{}, nil, nil
	}
	return d
}

// has implements tree.
func (d *sdist) has(name string) bool { return d.load().names[name] }

// all implements tree.
func (d *sdist) all() iter.Seq[string] { return maps.Keys(d.load().names) }

// text implements tree.
func (d *sdist) text(name string, limit int64) (string, bool) {
	text, ok := d.load().texts[name]
	return text, ok && int64(len(text)) <= limit
}

// roots implements tree: builds take packages from the folder of the project, or from one of these in it.
func (d *sdist) roots() []string { return rootsOf(d.load().tops) }

// rootsOf are the folders that Python may import from, by those at the top.
func rootsOf(tops []string) []string {
	var out []string
	for _, top := range tops {
		out = append(out, top+"src/", top, top+"lib/", top+"python/")
	}
	return out
}

// nobody takes what a scan says that was made to read names and texts only.
type nobody struct{}

func (nobody) Format(string)           {}
func (nobody) Find(finding.Finding)    {}
func (nobody) Refer(finding.Reference) {}
func (nobody) Opaque()                 {}
func (nobody) Storage(source.Storage)  {}

func (nobody) Member(context.Context, source.Member) (source.Outcome, error) {
	return source.Outcome{}, nil
}
