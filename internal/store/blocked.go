package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// BlockedScan is a scan that ended as BLOCKED, of one revision of a model.
type BlockedScan struct {
	Revision string
	Scan     uuid.UUID
	Rule     string // name of the first blocking rule that failed
	Advisory string // identifier of the advisory for which it failed, "" if it is not about one
}

// mostBlocked bounds how many blocked revisions of one model are told.
const mostBlocked = 10_000

// blockedRevisions finds the latest settled scan of each revision of a model, if it is one that blocks, with the first blocking rule that failed
// and what it says of no file in particular.
const blockedRevisions = `SELECT s.version_key, s.uuid, coalesce((
		SELECT t.name FROM evaluations e JOIN rule_texts t ON t.id = e.text_id
		WHERE e.scan_id = s.id AND e.result = 'FAILED' AND e.state = 'BLOCKING' ORDER BY e.pos LIMIT 1), ''),
		coalesce((SELECT v.body FROM violations v WHERE v.path = '' AND v.evaluation_id = (
			SELECT e.id FROM evaluations e
			WHERE e.scan_id = s.id AND e.result = 'FAILED' AND e.state = 'BLOCKING' ORDER BY e.pos LIMIT 1)
		ORDER BY v.pos LIMIT 1), '')
	FROM scans s
	WHERE s.version_key > ? AND s.version_key < ? AND s.group_uuid = ? AND s.group_rules = ? AND s.scanner_version = ?
		AND s.partial = 0 AND s.outcome = 'BLOCKED'
		AND s.id = (SELECT max(n.id) FROM scans n
			WHERE n.version_key = s.version_key AND n.group_uuid = s.group_uuid AND n.group_rules = s.group_rules
				AND n.scanner_version = s.scanner_version AND n.partial = 0 AND n.outcome IN ('ALLOWED', 'BLOCKED'))
	ORDER BY s.id LIMIT ?`

// BlockedRevisions finds the revisions of a model whose newest scan under a group, as its rules and the scanner are now, ended as BLOCKED.
// The version in the key names the model; its revision does not matter.
func (s *Store) BlockedRevisions(ctx context.Context, k VerdictKey) ([]BlockedScan, error) {
	k.Version.Revision = ""
	from := k.Version.Key()
	rows, err := s.blocked.QueryContext(ctx, from, from+"\x7f", k.Group, k.GroupRules, k.ScannerVersion, mostBlocked)
	if err != nil {
		return nil, fmt.Errorf("find blocked revisions of %s: %w", k.Version.Name, err)
	}
	defer func() { _ = rows.Close() }()
	var out []BlockedScan
	for rows.Next() {
		var key, first string
		var b BlockedScan
		if err := rows.Scan(&key, &b.Scan, &b.Rule, &first); err != nil {
			return nil, fmt.Errorf("find blocked revisions of %s: %w", k.Version.Name, err)
		}
		var v model.Violation
		if json.Unmarshal([]byte(first), &v) == nil && model.IsAdvisoryID(v.Evidence) {
			b.Advisory = v.Evidence
		}
		b.Revision = strings.TrimPrefix(key, from)
		out = append(out, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find blocked revisions of %s: %w", k.Version.Name, err)
	}
	return out, nil
}
