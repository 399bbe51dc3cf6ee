package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// EnvPrefix starts the names of all variables that modelgate reads.
const EnvPrefix = "MODELGATE_"

// problem is one thing wrong with the configuration. Where says from which file and line or variable a value came.
type problem struct {
	key, text string
}

// loader builds a Config and remembers where each key was set.
type loader struct {
	config   Config
	origin   map[string]string // key -> "modelgate.yaml:12" or "MODELGATE_LISTEN"
	problems []string
}

// Load reads the file (none if the name is empty) and then the environment, given as os.Environ gives it. All
// problems are reported together, one a line, each with its place.
func Load(file string, environ []string) (Config, error) {
	l := &loader{config: Default(), origin: map[string]string{}}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
		l.file(file, text)
	}
	l.environment(environ)
	if len(l.problems) == 0 {
		for _, p := range l.config.validate() {
			l.fail(l.place(p.key), "%s %s", p.key, p.text)
		}
	}
	if len(l.problems) > 0 {
		return Config{}, errors.New(strings.Join(l.problems, "\n"))
	}
	return l.config, nil
}

func (l *loader) fail(place, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if place != "" {
		text = place + ": " + text
	}
	l.problems = append(l.problems, text)
}

func (l *loader) place(key string) string {
	for ; key != ""; key = parent(key) {
		if place, ok := l.origin[key]; ok {
			return place
		}
	}
	return ""
}

func parent(key string) string {
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i]
	}
	return ""
}

// file takes the keys of a YAML file.
func (l *loader) file(name string, text []byte) {
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		l.fail(name, "%s", firstLine(err.Error()))
		return
	}
	if len(parsed.Docs) > 1 {
		l.fail(name, "more than one YAML document")
		return
	}
	for _, doc := range parsed.Docs {
		if doc.Body == nil {
			continue
		}
		l.node(name, "", doc.Body, reflect.ValueOf(&l.config).Elem())
	}
}

// node stores a YAML node into the value of the key.
func (l *loader) node(file, key string, n ast.Node, into reflect.Value) {
	place := file
	if tok := n.GetToken(); tok != nil {
		place = fmt.Sprintf("%s:%d", file, tok.Position.Line)
	}
	if _, null := n.(*ast.NullNode); null {
		return // "key:" without a value leaves the default
	}
	l.origin[key] = place
	switch into.Kind() {
	case reflect.Struct:
		l.mapping(file, place, key, n, into)
	case reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			l.fail(place, "%s must be a list", key)
			return
		}
		out := reflect.MakeSlice(into.Type(), len(seq.Values), len(seq.Values))
		for i, v := range seq.Values {
			l.node(file, fmt.Sprintf("%s[%d]", key, i), v, out.Index(i))
		}
		into.Set(out)
	case reflect.Map:
		out := reflect.MakeMap(into.Type())
		for _, pair := range pairs(n) {
			v := reflect.New(into.Type().Elem()).Elem()
			l.node(file, join(key, keyName(pair)), pair.Value, v)
			out.SetMapIndex(reflect.ValueOf(keyName(pair)), v)
		}
		into.Set(out)
	default:
		text, ok := scalar(n)
		if !ok {
			l.fail(place, "%s must be a single value", key)
			return
		}
		if err := set(into, text); err != nil {
			l.fail(place, "%s: %v", key, err)
		}
	}
}

// mapping stores a YAML mapping into a struct, key by key.
func (l *loader) mapping(file, place, key string, n ast.Node, into reflect.Value) {
	ps := pairs(n)
	if ps == nil {
		l.fail(place, "%s must be a mapping", orRoot(key))
		return
	}
	seen := map[string]bool{}
	for _, pair := range ps {
		name := keyName(pair)
		at := fmt.Sprintf("%s:%d", file, pair.Key.GetToken().Position.Line)
		field, ok := fieldOf(into, name)
		switch {
		case !ok:
			l.fail(at, "unknown key %s%s", join(key, name), meant(join(key, name), allKeys(into.Type(), key)))
		case seen[name]:
			l.fail(at, "key %s is given twice", join(key, name))
		default:
			l.node(file, join(key, name), pair.Value, field)
		}
		seen[name] = true
	}
}

// pairs returns the entries of a mapping, whose form depends on how many there are; nil if it is none.
func pairs(n ast.Node) []*ast.MappingValueNode {
	switch m := n.(type) {
	case *ast.MappingNode:
		if m.Values == nil {
			return []*ast.MappingValueNode{}
		}
		return m.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}
	default:
		return nil
	}
}

func keyName(pair *ast.MappingValueNode) string {
	if s, ok := pair.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return pair.Key.String()
}

// scalar returns the text of a plain value.
func scalar(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

// set parses text into a scalar field.
func set(into reflect.Value, text string) error {
	switch into.Interface().(type) {
	case Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration; write it like 90s, 10m or 1h30m", text)
		}
		into.SetInt(int64(d))
		return nil
	case Size:
		size, err := parseSize(text)
		if err != nil {
			return err
		}
		into.SetInt(int64(size))
		return nil
	}
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		into.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		into.SetInt(int64(n))
	default:
		return fmt.Errorf("a %s cannot be set from one value", into.Kind())
	}
	return nil
}

// environment takes MODELGATE_… variables: the path of a key in upper case with "_" for ".". Lists are separated by commas.
func (l *loader) environment(environ []string) {
	known := map[string]string{} // variable -> key
	for _, key := range allKeys(reflect.TypeFor[Config](), "") {
		known[Variable(key)] = key
	}
	sorted := append([]string(nil), environ...)
	sort.Strings(sorted)
	for _, pair := range sorted {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, EnvPrefix) || notOurs(name) {
			continue
		}
		key, ok := known[name]
		if !ok {
			l.fail(name, "unknown variable%s", meant(name, keysOf(known)))
			continue
		}
		l.origin[key] = name
		field := fieldAt(reflect.ValueOf(&l.config).Elem(), key)
		if err := setFromVariable(field, value); err != nil {
			l.fail(name, "%v", err)
		}
	}
}

// setFromVariable stores the text of a variable: a value, or a list of them separated by commas.
func setFromVariable(into reflect.Value, text string) error {
	if into.Kind() != reflect.Slice {
		return set(into, text)
	}
	parts := splitList(text)
	list := reflect.MakeSlice(into.Type(), len(parts), len(parts))
	for i, part := range parts {
		if err := set(list.Index(i), part); err != nil {
			return err
		}
	}
	into.Set(list)
	return nil
}

// Variable is the name of the environment variable that overrides a key.
func Variable(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// orchestrated matches the variables that a container orchestrator sets for a service that happens to be called "modelgate".
var orchestrated = regexp.MustCompile(`^MODELGATE_(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP)(_.*)?)?)$`)

// notOurs tells variables that carry the prefix but are no keys: the file's own name, what tests use, an orchestrator's.
func notOurs(name string) bool {
	return name == "MODELGATE_CONFIG" || strings.HasPrefix(name, "MODELGATE_TEST_") || orchestrated.MatchString(name)
}

func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// fieldOf finds the field of a struct by its YAML name.
func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// fieldAt finds the field of a dotted key that exists.
func fieldAt(v reflect.Value, key string) reflect.Value {
	for part := range strings.SplitSeq(key, ".") {
		v, _ = fieldOf(v, part)
	}
	return v
}

// allKeys lists the dotted keys below a struct that hold a value.
func allKeys(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := join(prefix, f.Tag.Get("yaml"))
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, allKeys(f.Type, key)...)
			continue
		}
		keys = append(keys, key)
	}
	return keys
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

func orRoot(key string) string {
	if key == "" {
		return "the configuration"
	}
	return key
}

func keysOf(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// meant returns "; did you mean …?" for the candidate that is closest to what was written, or "" if none is close.
func meant(written string, candidates []string) string {
	best, distance := "", len(written)/3+2
	for _, c := range candidates {
		if d := editDistance(written, c); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// editDistance counts the insertions, deletions and substitutions between two short strings.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
