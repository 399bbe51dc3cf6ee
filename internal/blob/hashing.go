package blob

// bufferSize and buffers are what a fetch holds in memory, however many readers it has.
const (
	bufferSize = 1 << 20
	buffers    = 3
)

// hashing verifies bytes in a goroutine of its own, while the next ones arrive.
type hashing struct {
	v      *verifier
	size   int64         // of buffers
	free   chan []byte   // buffers that can be filled; nil is one that was not made yet
	parts  chan part     // to be hashed
	failed chan struct{} // closed at the first mismatch
	done   chan struct{}
	err    error               // set before done is closed
	passed func(cleared int64) // is told how far the bytes have been found good
}

// part is a piece of a buffer that was filled.
type part struct {
	bytes  []byte
	buffer []byte // the buffer if it is free after this part, else nil
}

func startHashing(v *verifier, passed func(cleared int64)) *hashing {
	h := &hashing{
		v: v, passed: passed, size: min(bufferSize, v.want.Size),
		free: make(chan []byte, buffers), parts: make(chan part, 64), failed: make(chan struct{}), done: make(chan struct{}),
	}
	for range buffers {
		h.free <- nil
	}
	go h.run()
	return h
}

func (h *hashing) run() {
	defer close(h.done)
	for p := range h.parts {
		if h.err == nil {
			if _, h.err = h.v.Write(p.bytes); h.err != nil {
				close(h.failed)
			} else {
				h.passed(h.v.cleared())
			}
		}
		if p.buffer != nil {
			h.free <- p.buffer
		}
	}
}

// buffer returns a buffer to be filled; it waits for one if hashing is slower than upstream.
func (h *hashing) buffer() []byte {
	if b := <-h.free; b != nil {
		return b
	}
	return make([]byte, max(1, h.size))
}

// take hashes a part of a buffer; last says that it was the last one. It returns false if going on makes no sense.
func (h *hashing) take(bytes, buffer []byte, last bool) bool {
	p := part{bytes: bytes}
	if last {
		p.buffer = buffer
	}
	h.parts <- p
	select {
	case <-h.failed:
		return false
	default:
		return true
	}
}

// stop waits until everything is hashed and returns the verifier, and the mismatch if there was one.
func (h *hashing) stop() (*verifier, error) {
	close(h.parts)
	<-h.done
	return h.v, h.err
}
