package gate

import (
	"context"
	"fmt"

	"modelgate/internal/model"
	"modelgate/internal/scanner"
)

// judgeFile scans one file of a version that is judged file by file, and adds it to the version's scan. What it says of
// the version as a whole (licence, organization) is judged with each file.
func (s *scanning) judgeFile(ctx context.Context) error {
	file, err := s.file(ctx)
	if err != nil {
		return err
	}
	report, err := s.gate.engine.Scan(ctx, scanner.Input{
		Version: s.req.Version, Files: []model.File{file}, Partial: true,
		Open: s.req.Origin.Open, Known: reports{s.gate}, Judge: s.judge, Workers: 1,
	})
	if err != nil {
		return err
	}
	if err := s.gate.addQuarantine(ctx, &report); err != nil {
		return err
	}
	s.settle(report, s.metadata(ctx))
	if _, err := s.gate.store.Grow(ctx, &s.scan); err != nil {
		return fmt.Errorf("record %s of %s: %w", file.Path, s.req.Version, err)
	}
	return nil
}

// file learns about the one file that was asked for.
func (s *scanning) file(ctx context.Context) (model.File, error) {
	if s.req.Path == "" {
		return model.File{}, fmt.Errorf("%s is judged file by file, and no file was named", s.req.Version)
	}
	if stater, ok := s.req.Origin.(Stater); ok {
		file, err := stater.File(ctx, s.req.Path)
		if err != nil {
			return model.File{}, fmt.Errorf("look at %s: %w", s.req.Path, err)
		}
		return file, nil
	}
	files, err := s.req.Origin.Files(ctx)
	if err != nil {
		return model.File{}, fmt.Errorf("list the files: %w", err)
	}
	for _, f := range files {
		if f.Path == s.req.Path {
			return f, nil
		}
	}
	return model.File{}, fmt.Errorf("%s has no file %q", s.req.Version, s.req.Path)
}
