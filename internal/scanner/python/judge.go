package python

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/threat"
)

// judge turns what a source does into findings: the same name at the same place once.
type judge struct {
	sink     source.Sink
	notebook bool // people run the source, no loader does
	found    bool
	seen     map[seenKey]bool
}

type seenKey struct {
	at   int64
	name string
	id   threat.ID
}

func (j *judge) find(id threat.ID, at int64, module, name, evidence, text string) {
	key := seenKey{at, module + "." + name, id}
	if j.seen[key] {
		return
	}
	if j.seen == nil {
		j.seen = map[seenKey]bool{}
	}
	j.seen[key], j.found = true, true
	f := finding.New(id, at, text)
	f.Module, f.Operator, f.Role, f.Evidence = module, name, finding.RoleCall, source.Evidence(evidence)
	j.sink.Find(f)
}

func (j *judge) odd(at int64, module, name, evidence, text string) {
	j.find(threat.MGPY101, at, module, name, evidence, text)
}

// source judges everything that was noted of a source.
func (j *judge) source(w *walker, fault error) {
	if fault != nil && spent(fault) == nil {
		j.unread(fault)
	}
	if w.spent() {
		j.odd(-1, "", "", "", "The source makes so much of its constants that not all of it was followed.")
	}
	for _, e := range w.events {
		switch e.role {
		case isHidden:
			j.odd(e.at, "builtins", "exec", e.name, "The source runs code that is put together or decoded in a way that was not followed.")
		case isArgument:
			j.argument(e)
		case isBase:
			if pynames.FamilyOf(e.name) == pynames.Process {
				module, name := split(e.name)
				j.odd(e.at, module, name, e.name, fmt.Sprintf("A class of the model is derived from `%s` of module `%s`, which starts programs.", name, module))
			}
		case isTrusted:
			j.trusted(e)
		case isSetting:
			j.setting(e)
		case isCall:
			j.call(e)
		}
	}
}

// unread states that the source breaks the grammar.
func (j *judge) unread(err error) {
	at := int64(-1)
	var bad *syntaxError
	if errors.As(err, &bad) {
		at = bad.at
	}
	if j.notebook {
		f := finding.New(threat.MGINFO500, at, "The code of the notebook cannot be read as Python to its end.")
		f.Evidence = source.Evidence(err.Error())
		j.sink.Find(f)
		return
	}
	j.odd(at, "", "", err.Error(), "The source cannot be read as Python to its end.")
}

// split parts a dotted name into module and name.
func split(name string) (module, last string) {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[:i], name[i+1:]
	}
	return "builtins", name
}

// evil states a name that does harm when it runs, by when that is.
func (j *judge) evil(e event, evidence string) {
	module, name := split(e.name)
	if j.notebook {
		j.odd(e.at, module, name, evidence, fmt.Sprintf("The notebook contains operator `%s` from module `%s`, which runs if a person runs it.", name, module))
		return
	}
	switch e.fn.reach {
	case imported:
		j.find(threat.MGPY100, e.at, module, name, evidence, fmt.Sprintf("The model will execute remote code since it contains operator `%s` from module `%s`, "+
			"which runs as soon as the file is imported.", name, module))
	case loaded:
		j.find(threat.MGPY100, e.at, module, name, evidence, fmt.Sprintf("The model will execute remote code since it contains operator `%s` from module `%s`, "+
			"which runs when the model is loaded or used.", name, module))
	default:
		j.odd(e.at, module, name, evidence, fmt.Sprintf("The model may execute remote code since it contains operator `%s` from module `%s` in a function.", name, module))
	}
}

// doubtful states a name that may do harm when it runs at import or load. In a function that nobody calls it is no more than a remark: every
// tokenizer has one that writes its vocabulary where it is told to.
func (j *judge) doubtful(e event, evidence string) {
	if e.fn.reach != idle {
		j.unproved(e, evidence)
		return
	}
	switch pynames.FamilyOf(strings.ReplaceAll(e.name, "()", "")) {
	case pynames.File:
		j.remark(e, evidence, "uses files")
	case pynames.Network:
		j.remark(e, evidence, "calls out over the network")
	}
}

// remark tells, once for each name, what a function of the source does that nothing calls at import or load.
func (j *judge) remark(e event, evidence, does string) {
	module, name := split(e.name)
	key := seenKey{at: -1, name: e.name, id: threat.MGINFO500}
	if j.notebook || j.seen[key] {
		return
	}
	if j.seen == nil {
		j.seen = map[seenKey]bool{}
	}
	j.seen[key] = true
	f := finding.New(threat.MGINFO500, e.at, fmt.Sprintf("A function that nothing calls when the model is loaded %s: operator `%s` from module `%s`.", does, name, module))
	f.Module, f.Operator, f.Role, f.Evidence = module, name, finding.RoleCall, source.Evidence(evidence)
	j.sink.Find(f)
}

// unproved states a name that may do harm wherever it stands.
func (j *judge) unproved(e event, evidence string) {
	if j.notebook {
		return
	}
	module, name := split(e.name)
	j.odd(e.at, module, name, evidence, fmt.Sprintf("The model may execute remote code since it contains operator `%s` from module `%s`.", name, module))
}

// argument judges a name that is handed to another function, or assigned to.
func (j *judge) argument(e event) {
	family := pynames.FamilyOf(e.name)
	_, name := split(e.name)
	callable := name != "" && strings.ToLower(name[:1]) == name[:1]
	switch {
	case e.note == "assigned":
		if family == pynames.Hook {
			j.doubtful(e, e.name)
		}
	case family == pynames.Process && callable && e.name != "subprocess" && strings.Contains(e.name, "."):
		j.evil(e, e.name)
	case e.name == "builtins.exec" || e.name == "builtins.eval":
		j.doubtful(e, e.name)
	}
}

// trusted judges a call that is told to import the code of another repository.
func (j *judge) trusted(e event) {
	if e.fn.reach == idle || j.notebook {
		return
	}
	repo, known := e.args.at(0, "pretrained_model_name_or_path").text()
	if owner, name, ok := strings.Cut(repo, "/"); known && ok && owner != "" && name != "" && !strings.ContainsAny(name, "/\\: ") && !strings.HasPrefix(owner, ".") {
		j.sink.Refer(finding.Reference{Kind: finding.RefRepo, Target: repo, Offset: e.at})
		return
	}
	if known {
		return // a directory
	}
	module, name := split(e.name)
	j.odd(e.at, module, name, e.name+"(…, trust_remote_code=True)", "The model imports code of a repository that is not named in its source.")
}

// Environment variables that make programs, or Python itself, run or load what they name, and those that decide where models
// and packages are fetched from.
var (
	runningVariables = words("LD_PRELOAD LD_AUDIT DYLD_INSERT_LIBRARIES BASH_ENV PYTHONSTARTUP PYTHONBREAKPOINT PYTHONINSPECT PERL5OPT GIT_SSH_COMMAND")
	pathVariables    = words(`LD_LIBRARY_PATH PYTHONPATH PYTHONHOME PATH HF_ENDPOINT HTTP_PROXY HTTPS_PROXY http_proxy https_proxy ALL_PROXY
		PIP_INDEX_URL PIP_EXTRA_INDEX_URL REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE HF_HUB_TRUST_REMOTE_CODE`)
)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}

// setting judges an environment variable that is set.
func (j *judge) setting(e event) {
	value := show(e.args)
	switch {
	case runningVariables[e.note]:
		e.name += "." + e.note
		j.evil(e, "os.environ['"+e.note+"'] = "+value)
	case pathVariables[e.note]:
		e.name += "." + e.note
		j.doubtful(e, "os.environ['"+e.note+"'] = "+value)
	}
}

// call judges a call by what the name does.
func (j *judge) call(e event) {
	if e.dynamic {
		j.dynamic(e)
		return
	}
	evidence := e.name + "(" + show(e.args) + ")"
	if strings.HasPrefix(e.name, ".") {
		j.pathMethod(e, evidence)
		return
	}
	family := pynames.FamilyOf(strings.ReplaceAll(e.name, "()", ""))
	if strings.Contains(e.name, "()") && family != pynames.Network && family != pynames.Native {
		return // a method of what a listed function returned, which was judged itself
	}
	switch family {
	case pynames.Process, pynames.Native:
		j.evil(e, evidence)
	case pynames.Code:
		j.code(e, evidence)
	case pynames.Loader:
		j.loader(e, evidence)
	case pynames.File:
		j.file(e, evidence)
	case pynames.Network:
		j.network(e, evidence)
	case pynames.Hook, pynames.Hub:
		j.doubtful(e, evidence)
	case pynames.None, pynames.Indirect:
		j.method(e, evidence)
	}
}

// pathMethod judges methods of constants: of paths, which count as their text.
func (j *judge) pathMethod(e event, evidence string) {
	if s, ok := e.of.begins(); ok {
		evidence = quoted(s) + evidence
	}
	switch e.name {
	case ".write_text", ".write_bytes", ".unlink", ".rename", ".replace", ".symlink_to", ".hardlink_to", ".chmod", ".rmdir", ".touch":
		if outside(e.of) && (e.name != ".replace" || len(e.args.positional) == 1) {
			e.name = "pathlib.Path" + e.name
			j.evil(e, evidence)
		}
	case ".open":
		e.name = "builtins.open"
		e.args = arguments{positional: append([]value{e.of}, e.args.positional...), named: e.args.named}
		j.file(e, evidence)
	case ".read_text", ".read_bytes":
		e.name = "builtins.open"
		e.args = arguments{positional: []value{e.of}}
		j.file(e, evidence)
	}
}

// method judges methods of objects whose class is not listed, by arguments that only harm needs.
func (j *judge) method(e event, evidence string) {
	_, name := split(e.name)
	switch {
	case name == "extractall" && e.fn.reach == imported:
		j.doubtful(e, evidence)
	case (e.name == "sys.path.insert" && outside(e.args.at(1, ""))) || (e.name == "sys.path.append" || e.name == "site.addsitedir") && outside(e.args.at(0, "")):
		j.doubtful(e, evidence)
	}
	for space := range environments {
		switch e.name {
		case space + ".update", space + ".__ior__":
			for _, k := range slices.Sorted(maps.Keys(e.args.named)) {
				j.setting(event{at: e.at, fn: e.fn, name: space, note: k, args: arguments{positional: []value{e.args.named[k]}}})
			}
			given, _ := e.args.at(0, "").one()
			for _, k := range given.keys {
				j.setting(event{at: e.at, fn: e.fn, name: space, note: k})
			}
		case space + ".setdefault", space + ".__setitem__":
			k, _ := e.args.at(0, "").text()
			j.setting(event{at: e.at, fn: e.fn, name: space, note: k, args: arguments{positional: []value{e.args.at(1, "")}}})
		}
	}
	if e.name == "os.putenv" || e.name == "posix.putenv" {
		k, _ := e.args.at(0, "").text()
		j.setting(event{at: e.at, fn: e.fn, name: "os.environ", note: k, args: arguments{positional: []value{e.args.at(1, "")}}})
	}
}

// dynamic judges a look-up by a name that is not known.
func (j *judge) dynamic(e event) {
	name := strings.TrimSuffix(e.name, ".")
	switch name {
	case "os", "posix", "nt", "subprocess", "builtins", "sys", "importlib", "ctypes", "shutil", "socket":
		e.name = name + ".getattr"
		j.evil(e, "getattr("+name+", …)")
	default:
		if strings.HasSuffix(e.name, ".") {
			return // an attribute of a harmless module
		}
		if name == "operator.attrgetter" || name == "operator.methodcaller" {
			j.doubtful(e, e.name)
			return
		}
		j.unproved(e, e.name)
	}
}

// code judges what runs text or bytes as code that is not known; what is known was read as code already.
func (j *judge) code(e event, evidence string) {
	module, name := split(e.name)
	switch e.name {
	case "builtins.compile", "builtins.__import__", "importlib.import_module", "importlib.__import__", "types.MethodType":
		return // judged by what becomes of it
	case "builtins.exec", "builtins.execfile", "marshal.loads", "marshal.load", "types.CodeType":
		j.odd(e.at, module, name, evidence, fmt.Sprintf("The model may execute remote code since it contains operator `%s` from module `%s`.", name, module))
	case "builtins.eval", "builtins.breakpoint":
		j.unproved(e, evidence)
	default:
		switch head, _, _ := strings.Cut(e.name, "."); head {
		case "runpy", "code", "codeop", "imp", "zipimport", "IPython":
			j.evil(e, evidence)
		default:
			j.unproved(e, evidence)
		}
	}
}

// loader judges the readers of formats that can run code.
func (j *judge) loader(e event, evidence string) {
	yes := func(keyword string) bool {
		for _, a := range e.args.at(-1, keyword) {
			if a.kind == aRef && strings.Contains(a.s, "Safe") {
				return true
			}
		}
		return false
	}
	pickles, told := e.args.at(-1, "allow_pickle").one()
	weights, only := e.args.at(-1, "weights_only").one()
	switch {
	case e.name == "numpy.load" && (len(e.args.at(2, "allow_pickle")) == 0 || told && !pickles.isTrue()) && !e.args.rest,
		only && weights.isTrue(),
		strings.HasPrefix(e.name, "yaml.") && (yes("Loader") || safeLoader(e.args.at(1, "Loader"))):
		return
	case outside(e.args.at(0, "f")):
		j.evil(e, evidence)
	default:
		j.unproved(e, evidence)
	}
}

func safeLoader(v value) bool {
	for _, name := range v.refs() {
		if strings.Contains(name, "SafeLoader") || strings.Contains(name, "BaseLoader") {
			return true
		}
	}
	return false
}

// outside tells whether a value is a constant path or address that lies outside of the model.
func outside(v value) bool {
	s, ok := v.begins()
	if !ok {
		return false
	}
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "~") || strings.Contains(s, "../") || strings.Contains(s, "://") ||
		len(s) > 2 && s[1] == ':' && (s[2] == '\\' || s[2] == '/')
}

// file judges what opens and changes files.
func (j *judge) file(e event, evidence string) {
	path, mode := e.args.at(0, "file"), e.args.at(1, "mode")
	away := outside(path)
	switch e.name {
	case "builtins.open", "io.open", "codecs.open", "tarfile.open", "tarfile.TarFile":
		text, _ := mode.text()
		writes := strings.ContainsAny(text, "wax+")
		switch {
		case writes && away:
			j.evil(e, evidence)
		case away && secret(path):
			j.evil(e, evidence)
		case writes, away:
			j.doubtful(e, evidence)
		}
	default:
		if away || outside(e.args.at(1, "dst")) {
			j.evil(e, evidence)
			return
		}
		j.doubtful(e, evidence)
	}
}

// secret tells whether a path is one under which people keep what gives access to other things.
func secret(v value) bool {
	s, _ := v.begins()
	for _, part := range []string{
		"/.ssh/", "/.aws/", "/.netrc", "/.kube/", "/.docker/config", "/.git-credentials", "/.gnupg/", "/etc/passwd", "/etc/shadow", "/huggingface/token",
		"/.pypirc", "/.npmrc", "/.bash_history", "/.config/gcloud", "/.azure/", "/run/secrets/",
	} {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// network judges what calls out: to a constant address, by a raw socket, or wherever it is told to.
func (j *judge) network(e event, evidence string) {
	if j.notebook {
		return
	}
	head, _, _ := strings.Cut(e.name, ".")
	_, name := split(e.name)
	constant := false
	for _, v := range e.args.positional {
		s, ok := v.begins()
		constant = constant || ok && strings.Contains(s, "://") && !hubAddress(s)
	}
	switch {
	case head == "socket" && (name == "socket" || name == "create_connection"):
		j.evil(e, evidence)
	case constant:
		j.evil(e, evidence) // in a function that nobody calls, no more than suspicious
	default:
		j.doubtful(e, evidence)
	}
}

// hubAddress tells whether an address is one from which models are fetched anyway.
func hubAddress(s string) bool {
	_, rest, _ := strings.Cut(s, "://")
	host, _, _ := strings.Cut(rest, "/")
	switch host {
	case "huggingface.co", "hf.co", "cdn-lfs.huggingface.co", "github.com", "raw.githubusercontent.com":
		return true
	}
	return false
}

// show is the constant part of a call's arguments, as evidence.
func show(args arguments) string {
	var parts []string
	for _, v := range args.positional {
		if s, ok := v.text(); ok {
			parts = append(parts, quoted(s))
			continue
		}
		if s, ok := v.begins(); ok {
			parts = append(parts, quoted(s)+" + …")
			continue
		}
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}

// quoted is the beginning of a constant.
func quoted(s string) string {
	const most = 60
	if len(s) > most {
		return "'" + s[:most] + "…'"
	}
	return "'" + s + "'"
}

// members hands bytes that the source would unpickle back to the engine.
func (j *judge) members(ctx context.Context, w *walker) error {
	for _, e := range w.events {
		_, name := split(e.name)
		if e.role != isCall || name != "loads" || pynames.FamilyOf(e.name) != pynames.Loader {
			continue
		}
		content, ok := e.args.at(0, "").text()
		if !ok {
			continue
		}
		m := source.Member{Name: fmt.Sprintf("#%s@%d", name, e.at), Bytes: source.Bytes(content)}
		if _, err := j.sink.Member(ctx, m); err != nil {
			return fmt.Errorf("scan the bytes at %d: %w", e.at, err)
		}
	}
	return nil
}
