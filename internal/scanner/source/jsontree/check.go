package jsontree

import (
	"errors"
	"io"

	"modelgate/internal/scanner/source"
)

// maxKeysKept is of how many keys of one object Check remembers that they were there.
const maxKeysKept = 4096

// Check reads one document of any size without keeping it. Twice is called for each key that stands twice in its object, with
// the number of objects and lists around it; depth bounds these.
func Check(in *source.Forward, depth int, twice func(key string, at int64, level int)) error {
	c := checker{lex: NewLexer(in), most: depth, twice: twice}
	if err := c.value(0); err != nil {
		return err
	}
	b, err := c.lex.Next()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return source.Malformedf(c.lex.Offset(), "%q follows the document", b)
}

type checker struct {
	lex   *Lexer
	most  int
	twice func(key string, at int64, level int)
}

func (c *checker) value(level int) error {
	b, err := c.lex.Next()
	if err != nil {
		return err
	}
	switch b {
	case '{', '[':
		if level >= c.most {
			return source.Malformedf(c.lex.Offset(), "nested more than %d deep", c.most)
		}
		return c.container(b, level)
	case '"':
		_, err := c.lex.Text(false)
		return err
	default:
		_, err := c.lex.Scalar()
		return err
	}
}

// container reads a list or an object.
func (c *checker) container(open byte, level int) error {
	if err := c.lex.Take(open); err != nil {
		return err
	}
	end := open + 2 // ']' and '}' follow their brackets at that distance
	var seen map[string]bool
	for first := true; ; first = false {
		b, err := c.lex.Next()
		if err != nil {
			return err
		}
		if b == end {
			return c.lex.Take(end)
		}
		if !first {
			if err := c.lex.Take(','); err != nil {
				return err
			}
			if b, err = c.lex.Next(); err != nil {
				return err
			}
		}
		if open == '{' {
			if seen == nil {
				seen = map[string]bool{}
			}
			if err := c.key(b, seen, level); err != nil {
				return err
			}
		}
		if err := c.value(level + 1); err != nil {
			return err
		}
	}
}

// key reads a key and the colon behind it.
func (c *checker) key(first byte, seen map[string]bool, level int) error {
	at := c.lex.Offset()
	if first != '"' {
		return source.Malformedf(at, "%q instead of a key", first)
	}
	key, err := c.lex.Text(true)
	if err != nil {
		return err
	}
	if seen[key] {
		c.twice(key, at, level)
	}
	if len(seen) < maxKeysKept {
		seen[key] = true
	}
	return c.lex.Take(':')
}
