package scanner

import "modelgate/internal/scanner/source"

// header is the first bytes of a stream and its size.
type header struct {
	file *source.File
	head []byte
	size int64
}

func headerOf(f *source.File) (*header, error) {
	head, err := f.Head()
	if err != nil {
		return nil, err
	}
	h := &header{file: f, head: head, size: int64(len(head))}
	if len(head) == source.HeadSize { // the size of an inflating stream costs a pass over it
		if h.size, err = f.Size(); err != nil {
			return nil, err
		}
	}
	return h, nil
}
