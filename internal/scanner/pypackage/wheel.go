package pypackage

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"modelgate/internal/model/dist"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// Bounds of what is read of a wheel's own files, in bytes, and how many lines of RECORD are told of.
const (
	maxMetadata = 4 << 20
	maxRecord   = 32 << 20
	mostLines   = 50
)

// ProbeWheel accepts archives of packages that have the folder of a wheel's metadata.
func ProbeWheel(f *source.File) (bool, error) {
	if f.Family != source.FamilyPackage {
		return false, nil
	}
	v, err := zipview.Of(f)
	if err != nil || v == nil {
		return false, err
	}
	return slices.ContainsFunc(v.Entries, func(e *zipview.Entry) bool {
		dir, base := path.Split(e.Name())
		return base == "WHEEL" && strings.HasSuffix(dir, ".dist-info/") && strings.Count(dir, "/") == 1
	}), nil
}

// wheel is what is known of one while it is scanned.
type wheel struct {
	s       source.Sink
	view    *zipview.View
	info    string                    // folder of its metadata, with the slash
	members map[string]*zipview.Entry // the last one of each name, as readers take it
	name    dist.Filename
	known   bool // the file's name tells project and version
}

// ScanWheel scans a wheel: every member by the engine, and what the wheel says of itself.
func ScanWheel(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("wheel")
	v, err := zipview.Of(f)
	if err != nil || v == nil {
		return err
	}
	w := &wheel{s: s, view: v, members: map[string]*zipview.Entry{}}
	for _, e := range v.Entries {
		name := e.Name()
		w.members[name] = e
		if dir, base := path.Split(name); base == "WHEEL" && strings.HasSuffix(dir, ".dist-info/") && strings.Count(dir, "/") == 1 {
			w.info = dir
		}
	}
	if project, ok := dist.GuessProject(path.Base(f.Path)); ok {
		w.name, w.known = dist.ParseFilename(project, path.Base(f.Path))
	}
	v.KeepDigests() // RECORD has them, so that no member is inflated twice
	if err := w.native(ctx, f); err != nil {
		return err
	}
	if err := w.names(); err != nil {
		return err
	}
	if err := w.commands(); err != nil {
		return err
	}
	compiled(slices.Sorted(maps.Keys(w.members)), s)
	return w.record(ctx)
}

// native hands every member to the engine, as the archive's own scan would, and notes programs where there should be none.
func (w *wheel) native(ctx context.Context, f *source.File) error {
	texts, own := &texts{s: w.s}, hygiene{Sink: w.s, sources: newSources(w, w.name.Project)}
	done := map[*zipview.Entry]bool{}
	for _, e := range w.view.Entries {
		if e.IsDir() {
			continue
		}
		if !texts.take(e.Name(), e.Size()) {
			done[e] = true
			continue
		}
		outcome, err := w.view.Member(ctx, f, own, e, source.FamilyPackage)
		if err != nil {
			return err
		}
		done[e] = true
		if w.known && w.name.Pure() && slices.Contains(outcome.Formats, "executable") && !strings.Contains(e.Name(), ".data/scripts/") {
			w.s.Find(found(threat.MGPKG105, e.Name(), 0, e.Name(), "The wheel says that it has no code for a certain machine, and carries a program or library."))
		}
	}
	return zipview.Scan(ctx, f, own, zipview.Plan{Done: func(e *zipview.Entry) bool { return done[e] }})
}

// has implements tree.
func (w *wheel) has(name string) bool { return w.members[name] != nil }

// all implements tree.
func (w *wheel) all() iter.Seq[string] { return maps.Keys(w.members) }

// text implements tree.
func (w *wheel) text(name string, limit int64) (string, bool) {
	e := w.members[name]
	if e == nil || e.Size() > limit {
		return "", false
	}
	b, err := w.view.Content(e, limit)
	return string(b), err == nil && b != nil
}

// roots implements tree: what lies at the top of a wheel lands at the top of site-packages.
func (w *wheel) roots() []string { return []string{""} }

// names compares the file's name with the folder of the metadata and with what they say.
func (w *wheel) names() error {
	stem := strings.TrimSuffix(w.info, ".dist-info/")
	folder, version, _ := strings.Cut(stem, "-")
	text, err := w.content(w.info+"METADATA", maxMetadata)
	if err != nil {
		return err
	}
	if text == nil {
		w.s.Find(found(threat.MGPKG107, w.info+"METADATA", -1, w.info, "The wheel has no metadata that can be read."))
		return nil
	}
	says := headers(text)
	if !w.known {
		return nil
	}
	for _, other := range []struct{ where, name, version string }{
		{"folder of the metadata", folder, version},
		{"metadata", says["name"], says["version"]},
	} {
		name, ok := dist.Normalize(other.name)
		v, err := dist.ParseVersion(strings.ReplaceAll(other.version, "_", "-"))
		if !ok || name != w.name.Project || err != nil || !v.Equal(w.name.Version) {
			w.s.Find(found(threat.MGPKG107, w.info+"METADATA", -1, other.name+" "+other.version, fmt.Sprintf(
				"The %s tells of %s %s, the file's name of %s %s.", other.where, source.Evidence(other.name), source.Evidence(other.version), w.name.Project, w.name.Version)))
		}
	}
	return nil
}

// content reads a member of a name, nil if there is none or it cannot be read.
func (w *wheel) content(name string, limit int64) ([]byte, error) {
	e := w.members[name]
	if e == nil {
		return nil, nil
	}
	text, err := w.view.Content(e, limit)
	if err != nil && soft(err) {
		return nil, nil
	}
	return text, err
}

// soft tells whether an error is one of the bytes, which the archive's own scan has stated.
func soft(err error) bool {
	var malformed *source.Malformed
	return errors.As(err, &malformed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// record compares RECORD with the members: each must be listed with its digest and size. RECORD itself and its signatures need not be.
func (w *wheel) record(ctx context.Context) error {
	text, err := w.content(w.info+"RECORD", maxRecord)
	if err != nil {
		return err
	}
	if text == nil {
		w.s.Find(found(threat.MGPKG106, w.info+"RECORD", -1, w.info, "The wheel has no RECORD that can be read."))
		return nil
	}
	lines := csv.NewReader(strings.NewReader(string(text)))
	lines.FieldsPerRecord = -1
	lines.ReuseRecord = true
	told := 0
	say := func(member, what string) {
		if told++; told <= mostLines {
			w.s.Find(found(threat.MGPKG106, member, -1, member, what))
		}
	}
	listed := map[string]bool{}
	for {
		row, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(row) < 3 {
			say(w.info+"RECORD", "RECORD has a line that is none.")
			break
		}
		name, digest, size := strings.Clone(row[0]), strings.Clone(row[1]), strings.Clone(row[2])
		listed[name] = true
		if err := w.line(ctx, name, digest, size, say); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.members)) {
		if !listed[name] && !w.members[name].IsDir() && !exempt(name, w.info) {
			say(name, "RECORD does not list this file.")
		}
	}
	return nil
}

// exempt are files that RECORD need not list, or not with a digest.
func exempt(name, info string) bool {
	return name == info+"RECORD" || name == info+"RECORD.jws" || name == info+"RECORD.p7s"
}

// line compares one line of RECORD with its member.
func (w *wheel) line(ctx context.Context, name, digest, size string, say func(member, what string)) error {
	e := w.members[name]
	if e == nil {
		if !exempt(name, w.info) {
			say(name, "RECORD lists a file that the wheel does not hold.")
		}
		return nil
	}
	if exempt(name, w.info) && digest == "" {
		return nil
	}
	algorithm, want, _ := strings.Cut(digest, "=")
	sum, n, err := w.digest(e, algorithm)
	switch {
	case err != nil:
		return err
	case n < 0:
		say(name, "RECORD gives no digest for this file that could be relied on.")
	case sum != nil && (base64.RawURLEncoding.EncodeToString(sum) != strings.TrimRight(want, "=") || fmt.Sprint(n) != size):
		say(name, "The file differs from what RECORD says of it.")
	}
	return ctx.Err()
}

// digest hashes a member of n bytes. The digest is nil if the member cannot be read, which the archive's own scan has stated; n is
// negative if the algorithm is none that counts.
func (w *wheel) digest(e *zipview.Entry, algorithm string) (sum []byte, n int64, err error) {
	var h hash.Hash
	switch algorithm {
	case "sha256":
		if sum := w.view.Digest(e); sum != nil { // which was hashed when the engine read it
			return sum, e.Size(), nil
		}
		h = sha256.New()
	case "sha384":
		h = sha512.New384()
	case "sha512":
		h = sha512.New()
	default:
		return nil, -1, nil
	}
	r, err := w.view.Open(e)
	if soft(err) || err == nil && r == nil {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if s, ok := r.(io.Closer); ok {
		defer func() { _ = s.Close() }() // how an abandoned decoder closes says nothing
	}
	n, err = io.Copy(h, source.NewForward(r, 0, e.Size()))
	if err != nil && !soft(err) {
		return nil, 0, err
	}
	return h.Sum(nil), n, nil
}

// headers are the fields of core metadata, each as it stands first, by their names in lower case. The description is no field.
func headers(text []byte) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if key := strings.ToLower(name); ok && out[key] == "" {
			out[key] = strings.TrimSpace(value)
		}
	}
	return out
}
