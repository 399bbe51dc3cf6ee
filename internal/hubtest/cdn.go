package hubtest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// signed is an address of the content network that gives an LFS object of a repository until it expires.
func (h *Hub) signed(repo *Repo, f *file, method string) string {
	sum := sha1.Sum([]byte(repo.ID()))
	key := hex.EncodeToString(sum[:])
	p := fmt.Sprintf("/repos/%s/%s/%s/%s", key[:2], key[2:4], key, f.SHA256())
	expires := time.Now().Add(h.opts.Lifetime).UnixMilli()
	q := url.Values{
		"response-content-disposition": {disposition(f.path)},
		"response-content-type":        {"application/octet-stream"},
		"Expires":                      {strconv.FormatInt(expires, 10)},
		"Signature":                    {h.sign(p, expires)},
		"Key-Pair-Id":                  {"STANDIN"},
		"x-id":                         {strings.ToUpper(method)},
	}
	return h.CDNURL + p + "?" + q.Encode()
}

func (h *Hub) sign(path string, expires int64) string {
	mac := hmac.New(sha256.New, h.secret)
	fmt.Fprintf(mac, "%s\n%d", path, expires)
	return hex.EncodeToString(mac.Sum(nil))
}

// object finds the repository and file of a path of the content network.
func (h *Hub) object(path string) (string, *file) {
	segs := strings.Split(path, "/")
	if len(segs) != 6 || segs[1] != "repos" {
		return "", nil
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, repo := range h.order {
		if sum := sha1.Sum([]byte(repo.id)); hex.EncodeToString(sum[:]) != segs[4] {
			continue
		}
		for i := len(repo.commits) - 1; i >= 0; i-- {
			for _, f := range repo.commits[i].files {
				if f.lfs && f.SHA256() == segs[5] {
					return repo.id, f
				}
			}
		}
	}
	return "", nil
}

// subject names the file behind an address of the content network, for faults and counts.
func (h *Hub) subject(r *http.Request) string {
	if id, f := h.object(r.URL.Path); f != nil {
		return "/" + id + "/" + f.path
	}
	return r.URL.Path
}

// serveCDN is the content network: objects behind signatures, in the manner of a bucket. Its ETag is the bucket's own, not the Hub's.
func (h *Hub) serveCDN(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		denied(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		return
	}
	_, f := h.object(r.URL.Path)
	q := r.URL.Query()
	expires, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	switch {
	case f == nil:
		denied(w, http.StatusForbidden, "AccessDenied", "Access Denied")
		return
	case err != nil || !hmac.Equal([]byte(q.Get("Signature")), []byte(h.sign(r.URL.Path, expires))):
		denied(w, http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
		return
	case time.Now().UnixMilli() > expires || faultOf(r).Expired:
		denied(w, http.StatusForbidden, "AccessDenied", "Request has expired")
		return
	}
	sum := sha1.Sum([]byte(f.SHA256()))
	w.Header().Set("ETag", fmt.Sprintf(`"%x-2"`, sum[:16]))
	w.Header().Set("Content-Disposition", q.Get("response-content-disposition"))
	w.Header().Set("Content-Type", q.Get("response-content-type"))
	w.Header().Set("Server", "AmazonS3")
	serveContent(w, r, f.Content)
}

// denied is an error in the manner of a bucket.
func denied(w http.ResponseWriter, status int, code, message string) {
	body := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// serveContent answers with a file, or with a range of it, and with what a fault makes of it.
func serveContent(w http.ResponseWriter, r *http.Request, c Content) {
	f := faultOf(r)
	size := c.Size()
	if f.Serve.b != nil {
		c = f.Serve
		size = c.Size()
	}
	from, to, ok := byteRange(r.Header.Get("Range"), size)
	if f.NoRange {
		from, to, ok = 0, size, true
	}
	head := w.Header()
	head.Set("Accept-Ranges", "bytes")
	if !ok {
		head.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		denied(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
		return
	}
	status := http.StatusOK
	if r.Header.Get("Range") != "" && !f.NoRange {
		head.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
		status = http.StatusPartialContent
	}
	head.Set("Content-Length", strconv.FormatInt(to-from, 10))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	buf := make([]byte, min(to-from, 256<<10))
	for at := from; at < to; {
		n, err := c.ReadAt(buf[:min(int64(len(buf)), to-at)], at)
		if err != nil && !errors.Is(err, io.EOF) || n == 0 {
			return
		}
		if i := f.Flip - 1 - at; f.Flip > 0 && i >= 0 && i < int64(n) {
			buf[i] ^= 1
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return // the client has gone, or a fault has cut
		}
		at += int64(n)
	}
}

// byteRange reads a Range header of one range. Without one, or with one that is not understood, the range is everything; ok is
// false if it begins behind the end.
func byteRange(header string, size int64) (from, to int64, ok bool) {
	spec, found := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !found || !dash || strings.Contains(spec, ",") {
		return 0, size, true
	}
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n <= 0 {
			return 0, size, err != nil
		}
		return max(size-n, 0), size, size > 0
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return 0, size, true
	}
	to = size
	if last != "" {
		end, err := strconv.ParseInt(last, 10, 64)
		if err != nil || end < from {
			return 0, size, true
		}
		to = min(size, end+1)
	}
	return from, to, from < size
}
