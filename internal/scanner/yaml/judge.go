package yaml

import (
	"net/url"
	"strings"

	"github.com/goccy/go-yaml/token"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/threat"
)

// directive notes a handle that a TAG directive gives to the beginning of tags.
func (d *document) directive(i int) {
	name, ok1 := d.at(i + 1)
	handle, ok2 := d.at(i + 2)
	prefix, ok3 := d.at(i + 3)
	if ok1 && ok2 && ok3 && name.Value == "TAG" {
		d.handles[handle.Value] = prefix.Value
	}
}

// tag judges a tag: those of Python construct what they name.
func (d *document) tag(t *token.Token) {
	name := d.expand(t.Value)
	for _, prefix := range []string{"!new:", "!apply:", "!name:", "!module:"} { // HyperPyYAML
		if target, ok := strings.CutPrefix(name, prefix); ok {
			d.targets++
			d.target(target, t)
			return
		}
	}
	rest, ok := strings.CutPrefix(name, "tag:yaml.org,2002:python/")
	if !ok {
		return
	}
	kind, target, _ := strings.Cut(rest, ":")
	switch kind {
	case "none", "bool", "str", "unicode", "bytes", "int", "long", "float", "complex", "list", "tuple", "dict":
		return // plain values
	}
	module, operator := split(target)
	f := finding.New(threat.EXDIR100, d.offset(t), "A tag makes a loader that is not a safe one import or call "+source.Evidence(target)+".")
	f.Role, f.Module, f.Operator, f.Evidence = finding.RoleNew, module, operator, source.Evidence(t.Value)
	d.sink.Find(f)
}

// expand writes a tag in full: with its handle replaced and its percent signs decoded, as PyYAML does.
func (d *document) expand(tag string) string {
	if inner, ok := strings.CutPrefix(tag, "!<"); ok {
		return unescape(strings.TrimSuffix(inner, ">"))
	}
	for _, handle := range []string{"!!", "!"} {
		if handle == "!" {
			if end := strings.IndexByte(tag[1:], '!'); end >= 0 {
				handle = tag[:end+2]
			}
		}
		rest, ok := strings.CutPrefix(tag, handle)
		if !ok {
			continue
		}
		if prefix, ok := d.handles[handle]; ok {
			return unescape(prefix + rest)
		}
		if handle == "!!" {
			return unescape("tag:yaml.org,2002:" + rest)
		}
	}
	return unescape(tag)
}

func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// split is a dotted name as module and name in it.
func split(name string) (module, operator string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// pair judges a key and its value, by the colon between them.
func (d *document) pair(colon int) {
	key, at, ok := d.key(colon)
	if !ok || key != "_target_" && key != "class_path" && key != "target" {
		return
	}
	value, ok := d.scalar(colon + 1)
	if !ok {
		if key != "target" && d.aliased(colon+1) {
			d.find(threat.EXDIR101, at, "", "A directive names what it calls by an alias that cannot be followed.")
		}
		return
	}
	// A target without params is data in most configurations, and a class in NeMo's.
	if key == "target" && (!strings.Contains(value, ".") || pynames.Target(value) != pynames.Dangerous && !d.beside(colon, at, "params")) {
		return
	}
	d.targets++
	d.target(value, at)
}

// key is the scalar in front of a colon.
func (d *document) key(colon int) (string, *token.Token, bool) {
	t, ok := d.at(colon - 1)
	if !ok {
		return "", nil, false
	}
	if before, ok := d.at(colon - 2); ok && before.Type == token.AliasType {
		value, ok := d.anchors[t.Value]
		return value, t, ok
	}
	return strings.TrimSpace(t.Value), t, isScalar(t) || t.Type == token.MergeKeyType
}

// aliased tells whether a value is an alias.
func (d *document) aliased(i int) bool {
	t, ok := d.at(i)
	return ok && t.Type == token.AliasType
}

// reach is how many tokens around a key its neighbours are looked for, maxSteps how many of them for all keys together.
const (
	reach    = 2_000
	maxSteps = 5_000_000
)

// beside tells whether a mapping that has a key at a token also has another key: one in the same column, with nothing further
// left between them, or one in the same braces.
func (d *document) beside(colon int, key *token.Token, other string) bool {
	for _, step := range []int{1, -1} {
		for i, n := colon+step, 0; n < reach; i, n = i+step, n+1 {
			t, ok := d.at(i)
			if !ok || t.Type == token.DocumentHeaderType {
				break
			}
			if d.steps++; d.steps > maxSteps {
				return true // so that what follows is judged rather than passed over
			}
			next, _ := d.at(i + 1)
			if isScalar(t) && t.Value == other && next != nil && next.Type == token.MappingValueType &&
				(t.Position.Column == key.Position.Column || t.Position.Line == key.Position.Line) {
				return true
			}
			if t.Position.Line != key.Position.Line && t.Position.Column < key.Position.Column && t.Type != token.SequenceEntryType {
				break
			}
		}
	}
	return false
}

// target judges what a directive calls.
func (d *document) target(name string, at *token.Token) {
	if strings.Contains(name, "${") {
		d.find(threat.EXDIR101, at, name, "A directive calls what an interpolation puts together.")
		return
	}
	switch pynames.Target(name) {
	case pynames.Dangerous:
		d.find(threat.EXDIR100, at, name, "A directive makes the loader call "+source.Evidence(name)+", which is dangerous.")
	case pynames.Harmless:
	default:
		if pynames.IndirectBy(name) {
			d.indirect(name, at)
			return
		}
		d.find(threat.EXDIR101, at, name, "A directive makes the loader call "+source.Evidence(name)+", of which nothing is known.")
	}
}

// indirect judges a target that calls or returns what one of its arguments names, by every name in the document.
func (d *document) indirect(name string, at *token.Token) {
	for _, t := range d.tokens {
		if isScalar(t) && t != at && strings.Contains(t.Value, ".") && pynames.Target(t.Value) == pynames.Dangerous {
			d.find(threat.EXDIR100, t, t.Value, "A directive makes the loader look up "+source.Evidence(t.Value)+" by "+source.Evidence(name)+".")
			return
		}
	}
	d.find(threat.EXDIR101, at, name, "A directive makes the loader look up a name by "+source.Evidence(name)+".")
}

func (d *document) find(id threat.ID, at *token.Token, name, description string) {
	f := finding.New(id, d.offset(at), description)
	f.Role, f.Evidence = finding.RoleCall, source.Evidence(name)
	f.Module, f.Operator = split(name)
	d.sink.Find(f)
}
