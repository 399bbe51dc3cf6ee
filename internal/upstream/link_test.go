package upstream

import (
	"net/http"
	"net/url"
	"testing"
)

func TestNextLink(t *testing.T) {
	for why, row := range map[string]struct{ value, want string }{
		"alone":                       {`<http://hub/a?p=2>; rel="next"`, "http://hub/a?p=2"},
		"without quotes":              {`</a?p=2>;rel=next`, "/a?p=2"},
		"after another":               {`</a>; rel="first", </a?p=2>; rel="next"`, "/a?p=2"},
		"with a comma in its address": {`</a?x=1,2&p=2>; rel="next"`, "/a?x=1,2&p=2"},
		"with a comma in its title":   {`</a>; title="a, <b>"; rel="first", <?p=2>; title="c, d"; rel="next"`, "?p=2"},
		"among other relations":       {`</a?p=2>; REL="last Next"`, "/a?p=2"},
		"none":                        {`</a>; rel="prev"; title="next"`, ""},
		"another word":                {`</a>; rel="nextish"`, ""},
		"no link":                     {`next`, ""},
		"never closed":                {`</a; rel="next"`, ""},
	} {
		if got := NextLink(http.Header{"Link": {row.value}}); got != row.want {
			t.Errorf("%s: %q, want %q", why, got, row.want)
		}
	}
}

func TestSameServer(t *testing.T) {
	for why, row := range map[string]struct {
		a, b string
		want bool
	}{
		"the same":                        {"http://hub/a", "http://hub/b", true},
		"in capitals":                     {"http://hub/", "HTTP://HUB./", true},
		"a port that goes without saying": {"https://hub/", "https://hub:443/", true},
		"names of this machine":           {"http://127.0.0.1:8/", "http://localhost:8/", true},
		"this machine in IPv6":            {"http://[::1]:8/", "http://localhost:8/", true},
		"another port":                    {"http://127.0.0.1:8/", "http://localhost:9/", false},
		"another scheme":                  {"https://hub/", "http://hub/", false},
		"another host":                    {"http://hub/", "http://hub.evil.example/", false},
		"another host on the way to us":   {"http://127.0.0.1/", "http://127.0.0.1.evil.example/", false},
	} {
		a, errA := url.Parse(row.a)
		b, errB := url.Parse(row.b)
		if errA != nil || errB != nil || SameServer(a, b) != row.want || SameServer(b, a) != row.want {
			t.Errorf("%s: want %v", why, row.want)
		}
	}
}
