package gate

import (
	"context"

	"modelgate/internal/finding"
	"modelgate/internal/model"
)

// Blocks returns the ranges of a file that scanners were given, with the hash of each, so that a stream of the whole file can
// be held to them. There are none if the file was scanned whole, which its digest answers for, or not at all.
func (g *Gate) Blocks(ctx context.Context, f model.File) []finding.Block {
	key := g.engine.Key(model.Version{}, f)
	if key == "" {
		return nil
	}
	if blocks, ok := g.blocks.Get(key); ok {
		return blocks
	}
	r, ok := reports{g}.Report(ctx, key)
	if !ok {
		return nil
	}
	g.blocks.Add(key, r.Blocks)
	return r.Blocks
}
