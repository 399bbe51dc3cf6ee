package objectstore

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"modelgate/internal/model"
)

// refused says what is wrong with a refusal: it must be one of a scan, and hold nothing of the object.
func refused(res *http.Response, text []byte, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case res.StatusCode != http.StatusForbidden:
		return res.Status
	case res.Header.Get("X-Modelgate-Scan") == "" || !strings.Contains(string(text), res.Header.Get("X-Modelgate-Scan")):
		return "no scan is named"
	case bytes.Contains(text, []byte("posix")) || bytes.Contains(text, []byte("kept")):
		return "bytes leave"
	case !strings.HasPrefix(res.Status, "403 modelgate scan "):
		return "the reason is " + res.Status
	}
	return ""
}

func TestBypassByRanges(t *testing.T) {
	o := newObject(large())
	for why, way := range ways() {
		w := open(t, way.provider, o.ServeHTTP)
		ranges := []string{
			"", "bytes=0-0", "bytes=1-1", "bytes=0-8388607", "bytes=8388608-", "bytes=-1", "bytes=10000000-", "bytes=0-0,5-", "bytes=0-5,0-5", "bytes=0-99999999",
		}
		names := []string{"Range"}
		if way.provider == model.Azure {
			names = append(names, "X-Ms-Range")
		}
		for _, name := range names {
			for _, value := range ranges {
				header := way.header
				if value != "" {
					header = append(header[:len(header):len(header)], name, value)
				}
				res, text, err := w.ask(t, "GET", way.path, header...)
				if strings.Contains(value, ",") { // several parts are never given out, whatever the verdict is
					if res.StatusCode != http.StatusForbidden || bytes.Contains(text, []byte("posix")) || bytes.Contains(text, []byte("kept")) {
						t.Errorf("%s, %s: %s: %s", why, name, value, res.Status)
					}
					continue
				}
				if trouble := refused(res, text, err); trouble != "" {
					t.Errorf("%s, %s: %q: %s", why, name, value, trouble)
				}
			}
		}
		if way.provider == model.S3 {
			if res, text, _ := w.ask(t, "GET", way.path+"&partNumber=1", way.header...); res.StatusCode != http.StatusForbidden || bytes.Contains(text, []byte("posix")) {
				t.Errorf("%s, a part by its number: %s", why, res.Status)
			}
		}
	}
}

func TestCleanObjectsPassAsTheyAre(t *testing.T) {
	content := tensors(3 << 20)
	o := newObject(content)
	for why, way := range ways() {
		w := open(t, way.provider, o.ServeHTTP)
		for value, want := range map[string][]byte{
			"": content, "bytes=0-0": content[:1], "bytes=1000-1999": content[1000:2000], "bytes=2000000-": content[2000000:], "bytes=-7": content[len(content)-7:],
			"bytes=0-99999999": content,
		} {
			header := way.header
			if value != "" {
				header = append(header[:len(header):len(header)], "Range", value)
			}
			res, got, err := w.ask(t, "GET", way.path, header...)
			if err != nil || res.StatusCode >= 300 || !bytes.Equal(got, want) || res.Header.Get("Etag") != o.etag || res.Header.Get("X-Modelgate-Scan") == "" {
				t.Errorf("%s: %q: %s, %d of %d bytes, %v", why, value, res.Status, len(got), len(want), err)
			}
		}
		if res, _, _ := w.ask(t, "GET", way.path, append(way.header[:len(way.header):len(way.header)], "Range", "bytes=99999999-")...); res.StatusCode != 416 {
			t.Errorf("%s: beyond the end: %s", why, res.Status)
		}
	}
}

func TestBypassByEncodings(t *testing.T) {
	for why, way := range ways() {
		for coding, content := range map[string][]byte{
			"gzip": packed([]byte(evil)), "br": []byte("whatever"), "gzip, gzip": packed(packed([]byte(evil))), "identity": []byte(evil), "deflate": []byte("whatever"),
		} {
			o := newObject(content)
			o.encoding = coding
			w := open(t, way.provider, o.ServeHTTP)
			for _, accepts := range []string{"gzip", "identity"} {
				header := append(way.header[:len(way.header):len(way.header)], "Accept-Encoding", accepts)
				res, text, err := w.ask(t, "GET", way.path, header...)
				judged := coding == "gzip" || coding == "identity"
				if judged && res.Header.Get("X-Modelgate-Scan") == "" {
					t.Errorf("%s, %s for who takes %s: no scan is named", why, coding, accepts)
				}
				if err != nil || res.StatusCode != http.StatusForbidden || bytes.Contains(text, []byte("posix")) || bytes.Contains(text, content) {
					t.Errorf("%s, %s for who takes %s: %s %v", why, coding, accepts, res.Status, err)
				}
			}
		}
	}
}

func TestWhatGoogleStoresUnderGzipIsGivenAsGoogleWould(t *testing.T) {
	content := tensors(300_000)
	stored := packed(content)
	o := newObject(stored)
	o.encoding = "gzip"
	w := open(t, model.GCS, o.ServeHTTP)
	const path = "/storage/v1/b/box/o/model.bin?alt=media"
	res, got, err := w.ask(t, "GET", path, "Accept-Encoding", "gzip, deflate")
	if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Encoding") != "gzip" || !bytes.Equal(got, stored) {
		t.Errorf("for who takes gzip: %s, %d bytes, %v", res.Status, len(got), err)
	}
	for _, accepts := range []string{"identity", "gzip;q=0"} {
		for _, span := range []string{"", "bytes=5-9"} {
			header := []string{"Accept-Encoding", accepts}
			if span != "" {
				header = append(header, "Range", span)
			}
			res, got, err = w.ask(t, "GET", path, header...)
			if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Encoding") != "" || !bytes.Equal(got, content) {
				t.Errorf("for who takes %s, %s: %s, %d bytes, %v", accepts, span, res.Status, len(got), err)
			}
		}
	}
}

func TestBypassByReplacingTheObject(t *testing.T) {
	for why, way := range ways() {
		clean := tensors(1 << 20)
		o := newObject(clean)
		w := open(t, way.provider, o.ServeHTTP)
		if res, got, err := w.ask(t, "GET", way.path, way.header...); err != nil || !bytes.Equal(got, clean) {
			t.Fatalf("%s: %s %v", why, res.Status, err)
		}
		o.mu.Lock() // other bytes of the same length under the same tag and time
		o.content = append([]byte(evil), clean[len(evil):]...)
		o.mu.Unlock()
		if res, got, err := w.ask(t, "GET", way.path, way.header...); err == nil && res.StatusCode < 300 || bytes.Contains(got, []byte("posix")) {
			t.Errorf("%s: bytes that were not scanned are given out: %s, %d", why, res.Status, len(got))
		}
		if res, got, err := w.ask(t, "GET", way.path, append(way.header[:len(way.header):len(way.header)], "Range", "bytes=0-999")...); err == nil && res.StatusCode < 300 || bytes.Contains(got, []byte("posix")) {
			t.Errorf("%s: and by a range: %s, %d", why, res.Status, len(got))
		}
		o.mu.Lock() // and in its own name
		o.etag, o.modified = `"2"`, time.Unix(1_700_000_100, 0)
		o.mu.Unlock()
		res, text, err := w.ask(t, "GET", way.path, way.header...)
		if trouble := refused(res, text, err); trouble != "" {
			t.Errorf("%s: a new state: %s", why, trouble)
		}
	}
}

func TestBypassByAnswersThatLie(t *testing.T) {
	content := tensors(100_000)
	for why, lie := range map[string]func(rw http.ResponseWriter, r *http.Request){
		"another range": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Range", "bytes 5-14/100100")
			rw.WriteHeader(http.StatusPartialContent)
			_, _ = rw.Write([]byte(evil)[:10])
		},
		"no total": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Range", "bytes 0-9/*")
			rw.WriteHeader(http.StatusPartialContent)
			_, _ = rw.Write([]byte(evil)[:10])
		},
		"no range": func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusPartialContent)
			_, _ = rw.Write([]byte(evil)[:10])
		},
		"another length than its range": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Range", "bytes 0-9/100100")
			rw.WriteHeader(http.StatusPartialContent)
			_, _ = rw.Write([]byte(evil)[:20])
		},
		"no state": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Del("Etag")
			rw.Header().Del("X-Goog-Generation")
			_, _ = rw.Write([]byte(evil)[:10])
		},
		"no length": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Transfer-Encoding", "chunked")
			_, _ = rw.Write([]byte(evil)[:10])
		},
		"a status that has no object": func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusAccepted)
			_, _ = rw.Write([]byte(evil)[:10])
		},
		"much under an error": func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusNotFound)
			_, _ = rw.Write(content)
		},
		"a pickle under an error": func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusNotFound)
			_, _ = rw.Write([]byte(evil))
		},
		"a pickle of text under an error": func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusNotFound)
			_, _ = rw.Write([]byte("cposix\nsystem\n(S'true'\ntR."))
		},
		"a packed pickle under an error": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Encoding", "gzip")
			rw.WriteHeader(http.StatusNotFound)
			_, _ = rw.Write(packed([]byte(evil)))
		},
	} {
		for name, way := range ways() {
			w := open(t, way.provider, func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Etag", `"1"`)
				rw.Header().Set("X-Goog-Generation", "1")
				lie(rw, r)
			})
			res, text, err := w.ask(t, "GET", way.path, append(way.header[:len(way.header):len(way.header)], "Range", "bytes=0-9")...)
			if bytes.Contains(text, []byte("posix")) || bytes.Contains(text, []byte(evil)[:10]) || bytes.HasPrefix(text, []byte("\x1f\x8b")) || err == nil && res.StatusCode < 400 {
				t.Errorf("%s, %s: %s, %q %v", name, why, res.Status, text, err)
			}
		}
	}
}

func TestAnswersThatChangeBetweenScanAndReadAreScannedAnew(t *testing.T) {
	for why, way := range ways() {
		clean, bad := newObject(tensors(1<<20)), newObject(append([]byte(evil), make([]byte, 1<<20)...))
		bad.etag = `"2"`
		var reads atomic.Int64
		w := open(t, way.provider, func(rw http.ResponseWriter, r *http.Request) {
			if reads.Add(1) > 2 { // the first is the client's, the second the scan's
				bad.ServeHTTP(rw, r)
				return
			}
			clean.ServeHTTP(rw, r)
		})
		res, text, err := w.ask(t, "GET", way.path, way.header...)
		if err == nil && res.StatusCode < 300 || bytes.Contains(text, []byte("posix")) {
			t.Errorf("%s: %s, %d bytes", why, res.Status, len(text))
		}
	}
}

func TestBypassByAskingForADescription(t *testing.T) {
	for name, row := range map[string]struct {
		provider model.Source
		path     string
	}{
		"S3":           {model.S3, "/box/model.bin?acl"},
		"S3, a list":   {model.S3, "/box/?list-type=2"},
		"Google":       {model.GCS, "/storage/v1/b/box/o/model.bin"},
		"Google's XML": {model.GCS, "/box/model.bin?acl"},
		"Azure":        {model.Azure, "/acct/box/model.bin?comp=metadata"},
		"Azure's list": {model.Azure, "/acct/box?restype=container&comp=list"},
	} {
		w := open(t, row.provider, newObject([]byte(evil)).ServeHTTP)
		res, text, err := w.ask(t, "GET", row.path)
		if err != nil || res.StatusCode != http.StatusForbidden || bytes.Contains(text, []byte("posix")) {
			t.Errorf("%s: content passes as a description: %s %v", name, res.Status, err)
		}
	}
}

func TestBypassByTheAnswerToAWrite(t *testing.T) {
	for _, path := range []string{"/box/model.bin?X-Amz-Signature=a", "/box/model.bin?acl"} {
		for _, method := range []string{"POST", "PUT", "GET"} {
			for _, status := range []int{200, 404} {
				if method == "GET" && !strings.HasSuffix(path, "acl") {
					continue
				}
				for _, content := range []string{evil, "cposix\nsystem\n(S'true'\ntR."} {
					w := open(t, model.S3, func(rw http.ResponseWriter, _ *http.Request) {
						rw.WriteHeader(status)
						_, _ = rw.Write([]byte(content))
					})
					if res, text, _ := w.ask(t, method, path); bytes.Contains(text, []byte("posix")) || res.StatusCode == 200 {
						t.Errorf("%s %s with %d: %q", method, path, status, text)
					}
				}
			}
		}
	}
	w := open(t, model.S3, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("<InitiateMultipartUploadResult/>"))
	})
	if res, text, err := w.ask(t, "POST", "/box/model.bin?uploads"); err != nil || res.StatusCode != 200 || len(text) == 0 {
		t.Errorf("an upload: %s %v", res.Status, err)
	}
}

func TestADescriptionThatGoesOnAsSomethingElseIsCut(t *testing.T) {
	list := []byte("<ListBucketResult>" + strings.Repeat("<Key>k</Key>", 1000))
	w := open(t, model.S3, func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(append(list, "PK\x03\x04"+evil...)) })
	if res, text, err := w.ask(t, "GET", "/box/?list-type=2"); err == nil || bytes.Contains(text, []byte("posix")) {
		t.Errorf("%s, %d bytes, %v", res.Status, len(text), err)
	}
	w = open(t, model.S3, func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(list) })
	if res, text, err := w.ask(t, "GET", "/box/?list-type=2"); err != nil || res.StatusCode != 200 || !bytes.Equal(text, list) {
		t.Errorf("a list: %s, %d bytes, %v", res.Status, len(text), err)
	}
}

func TestTheStoresOwnErrorsPass(t *testing.T) {
	for why, row := range map[string]struct{ coding, body, want string }{
		"a document":        {"", "<Error><Code>NoSuchKey</Code></Error>", "<Error><Code>NoSuchKey</Code></Error>"},
		"a sentence":        {"", "No such object: box/model.bin", "No such object: box/model.bin"},
		"a packed document": {"gzip", string(packed([]byte(`{"error":{"code":404}}`))), `{"error":{"code":404}}`},
		"nothing":           {"gzip", "", ""},
	} {
		w := open(t, model.GCS, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Own", "1")
			if row.coding != "" {
				rw.Header().Set("Content-Encoding", row.coding)
			}
			rw.WriteHeader(http.StatusNotFound)
			_, _ = rw.Write([]byte(row.body))
		})
		res, text, err := w.ask(t, "GET", "/storage/v1/b/box/o/model.bin?alt=media")
		if err != nil || res.StatusCode != 404 || string(text) != row.want || res.Header.Get("X-Own") != "1" {
			t.Errorf("%s: %s %q %v", why, res.Status, text, err)
		}
	}
}

func TestWhatIsRefusedByItsForm(t *testing.T) {
	for name, row := range map[string]struct {
		provider     model.Source
		method, path string
	}{
		"S3, select":    {model.S3, "POST", "/box/model.bin?select&select-type=2"},
		"S3, torrent":   {model.S3, "GET", "/box/model.bin?torrent"},
		"Azure, query":  {model.Azure, "POST", "/acct/box/model.bin?comp=query"},
		"Google, batch": {model.GCS, "POST", "/batch/storage/v1"},
	} {
		w := open(t, row.provider, newObject([]byte(evil)).ServeHTTP)
		res, text, err := w.ask(t, row.method, row.path)
		if err != nil || res.StatusCode != http.StatusForbidden || bytes.Contains(text, []byte("posix")) || len(w.questions()) != 0 {
			t.Errorf("%s: %s %v", name, res.Status, err)
		}
	}
	w := open(t, model.GCS, newObject([]byte(evil)).ServeHTTP)
	res, text, err := w.ask(t, "POST", "/google.storage.v2.Storage/ReadObject", "Content-Type", "application/grpc")
	if err != nil || res.StatusCode != 200 || res.Header.Get("Grpc-Status") != "7" || len(text) != 0 || len(w.questions()) != 0 {
		t.Errorf("gRPC: %s %v %v", res.Status, res.Header, err)
	}
}

func TestTheClientsRightIsProvenEachTime(t *testing.T) {
	for why, way := range ways() {
		o := newObject(tensors(1 << 20))
		w := open(t, way.provider, func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get("User-Agent") == "stranger" {
				rw.Header().Set("X-Own", "1")
				rw.WriteHeader(http.StatusForbidden)
				_, _ = rw.Write([]byte("<Error><Code>ExpiredToken</Code></Error>"))
				return
			}
			o.ServeHTTP(rw, r)
		})
		if res, _, err := w.ask(t, "GET", way.path, way.header...); err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %s %v", why, res.Status, err)
		}
		res, text, err := w.ask(t, "GET", way.path, append(way.header[:len(way.header):len(way.header)], "User-Agent", "stranger")...)
		if err != nil || res.StatusCode != 403 || res.Header.Get("X-Own") != "1" || res.Header.Get("X-Modelgate-Scan") != "" || !strings.Contains(string(text), "ExpiredToken") {
			t.Errorf("%s: the store's own error: %s %s %v", why, res.Status, text, err)
		}
	}
}

func TestBodiesThatAreCutEndTooEarly(t *testing.T) {
	for why, way := range ways() {
		o := newObject(tensors(1 << 20))
		var cut atomic.Bool
		w := open(t, way.provider, func(rw http.ResponseWriter, r *http.Request) {
			if cut.Load() {
				rw.Header().Set("Etag", o.etag)
				rw.Header().Set("X-Goog-Generation", "1")
				rw.Header().Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
				rw.Header().Set("Content-Length", "1048637")
				_, _ = rw.Write(o.content[:500_000])
				panic(http.ErrAbortHandler)
			}
			o.ServeHTTP(rw, r)
		})
		if res, _, err := w.ask(t, "GET", way.path, way.header...); err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %s %v", why, res.Status, err)
		}
		cut.Store(true)
		if res, got, err := w.ask(t, "GET", way.path, way.header...); err == nil && len(got) == len(o.content) {
			t.Errorf("%s: %s, %d bytes", why, res.Status, len(got))
		}
		cut.Store(false)
		if res, got, err := w.ask(t, "GET", way.path, way.header...); err != nil || res.StatusCode != 200 || !bytes.Equal(got, o.content) {
			t.Errorf("%s: after the cut: %s, %d bytes, %v", why, res.Status, len(got), err)
		}
	}
}
