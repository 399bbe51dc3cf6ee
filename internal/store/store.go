// Package store is the record: scans with everything that explains them, security groups, models, downloads, reports of
// files, and small facts remembered of upstream. No outcome is told to anybody before it stands here.
//
// The record is a SQLite database in WAL mode. One connection writes, and every change is one transaction, so a process that
// is killed leaves whole scans behind or none; a pool of connections reads beside it without waiting. Queries keep to what SQLite and
// Postgres share, with `?` for arguments. The schema is in package migrations and is brought up to date by [Open].
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"modelgate/internal/store/migrations"
)

// Errors on which callers branch.
var (
	// ErrNotFound means that there is no row of that name or UUID.
	ErrNotFound = errors.New("not found")
	// ErrFull means that the disk of the record has no room left.
	ErrFull = errors.New("the disk of the database is full")
	// ErrNameTaken means that a live group of that name exists.
	ErrNameTaken = errors.New("a group of that name exists")
)

// Options say where the record is and who writes it.
type Options struct {
	// Path is the SQLite file, with or without sqlite:// before it; it and its directory are made if absent.
	Path string
	// Instance names this process for [Store.Recover]; a restarted process has the name of its predecessor.
	Instance string
}

// Store is the record. All methods may be called at the same time.
type Store struct {
	writer    *sql.DB // one connection; its transactions begin by taking the write lock
	reader    *sql.DB
	instance  string
	downloads *downloads
	blocked   *sql.Stmt // of BlockedRevisions, which each request for a file of a package asks: parsing it takes longer than the answer
}

// Open opens the record and brings its schema up to date.
func Open(ctx context.Context, o Options) (*Store, error) {
	o.Path = strings.TrimPrefix(o.Path, "sqlite://")
	if scheme, _, ok := strings.Cut(o.Path, "://"); ok { // the rest may hold a password
		return nil, fmt.Errorf("open database: %s is not supported yet; give the path of a SQLite file", scheme)
	}
	if o.Path == "" {
		return nil, errors.New("open database: no path")
	}
	if err := prepareFile(o.Path); err != nil {
		return nil, err
	}
	writer, err := sql.Open("sqlite", dsn(o.Path, "_txlock=immediate"))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", o.Path, err)
	}
	writer.SetMaxOpenConns(1)
	writer.SetConnMaxIdleTime(0)
	if err := migrate(ctx, writer); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", o.Path, explain(err)), writer.Close())
	}
	reader, err := sql.Open("sqlite", dsn(o.Path, "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", o.Path, err), writer.Close())
	}
	connections := max(4, 2*runtime.GOMAXPROCS(0))
	reader.SetMaxOpenConns(connections)
	reader.SetMaxIdleConns(connections)
	blocked, err := reader.PrepareContext(ctx, blockedRevisions)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", explain(err)), reader.Close(), writer.Close())
	}
	s := &Store{writer: writer, reader: reader, instance: o.Instance, blocked: blocked}
	s.downloads = newDownloads(s.insertDownloads)
	return s, nil
}

// prepareFile makes the directory and the file, readable by their owner alone: the record says who asked for what.
func prepareFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make directory of database: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	return nil
}

// dsn names the file for the driver. Each connection gets the pragmas: write-ahead log, no sync of it at each transaction
// (a crash of the machine can lose the last ones, but never half of one), patience with other processes.
func dsn(path, more string) string {
	name := (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
	return "file:" + name + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)" +
		"&_pragma=foreign_keys(1)&_pragma=cache_size(-16000)&_pragma=temp_store(MEMORY)&" + more
}

// migrate brings the schema up to date. Two processes that start at once may both try; whoever comes second sees on
// its next try that the work is done.
func migrate(ctx context.Context, db *sql.DB) error {
	tree, err := fs.Sub(migrations.SQLite, "sqlite")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, tree)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	for try := 1; ; try++ {
		_, err := provider.Up(ctx)
		if err == nil {
			return nil
		}
		if try == 3 || ctx.Err() != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
}

// Close writes what is buffered and closes the record.
func (s *Store) Close() error {
	s.downloads.close()
	return errors.Join(s.blocked.Close(), s.reader.Close(), s.writer.Close())
}

// Ping says whether the record can be read.
func (s *Store) Ping(ctx context.Context) error { return explain(s.reader.PingContext(ctx)) }

// change runs f in a transaction, which is committed if f returns nil.
func (s *Store) change(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: begin: %w", what, explain(err))
	}
	if err := f(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return fmt.Errorf("%s: %w", what, explain(err))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: commit: %w", what, explain(err))
	}
	return nil
}

// explain names the errors of the database that callers or people can act on.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// queryer is a database or a transaction, to read from.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// rowsOf reads all rows of a query.
func rowsOf[T any](ctx context.Context, q queryer, scan func(*sql.Rows) (T, error), query string, args ...any) (out []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, explain(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, explain(rows.Err())
}

// forEach runs one statement with the arguments of each item.
func forEach[T any](ctx context.Context, tx *sql.Tx, items []T, query string, args func(i int, item T) ([]any, error)) (err error) {
	if len(items) == 0 {
		return nil
	}
	statement, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	for i, item := range items {
		values, err := args(i, item)
		if err != nil {
			return err
		}
		if _, err := statement.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return nil
}

// count reads one number.
func count(ctx context.Context, q queryer, query string, args ...any) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, explain(err)
}

// stamp and unstamp turn times into microseconds since 1970 and back; the zero time is 0.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func unstamp(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// now is the present as the record keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// newID is a UUID whose value grows with time, so that indices grow at their end.
func newID() uuid.UUID {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.New()
	}
	return id
}

// page is the end of a query for one page of rows. A limit of 0 means all.
func page(limit, skip int) string {
	if limit <= 0 {
		limit = -1
	}
	return fmt.Sprintf(" LIMIT %d OFFSET %d", limit, max(0, skip))
}

// placeholders is "?,?,?" for n arguments.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }
