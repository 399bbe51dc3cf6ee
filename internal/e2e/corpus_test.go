package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"modelgate/internal/hubtest"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/threat"
)

func TestEveryEvilFileIsRefusedUnderItsScanAndEveryTwinIsServed(t *testing.T) {
	w := newWorld(t)
	on, _ := through(t, w)
	cases := scantest.All()
	if len(cases) < 100 {
		t.Fatalf("only %d cases", len(cases))
	}
	evil, honest := 0, 0
	for i, c := range cases {
		if c.Source != "" { // not what the Hub has
			continue
		}
		files := hubtest.Files{}
		for path, content := range c.Content() {
			files[path] = hubtest.Bytes(content)
		}
		id := fmt.Sprintf("corpus/case%d", i)
		w.AddModel(id, files)
		path := slices.Sorted(maps.Keys(files))[0]
		got := ask(t, "GET", on.endpoint+"/"+id+"/resolve/main/"+escaped(path))
		scan := got.header.Get("X-Modelgate-Scan")
		switch {
		case c.Level == threat.Clean && c.Twin:
			honest++
			if got.status != http.StatusOK || hubtest.Bytes([]byte(got.body)).SHA256() != files[path].SHA256() {
				t.Errorf("%s: %d %s", c.Name, got.status, got.header.Get("X-Error-Message"))
			}
		case c.Level > threat.Clean:
			evil++
			if got.status != http.StatusForbidden || !uuids.MatchString(scan) || !strings.Contains(got.body, scan) {
				t.Errorf("%s: %d, scan %q, %.200s", c.Name, got.status, scan, got.body)
			}
		}
	}
	if evil < 50 || honest < 20 {
		t.Errorf("%d evil cases and %d honest ones", evil, honest)
	}
}

// escaped is a path as it stands in an address.
func escaped(path string) string {
	segs := strings.Split(path, "/")
	for i := range segs {
		segs[i] = url.PathEscape(segs[i])
	}
	return strings.Join(segs, "/")
}
