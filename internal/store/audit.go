package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Author is on whose behalf the record is changed.
type Author struct {
	Name    string // of the account
	Address string // where the request came from
	Request string // id of the request
}

// Program is the author of what nobody has asked for.
const Program = "modelgate"

type authorKey struct{}

// WithAuthor puts the author of what is about to be changed into a context.
func WithAuthor(ctx context.Context, a Author) context.Context {
	return context.WithValue(ctx, authorKey{}, a)
}

// authorOf is the author that a context carries, or the program itself.
func authorOf(ctx context.Context) Author {
	a, _ := ctx.Value(authorKey{}).(Author)
	if a.Name == "" {
		a.Name = Program
	}
	return a
}

// AuditEntry is one change, as the audit log has it.
type AuditEntry struct {
	UUID uuid.UUID
	Time time.Time
	Author
	Action string // "security_group.update": a noun and a verb
	Object string // UUID or key of what was changed
	Title  string // what people call it
	// Old and New are what was changed, before and after, as JSON; nil before it was made and after it was removed. Secrets are not in them.
	Old, New json.RawMessage
}

// audit writes a change into the log, in the transaction that makes it. The old and the new state are encoded as JSON, nil is none.
func audit(ctx context.Context, tx *sql.Tx, action, object, title string, before, after any) error {
	encode := func(v any) (string, error) {
		if v == nil {
			return "", nil
		}
		text, err := json.Marshal(v)
		return string(text), err
	}
	from, err := encode(before)
	if err != nil {
		return fmt.Errorf("encode %s for the audit log: %w", action, err)
	}
	to, err := encode(after)
	if err != nil {
		return fmt.Errorf("encode %s for the audit log: %w", action, err)
	}
	a := authorOf(ctx)
	_, err = tx.ExecContext(ctx, "INSERT INTO audit_log ("+auditColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		newID(), stamp(now()), a.Name, a.Address, a.Request, action, object, title, from, to)
	return err
}

const auditColumns = "uuid, at, who, address, request, action, object, name, old, new"

// AuditFilter chooses changes. Its zero value is all of them.
type AuditFilter struct {
	Who    string
	Action string // whole, or a noun alone
	Object string
	Start  time.Time
	End    time.Time
	Limit  int // 0 is all
	Skip   int
}

// AuditLog lists changes, newest first, and says how many there are without limit and skip.
func (s *Store) AuditLog(ctx context.Context, f AuditFilter) ([]AuditEntry, int, error) {
	where, args := " WHERE at >= ?", []any{stamp(f.Start)}
	add := func(condition string, values ...any) {
		where, args = where+" AND "+condition, append(args, values...)
	}
	if !f.End.IsZero() {
		add("at <= ?", stamp(f.End))
	}
	if f.Who != "" {
		add("who = ?", f.Who)
	}
	if f.Action != "" {
		add(`(action = ? OR action LIKE ? ESCAPE '\')`, f.Action, likePrefix(f.Action+"."))
	}
	if f.Object != "" {
		add("object = ?", f.Object)
	}
	total, err := count(ctx, s.reader, "SELECT count(*) FROM audit_log"+where, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("count the audit log: %w", err)
	}
	rows, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (e AuditEntry, err error) {
		var at int64
		var before, after string
		err = r.Scan(&e.UUID, &at, &e.Name, &e.Address, &e.Request, &e.Action, &e.Object, &e.Title, &before, &after)
		e.Time = unstamp(at)
		if before != "" {
			e.Old = json.RawMessage(before)
		}
		if after != "" {
			e.New = json.RawMessage(after)
		}
		return e, err
	}, "SELECT "+auditColumns+" FROM audit_log"+where+" ORDER BY id DESC"+page(f.Limit, f.Skip), args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list the audit log: %w", err)
	}
	return rows, total, nil
}
