package hub

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/model"
)

func TestTheTreeGoesBeforeWhatHEADSaid(t *testing.T) {
	digest := func(c string) model.Digest { return model.Digest("sha256:" + strings.Repeat(c, 64)) }
	listed := model.File{Path: "a.bin", Size: 5, Digest: digest("a")}
	tr := newTree([]model.File{listed})
	said := func(d model.Digest, size int64) FileInfo {
		return FileInfo{File: model.File{Path: "a.bin", Size: size, Digest: d}, LFS: true, ETag: d.Hex(), ContentType: "text/plain"}
	}
	fromTree := FileInfo{File: listed, LFS: true, ETag: digest("a").Hex()}
	rows := map[string]struct {
		said FileInfo
		path string
		want FileInfo
	}{
		"they agree":                          {said(digest("a"), 5), "a.bin", said(digest("a"), 5)},
		"HEAD said other bytes":               {said(digest("b"), 5), "a.bin", fromTree},
		"HEAD said another size":              {said(digest("a"), 6), "a.bin", fromTree},
		"HEAD said that there is none":        {FileInfo{Missing: true}, "a.bin", fromTree},
		"the tree does not have what it said": {said(digest("a"), 5), "b.bin", FileInfo{Missing: true}},
	}
	for name, row := range rows {
		if diff := cmp.Diff(row.want, tr.confirm(row.said, row.path)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
