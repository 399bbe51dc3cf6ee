package hfmirror

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinksLeadToTheGate(t *testing.T) {
	const base = "http://gate:8080/g/lab"
	rows := []struct {
		name, endpoint, in string
		kept, dropped      []string
	}{
		{
			"the next page", "https://hub.test", `<https://hub.test/api/models?limit=1&cursor=a%2Cb%3D>; rel="next"`,
			[]string{`<` + base + `/api/models?limit=1&cursor=a%2Cb%3D>; rel="next"`},
			nil,
		},
		{"a relative one", "https://hub.test", `</api/models?p=2>; rel="next"`, []string{`<` + base + `/api/models?p=2>; rel="next"`}, nil},
		{"a query alone", "https://hub.test", `<?p=2>;rel=next`, []string{`<` + base + `/api/models?p=2>; rel="next"`}, nil},
		{"a relation that is spelled in another way", "https://hub.test", `</api/x?p=2> ;  REL = next ;`, []string{`<` + base + `/api/x?p=2>; rel="next"`}, nil},
		{"more than a relation", "https://hub.test", `</api/x?p=2>;title="a";rel=next`, []string{`<` + base + `/api/x?p=2>;title="a";rel=next`}, nil},
		{"another name of the same machine", "http://127.0.0.1:8", `<http://localhost:8/api/models?p=2>; rel="next"`, []string{`<` + base + `/api/models?p=2>; rel="next"`}, nil},
		{"another port of the same machine", "http://127.0.0.1:8", `<http://localhost:9/api/x>; rel="next"`, nil, []string{"http://localhost:9/api/x"}},
		{"an endpoint below a path", "https://hub.test/hf/", `<https://hub.test/hf/api/models?p=2>; rel="next"`, []string{`<` + base + `/api/models?p=2>; rel="next"`}, nil},
		{"an endpoint spelled in capitals", "https://hub.test", `<https://HUB.TEST/api/models>; rel="next"`, []string{`<` + base + `/api/models>; rel="next"`}, nil},
		{
			"two of which one is Xet's", "https://hub.test", `<https://hub.test/api/x>; rel="xet-auth", <https://hub.test/api/y>; rel="next"`,
			[]string{`<` + base + `/api/y>; rel="next"`},
			nil,
		},
		{"Xet's other one", "https://hub.test", `<https://cas.test/r/x>; rel="xet-reconstruction-info"`, nil, nil},
		{"a comma in an address", "https://hub.test", `<https://hub.test/api/x?a=1,2>; rel="next"`, []string{`<` + base + `/api/x?a=1,2>; rel="next"`}, nil},
		{"another host", "https://hub.test", `<https://evil.test/api/x>; rel="next"`, nil, []string{"https://evil.test/api/x"}},
		{"another port", "https://hub.test", `<https://hub.test:444/api/x>; rel="next"`, nil, []string{"https://hub.test:444/api/x"}},
		{"another host in disguise", "https://hub.test", `<https://hub.test@evil.test/api/x>; rel="next"`, nil, []string{"https://hub.test@evil.test/api/x"}},
		{"another host without a scheme", "https://hub.test", `<//evil.test/api/x>; rel="next"`, nil, []string{"//evil.test/api/x"}},
		{"another host by a backslash", "https://hub.test", `</\evil.test/x>; rel="next"`, nil, []string{`/\evil.test/x`}},
		{"another scheme", "https://hub.test", `<ftp://hub.test/api/x>; rel="next"`, nil, []string{"ftp://hub.test/api/x"}},
		{"outside of the endpoint's path", "https://hub.test/hf", `<https://hub.test/other/x>; rel="next"`, nil, []string{"https://hub.test/other/x"}},
		{"no address", "https://hub.test", `nonsense`, nil, []string{"nonsense"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			l, err := newLinks(row.endpoint)
			if err != nil {
				t.Fatal(err)
			}
			kept, dropped := l.rewrite([]string{row.in}, base, "/api/models")
			if diff := cmp.Diff(row.kept, kept); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(row.dropped, dropped); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSentencesFitIntoHeaders(t *testing.T) {
	rows := []struct{ name, head, tail, want string }{
		{"plain text stays", "a b", "c", "a b; c"},
		{"letters beyond ASCII are encoded", "né", "", "n%C3%A9"},
		{"line breaks are encoded", "a\r\nX-Evil: 1", "", "a%0D%0AX-Evil: 1"},
	}
	for _, row := range rows {
		if got := sentence(row.head, row.tail); got != row.want {
			t.Errorf("%s: got %q", row.name, got)
		}
	}
	long := sentence(strings.Repeat("é", 500), "http://gate/ui/scans/1")
	if len(long) > headerText || !strings.HasSuffix(long, "; http://gate/ui/scans/1") {
		t.Errorf("a long sentence became %q", long)
	}
}
