package hdf5

import "modelgate/internal/scanner/source"

// Kinds of v1 B-trees.
const (
	treeOfGroup  = 0
	treeOfChunks = 1
)

// maxLevels bounds the height of trees: with two children a node, more would not fit into any file.
const maxLevels = 64

// btree1 walks a v1 B-tree: TREE, kind, level u8, entries u16, siblings left and right, then keys and the addresses of children in
// turn, with one key more than children. The key before a child goes with it. What leaf nodes lead to is handed to yield.
func (f *File) btree1(root uint64, kind uint8, keySize int, yield func(key *decoder, child uint64) error) error {
	type node struct {
		addr  uint64
		level int // -1 for the root: any
	}
	seen := addresses{}
	todo := []node{{root, -1}}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if err := f.add(seen, "a node of a B-tree", n.addr); err != nil {
			return err
		}
		head := uint64(8 + 2*f.Super.AddrSize)
		b, err := f.block(n.addr, head)
		if err != nil {
			return err
		}
		d := f.decode(b, f.Offset(n.addr))
		d.magic("TREE")
		if got := d.u8(); d.err == nil && got != kind {
			d.fail("a node of a B-tree of kind %d where %d is due", got, kind)
		}
		level := int(d.u8())
		if n.level >= 0 && level != n.level || level > maxLevels {
			d.fail("a node of a B-tree of level %d below one of %d", level, n.level+1)
		}
		entries := uint64(d.u16())
		if d.err != nil {
			return d.err
		}
		each := uint64(keySize + f.Super.AddrSize)
		if b, err = f.block(n.addr+head, entries*each); err != nil {
			return err
		}
		d = f.decode(b, f.Offset(n.addr+head))
		first := len(todo)
		for range entries {
			here := d.here()
			key := f.decode(d.take(uint64(keySize)), here)
			child := d.addr()
			if d.err != nil {
				return d.err
			}
			if level > 0 {
				todo = append(todo, node{child, level - 1})
				continue
			}
			if err := yield(key, child); err != nil {
				return err
			}
		}
		reverse(todo[first:]) // so that children come in their order
	}
	return nil
}

func reverse[T any](s []T) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}

// localHeap is the heap of a group's names: HEAP, version, three reserved bytes, size of the data, offset of the free list, address
// of the data.
type localHeap struct {
	data []byte
	off  int64 // in the stream, of data
}

func (f *File) localHeap(addr uint64) (*localHeap, error) {
	b, err := f.block(addr, uint64(8+2*f.Super.LengthSize+f.Super.AddrSize))
	if err != nil {
		return nil, err
	}
	d := f.decode(b, f.Offset(addr))
	d.magic("HEAP")
	d.version("a local heap", 0, 0)
	d.skip(3)
	size := d.length()
	d.length() // free list
	at := d.addr()
	if d.err != nil {
		return nil, d.err
	}
	data, err := f.block(at, size)
	if err != nil {
		return nil, err
	}
	return &localHeap{data: data, off: f.Offset(at)}, nil
}

// text returns the text at an offset of the heap, up to its NUL.
func (h *localHeap) text(f *File, at uint64) (string, error) {
	if at >= uint64(len(h.data)) {
		return "", source.Malformedf(h.off, "a name at %d in a heap of %d bytes", at, len(h.data))
	}
	d := f.decode(h.data[at:], h.off+int64(at))
	return d.text(), d.err
}
