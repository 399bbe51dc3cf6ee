package jsontree

import (
	"hash/maphash"

	"modelgate/internal/scanner/source"
)

// maxKeysKept is of how many keys of one object Check remembers that they were there.
const maxKeysKept = 4096

// Check reads one document of any size without keeping it. Twice is called for each key that stands twice in its object, with
// the number of objects and lists around it; depth bounds these.
func Check(in *source.Forward, depth int, twice func(key string, at int64, level int)) error {
	c := checker{lex: NewLexer(in), most: depth, twice: twice, seed: maphash.MakeSeed()}
	if err := c.value(0); err != nil {
		return err
	}
	return c.lex.end()
}

type checker struct {
	lex   *Lexer
	most  int
	twice func(key string, at int64, level int)
	seed  maphash.Seed
}

func (c *checker) value(level int) error {
	b, err := c.lex.Next()
	if err != nil {
		return err
	}
	if (b == '{' || b == '[') && level >= c.most {
		return source.Malformedf(c.lex.Offset(), "nested more than %d deep", c.most)
	}
	switch b {
	case '{':
		return c.object(level)
	case '[':
		return c.lex.List(func() error { return c.value(level + 1) })
	case '"':
		_, err := c.lex.str(false)
		return err
	default:
		_, err := c.lex.scalar()
		return err
	}
}

// object reads an object, and notes its keys by their hashes.
func (c *checker) object(level int) error {
	var seen map[uint64]bool
	return c.lex.object(func(key []byte, at int64) error {
		sum := maphash.Bytes(c.seed, key)
		if seen[sum] {
			c.twice(string(key), at, level)
		}
		if seen == nil {
			seen = map[uint64]bool{}
		}
		if len(seen) < maxKeysKept {
			seen[sum] = true
		}
		return c.value(level + 1)
	})
}
