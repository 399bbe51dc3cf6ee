package proxy

import (
	"encoding/base64"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// FuzzTarget holds that what is taken for a host is one spelling of it, that reads as itself, and that no resolver takes for an address
// what is not seen to be one.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"example.org:443", "[::1]:443", "127.1:443", "0x7f.1:443", "bücher.example.:1", "a..b:1", "[fe80::1%25x]:443", "::1", "a_b:65535", "Ｅ:1", "xn--a:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTarget(s, 0)
		if err != nil {
			return
		}
		again, err := parseTarget(got.String(), 0)
		if err != nil || again != got {
			t.Errorf("%q is %v, and that is %v: %v", s, got, again, err)
		}
		if strings.Trim(got.host, "abcdefghijklmnopqrstuvwxyz0123456789-_.:") != "" || got.port < 1 || got.port > 65535 || len(got.host) > maxHost {
			t.Errorf("%q is %v", s, got)
		}
		if _, err := netip.ParseAddr(got.host); (err == nil) != got.isAddress() || net.ParseIP(got.host) != nil && !got.isAddress() {
			t.Errorf("%q is %v, and an address or not", s, got)
		}
		if !got.isNamed(got.host) || !got.isAddress() && !got.isNamed(strings.ToUpper(got.host)+".") {
			t.Errorf("%q does not know its own name", s)
		}
	})
}

// FuzzFirstBytes holds that more bytes never change what fewer have decided, and that it is decided soon.
func FuzzFirstBytes(f *testing.F) {
	for _, s := range []string{"", "\x16", "\x16\x03\x01", "\x16\x04", "GET / ", "PRI * HTTP/2.0", "SSH-2.0-x", "VERSION-CONTROL /", " ", "PR", strings.Repeat("A", 40)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		decided := notYetKnown
		for n := range len(b) + 1 {
			got := recognise(b[:n])
			if decided != notYetKnown && got != decided {
				t.Errorf("%q is %d, and %q is %d", b[:n-1], decided, b[:n], got)
			}
			if decided = got; got == notYetKnown && n > longestMethod+1 {
				t.Errorf("%q is not decided", b[:n])
			}
		}
	})
}

// FuzzProxyAuthorization holds that a token is found exactly where one was put, and nothing breaks on the rest.
func FuzzProxyAuthorization(f *testing.F) {
	for _, s := range []string{"Basic YTpi", "basic  YTpi ", "Bearer x", "Bearer", "Basic !", "Basic YQ==", "Digest x"} {
		f.Add(s, "name", "token")
	}
	f.Fuzz(func(t *testing.T, header, name, token string) {
		if got := tokenOf(header); len(got) > len(header) {
			t.Errorf("%q holds %q", header, got)
		}
		if strings.Contains(name, ":") {
			return
		}
		if got := tokenOf("Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+token))); got != token {
			t.Errorf("%q, not %q", got, token)
		}
	})
}
