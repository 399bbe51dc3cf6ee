// Package torch scans what PyTorch saves as an archive. It knows what each member is for; the pickles, sources and nested
// files themselves go back to the engine.
//
// torch.save since version 1.6 writes a ZIP file of stored members, aligned to 64 bytes, in one directory:
//
//	archive/data.pkl          the object, whose tensors name their storages by persistent ids
//	archive/data/<key>        the raw bytes of a storage
//	archive/version, byteorder, .format_version, .storage_alignment, .data/serialization_id
//
// torch.jit.save adds code/**/*.py, constants.pkl, constants/<key>, attributes.pkl, bytecode.pkl and *.debug_pkl.
// torch.package, torch.export, AOTInductor and TorchServe have archives of their own. Before version 0.1.2 a checkpoint was
// a tar of three pickles with raw bytes between them.
//
// Storages that a pickle accounts for are raw numbers, and are not read: a checkpoint of gigabytes costs its directory and
// its pickle. Everything else in the archive is looked at. Stacked pickles, the format in between, are for package pickle.
package torch

import (
	"context"
	"fmt"
	"path"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// ProbeZIP accepts ZIP archives of any kind that PyTorch writes.
func ProbeZIP(f *source.File) (bool, error) {
	kind, err := zipview.KindOf(f)
	return kind == zipview.Checkpoint || kind == zipview.TorchScript || kind == zipview.Package, err
}

// ScanZIP scans such an archive.
func ScanZIP(ctx context.Context, f *source.File, s source.Sink) error {
	kind, err := zipview.KindOf(f)
	if err != nil {
		return err
	}
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return err
	}
	if kind == zipview.Checkpoint {
		size, err := f.Size()
		if err != nil {
			return err
		}
		if all, err := parts(f, size); err != nil || all != nil {
			if err != nil {
				return err
			}
			return scanParts(ctx, f, s, all)
		}
	}
	z := &zipped{f: f, s: s, view: view, kind: kind, storages: map[string]int64{}, done: map[*zipview.Entry]bool{}, raw: map[string]bool{}}
	switch kind {
	case zipview.TorchScript:
		s.Format("pytorch_torch_script")
	case zipview.Package:
		s.Format("pytorch_archive")
	default:
		s.Format("pytorch_v1_13")
	}
	return z.scan(ctx)
}

// zipped is the scan of one ZIP archive.
type zipped struct {
	f        *source.File
	s        source.Sink
	view     *zipview.View
	kind     zipview.Kind
	storages map[string]int64 // sizes that pickles give to members, by the members' names
	done     map[*zipview.Entry]bool
	raw      map[string]bool // members that an exported program calls raw weights
}

// scan takes the pickles first, since they account for the storages, then the rest.
func (z *zipped) scan(ctx context.Context) error {
	z.roots()
	z.sources()
	for _, e := range z.view.Entries {
		if !strings.HasSuffix(e.Name(), ".pkl") {
			continue
		}
		z.done[e] = true
		out, err := z.view.Member(ctx, z.f, z.s, e, z.family(e))
		if err != nil {
			return err
		}
		z.account(e, out.Storages)
	}
	z.missing()
	if err := z.exported(); err != nil {
		return err
	}
	return zipview.Scan(ctx, z.f, z.s, zipview.Plan{
		Skip:   z.accounted,
		Done:   func(e *zipview.Entry) bool { return z.done[e] },
		Raw:    func(e *zipview.Entry) bool { return z.raw[e.Name()] },
		Family: z.family,
	})
}

// roots reports archives with several checkpoints: PyTorch opens the one in the directory of the first entry, other readers
// another.
func (z *zipped) roots() {
	if z.kind == zipview.Package {
		return
	}
	root, _, _ := strings.Cut(z.view.Entries[0].Name(), "/")
	for _, e := range z.view.Entries {
		dir, base := path.Split(e.Name())
		if base == "data.pkl" && strings.Count(dir, "/") == 1 && dir != root+"/" {
			f := finding.New(threat.MGFMT403, -1, fmt.Sprintf("The archive holds a checkpoint outside the directory %s in which PyTorch looks.", source.Evidence(root)))
			f.Role, f.Evidence = finding.RoleStructure, source.Evidence(e.Name())
			z.s.Find(f)
		}
	}
}

// sources reports Python source in a checkpoint, where no writer puts any.
func (z *zipped) sources() {
	if z.kind != zipview.Checkpoint {
		return
	}
	for _, e := range z.view.Entries {
		if name := strings.ToLower(e.Name()); strings.HasSuffix(name, ".py") || strings.HasSuffix(name, ".pyc") {
			f := finding.New(threat.MGPY101, -1, "A checkpoint holds Python code, which no checkpoint needs.")
			f.Role, f.Evidence = finding.RoleStructure, source.Evidence(e.Name())
			z.s.Find(f)
		}
	}
}

// family says for whose loader an entry is meant.
func (z *zipped) family(*zipview.Entry) source.Family {
	if z.kind == zipview.TorchScript {
		return source.FamilyTorchScript
	}
	return source.FamilyTorch
}

// account notes where the storages of a pickle lie.
func (z *zipped) account(e *zipview.Entry, storages []source.Storage) {
	for _, st := range storages {
		if !plainKey(st.Key) {
			z.contradict(fmt.Sprintf("A tensor names its storage %s, which is no plain name.", source.Evidence(st.Key)), e.Name())
			continue
		}
		name := z.place(e.Name(), st.Key)
		if size, known := z.storages[name]; known && size != st.Size {
			z.contradict(fmt.Sprintf("Two tensors give the same storage %d and %d bytes.", size, st.Size), name)
		}
		z.storages[name] = max(z.storages[name], st.Size)
	}
}

// place is the name of the member that holds a storage: in the directory beside a pickle that has its name, except that
// TorchScript's bytecode shares the constants, and that packages keep all storages in one directory.
func (z *zipped) place(pickle, key string) string {
	dir, base := path.Split(pickle)
	if z.kind == zipview.Package {
		root, _, _ := strings.Cut(pickle, "/")
		return root + "/.data/" + key + ".storage"
	}
	base = strings.TrimSuffix(base, ".pkl")
	if z.kind == zipview.TorchScript && base == "bytecode" {
		base = "constants"
	}
	return dir + base + "/" + key
}

// plainKey tells whether a storage's key is a name that PyTorch gives: digits, or letters and signs without a path.
func plainKey(key string) bool {
	return key != "" && key != "." && key != ".." && !strings.ContainsAny(key, "/\\\x00")
}

// missing reports storages that a pickle names and the archive lacks or has in another size.
func (z *zipped) missing() {
	sizes := map[string]int64{}
	for _, e := range z.view.Entries {
		sizes[e.Name()] = e.Size()
	}
	for name, want := range z.storages {
		got, found := sizes[name]
		switch {
		case !found && want > 0:
			z.contradict(fmt.Sprintf("A tensor of %d bytes has no member in the archive.", want), name)
		case found && got == 0 && z.kind == zipview.TorchScript && path.Base(path.Dir(name)) == "traced_inputs":
			// torch.jit.trace keeps the shapes of its example inputs and leaves their numbers out.
		case found && got != want:
			z.contradict(fmt.Sprintf("A tensor's storage has %d bytes, its member has %d.", want, got), name)
		}
	}
}

// contradict reports a persistent id that the archive does not bear out.
func (z *zipped) contradict(description, name string) {
	f := finding.New(threat.PYTCH101, -1, description)
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(name)
	z.s.Find(f)
}

// accounted tells whether an entry is the storage of a tensor, stored as it is and of the right size: raw numbers, which no
// loader interprets.
func (z *zipped) accounted(e *zipview.Entry) bool {
	want, ok := z.storages[e.Name()]
	return ok && e.Central != nil && e.Central.Method == 0 && e.Central.Flags&1 == 0 && e.Size() == want && e.Central.Stored == want
}
