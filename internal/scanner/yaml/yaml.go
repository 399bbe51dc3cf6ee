// Package yaml judges configurations in YAML by what they make a loader do: tags that construct Python objects, and the
// directives of Hydra, NeMo and diffusion models.
//
//	model:
//	  _target_: nemo.collections.asr.models.EncDecCTCModel    imported, and called with the other keys as arguments
//	first_stage_config:
//	  target: ldm.models.autoencoder.AutoencoderKL            the same, if params stands beside it
//	hook: !!python/object/apply:os.system [id]                called by a loader that is not a safe one
//	encoder: !new:speechbrain.nnet.CNN.Conv1d                 called by HyperPyYAML
//
// The text is read as a row of tokens (YAML 1.2.2): nothing is constructed, aliases are looked up and not expanded, so that no
// depth and no laughter costs anything. Words in comments and in values that are no targets are prose.
package yaml

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Limits of a document: bytes, and marks of structure, which bound the tokens.
const (
	maxSize  = 8 << 20
	maxMarks = 500_000
)

// Probe accepts files whose name says that they are YAML, and texts within other files that hold a directive.
func Probe(f *source.File) (bool, error) {
	if source.Role(f.Path) == source.RoleConfig {
		head, err := f.Head()
		_, wide := byteOrder(string(head))
		return err == nil && (wide || strings.IndexByte(string(head), 0) < 0), err
	}
	if !strings.HasPrefix(f.Path, "__metadata__.") {
		return false, nil
	}
	text, err := f.Text(maxSize)
	return err == nil && mentions(text), err
}

// mentions tells whether a text has the words of a directive anywhere.
func mentions(text string) bool {
	for _, word := range []string{"_target_", "python/", "python%2", `\u`, `\x`} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// Scan judges every tag and every target.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	text, err := f.Text(maxSize)
	if err != nil {
		return err
	}
	text, lines, unit := decoded(text)
	marks := 0
	for _, c := range []byte(text) {
		if strings.IndexByte("[]{},:-?&*!|>'\"#\n", c) >= 0 {
			marks++
		}
	}
	if marks > maxMarks {
		return fmt.Errorf("a configuration of %d parts: %w", marks, source.ErrBudget)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d := &document{sink: s, handles: map[string]string{}, anchors: map[string]string{}, lines: lines, unit: unit}
	broken := d.tokenize(text)
	s.Format("yaml")
	d.judge()
	if d.targets > 0 {
		s.Format("hydra")
	}
	if broken && mentions(text) {
		found := finding.New(threat.MGFMT400, -1, "The configuration cannot be read as YAML to its end, and names directives.")
		found.Role = finding.RoleStructure
		s.Find(found)
	}
	return nil
}

// byteOrder tells the order of a text in UTF-16, which YAML knows by its byte order mark (YAML 1.2.2, 5.2).
func byteOrder(text string) (binary.ByteOrder, bool) {
	switch {
	case strings.HasPrefix(text, "\xff\xfe"):
		return binary.LittleEndian, true
	case strings.HasPrefix(text, "\xfe\xff"):
		return binary.BigEndian, true
	}
	return nil, false
}

// decoded returns a text in UTF-8, the offsets in the file at which its lines begin, and how many bytes a column takes there.
func decoded(text string) (utf8 string, lines []int64, unit int64) {
	starts := []int64{0}
	order, wide := byteOrder(text)
	if !wide {
		for i := range len(text) {
			if text[i] == '\n' {
				starts = append(starts, int64(i)+1)
			}
		}
		return text, starts, 1
	}
	raw := []byte(text)
	units := make([]uint16, 0, len(raw)/2)
	for i := 2; i+1 < len(raw); i += 2 {
		c := order.Uint16(raw[i:])
		if units = append(units, c); c == '\n' {
			starts = append(starts, int64(i)+2)
		}
	}
	return string(utf16.Decode(units)), starts, 2
}

// document is a text as tokens.
type document struct {
	sink    source.Sink
	tokens  token.Tokens // without comments
	handles map[string]string
	anchors map[string]string // scalars by the name of their anchor
	lines   []int64
	unit    int64 // bytes of a column
	targets int
	steps   int // of looking for neighbours
}

// tokenize splits a text, and tells whether that failed before its end.
func (d *document) tokenize(text string) (broken bool) {
	defer func() {
		if recover() != nil { // what makes the lexer fall is not YAML that anybody wrote
			broken = true
		}
	}()
	for _, t := range lexer.Tokenize(text + "\n") {
		switch t.Type {
		case token.CommentType, token.SpaceType:
		case token.InvalidType:
			broken = true
		default:
			d.tokens = append(d.tokens, t)
		}
	}
	return broken || len(d.tokens) == 0 && strings.TrimSpace(text) != ""
}

// judge walks the tokens once.
func (d *document) judge() {
	for i, t := range d.tokens {
		switch t.Type {
		case token.DirectiveType:
			d.directive(i)
		case token.TagType:
			d.tag(t)
		case token.AnchorType:
			if name, ok := d.at(i + 1); ok {
				if value, ok := d.scalar(i + 2); ok {
					d.anchors[name.Value] = value
				}
			}
		case token.MappingValueType:
			d.pair(i)
		default:
		}
	}
}

// at returns a token.
func (d *document) at(i int) (*token.Token, bool) {
	if i < 0 || i >= len(d.tokens) {
		return nil, false
	}
	return d.tokens[i], true
}

// isScalar tells whether a token is a value of its own.
func isScalar(t *token.Token) bool {
	switch t.Type {
	case token.StringType, token.SingleQuoteType, token.DoubleQuoteType, token.NullType, token.BoolType, token.IntegerType, token.FloatType:
		return true
	default:
		return false
	}
}

// scalar returns the value that begins at a token, behind its tag and anchor, or that an alias stands for.
func (d *document) scalar(i int) (string, bool) {
	for range 4 {
		t, ok := d.at(i)
		if !ok {
			return "", false
		}
		switch {
		case isScalar(t):
			return strings.TrimSpace(t.Value), true
		case t.Type == token.TagType, t.Type == token.LiteralType, t.Type == token.FoldedType:
			i++
		case t.Type == token.AnchorType:
			i += 2
		case t.Type == token.AliasType:
			name, ok := d.at(i + 1)
			if !ok {
				return "", false
			}
			value, ok := d.anchors[name.Value]
			return value, ok
		default:
			return "", false
		}
	}
	return "", false
}

// offset is where a token stands in the text, to the line and column that the lexer gives.
func (d *document) offset(t *token.Token) int64 {
	line, column := t.Position.Line-1, t.Position.Column-1
	if line < 0 || line >= len(d.lines) {
		return -1
	}
	return d.lines[line] + int64(max(0, column))*d.unit
}
