package hfmirror

import (
	"time"

	"modelgate/internal/hubtest"
	"modelgate/internal/model"
	"modelgate/internal/upstream/hub"
)

// revOf is a revision whose name stands where a commit would.
func revOf(repo *hubtest.Repo, kind model.Kind, rev string) hub.Revision {
	return hub.Revision{Repo: hub.Repo{Kind: kind, ID: repo.ID()}, Commit: rev}
}

// waitForBlob waits until a file of main is whole on disk: clients have its bytes a moment earlier.
func (s *stand) waitForBlob(repo *hubtest.Repo, path string, size int64) {
	s.t.Helper()
	oid, lfs := repo.Blob("main", path)
	digest := model.Digest("git:" + oid)
	if lfs {
		a := s.ask("HEAD", "/"+repo.ID()+"/resolve/main/"+path)
		digest = model.Digest("sha256:" + a.Header.Get("X-Linked-Etag")[1:65])
	}
	for range 500 {
		if s.blobs.Has(digest, size) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("%s is not on disk", path)
}
