package inflate

import (
	"bufio"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	"modelgate/internal/scanner/source"
)

// Deflate decodes a bare deflate stream.
func Deflate(f *source.Forward) (io.Reader, error) {
	tools, ok := inflaters.Get().(*inflater)
	if !ok {
		tools = &inflater{ahead: bufio.NewReaderSize(nil, deflateAhead)}
		tools.decoder = flate.NewReader(tools.ahead)
	}
	tools.ahead.Reset(f)
	if r, ok := tools.decoder.(flate.Resetter); ok {
		if err := r.Reset(tools.ahead, nil); err != nil {
			return nil, err
		}
	}
	return &deflated{tools: tools, f: f}, nil
}

// deflateAhead is how many packed bytes the decoder takes at once. What it does not need it gives back.
const deflateAhead = 4 << 10

// inflaters are decoders that nobody uses. A decoder is larger than most members of archives, of which there are thousands.
var inflaters sync.Pool

// inflater is a decoder and its buffer.
type inflater struct {
	ahead   *bufio.Reader
	decoder io.Reader
}

// deflated is a stream that is decoded.
type deflated struct {
	tools *inflater // nil when it was closed
	f     *source.Forward
	err   error // how it ended
}

// Read implements io.Reader.
func (d *deflated) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.tools == nil {
		return 0, io.ErrClosedPipe
	}
	n, err := d.tools.decoder.Read(p)
	if err != nil {
		d.err = err
		d.f.Disown(int64(d.tools.ahead.Buffered()))
	}
	return n, err
}

// Close gives the decoder back. It says nothing of the bytes.
func (d *deflated) Close() {
	if d.tools == nil {
		return
	}
	d.tools.ahead.Reset(nil)
	inflaters.Put(d.tools)
	d.tools = nil
}
