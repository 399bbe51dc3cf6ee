package hfmirror

import (
	"net/http"
	"strconv"
	"testing"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
)

func TestWhatIsKeptInMemoryIsBounded(t *testing.T) {
	s := newSmall()
	for i := range 2 * maxSmallBytes / smallFile {
		s.put(model.Digest(strconv.Itoa(i)), make([]byte, smallFile))
		if s.bytes > maxSmallBytes {
			t.Fatalf("%d bytes of small files", s.bytes)
		}
	}
	if _, ok := s.get("0", smallFile); ok {
		t.Error("the least recently used one is still there")
	}
	last := model.Digest(strconv.Itoa(2*maxSmallBytes/smallFile - 1))
	if _, ok := s.get(last, smallFile); !ok {
		t.Error("the last one is gone")
	}
	if _, ok := s.get(last, smallFile-1); ok {
		t.Error("a file of another size was found")
	}
	s.put(last, make([]byte, 1))
	s.put(last, make([]byte, 1))
	if want := maxSmallBytes - smallFile + 1; s.bytes != want {
		t.Errorf("%d bytes are counted, want %d", s.bytes, want)
	}

	k := newKept()
	for i := range 40 {
		k.put(strconv.Itoa(i), keptAnswer{body: make([]byte, maxKeptAnswer)})
		if k.bytes > maxKeptBytes {
			t.Fatalf("%d bytes of answers", k.bytes)
		}
	}
	if _, ok := k.get("39"); !ok {
		t.Error("the last answer is gone")
	}
}

func TestWhoAsksIsToldByAProxyOnlyIfItIsTrusted(t *testing.T) {
	rows := []struct {
		name, header string
		trust        bool
		want         string
	}{
		{"nobody is trusted", "10.0.0.7", false, "127.0.0.1"},
		{"the first of several", "10.0.0.7, 10.0.0.8", true, "10.0.0.7"},
		{"what is no address", "evil\tname", true, "127.0.0.1"},
		{"without the header", "", true, "127.0.0.1"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newStand(t, func(c *Config) { c.TrustForwarded = row.trust })
			s.hub.AddModel("org/name", hubtest.Files{"a.json": hubtest.Text("{}")})
			s.ask(http.MethodGet, "/org/name/resolve/main/a.json", "X-Forwarded-For", row.header).is(t, 200)
			if reqs := s.gate.requests(); len(reqs) != 1 || reqs[0].Owner != row.want {
				t.Errorf("requests %+v", reqs)
			}
		})
	}
}
