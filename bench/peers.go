package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modelgate/internal/finding"
	"modelgate/internal/model"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/scantest"
	"modelgate/internal/scanner/source"
	"modelgate/internal/testenv"
	"modelgate/internal/threat"
)

//go:embed peers.py
var peersProgram string

// peerTools are the scanners that ours is measured beside. BENCH_PEERS chooses some of them: the last one takes half an hour.
func peerTools() []string {
	if chosen := os.Getenv("BENCH_PEERS"); chosen != "" {
		return strings.Split(chosen, ",")
	}
	return []string{"modelscan", "picklescan", "fickling", "modelaudit"}
}

// corpus is a set of models on disk, each a folder of its own, and what ours says of them.
type corpus struct {
	dir    string
	names  map[string]string // of the folders: what is in them
	levels map[string]threat.Level
}

// newCorpus writes models, given by what people call them, and scans them.
func newCorpus(ctx context.Context, dir string, models map[string]map[string][]byte) (*corpus, error) {
	c := &corpus{dir: dir, names: map[string]string{}, levels: map[string]threat.Level{}}
	titles := make([]string, 0, len(models))
	for title := range models {
		titles = append(titles, title)
	}
	slices.Sort(titles)
	for i, title := range titles {
		name := fmt.Sprintf("%05d", i)
		c.names[name] = title
		for path, content := range models[title] {
			if err := writeFile(filepath.Join(dir, name, filepath.FromSlash(path)), content); err != nil {
				return nil, err
			}
		}
		report, err := scanFiles(ctx, models[title])
		if err != nil {
			return nil, fmt.Errorf("scan %s: %w", title, err)
		}
		c.levels[name] = scantest.LevelOf(report)
	}
	return c, nil
}

func writeFile(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o600)
}

// memory is an open file in memory.
type memory struct{ source.Bytes }

func (memory) Close() error { return nil }

// scanFiles scans files in memory as one version.
func scanFiles(ctx context.Context, files map[string][]byte) (finding.Report, error) {
	in := scanner.Input{
		Version: model.Version{Source: model.HuggingFace, Kind: model.Models, Name: "bench/model", Revision: "0"},
		Open: func(_ context.Context, f model.File) (source.Content, error) {
			return memory{source.Bytes(files[f.Path])}, nil
		},
	}
	for path, content := range files {
		sum := sha256.Sum256(content)
		in.Files = append(in.Files, model.File{Path: path, Size: int64(len(content)), Digest: model.Digest("sha256:" + hex.EncodeToString(sum[:]))})
	}
	return scanner.New(source.DefaultLimits()).Scan(ctx, in)
}

// count is how many models ours finds to be at least of a level.
func (c *corpus) count(level threat.Level) int {
	n := 0
	for _, l := range c.levels {
		if l >= level {
			n++
		}
	}
	return n
}

// Seconds that another scanner may take for one model: some never come back from an evil one, but a race goes to its end.
const (
	modelLimit = 20
	raceLimit  = 600
)

// peer asks one of the other scanners about every model. It returns what it flags, and the CPU time that it took.
func (c *corpus) peer(ctx context.Context, python, tool string, limit int) (map[string]bool, time.Duration, error) {
	cmd := exec.CommandContext(ctx, python, "-c", peersProgram, tool, c.dir, fmt.Sprint(limit))
	cmd.Env = append(os.Environ(), "HOME="+c.dir+".home", "PROMPTFOO_DISABLE_TELEMETRY=1", "NO_ANALYTICS=1")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, 0, fmt.Errorf("%s: %w: %s", tool, err, lastLines(exit.Stderr))
		}
		return nil, 0, fmt.Errorf("%s: %w", tool, err)
	}
	flagged := map[string]bool{}
	if err := json.Unmarshal(out, &flagged); err != nil {
		return nil, 0, fmt.Errorf("read answers of %s: %w", tool, err)
	}
	return flagged, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

func lastLines(text []byte) string {
	return string(text[max(0, len(text)-1000):])
}

// peers measures what ours and the others find, what they call evil that is not, and what it costs.
func peers(ctx context.Context) ([]row, error) {
	python, err := testenv.FindPython(ctx, testenv.Peers)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "modelgate-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	evil, honest, err := corpora(ctx, dir)
	if err != nil {
		return nil, err
	}
	races, err := newRaces(ctx, dir, honest)
	if err != nil {
		return nil, err
	}
	found, alarms := []string{fmt.Sprintf("modelgate %d", evil.count(threat.Unscannable))}, []string{fmt.Sprintf("modelgate %d", honest.count(threat.Unscannable))}
	var missed []string
	var pace []row
	for _, tool := range peerTools() {
		fmt.Fprintf(os.Stderr, "  asking %s\n", tool)
		flagged, _, err := evil.peer(ctx, python, tool, modelLimit)
		if err != nil {
			return nil, err
		}
		for name, yes := range flagged {
			if yes && evil.levels[name] == threat.Clean {
				missed = append(missed, evil.names[name])
			}
		}
		found = append(found, fmt.Sprintf("%s %d", tool, evil.flags(flagged)))
		if flagged, _, err = honest.peer(ctx, python, tool, modelLimit); err != nil {
			return nil, err
		}
		alarms = append(alarms, fmt.Sprintf("%s %d", tool, honest.flags(flagged)))
		both, sum := race{what: "both together", promise: map[string]float64{"picklescan": 20, "modelaudit": 100}}, time.Duration(0)
		for _, r := range races {
			_, took, err := r.folder.peer(ctx, python, tool, raceLimit)
			if err != nil {
				return nil, err
			}
			pace = append(pace, r.row(tool, took))
			both.own, sum = both.own+r.own, sum+took
		}
		pace = append(pace, both.row(tool, sum))
	}
	all, good := len(evil.names), len(honest.names)
	return append([]row{
		{fmt.Sprintf("evil models found, of %d", all), strings.Join(found, ", "), "all", evil.count(threat.Unscannable) == all},
		{"evil models that another scanner finds and ours does not", strings.Join(append([]string{fmt.Sprint(len(missed))}, missed...), "; "), "none", len(missed) == 0},
		{fmt.Sprintf("honest models flagged, of %d", good), strings.Join(alarms, ", "), "under 1 %", honest.count(threat.Unscannable)*100 < good},
		{"honest models called malicious", fmt.Sprint(honest.count(threat.Malicious)), "none", honest.count(threat.Malicious) == 0},
	}, pace...), nil
}

// flags counts the models of the corpus that a scanner flags.
func (c *corpus) flags(flagged map[string]bool) int {
	n := 0
	for name := range c.names {
		if flagged[name] {
			n++
		}
	}
	return n
}

// corpora are all evil models that scantest builds, and the honest ones: what packages ship, each of which counts as one, and what the
// formats' own libraries wrote.
func corpora(ctx context.Context, dir string) (evil, honest *corpus, err error) {
	bad := map[string]map[string][]byte{}
	for _, c := range scantest.All() {
		if !c.Twin && c.Level > threat.Clean && c.Source == "" {
			bad[c.Name] = c.Content()
		}
	}
	if evil, err = newCorpus(ctx, filepath.Join(dir, "evil"), bad); err != nil {
		return nil, nil, err
	}
	good := map[string]map[string][]byte{}
	packages, err := scantest.HonestModels(ctx)
	if err != nil {
		return nil, nil, err
	}
	fixtures, err := scantest.Fixtures("internal/scanner/testdata/real")
	if err != nil {
		return nil, nil, err
	}
	for _, m := range append(packages, fixtures...) {
		good[m.Package] = m.Files
	}
	honest, err = newCorpus(ctx, filepath.Join(dir, "honest"), good)
	return evil, honest, err
}

// race is a folder that every scanner reads, and the CPU time of a whole process of ours over it.
type race struct {
	what    string
	folder  *corpus
	own     time.Duration
	promise map[string]float64 // times ours, by tool
}

// newRaces makes two: the pickles, checkpoints and arrays of the honest models, hundreds of small files that cost each scanner little, and
// one pickle of 64 MiB.
func newRaces(ctx context.Context, dir string, honest *corpus) ([]race, error) {
	small := map[string]map[string][]byte{}
	err := filepath.WalkDir(honest.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		switch filepath.Ext(name) {
		case ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".npy", ".npz":
			content, err := os.ReadFile(name)
			small[name] = map[string][]byte{filepath.Base(name): content}
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	races := []race{
		{what: fmt.Sprintf("%d honest pickles, checkpoints and arrays", len(small)), promise: map[string]float64{"modelaudit": 100}},
		{what: "a pickle of 64 MiB", promise: map[string]float64{"picklescan": 20}},
	}
	for i, models := range []map[string]map[string][]byte{small, {"a large pickle": {"objects.pkl": objects(64 << 20)}}} {
		if races[i].folder, err = newCorpus(ctx, filepath.Join(dir, fmt.Sprintf("race%d", i)), models); err != nil {
			return nil, err
		}
		if races[i].own, err = ownTime(ctx, filepath.Join(dir, fmt.Sprintf("data%d", i)), races[i].folder); err != nil {
			return nil, err
		}
	}
	return races, nil
}

// ownTime is the CPU time of a whole process of ours over a folder, with its record in data.
func ownTime(ctx context.Context, data string, c *corpus) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "bin/modelgate", "scan", "--model-path", c.dir, "--report-only", "--silent")
	cmd.Env = append(os.Environ(), "MODELGATE_DATA_DIR="+data)
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("bin/modelgate scan (make build): %w: %s", err, lastLines(out))
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// row compares the CPU times of whole processes.
func (r race) row(tool string, took time.Duration) row {
	times, claim := took.Seconds()/r.own.Seconds(), "none"
	if p := r.promise[tool]; p > 0 {
		claim = fmt.Sprintf("at least %.0f times", p)
	}
	return row{
		r.what + ": CPU of " + tool, fmt.Sprintf("%.1f s, %.1f times ours (%.2f s)", took.Seconds(), times, r.own.Seconds()), claim, times >= r.promise[tool],
	}
}

// objects is a pickle of about size bytes: a list of dicts of small values, as protocol 4 writes them.
func objects(size int) []byte {
	b := []byte("\x80\x04](")
	for i := 0; len(b) < size; i++ {
		b = append(b, '}', '(')
		b = append(b, "\x8c\x02idM"...)
		b = append(b, byte(i), byte(i>>8))
		b = append(b, "\x8c\x05scoreG\x3f\xf0\x00\x00\x00\x00\x00\x00\x8c\x04name\x8c\x05"...)
		b = append(b, fmt.Sprintf("n%04d", i%10_000)...)
		b = append(b, "\x8c\x02on\x88u"...)
	}
	return append(b, "e."...)
}
