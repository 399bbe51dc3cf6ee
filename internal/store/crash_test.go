package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
	"modelgate/internal/store"
	"modelgate/internal/store/storetest"
)

// childRecord names the database to a process of this test that records until it is killed.
const childRecord = "MODELGATE_TEST_RECORD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childRecord); path != "" {
		os.Exit(recordForever(path))
	}
	os.Exit(m.Run())
}

// recordForever records scans, settled and pending in turn, and tells of each one once it is recorded.
func recordForever(path string) int {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Path: path, Instance: "child"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := 0; ; i++ {
		scan := storetest.Scan(1)
		scan.UUID = uuid.New()
		if i%2 == 1 {
			scan.Outcome = model.Pending
		}
		if err := s.PutScan(ctx, &scan); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Fprintln(os.Stdout, scan.UUID)
	}
}

func TestAKilledProcessLeavesWholeScans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childRecord+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var told []uuid.UUID
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		id, err := uuid.Parse(lines.Text())
		if err != nil {
			break // the last line may be cut
		}
		if told = append(told, id); len(told) == 100 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	s := open(t, path)
	defer s.Close()
	const never = 100 * 365 * 24 * time.Hour
	n, err := s.Recover(t.Context(), never)
	if err != nil || n != 0 {
		t.Errorf("recovered %d scans of another process, %v; want none", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = store.Open(t.Context(), store.Options{Path: path, Instance: "child"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Recover(t.Context(), never); err != nil || n < 50 {
		t.Errorf("recovered %d pending scans, %v; want 50 at least", n, err)
	}
	for _, id := range told {
		scan, err := s.Scan(t.Context(), id)
		if err != nil || len(scan.Evaluations) != 2 || len(scan.Evaluations[1].Violations) != 2 || len(scan.Files) != 3 || len(scan.Labels) != 2 {
			t.Errorf("scan %s was told and is not whole: %v", id, err)
		}
		if scan.Outcome != model.Blocked && scan.Outcome != model.Errored {
			t.Errorf("scan %s is %s", id, scan.Outcome)
		}
	}
}

func TestTwoProcessesOpenOneRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			s, err := store.Open(t.Context(), store.Options{Path: path, Instance: fmt.Sprint(n)})
			if err != nil {
				t.Error(err)
				return
			}
			scan := storetest.Scan(byte(n))
			if err := s.PutScan(t.Context(), &scan); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := open(t, path)
	defer s.Close()
	if _, total, err := s.Scans(t.Context(), store.ScanFilter{}); err != nil || total != 4 {
		t.Errorf("%d scans, %v; want 4", total, err)
	}
}

func TestRequestsOfAMomentForTheSameBytesBecomeOneRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, path)
	for range 16 {
		s.RecordDownload(model.Download{Path: "model.bin", Who: "one", Bytes: 10})
	}
	s.RecordDownload(model.Download{Path: "model.bin", Who: "another", Bytes: 10})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	defer s.Close()
	rows, _, err := s.Downloads(t.Context(), store.DownloadFilter{})
	if err != nil {
		t.Fatal(err)
	}
	requests, bytes := map[string]int{}, map[string]int64{}
	for _, d := range rows {
		requests[d.Who] += d.Requests
		bytes[d.Who] += d.Bytes
	}
	// The batch may have been written in between, so there may be more rows than two; nothing is lost.
	if len(rows) >= 17 || requests["one"] != 16 || bytes["one"] != 160 || requests["another"] != 1 {
		t.Errorf("%d rows, requests %v, bytes %v", len(rows), requests, bytes)
	}
}

func TestCloseWritesWhatIsBuffered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := open(t, path)
	for i := range 700 {
		s.RecordDownload(model.Download{Path: strconv.Itoa(i)})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.RecordDownload(model.Download{})
	if n := s.DroppedDownloads(); n != 1 {
		t.Errorf("%d downloads were dropped, want the one after Close", n)
	}
	s = open(t, path)
	defer s.Close()
	if _, total, err := s.Downloads(t.Context(), store.DownloadFilter{Limit: 1}); err != nil || total != 700 {
		t.Errorf("%d downloads, %v; want 700", total, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the record has mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestAnAddressThatIsNoFileIsRefusedWithoutItsPassword(t *testing.T) {
	for _, path := range []string{"", "postgres://user:secret@db/modelgate", "postgresql://user:secret@db/modelgate"} {
		s, err := store.Open(t.Context(), store.Options{Path: path})
		if err == nil {
			s.Close()
		}
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", path, err)
		}
	}
	s := open(t, "sqlite://"+filepath.Join(t.TempDir(), "record.db"))
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
