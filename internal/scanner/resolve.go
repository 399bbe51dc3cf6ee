package scanner

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// resolve adds what files of a version say of each other: references that lead nowhere or into other repositories, raw
// weights that another file accounts for, Python code that nobody imports.
func (e *Engine) resolve(ctx context.Context, in Input, files []model.File, reports []finding.NamedReport) {
	v := version{in: in, sizes: map[string]int64{}, raw: map[string]string{}, imports: map[string][]string{}, imported: map[string]bool{}}
	for _, f := range files {
		v.sizes[f.Path] = f.Size
	}
	for i := range reports {
		v.follow(ctx, &reports[i])
	}
	v.reach(reports)
	v.stems(reports)
	for i := range reports {
		v.clearRaw(&reports[i])
		if !in.Partial {
			v.gradePython(&reports[i])
		}
	}
}

// version is what is known of the files of a version together.
type version struct {
	in       Input
	sizes    map[string]int64    // of all files
	raw      map[string]string   // format of the model that names a path as its raw weights
	imports  map[string][]string // Python files that a file names
	imported map[string]bool     // Python files that loaders import
}

// exists tells whether the version has a file.
func (v *version) exists(name string) bool {
	_, ok := v.sizes[name]
	return ok
}

// follow looks up every reference of a file.
func (v *version) follow(ctx context.Context, r *finding.NamedReport) {
	dir := path.Dir(r.Path)
	missing := 0
	for _, ref := range r.Report.References {
		switch ref.Kind {
		case finding.RefFile:
			target := path.Join(dir, ref.Target)
			if format := namesRaw(r.Report.Formats); format != "" {
				v.raw[target] = format
			}
			size, exists := v.sizes[target]
			switch {
			case !exists && !v.in.Partial:
				missing++
				r.Context = append(r.Context, absent(ref, missing)...)
			case exists && size > 0 && size < ref.Need:
				missing++
				r.Context = append(r.Context, short(ref, size, missing)...)
			}
		case finding.RefPython:
			target, found := v.module(dir, ref.Target)
			if !found && !v.in.Partial && !slices.Contains(r.Report.Formats, "python") { // imports of code may well be optional
				missing++
				r.Context = append(r.Context, absent(ref, missing)...)
			}
			v.imports[r.Path] = append(v.imports[r.Path], target)
		case finding.RefRepo:
			if !slices.ContainsFunc(r.Context, func(f finding.Finding) bool { return f.Module == printable(ref.Target) }) {
				r.Context = append(r.Context, v.foreign(ctx, ref)...)
			}
		case finding.RefBase: // information, kept in the report
		}
	}
}

// module finds the file of a Python module: the file itself, or that of a package of the name.
func (v *version) module(dir, target string) (name string, found bool) {
	name = path.Join(dir, target)
	if pack := path.Join(strings.TrimSuffix(name, ".py"), "__init__.py"); !v.exists(name) && v.exists(pack) {
		return pack, true
	}
	return name, v.exists(name)
}

// reach marks every Python file that loaders import: those that other files name, those that are imported by their own name,
// and what these import.
func (v *version) reach(reports []finding.NamedReport) {
	var next []string
	for _, r := range reports {
		switch {
		case !slices.Contains(r.Report.Formats, "python"):
			next = append(next, v.imports[r.Path]...)
		case v.importsAll(r.Path):
			next = append(next, r.Path)
		}
	}
	for len(next) > 0 {
		name := next[len(next)-1]
		next = next[:len(next)-1]
		if v.imported[name] {
			continue
		}
		v.imported[name] = true
		next = append(next, v.imports[name]...)
	}
}

// maxAbsent is how many missing files are told of one file.
const maxAbsent = 20

// absent is the finding of a reference to a file that the version does not have.
func absent(ref finding.Reference, nth int) []finding.Finding {
	if nth > maxAbsent {
		return nil
	}
	f := finding.New(threat.MGFMT400, ref.Offset, "The file names another one that the model does not have.")
	f.Role, f.Evidence = finding.RolePath, source.Evidence(ref.Target)
	return []finding.Finding{f}
}

// short is the finding of a reference to a file that is shorter than what lies in it.
func short(ref finding.Reference, size int64, nth int) []finding.Finding {
	if nth > maxAbsent {
		return nil
	}
	f := finding.New(threat.MGFMT400, ref.Offset, fmt.Sprintf("The file names a place in another one that ends at %d, and that file has %d bytes.", ref.Need, size))
	f.Role, f.Evidence = finding.RolePath, source.Evidence(ref.Target)
	return []finding.Finding{f}
}

// foreign judges a reference to code in another repository.
func (v *version) foreign(ctx context.Context, ref finding.Reference) []finding.Finding {
	level, judged := threat.Suspicious, false
	if v.in.Judge != nil {
		level, judged = v.in.Judge(ctx, ref.Target)
	}
	id, text := threat.TMT300, "The loader imports code from another repository that has not been judged."
	switch {
	case judged && level == threat.Clean:
		return nil
	case judged && level == threat.Malicious:
		id, text = threat.TMT301, "The loader imports code from another repository that is unsafe."
	case judged:
		text = "The loader imports code from another repository that is suspicious."
	}
	f := finding.New(id, ref.Offset, text)
	f.Role, f.Module, f.Evidence = finding.RoleImport, printable(ref.Target), source.Evidence(ref.Target)
	return []finding.Finding{f}
}

// namesRaw returns the one of a file's formats that says of another file that it is raw weights, or "".
func namesRaw(formats []string) string {
	for _, f := range formats {
		switch f {
		case "openvino_xml":
			return "openvino_bin"
		case "onnx", "tf_js", "paddle", "tensorflow", "coreml", "litert", "mindir", "ms_lite":
			return f
		}
	}
	return ""
}

// stems adds raw weights that belong to a model by their name: x.bin beside the OpenVINO model x.xml, x.pdiparams beside the
// Paddle program x.pdmodel or x.json, x.data-00000-of-00001 beside the TensorFlow index x.index, d/x beside Orbax's
// manifest, chunks beside the description of an array.
func (v *version) stems(reports []finding.NamedReport) {
	known := map[string][]string{}
	for _, r := range reports {
		known[r.Path] = r.Report.Formats
	}
	is := func(name, format string) bool { return slices.Contains(known[name], format) }
	for _, r := range reports {
		stem := strings.TrimSuffix(r.Path, path.Ext(r.Path))
		switch ext := path.Ext(r.Path); {
		case ext == ".bin" && is(stem+".xml", "openvino_xml"):
			v.raw[r.Path] = "openvino_bin"
		case ext == ".pdiparams" && (is(stem+".pdmodel", "paddle") || is(stem+".json", "paddle")):
			v.raw[r.Path] = "paddle"
		case strings.HasPrefix(ext, ".data-") && is(stem+".index", "tensorflow"):
			v.raw[r.Path] = "tensorflow"
		case v.chunk(r.Path, known):
			v.raw[r.Path] = "flax"
		}
	}
}

// clearRaw clears a file that nothing recognised, if a model accounts for it as raw weights.
func (v *version) clearRaw(r *finding.NamedReport) {
	format := v.raw[r.Path]
	if format == "flax" && packedRaw(r.Report) {
		r.Report.Findings, r.Report.Level = nil, threat.Clean
		r.Report.Formats, r.Report.Coverage = []string{format}, finding.Opaque
		return
	}
	if format == "" || len(r.Report.Formats) > 0 || len(r.Report.Findings) != 1 || r.Report.Findings[0].Threat != threat.MGFMT404 || r.Report.Findings[0].Operator != "" {
		return
	}
	r.Report.Findings, r.Report.Level = nil, threat.Clean
	r.Report.Formats, r.Report.Coverage = []string{format}, finding.Opaque
}

// gradePython lowers what was found in Python code that nothing in the model makes a loader import: it could do harm only
// if a person ran it.
func (v *version) gradePython(r *finding.NamedReport) {
	if v.imported[r.Path] {
		return
	}
	own := slices.Clone(r.Report.Findings)
	changed := false
	for i, f := range own {
		if f.Threat == threat.MGPY100 && f.Member == "" {
			own[i].Threat = threat.MGPY101
			own[i].Level, own[i].Severity = threat.Suspicious, threat.Get(threat.MGPY101).Severity
			changed = true
		}
	}
	if !changed {
		return
	}
	r.Report.Findings, r.Report.Level = own, threat.Clean
	for _, f := range own {
		r.Report.Level = max(r.Report.Level, f.Level)
	}
}

// importsAll tells whether a Python file is one that loaders import by its name, or one of a repository that is code.
func (v *version) importsAll(name string) bool {
	switch v.in.Version.Kind {
	case model.Spaces, model.Kernels, model.Datasets:
		return true
	case model.Models:
	}
	return strings.HasPrefix(name, "custom_generate/") || path.Base(name) == "pipeline.py"
}
