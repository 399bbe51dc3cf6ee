package pypackage

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/pytokens"
	"modelgate/internal/threat"
)

// shown is a text whose places are told of by line and column.
type shown struct {
	text   string
	starts []int // of the lines; nil until a place is told of
}

// place returns line and column of an offset, both from 1, and the line with its neighbours.
func (w *shown) place(at int) (line, column int, excerpt []string) {
	if w.starts == nil {
		w.starts = []int{0}
		for i := range len(w.text) {
			if w.text[i] == '\n' {
				w.starts = append(w.starts, i+1)
			}
		}
	}
	line = sort.SearchInts(w.starts, at+1)
	column = utf8.RuneCountInString(w.text[w.starts[line-1]:at]) + 1
	for n := max(1, line-1); n <= min(line+1, len(w.starts)); n++ {
		end := len(w.text)
		if n < len(w.starts) {
			end = w.starts[n] - 1
		}
		if text := strings.TrimRight(w.text[w.starts[n-1]:end], " \t\r"); text != "" {
			excerpt = append(excerpt, fmt.Sprintf("%d: %s", n, source.Evidence(text)))
		}
	}
	return line, column, excerpt
}

// behaviour looks at what a source calls, and at what its literals hide. Of what it finds nothing blocks when balanced: only the measured
// expression does.
func behaviour(ctx context.Context, f *source.File, text string, s source.Sink) error {
	p := &peeler{ctx: ctx, f: f, s: s, seen: map[string]bool{}}
	r := &reading{s: s, where: placeOf(f.Path), shown: &shown{text: text}}
	r.read(text, p)
	for i := 0; i < len(p.layers) && p.err == nil; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		layer := p.layers[i]
		inner := &reading{s: s, where: placeOther, layer: layer.from, shown: &shown{text: layer.text}}
		if strings.Count(layer.from, "!") < maxLayers {
			inner.read(layer.text, p)
		}
	}
	p.limits()
	return p.err
}

// reading is one text and what is found in it.
type reading struct {
	s     source.Sink
	where place
	layer string // how the text was reached, "" for the file itself
	shown *shown
	told  int
}

// tokenLists are lists of tokens that nobody uses. A list is ten times as large as its source.
var tokenLists sync.Pool

// bytesOfToken is how many bytes of a source there are for each of its tokens, about.
const bytesOfToken = 6

// read tokenizes a text and judges its calls.
func (r *reading) read(text string, p *peeler) {
	list, ok := tokenLists.Get().(*[]pytokens.Token)
	if !ok {
		list = new([]pytokens.Token)
	}
	*list = slices.Grow(*list, min(len(text)/bytesOfToken, pytokens.Max))
	tokens, whole := pytokens.Split(*list, text)
	defer func() {
		clear(tokens) // which hold on to the text
		*list = tokens[:0]
		tokenLists.Put(list)
	}()
	if !whole {
		p.short = true
	}
	c := &code{}
	if tells(tokens) {
		c = follow(tokens, p.step)
		p.short = p.short || c.short
	}
	for _, k := range tokens {
		if k.Kind == pytokens.String || k.Kind == pytokens.Bytes {
			p.literal(k)
		}
	}
	run := map[string]bool{"": true, mainBlock: true} // what a build runs: the top level, and the functions that it calls
	for _, k := range c.calls {
		if k.inside == "" || k.inside == mainBlock {
			run[k.name] = true
		}
	}
	for _, k := range c.calls {
		r.call(k, c, run)
	}
}

// call judges one call.
func (r *reading) call(k call, c *code, run map[string]bool) {
	var first value
	if len(k.args) > 0 {
		first = k.args[0]
	}
	executes := executors[k.name]
	switch {
	case executes && (first.fetched || hides(first.from)):
		r.find(threat.MGPKG102, k, "executes what it decodes or downloads")
		return
	case k.name == "marshal.loads" && first.from != "" && hides(first.from):
		r.find(threat.MGPKG104, k, "loads compiled code that is hidden in a literal")
		return
	case r.layer != "" && (starts(k.name) || fetches(k.name) || executes):
		r.find(threat.MGPKG102, k, "is hidden in a literal, and starts a program, calls out or executes code")
		return
	case fetches(k.name) && r.sends(k, c):
		r.find(threat.MGPKG104, k, "sends who and where it is, or its environment")
		return
	}
	if !starts(k.name) && !fetches(k.name) {
		return
	}
	what := "starts a program"
	if fetches(k.name) {
		what = "calls out"
	}
	switch {
	case r.where == placeSetup && (k.command || run[k.inside]):
		r.find(threat.MGPKG103, k, what+" when the package is built or installed")
	case (r.where == placeImport || r.where == placeStartup) && k.inside == "":
		r.find(threat.MGPKG104, k, what+" as soon as the package is imported")
	}
}

// hides tells whether a way to a constant has a step that makes it unreadable.
func hides(from string) bool {
	for step := range strings.SplitSeq(from, "!") {
		if step != "" && step != "joined" {
			return true
		}
	}
	return false
}

// sends tells whether the arguments of a request name the user, the host or the whole environment.
func (r *reading) sends(k call, c *code) bool {
	const most = 400
	for i := k.open; i < min(k.close, k.open+most); i++ {
		if c.at(i).Kind != pytokens.Name || c.at(i-1).Text == "." {
			continue
		}
		name := c.at(i).Text
		if v, ok := c.vars[name]; ok && v.name != "" {
			name = v.name
		}
		j := i + 1
		for ; c.at(j).Text == "." && c.at(j+1).Kind == pytokens.Name; j += 2 {
			name += "." + c.at(j+1).Text
		}
		switch name {
		case "socket.gethostname", "getpass.getuser", "platform.node", "os.getlogin", "os.uname":
			return true
		case "os.environ", "os.environ.copy", "os.environ.items":
			return c.at(j).Text != "["
		}
	}
	return false
}

// find states a call.
func (r *reading) find(id threat.ID, k call, what string) {
	if r.told++; r.told > mostOf {
		return
	}
	line, column, excerpt := r.shown.place(k.at)
	member, at := "", int64(k.at)
	if r.layer != "" {
		member = "#" + r.layer
	}
	f := found(id, member, at, k.name, fmt.Sprintf("Line %d, column %d: the call of %s %s.", line, column, source.Evidence(k.name), what))
	f.Role, f.Excerpt = finding.RoleCall, excerpt
	if i := strings.LastIndexByte(k.name, '.'); i >= 0 {
		f.Module, f.Operator = k.name[:i], k.name[i+1:]
	} else {
		f.Operator = k.name
	}
	r.s.Find(f)
}

// declaredCoding is the encoding that a source declares in one of its first two lines (PEP 263).
var declaredCoding = regexp.MustCompile(`^(?:[ \t\f]*(?:#[^\n]*)?\n)?[ \t\f]*#[^\n]*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)`)

// plainCoding are encodings in which the letters of code are what they seem.
var plainCoding = regexp.MustCompile(`^(?i:utf-?8.*|u8|ascii|us-ascii|latin.*|l1|iso.*8859.*|cp[0-9]+|windows.*|gb.*|big5.*|shift.?jis|sjis|euc.*|koi8.*|mbcs|mac.?roman|macroman)$`)

// coding finds a declared encoding behind which code can be hidden.
func coding(text []byte, s source.Sink) {
	m := declaredCoding.FindSubmatchIndex(text[:min(len(text), 4096)])
	if m == nil || plainCoding.Match(text[m[2]:m[3]]) {
		return
	}
	name := string(text[m[2]:m[3]])
	s.Find(found(threat.MGPKG104, "", int64(m[2]), name, fmt.Sprintf("The source declares the encoding %s, in which it may say something else than it shows.", source.Evidence(name))))
}
