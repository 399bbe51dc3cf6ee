package safetensors

import (
	"context"
	"hash/maphash"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/threat"
)

// ProbeIndex accepts JSON objects with a key "weight_map" at their top, however it is escaped, whose value is an object. It is
// how a model in several files says which tensor lies where, for safetensors and PyTorch's pickles alike.
func ProbeIndex(f *source.File) (bool, error) {
	shape, err := jsontree.ShapeOf(f)
	return shape.Has("weight_map") && shape["weight_map"] == "{", err
}

// ScanIndex judges the files that an index names, and states them as references, each once.
func ScanIndex(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("safetensors_index")
	size, err := f.Size()
	if err != nil {
		return err
	}
	lex := jsontree.NewLexer(source.NewForward(f, 0, size))
	x := &index{s: s, lex: lex, shards: map[string]bool{}, seed: maphash.MakeSeed(), seen: map[uint64]uint64{}}
	maps := 0
	return lex.Object(func(key string, at int64) error {
		first, err := lex.Next()
		if err != nil {
			return err
		}
		if key != "weight_map" || first != '{' {
			return lex.Skip()
		}
		if maps++; maps == 2 {
			x.find(threat.MGFMT403, at, key, "The index has two weight maps, and readers differ in which they take.")
		}
		return lex.Object(x.weight)
	})
}

// Bounds of an index: names of tensors whose repetition is noticed, and files that are remembered, which is more than a report holds.
const (
	maxWeights = 1_000_000
	maxShards  = 200_000
)

type index struct {
	s      source.Sink
	lex    *jsontree.Lexer
	shards map[string]bool
	seed   maphash.Seed
	seen   map[uint64]uint64 // hashes of names and of the files that hold them
}

// weight reads an entry of a weight map: the name of a tensor, and the file that holds it.
func (x *index) weight(key string, _ int64) error {
	first, err := x.lex.Next()
	if err != nil {
		return err
	}
	at := x.lex.Offset()
	if first != '"' {
		x.find(threat.MGFMT400, at, key, "A tensor's file is no string.")
		return x.lex.Skip()
	}
	shard, err := x.lex.Text(true)
	if err != nil {
		return err
	}
	name, file := maphash.String(x.seed, key), maphash.String(x.seed, shard)
	if old, twice := x.seen[name]; twice && old != file {
		x.find(threat.MGFMT403, at, key, "A tensor lies in two files, and readers differ in which they take.")
	}
	if len(x.seen) < maxWeights {
		x.seen[name] = file
	}
	if x.shards[shard] {
		return nil
	}
	if len(x.shards) < maxShards {
		x.shards[shard] = true
	}
	if found, bad := paths.Reference(shard, at); bad {
		x.s.Find(found)
	}
	x.s.Refer(finding.Reference{Kind: finding.RefFile, Target: shard, Offset: at})
	return nil
}

func (x *index) find(id threat.ID, at int64, name, description string) {
	f := finding.New(id, at, description)
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(name)
	x.s.Find(f)
}
