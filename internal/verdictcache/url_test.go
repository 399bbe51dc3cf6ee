package verdictcache

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"redis://localhost", "localhost:6379 db=0 user= pass= master= cluster=false tls=false"},
		{"redis://u:p%40ss@h:1/3", "h:1 db=3 user=u pass=p@ss master= cluster=false tls=false"},
		{"rediss://[::1]:6380", "[::1]:6380 db=0 user= pass= master= cluster=false tls=true"},
		{"redis://[::1]", "[::1]:6379 db=0 user= pass= master= cluster=false tls=false"},
		{"redis+sentinel://:secret@a,b:1/mymaster/2", "a:26379,b:1 db=2 user= pass=secret master=mymaster cluster=false tls=false"},
		{"rediss+cluster://a:1,b:2,c:3", "a:1,b:2,c:3 db=0 user= pass= master= cluster=true tls=true"},
		{"redis+cluster://a", "a:6379 db=0 user= pass= master= cluster=true tls=false"},
	} {
		o, err := parseURL(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		got := fmt.Sprintf("%s db=%d user=%s pass=%s master=%s cluster=%v tls=%v", strings.Join(o.Addrs, ","), o.DB, o.Username, o.Password,
			o.MasterName, o.IsClusterMode, o.TLSConfig != nil)
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.url, got, c.want)
		}
	}
	for _, url := range []string{
		"", "localhost:6379", "http://h", "redis://", "redis://h:0", "redis://h:99999", "redis://h/x", "redis://h/-1", "redis://a,b", "redis+ha://a",
		"redis+sentinel://h", "redis+cluster://h/1", "redis://secret%zz@h", "redis://::1", "redis://h?db=secret", "redis://u:secret@:1",
	} {
		if o, err := parseURL(url); err == nil {
			t.Errorf("%q was read as %+v", url, o.Addrs)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the secret: %v", url, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, url := range []string{"redis://u:p%40ss@h:1/3", "rediss+cluster://a:1,b:2", "redis+sentinel://a,b/m/1", "redis://[::1", "redis://,", "://@/", "redis://@:@:1/"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		o, err := parseURL(url)
		if err != nil {
			return
		}
		for _, address := range o.Addrs {
			if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
				t.Errorf("%q has the address %q: %v", url, address, err)
			}
		}
	})
}

func TestMemoryIsBoundedInBytes(t *testing.T) {
	m := newMemory(10_000, 0)
	for i := range 1000 {
		m.put(fmt.Sprint(i), make([]byte, 100))
		m.get("0")
		if m.bytes > 10_000 {
			t.Fatalf("%d bytes", m.bytes)
		}
	}
	if _, ok := m.get("0"); !ok {
		t.Error("what is used most went first")
	}
	if _, ok := m.get("999"); !ok {
		t.Error("what came last is gone")
	}
	if _, ok := m.get("1"); ok {
		t.Error("what nobody used is still there")
	}
	for i := range 1000 {
		m.remove(fmt.Sprint(i))
	}
	if m.bytes != 0 || m.lru.Len() != 0 {
		t.Errorf("an empty memory counts %d bytes in %d entries", m.bytes, m.lru.Len())
	}
}

func BenchmarkVerdictInMemory(b *testing.B) {
	c, err := Open(b.Context(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10_000 {
		c.PutVerdict(b.Context(), fmt.Sprint(i), make([]byte, 200))
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := c.Verdict(b.Context(), "77"); !ok {
				b.Error("a verdict is gone")
			}
		}
	})
}
