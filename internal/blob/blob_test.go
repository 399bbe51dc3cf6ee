package blob_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"modelgate/internal/blob"
	"modelgate/internal/blob/blobtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type store struct{ *blob.Store }

func (s store) Get(ctx context.Context, want blob.Want, open blob.Opener) (blobtest.Content, error) {
	c, err := s.Store.Get(ctx, want, open)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func TestDiskIsAStoreOfBlobs(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Store {
		s, err := blob.Open(blob.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return store{s}
	})
}
