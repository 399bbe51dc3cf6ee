package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// Bounds of the buffer of downloads.
const (
	downloadBuffer = 16_384
	downloadBatch  = 500
	downloadDelay  = 200 * time.Millisecond
	// downloadPatience is how long one batch may take to write.
	downloadPatience = 30 * time.Second
)

// downloads writes downloads behind the back of whoever serves bytes.
type downloads struct {
	queue   chan model.Download
	done    chan struct{}
	insert  func([]model.Download) error
	dropped atomic.Int64

	closing sync.RWMutex
	closed  bool
}

func newDownloads(insert func([]model.Download) error) *downloads {
	d := &downloads{queue: make(chan model.Download, downloadBuffer), done: make(chan struct{}), insert: insert}
	go d.run()
	return d
}

// run gathers a batch and writes it, until the queue is closed. Requests of one client for the same bytes within a batch become
// one row: clients fetch a file in many ranges. What cannot be written is dropped and counted.
func (d *downloads) run() {
	defer close(d.done)
	batch := make([]model.Download, 0, downloadBatch)
	rows := map[model.Download]int{} // what makes downloads the same -> place in the batch
	flush := func() {
		if len(batch) > 0 && d.insert(batch) != nil {
			d.dropped.Add(int64(len(batch)))
		}
		batch = batch[:0]
		clear(rows)
	}
	tick := time.NewTicker(downloadDelay)
	defer tick.Stop()
	for {
		select {
		case row, ok := <-d.queue:
			if !ok {
				flush()
				return
			}
			same := row
			same.Time, same.Bytes, same.Requests = time.Time{}, 0, 0
			if i, ok := rows[same]; ok {
				batch[i].Requests += row.Requests
				batch[i].Bytes += row.Bytes
				continue
			}
			rows[same] = len(batch)
			if batch = append(batch, row); len(batch) == downloadBatch {
				flush()
			}
		case <-tick.C:
			flush()
		}
	}
}

func (d *downloads) add(row model.Download) {
	d.closing.RLock()
	defer d.closing.RUnlock()
	if !d.closed {
		select {
		case d.queue <- row:
			return
		default:
		}
	}
	d.dropped.Add(1)
}

func (d *downloads) close() {
	d.closing.Lock()
	if !d.closed {
		d.closed = true
		close(d.queue)
	}
	d.closing.Unlock()
	<-d.done
}

// RecordDownload notes a download. It never waits for the disk: the row goes into a bounded buffer that is written every 200 ms
// or 500 rows, and at Close; a process that is killed loses what is in it. A full buffer, or a record that cannot be written, drops
// rows and counts them.
func (s *Store) RecordDownload(d model.Download) {
	if d.Time.IsZero() {
		d.Time = now()
	}
	d.Requests = max(1, d.Requests)
	d.Client = strings.ToValidUTF8(d.Client[:min(len(d.Client), maxClient)], "")
	s.downloads.add(d)
}

// maxClient is the longest name of a client that is kept, in bytes.
const maxClient = 200

// DroppedDownloads counts the downloads that were not recorded since the start.
func (s *Store) DroppedDownloads() int64 { return s.downloads.dropped.Load() }

const downloadColumns = "at, source, kind, name, revision, path, digest, scan_uuid, outcome, client, who, bytes, door, requests"

func (s *Store) insertDownloads(batch []model.Download) error {
	ctx, cancel := context.WithTimeout(context.Background(), downloadPatience)
	defer cancel()
	return s.change(ctx, "record downloads", func(tx *sql.Tx) error {
		groups := slices.Collect(slices.Chunk(batch, downloadsAtOnce))
		last := groups[len(groups)-1]
		if len(last) < downloadsAtOnce {
			groups = groups[:len(groups)-1]
			if err := forEach(ctx, tx, last, insertDownloads(1), func(_ int, d model.Download) ([]any, error) { return downloadRow(d), nil }); err != nil {
				return err
			}
		}
		return forEach(ctx, tx, groups, insertDownloads(downloadsAtOnce), func(_ int, group []model.Download) ([]any, error) {
			var values []any
			for _, d := range group {
				values = append(values, downloadRow(d)...)
			}
			return values, nil
		})
	})
}

// downloadsAtOnce is how many downloads one statement writes: the cost of a statement is several times that of a row.
const downloadsAtOnce = 20

// insertDownloads is the statement that writes n downloads.
func insertDownloads(n int) string {
	row := "(" + placeholders(14) + ")"
	return "INSERT INTO downloads (" + downloadColumns + ") VALUES " + row + strings.Repeat(", "+row, n-1)
}

func downloadRow(d model.Download) []any {
	return []any{
		stamp(d.Time), d.Version.Source, d.Version.Kind, d.Version.Name, d.Version.Revision, d.Path,
		d.Digest, d.Scan, d.Outcome, d.Client, d.Who, d.Bytes, d.Door, d.Requests,
	}
}

// DownloadFilter chooses downloads. Its zero value is all of them.
type DownloadFilter struct {
	Scan  uuid.UUID
	Name  string // of the model
	Since time.Time
	Limit int // 0 is all
	Skip  int
}

// Downloads lists downloads, newest first, and says how many there are without limit and skip. The last 200 ms may be missing.
func (s *Store) Downloads(ctx context.Context, f DownloadFilter) ([]model.Download, int, error) {
	where, args := " WHERE at >= ?", []any{stamp(f.Since)}
	if f.Scan != uuid.Nil {
		where, args = where+" AND scan_uuid = ?", append(args, f.Scan)
	}
	if f.Name != "" {
		where, args = where+" AND name = ?", append(args, f.Name)
	}
	total, err := count(ctx, s.reader, "SELECT count(*) FROM downloads"+where, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("count downloads: %w", err)
	}
	rows, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (d model.Download, err error) {
		var at int64
		err = r.Scan(&at, &d.Version.Source, &d.Version.Kind, &d.Version.Name, &d.Version.Revision, &d.Path, &d.Digest, &d.Scan,
			&d.Outcome, &d.Client, &d.Who, &d.Bytes, &d.Door, &d.Requests)
		d.Time = unstamp(at)
		return d, err
	}, "SELECT "+downloadColumns+" FROM downloads"+where+" ORDER BY at DESC, id DESC"+page(f.Limit, f.Skip), args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list downloads: %w", err)
	}
	return rows, total, nil
}
