// Package textnets scans nets that are lists of layers in lines of text: ncnn (.param), TNN (.tnnproto) and Darknet (.cfg), whose weights lie
// in files beside them.
//
//	ncnn:    7767517; layers and blobs; each layer: type, name, inputs, outputs, names of blobs, key=value …
//	TNN:     "layers blobs … 4206624770 ,"; inputs; blobs; outputs; number; each layer: "type name inputs outputs names … values ,"
//	Darknet: [net], key=value …; [type of a layer], key=value …
//
// A layer is code of the program, chosen by its type; nothing in the text is code. What matters is a type that nobody has, which whoever
// runs the net must bring, and lines that are no layers.
package textnets

import (
	"context"
	_ "embed"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/threat"
)

//go:embed layers.txt
var layersText string

// layers are the types of the three, as format:type.
var layers = registry.Parse(layersText)

// First words of ncnn and TNN: the latter's are for models whose constants lie in the model, or in the text.
const ncnnMagic = "7767517"

func tnnMagics() []string { return []string{"4206624770", "4206624772"} }

// firstLine returns the first line of a file, without the blanks around it.
func firstLine(f *source.File) (string, error) {
	head, err := f.Head()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(head[:min(len(head), 1<<10)]), "\n")
	return strings.TrimSpace(line), nil
}

// ProbeNCNN accepts the magic as the first line.
func ProbeNCNN(f *source.File) (bool, error) {
	line, err := firstLine(f)
	return err == nil && line == ncnnMagic, err
}

// ProbeTNN accepts a quoted first line with one of the magics.
func ProbeTNN(f *source.File) (bool, error) {
	line, err := firstLine(f)
	if err != nil || !strings.HasPrefix(line, `"`) {
		return false, err
	}
	return slices.ContainsFunc(tnnMagics(), func(m string) bool { return slices.Contains(strings.Fields(strings.Trim(line, `",`)), m) }), nil
}

// ProbeDarknet accepts a section for the net with a layer behind it.
func ProbeDarknet(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	text := strings.TrimLeft(string(head[:min(len(head), 16<<10)]), " \t\r\n")
	for strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";") {
		_, rest, _ := strings.Cut(text, "\n")
		text = strings.TrimLeft(rest, " \t\r\n")
	}
	if !strings.HasPrefix(text, "[net]") && !strings.HasPrefix(text, "[network]") {
		return false, nil
	}
	for _, line := range strings.Split(text, "\n") {
		if name, ok := section(line); ok && name != "net" && name != "network" && layers.Has("darknet:"+name) {
			return true, nil
		}
	}
	return false, nil
}

// section is the name in a line that is one in brackets.
func section(line string) (string, bool) {
	line = strings.TrimSpace(line)
	if len(line) < 3 || line[0] != '[' || line[len(line)-1] != ']' {
		return "", false
	}
	return line[1 : len(line)-1], true
}

// maxLine is the longest line, in bytes.
const maxLine = 1 << 20

// list is a net that is being read line by line.
type list struct {
	s      source.Sink
	in     *source.Forward
	format string
	seen   map[string]bool
	at     int64 // of the line that was read last
}

func open(f *source.File, s source.Sink, format string) (*list, error) {
	s.Format(format)
	size, err := f.Size()
	return &list{s: s, in: source.NewForward(f, 0, size), format: format, seen: map[string]bool{}}, err
}

// line reads a line without its end; io.EOF behind the last.
func (l *list) line() (string, error) {
	l.at = l.in.Offset()
	var out []byte
	for {
		c, err := l.in.ReadByte()
		if errors.Is(err, io.EOF) && len(out) > 0 {
			return string(out), nil
		}
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return strings.TrimRight(string(out), "\r"), nil
		}
		if c == 0 {
			return "", source.Malformedf(l.at, "a zero in the text")
		}
		if out = append(out, c); len(out) > maxLine {
			return "", source.Malformedf(l.at, "a line of more than %d bytes", maxLine)
		}
	}
}

// layer judges the type of a layer, once.
func (l *list) layer(name string) {
	if layers.Has(l.format+":"+name) || l.seen[name] || len(l.seen) > finding.MaxFindings {
		return
	}
	l.seen[name] = true
	f := finding.New(threat.MGOP300, l.at, "The layer is of a type that the library does not have; whoever runs the net must bring its code.")
	f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, name, l.format, source.Evidence(name)
	l.s.Find(f)
}

// ScanNCNN reads the layers of ncnn.
func ScanNCNN(_ context.Context, f *source.File, s source.Sink) error {
	l, err := open(f, s, "ncnn")
	if err != nil {
		return err
	}
	if _, err := l.line(); err != nil {
		return err
	}
	counts, err := l.line()
	if err != nil {
		return err
	}
	want, ok := first(counts)
	if !ok {
		return source.Malformedf(l.at, "%.40q instead of the numbers of layers and blobs", counts)
	}
	got := 0
	for {
		line, err := l.line()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 4 || !isNumber(fields[2]) || !isNumber(fields[3]) {
			return source.Malformedf(l.at, "%.40q instead of a layer", line)
		}
		l.layer(fields[0])
		got++
	}
	if got != want {
		return source.Malformedf(l.at, "%d layers instead of %d", got, want)
	}
	return nil
}

// first is the number at the beginning of a line.
func first(line string) (int, bool) {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return 0, false
	}
	n, err := strconv.Atoi(fields[0])
	return n, err == nil && n >= 0
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// ScanTNN reads the layers of TNN, behind its header of five lines.
func ScanTNN(_ context.Context, f *source.File, s source.Sink) error {
	l, err := open(f, s, "tnn")
	if err != nil {
		return err
	}
	const header = 5
	for n := 0; ; n++ {
		line, err := l.line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line = strings.TrimSpace(line)
		if n < header || line == "" {
			continue
		}
		body, quoted := strings.CutPrefix(line, `"`)
		fields := strings.Fields(strings.TrimRight(body, `",; `))
		if !quoted || len(fields) < 4 || !isNumber(fields[2]) || !isNumber(fields[3]) {
			return source.Malformedf(l.at, "%.40q instead of a layer", line)
		}
		l.layer(fields[0])
	}
}

// ScanDarknet reads the sections of Darknet.
func ScanDarknet(_ context.Context, f *source.File, s source.Sink) error {
	l, err := open(f, s, "darknet")
	if err != nil {
		return err
	}
	for {
		line, err := l.line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if name, ok := section(line); ok {
			l.layer(name)
			continue
		}
		if !strings.Contains(line, "=") {
			return source.Malformedf(l.at, "%.40q instead of a section or an option", line)
		}
	}
}
