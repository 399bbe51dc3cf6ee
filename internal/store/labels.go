package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// MaxLabels is how many labels a scan can have.
const MaxLabels = 50

// ErrTooManyLabels means that a scan would have more than [MaxLabels].
var ErrTooManyLabels = errors.New("a scan can have 50 labels")

// AddLabels gives a scan labels; those it has keep their value unless the key is given again.
func (s *Store) AddLabels(ctx context.Context, scan uuid.UUID, labels []model.Label) error {
	return s.relabel(ctx, scan, func(tx *sql.Tx, id int64) error { return addLabels(ctx, tx, id, labels) })
}

// SetLabels gives a scan exactly these labels.
func (s *Store) SetLabels(ctx context.Context, scan uuid.UUID, labels []model.Label) error {
	return s.relabel(ctx, scan, func(tx *sql.Tx, id int64) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM scan_labels WHERE scan_id = ?", id); err != nil {
			return err
		}
		return addLabels(ctx, tx, id, labels)
	})
}

// DeleteLabels takes labels from a scan; keys that it does not have are no error.
func (s *Store) DeleteLabels(ctx context.Context, scan uuid.UUID, keys []string) error {
	return s.relabel(ctx, scan, func(tx *sql.Tx, id int64) error {
		for _, key := range keys {
			if _, err := tx.ExecContext(ctx, "DELETE FROM scan_labels WHERE scan_id = ? AND key = ?", id, key); err != nil {
				return err
			}
		}
		return noteLabels(ctx, tx, id)
	})
}

func (s *Store) relabel(ctx context.Context, scan uuid.UUID, change func(tx *sql.Tx, id int64) error) error {
	return s.change(ctx, "label scan "+scan.String(), func(tx *sql.Tx) error {
		id, err := scanID(ctx, tx, scan)
		if err != nil {
			return err
		}
		if err := change(tx, id); err != nil {
			return err
		}
		n, err := count(ctx, tx, "SELECT count(*) FROM scan_labels WHERE scan_id = ?", id)
		if err == nil && n > MaxLabels {
			err = ErrTooManyLabels
		}
		return err
	})
}

func addLabels(ctx context.Context, tx *sql.Tx, id int64, labels []model.Label) error {
	for _, l := range labels {
		_, err := tx.ExecContext(ctx, `INSERT INTO scan_labels (scan_id, key, value) VALUES (?, ?, ?)
			ON CONFLICT (scan_id, key) DO UPDATE SET value = excluded.value`, id, l.Key, l.Value)
		if err != nil {
			return err
		}
	}
	return noteLabels(ctx, tx, id)
}

// noteLabels copies the labels of a scan into its row, where lists read them.
func noteLabels(ctx context.Context, tx *sql.Tx, id int64) error {
	labels, err := rowsOf(ctx, tx, func(r *sql.Rows) (l model.Label, err error) {
		err = r.Scan(&l.Key, &l.Value)
		return l, err
	}, "SELECT key, value FROM scan_labels WHERE scan_id = ? ORDER BY key", id)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE scans SET labels = ? WHERE id = ?", list(labels), id)
	return err
}

// LabelKeys lists the keys in use that begin with a prefix, and says how many there are.
func (s *Store) LabelKeys(ctx context.Context, prefix string, limit, skip int) ([]string, int, error) {
	return s.distinct(ctx, "key", " WHERE key LIKE ? ESCAPE '\\'", limit, skip, likePrefix(prefix))
}

// LabelValues lists the values in use for a key that begin with a prefix, and says how many there are.
func (s *Store) LabelValues(ctx context.Context, key, prefix string, limit, skip int) ([]string, int, error) {
	return s.distinct(ctx, "value", " WHERE key = ? AND value LIKE ? ESCAPE '\\'", limit, skip, key, likePrefix(prefix))
}

func (s *Store) distinct(ctx context.Context, column, where string, limit, skip int, args ...any) ([]string, int, error) {
	total, err := count(ctx, s.reader, "SELECT count(DISTINCT "+column+") FROM scan_labels"+where, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("count labels: %w", err)
	}
	values, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (v string, err error) {
		err = r.Scan(&v)
		return v, err
	}, "SELECT DISTINCT "+column+" FROM scan_labels"+where+" ORDER BY "+column+page(limit, skip), args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list labels: %w", err)
	}
	return values, total, nil
}

// likePrefix is the pattern of LIKE, with \ as its escape, for texts that begin so.
func likePrefix(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
