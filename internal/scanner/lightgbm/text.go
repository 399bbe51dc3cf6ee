package lightgbm

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// part is where in the text a line stands.
type part int

const (
	inHeader part = iota
	inTree
	behindTrees
	inImportances
	inParameters
	behind
)

// Bounds: bytes of a key, or of a line that has none, and findings of one model.
const (
	maxKey    = 1 << 10
	maxFaults = finding.MaxFindings
)

// errBinary says that a line is no text.
var errBinary = errors.New("no text")

// model is what is known of a model while its lines are read.
type model struct {
	file     source.Reader
	in       *source.Forward
	sink     source.Sink
	part     part
	features int64 // the largest number of a feature, 0 if it was not stated
	stated   bool
	faults   int
	tree     treeFacts
}

// treeFacts are the numbers of the tree that is being read.
type treeFacts struct {
	open                   bool
	at, leaves             int64
	childFrom, childTo     int64
	featureFrom, featureTo int64
}

func (m *model) malformed(at int64, evidence, format string, args ...any) {
	if m.faults++; m.faults > maxFaults {
		return
	}
	f := finding.New(threat.MGFMT400, at, fmt.Sprintf(format, args...))
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(evidence)
	m.sink.Find(f)
}

// line reads one line. At the end of the file it is io.EOF.
func (m *model) line(at int64) error {
	word, end, err := m.word()
	if err != nil {
		return err
	}
	switch m.part {
	case inImportances, inParameters:
		return m.listed(at, word, end)
	default:
	}
	if end == '=' {
		return m.pair(at, word)
	}
	if strings.HasPrefix(word, "pandas_categorical:") && m.part >= behindTrees {
		return m.categories(at, word, end)
	}
	if err := m.rest(end); err != nil {
		return err
	}
	m.bare(at, word)
	return nil
}

// word reads up to the end of the line, to an equals sign, or to the longest key; end is what it stopped at: '\n', '=', or 0.
func (m *model) word() (string, byte, error) {
	var b []byte
	for len(b) < maxKey {
		c, err := m.in.ReadByte()
		if errors.Is(err, io.EOF) && len(b) > 0 {
			return string(b), '\n', nil
		}
		if err != nil {
			return "", 0, err
		}
		switch {
		case c == '\n', c == '=':
			return strings.TrimSuffix(string(b), "\r"), c, nil
		case !isText(c):
			return "", 0, errBinary
		}
		b = append(b, c)
	}
	return string(b), 0, nil
}

// isText tells whether a byte may stand in a line.
func isText(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' || c == '\r' }

// rest goes to the end of a line that was not read to it.
func (m *model) rest(end byte) error {
	for end != '\n' {
		c, _, err := m.byte()
		if err != nil {
			return err
		}
		end = c
	}
	return nil
}

// bare takes a line without an equals sign.
func (m *model) bare(at int64, word string) {
	switch {
	case word == "":
	case word == "end of trees" && m.part <= inTree:
		m.endTree()
		m.part = behindTrees
	case (word == "feature_importances:" || word == "feature importances:") && m.part >= behindTrees:
		m.part = inImportances
	case word == "parameters:" && m.part >= behindTrees:
		m.part = inParameters
	case m.part == inHeader && (word == "tree" || word == "average_output"):
	default:
		m.malformed(at, word, "A line of the model is none that LightGBM writes.")
	}
}

// listed takes a line of the importances or of the parameters.
func (m *model) listed(at int64, word string, end byte) error {
	if err := m.rest(end); err != nil {
		return err
	}
	switch {
	case end == '\n' && word == "" && m.part == inImportances:
		m.part = behindTrees
	case end == '\n' && word == "":
	case m.part == inParameters && word == "end of parameters" && end == '\n':
		m.part = behind
	case m.part == inParameters && strings.HasPrefix(word, "["):
	case m.part == inImportances && end != '\n':
	default:
		m.malformed(at, word, "A line of the model is none that LightGBM writes.")
	}
	return nil
}

// pair takes the value of a key.
func (m *model) pair(at int64, key string) error {
	if !isKey(key) || m.part > inTree {
		m.malformed(at, key, "A line of the model is none that LightGBM writes.")
		return m.rest(0)
	}
	switch key {
	case "Tree":
		m.endTree()
		m.part, m.tree = inTree, treeFacts{open: true, at: at}
	case "max_feature_idx":
		return m.numbers(func(n int64) { m.features, m.stated = n, true })
	case "num_leaves":
		return m.numbers(func(n int64) { m.tree.leaves = n })
	case "left_child", "right_child":
		return m.numbers(func(n int64) { m.tree.childFrom, m.tree.childTo = min(m.tree.childFrom, n), max(m.tree.childTo, n) })
	case "split_feature", "leaf_features":
		return m.numbers(func(n int64) {
			m.tree.featureFrom, m.tree.featureTo = min(m.tree.featureFrom, n), max(m.tree.featureTo, n)
		})
	}
	return m.rest(0)
}

// isKey tells whether a key is one as LightGBM names them.
func isKey(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && c != '_' && (c < '0' || c > '9') && c != 'T' {
			return false
		}
	}
	return s != ""
}

// numbers reads the integers of a line.
func (m *model) numbers(take func(int64)) error {
	n, digits, negative := int64(0), 0, false
	for {
		c, ended, err := m.byte()
		if err != nil {
			return err
		}
		switch {
		case c == '-' && digits == 0 && !negative:
			negative = true
			continue
		case c >= '0' && c <= '9' && digits < 18:
			n, digits = 10*n+int64(c-'0'), digits+1
			continue
		case c != ' ' && c != '\n' && c != '\r' && c != '\t':
			m.malformed(m.in.Offset()-1, string(rune(c)), "A list of numbers holds something else.")
			return m.rest(c)
		}
		if negative {
			n = -n
		}
		if digits > 0 {
			take(n)
		}
		if ended || c == '\n' {
			return nil
		}
		n, digits, negative = 0, 0, false
	}
}

// byte reads a byte of text. The end of the file is the end of a line.
func (m *model) byte() (c byte, ended bool, err error) {
	c, err = m.in.ReadByte()
	if errors.Is(err, io.EOF) {
		return '\n', true, nil
	}
	if err == nil && c != '\n' && !isText(c) {
		return c, false, errBinary
	}
	return c, false, err
}

// endTree judges the tree that was read: inner nodes are numbered from 0, leaves from -1 downwards.
func (m *model) endTree() {
	t := m.tree
	m.tree = treeFacts{}
	if !t.open {
		return
	}
	switch {
	case t.leaves < 1:
		m.malformed(t.at, "", "A tree has no leaves.")
	case t.childTo >= max(t.leaves-1, 1) || -t.childFrom > t.leaves:
		m.malformed(t.at, "", "A tree of %d leaves has a child numbered %d to %d, which is none of its nodes.", t.leaves, t.childFrom, t.childTo)
	case m.stated && (t.featureTo > m.features || t.featureFrom < 0):
		m.malformed(t.at, "", "A tree splits by feature %d to %d, and the last is %d.", t.featureFrom, t.featureTo, m.features)
	}
}

// categories checks the list of categories, which is JSON that Python parses.
func (m *model) categories(at int64, word string, end byte) error {
	start := at + int64(len("pandas_categorical:"))
	if err := m.rest(end); err != nil {
		return err
	}
	err := jsontree.Check(source.NewForward(m.file, start, m.in.Offset()-start), 100, func(string, int64, int) {})
	var broken *source.Malformed
	if errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) {
		m.malformed(start, word, "The list of categories is no JSON.")
		err = nil
	}
	m.part = behind
	return err
}
