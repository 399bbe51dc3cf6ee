package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"modelgate/internal/model"
)

// FileRow is a file or a directory of a scan.
type FileRow struct {
	model.ScanFile
	Directory bool
	Parent    string // path of the directory above; "" at the top level
}

// FileFilter chooses files of a scan.
type FileFilter struct {
	Under     string // a directory; "" or "/" is the top
	Recursive bool   // everything below Under, not its direct children alone
	Result    model.FileResult
	OnlyFiles bool
	OnlyDirs  bool
	ByType    bool // directories first, then by path
	Reverse   bool
	Limit     int // 0 is all
	Skip      int
}

// Files lists files and directories of a scan, and says how many there are without limit and skip. A scan that does not exist is
// [ErrNotFound].
func (s *Store) Files(ctx context.Context, scan uuid.UUID, f FileFilter) ([]FileRow, int, error) {
	id, err := scanID(ctx, s.reader, scan)
	if err != nil {
		return nil, 0, fmt.Errorf("list files of scan %s: %w", scan, err)
	}
	under := strings.Trim(f.Under, "/")
	where, args := " WHERE scan_id = ?", []any{id}
	switch {
	case !f.Recursive:
		where, args = where+" AND parent = ?", append(args, under)
	case under != "":
		where, args = where+" AND path >= ? AND path < ?", append(args, under+"/", under+"0")
	}
	if f.Result != "" {
		where, args = where+" AND rank = ?", append(args, rankOf(f.Result))
	}
	if f.OnlyFiles || f.OnlyDirs {
		where, args = where+" AND directory = ?", append(args, f.OnlyDirs)
	}
	total, err := count(ctx, s.reader, "SELECT count(*) FROM files"+where, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("count files of scan %s: %w", scan, err)
	}
	direction := ""
	if f.Reverse {
		direction = " DESC"
	}
	order := " ORDER BY path" + direction + ", directory" + direction
	if f.ByType {
		order = " ORDER BY directory" + map[bool]string{false: " DESC", true: ""}[f.Reverse] + ", path" + direction
	}
	rows, err := rowsOf(ctx, s.reader, func(r *sql.Rows) (FileRow, error) { return readFile(r.Scan, scan) },
		"SELECT "+fileColumns+" FROM files"+where+order+page(f.Limit, f.Skip), args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list files of scan %s: %w", scan, err)
	}
	return rows, total, nil
}

// FileOf finds one file of a scan by its path.
func (s *Store) FileOf(ctx context.Context, scan uuid.UUID, path string) (model.ScanFile, bool, error) {
	row := s.reader.QueryRowContext(ctx, "SELECT "+fileColumns+` FROM files
		WHERE scan_id = (SELECT id FROM scans WHERE uuid = ?) AND path = ? AND directory = 0`, scan, path)
	f, err := readFile(row.Scan, scan)
	switch err := explain(err); {
	case err == nil:
		return f.ScanFile, true, nil
	case errors.Is(err, ErrNotFound):
		return model.ScanFile{}, false, nil
	default:
		return model.ScanFile{}, false, fmt.Errorf("find file of scan %s: %w", scan, err)
	}
}

const fileColumns = "path, directory, parent, rank, size, digest, blob_id, formats, error"

func readFile(scan func(...any) error, id uuid.UUID) (FileRow, error) {
	var f FileRow
	var formats string
	var rank int
	err := scan(&f.Path, &f.Directory, &f.Parent, &rank, &f.Size, &f.Digest, &f.BlobID, &formats, &f.Error)
	if err != nil {
		return f, err
	}
	f.Result = resultOf(rank)
	f.UUID = fileUUID(id, f.Path, f.Directory)
	return f, unlist(formats, &f.Formats)
}

// unlist reads what list wrote; an empty list is nil.
func unlist[T any](text string, into *[]T) error {
	if text == "[]" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("decode list: %w", err)
	}
	return nil
}

// ranks orders results from best to worst: a directory has the worst of what is below it.
func ranks() []model.FileResult {
	return []model.FileResult{model.FileSkipped, model.FileSuccess, model.FileFailed, model.FileError}
}

// rankOf is the place of a result in ranks. One that is not known counts as the worst.
func rankOf(r model.FileResult) int {
	if i := slices.Index(ranks(), r); i >= 0 {
		return i
	}
	return len(ranks()) - 1
}

func resultOf(rank int) model.FileResult { return ranks()[min(max(0, rank), len(ranks())-1)] }

// tree lists files with the directories above them.
func tree(files []model.ScanFile) []FileRow {
	rows := make([]FileRow, 0, len(files)+len(files)/4)
	directories := map[string]int{} // index in rows
	for _, f := range files {
		above := ancestors(f.Path)
		rows = append(rows, FileRow{ScanFile: f, Parent: last(above)})
		for depth, dir := range above {
			i, ok := directories[dir]
			if !ok {
				i = len(rows)
				directories[dir] = i
				rows = append(rows, FileRow{ScanFile: model.ScanFile{Path: dir, Result: model.FileSkipped}, Directory: true, Parent: last(above[:depth])})
			}
			if rankOf(f.Result) > rankOf(rows[i].Result) {
				rows[i].Result = f.Result
			}
		}
	}
	return rows
}

// maxDepth bounds the directories above one file; a file that lies deeper is shown in the last of them.
const maxDepth = 64

// ancestors are the directories above a path, from the top.
func ancestors(p string) []string {
	var out []string
	for i := range len(p) {
		if p[i] == '/' && i > 0 && len(out) < maxDepth {
			out = append(out, p[:i])
		}
	}
	return out
}

// last is the last of some directories, "" for the top level.
func last(directories []string) string {
	if len(directories) == 0 {
		return ""
	}
	return directories[len(directories)-1]
}

// insertFiles writes rows, replacing those of the same path. A directory that is there keeps its result if that is worse.
func insertFiles(ctx context.Context, tx *sql.Tx, scanID int64, rows []FileRow) error {
	return forEach(ctx, tx, rows, `INSERT INTO files (scan_id, `+fileColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (scan_id, path, directory) DO UPDATE SET
			rank = CASE WHEN files.directory = 1 AND files.rank > excluded.rank THEN files.rank ELSE excluded.rank END, size = excluded.size, digest = excluded.digest,
			blob_id = excluded.blob_id, formats = excluded.formats, error = excluded.error`, func(_ int, f FileRow) ([]any, error) {
		return []any{scanID, f.Path, f.Directory, f.Parent, rankOf(f.Result), f.Size, f.Digest, f.BlobID, list(f.Formats), f.Error}, nil
	})
}
