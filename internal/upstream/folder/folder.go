// Package folder is a local folder, or a single file, as the origin of a version. The version is its content: the same
// bytes under the same names are the same version wherever they lie.
package folder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"modelgate/internal/model"
	"modelgate/internal/scanner/source"
)

// MaxFiles bounds how many files a folder may have.
const MaxFiles = 1_000_000

// Folder is a local origin. Its listing is taken once, by Open.
type Folder struct {
	root  string
	files []model.File
	disk  map[string]string    // path within the version -> name on disk
	mtime map[string]time.Time // to notice a file that changes between listing and reading
	buf   []byte               // through which files are hashed
}

// hashed is how much of a file is read at once to hash it.
const hashed = 256 << 10

func newFolder(root string) *Folder {
	return &Folder{root: root, disk: map[string]string{}, mtime: map[string]time.Time{}, buf: make([]byte, hashed)}
}

// Open lists and hashes what is below root. Links to files are followed, as the caches of model libraries consist
// of them; links to folders are followed once each. Anything that is neither file nor folder is an error: a pipe or a
// device in a model's place can't be judged.
func Open(ctx context.Context, root string) (*Folder, error) {
	f := newFolder(root)
	info, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", root, err)
	}
	if info.Mode().IsRegular() {
		if err := f.add(ctx, info.Name(), root); err != nil {
			return nil, err
		}
	} else if err := f.walk(ctx, "", root, map[string]bool{}); err != nil {
		return nil, err
	}
	sort.Slice(f.files, func(i, j int) bool { return f.files[i].Path < f.files[j].Path })
	return f, nil
}

// Select is a folder of chosen files: their paths within the version, and their names on disk.
func Select(ctx context.Context, root string, chosen map[string]string) (*Folder, error) {
	f := newFolder(root)
	for _, inside := range slices.Sorted(maps.Keys(chosen)) {
		if err := f.add(ctx, inside, chosen[inside]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// walk adds the files of one directory. Seen holds the real names of directories already walked, so that links in
// a circle end.
func (f *Folder) walk(ctx context.Context, prefix, dir string, seen map[string]bool) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	if seen[real] {
		return nil
	}
	seen[real] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name, inside := filepath.Join(dir, e.Name()), path.Join(prefix, e.Name())
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s is a link to nothing", name)
		case err != nil:
			return fmt.Errorf("look at %s: %w", name, err)
		case info.IsDir():
			err = f.walk(ctx, inside, name, seen)
		default:
			err = f.add(ctx, inside, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add hashes one file.
func (f *Folder) add(ctx context.Context, inside, name string) error {
	if len(f.files) >= MaxFiles {
		return fmt.Errorf("%s has more than %d files", f.root, MaxFiles)
	}
	r, err := source.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	info, err := r.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	sum := sha256.New()
	size, err := io.CopyBuffer(sum, contextReader{ctx, r}, f.buf)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	digest, err := model.NewDigest(model.SHA256, hex.EncodeToString(sum.Sum(nil)))
	if err != nil {
		return err
	}
	f.files = append(f.files, model.File{Path: inside, Size: size, Digest: digest, BlobID: digest.Hex()})
	f.disk[inside], f.mtime[inside] = name, info.ModTime()
	return nil
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Version is the folder as a version named name ("" is its path): the revision is the fingerprint of its content.
func (f *Folder) Version(name string) model.Version {
	if name == "" {
		name = f.root
	}
	return model.Version{Source: model.Local, Name: name, Revision: model.Fingerprint(f.files)}
}

// Files lists the files, sorted by path.
func (f *Folder) Files(context.Context) ([]model.File, error) { return f.files, nil }

// Open opens one of the files. A file that changed since it was hashed is an error.
func (f *Folder) Open(_ context.Context, file model.File) (source.Content, error) {
	name, ok := f.disk[file.Path]
	if !ok {
		return nil, fmt.Errorf("%s has no file %s", f.root, file.Path)
	}
	r, err := source.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := r.Stat()
	if err == nil && (info.Size() != file.Size || !info.ModTime().Equal(f.mtime[file.Path])) {
		err = fmt.Errorf("%s changed while it was scanned", name)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Metadata of a folder is its place.
func (f *Folder) Metadata(context.Context) (model.Metadata, error) {
	abs, err := filepath.Abs(f.root)
	if err != nil {
		return model.Metadata{}, err
	}
	return model.Metadata{URI: filepath.ToSlash(abs)}, nil
}
