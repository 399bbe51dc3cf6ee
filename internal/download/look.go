package download

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/transfer"
)

// kind is what an answer is by its content.
type kind string

// The kinds of answers.
const (
	kindNone   kind = "none"   // it has no body
	kindText   kind = "text"   // passes while it stays text
	kindMedia  kind = "media"  // passes but for its end
	kindPack   kind = "pack"   // of git's protocol, or gRPC: passes
	kindJudged kind = "judged" // is judged before it passes
)

// Bounds of looking: how many bytes are looked at, how long text is waited for, and above which size JSON and XML may be models.
const (
	lookAt    = 64 << 10
	lookFor   = 200 * time.Millisecond
	largeText = 1 << 20
	endOfFile = 64<<10 + 22 // holds the end record of a ZIP with the longest comment
)

// see looks at an answer before any of it is sent, and arranges what the client gets.
func (x *exchange) see(res *http.Response) error {
	d := x.door
	x.kind = kindNone
	if x.Method == http.MethodHead || res.ContentLength == 0 || res.StatusCode == http.StatusSwitchingProtocols ||
		res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusNotModified {
		return nil
	}
	if opaque(x.Request, res) {
		x.kind = kindPack
		return nil
	}
	plain, err := legible(res.Header.Get("Content-Encoding"))
	if err != nil {
		return err
	}
	b := begin(res.Body)
	res.Body = b
	head, whole := b.look(func(head []byte) bool { return isText(plain(head)) })
	if errors.Is(b.failure(), io.EOF) && len(head) == 0 {
		return nil
	}
	x.kind = d.kindOf(x, res, plain(head), whole)
	switch x.kind {
	case kindText:
		res.Body = &watched{ReadCloser: b, x: x, plain: res.Header.Get("Content-Encoding") == "", pickled: d.Pickled}
		return nil
	case kindMedia:
		res.Body = &tailed{body: b, x: x, suspect: func() { d.suspects.Add(name(x.Request), struct{}{}) }}
		return nil
	default:
		return d.judge(x, res)
	}
}

// kindOf tells what an answer is by its beginning.
func (d *Door) kindOf(x *exchange, res *http.Response, head []byte, whole bool) kind {
	if d.suspects.Contains(name(x.Request)) || res.StatusCode == http.StatusPartialContent && !beginsWhole(res, len(head)) {
		return kindJudged
	}
	if isText(head) {
		data := bytes.TrimLeft(head, " \t\r\n")
		structured := len(data) > 0 && (data[0] == '{' || data[0] == '[' || data[0] == '<')
		if d.Pickled(head) || structured && !whole && res.ContentLength >= largeText {
			return kindJudged
		}
		return kindText
	}
	detected, _, _ := strings.Cut(http.DetectContentType(head), "/")
	switch {
	case detected == "image", detected == "audio", detected == "video", detected == "font", bytes.HasPrefix(head, []byte("%PDF-")):
		return kindMedia
	default:
		return kindJudged
	}
}

// beginsWhole tells whether so many bytes of a part are as much of the beginning as is looked at of a whole. The middle of something, or its first
// byte alone, says nothing.
func beginsWhole(res *http.Response, n int) bool {
	span, err := transfer.SpanOf(res)
	return err == nil && span.First == 0 && span.Total >= 0 && int64(n) >= min(lookAt, span.Total)
}

// opaque tells whether an answer is a part of a conversation that is no download: git's, and that of gRPC.
func opaque(r *http.Request, res *http.Response) bool {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		return false
	}
	return r.Method == http.MethodPost && kind == "application/x-git-upload-pack-result" ||
		r.ProtoMajor == 2 && (kind == "application/grpc" || strings.HasPrefix(kind, "application/grpc+"))
}

// legible returns how the beginning of bytes of that Content-Encoding is read.
func legible(encoding string) (plain func([]byte) []byte, err error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return func(b []byte) []byte { return b }, nil
	case "gzip", "x-gzip":
		return inflated, nil
	default:
		return nil, refusal{outcome: model.Errored, message: "it is sent under an encoding that nobody here looks into"}
	}
}

// inflated is the beginning of what gzip has packed, as far as it goes; the bytes themselves if they are none of gzip's.
func inflated(b []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return b
	}
	out := make([]byte, lookAt)
	n, _ := io.ReadFull(z, out) // it ends early, being a beginning
	return out[:n]
}

// isText tells whether bytes are text: no control characters but those of lines, tabs, pages and terminals. Text of two bytes a character says
// so at its beginning.
func isText(b []byte) bool {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		return isWideText(b)
	}
	for _, c := range b {
		if c < 0x20 && (c < '\b' || c > '\r') && c != 0x1b || c == 0x7f {
			return false
		}
	}
	return true
}

// isWideText tells whether bytes are UTF-16 without control characters.
func isWideText(b []byte) bool {
	little := b[0] == 0xff
	for i := 2; i+1 < len(b); i += 2 {
		c := uint16(b[i])<<8 | uint16(b[i+1])
		if little {
			c = uint16(b[i+1])<<8 | uint16(b[i])
		}
		if c < 0x20 && (c < '\b' || c > '\r') && c != 0x1b || c == 0x7f || c == 0xffff {
			return false
		}
	}
	return true
}

// beginning is a body whose first bytes are looked at before they are given out. What has been read is kept; the rest is read on demand.
type beginning struct {
	body io.ReadCloser

	mu      sync.Mutex
	changed *sync.Cond
	head    []byte
	given   int   // of head
	err     error // that ended the reading ahead
	enough  bool  // nobody reads ahead any more, but for a read that is under way
	reading bool
}

// begin reads ahead.
func begin(body io.ReadCloser) *beginning {
	b := &beginning{body: body, reading: true}
	b.changed = sync.NewCond(&b.mu)
	go b.readAhead()
	return b
}

func (b *beginning) readAhead() {
	buf := make([]byte, lookAt)
	for {
		n, err := b.body.Read(buf[:lookAt-len(b.head)]) // head grows here alone
		b.mu.Lock()
		b.head = append(b.head, buf[:n]...)
		b.err = err
		done := err != nil || b.enough || len(b.head) == lookAt
		b.reading = !done
		b.changed.Broadcast()
		b.mu.Unlock()
		if done {
			return
		}
	}
}

// look waits for the beginning: all of it, or what has come after a moment if that will do. Whole tells whether it is all there is.
func (b *beginning) look(willDo func([]byte) bool) (head []byte, whole bool) {
	var late bool
	timer := time.AfterFunc(lookFor, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		late = true
		b.changed.Broadcast()
	})
	defer timer.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.reading && (!late || len(b.head) == 0 || !willDo(b.head)) {
		b.changed.Wait()
	}
	b.enough = true
	return b.head, errors.Is(b.err, io.EOF)
}

func (b *beginning) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Read implements io.Reader.
func (b *beginning) Read(p []byte) (int, error) {
	b.mu.Lock()
	for b.given == len(b.head) && b.reading {
		b.changed.Wait()
	}
	if b.given < len(b.head) {
		n := copy(p, b.head[b.given:])
		b.given += n
		b.mu.Unlock()
		return n, nil
	}
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return b.body.Read(p)
}

// Close implements io.Closer. It ends a read that is under way.
func (b *beginning) Close() error { return b.body.Close() }

// errTurned is why an answer that began as text is cut.
var errTurned = errors.New("it began as text and went on as something else")

// watched is text that passes while it stays text, and does not turn out to be a pickle that came drop by drop. What is packed is looked at in
// its beginning alone.
type watched struct {
	io.ReadCloser
	x       *exchange
	plain   bool
	wide    bool
	pickled func([]byte) bool
	head    []byte // what has passed, up to lookAt bytes
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n == 0 || !w.plain {
		return n, err
	}
	turned := false
	if more := min(n, lookAt-len(w.head)); more > 0 {
		w.head = append(w.head, p[:more]...)
		w.wide = bytes.HasPrefix(w.head, []byte{0xff, 0xfe}) || bytes.HasPrefix(w.head, []byte{0xfe, 0xff})
		turned = w.pickled(w.head)
	}
	if turned || !w.wide && !isText(p[:n]) {
		w.x.broken = errTurned
		return 0, errTurned
	}
	return n, err
}

// errArchive is why an answer that began as a picture is cut.
var errArchive = errors.New("it began as a picture, sound or document and ends as an archive")

// tailed passes but for its end, which is searched for an archive first.
type tailed struct {
	body    io.ReadCloser
	x       *exchange
	suspect func()

	held  []byte
	ended bool
	err   error
}

// Read implements io.Reader.
func (t *tailed) Read(p []byte) (int, error) {
	for !t.ended && len(t.held) <= endOfFile {
		buf := make([]byte, 32<<10)
		n, err := t.body.Read(buf)
		t.held = append(t.held, buf[:n]...)
		if err == nil {
			continue
		}
		t.ended, t.err = true, err
		if errors.Is(err, io.EOF) && bytes.Contains(t.held[max(0, len(t.held)-endOfFile):], []byte("PK\x05\x06")) {
			t.suspect()
			t.err, t.held = fmt.Errorf("%s: %w", name(t.x.Request), errArchive), nil
			t.x.broken = t.err
		}
	}
	n := len(t.held)
	if !t.ended {
		n -= endOfFile
	}
	if n == 0 {
		return 0, t.err
	}
	n = copy(p, t.held[:n])
	t.held = t.held[:copy(t.held, t.held[n:])]
	return n, nil
}

// Close implements io.Closer.
func (t *tailed) Close() error { return t.body.Close() }
