package pickle

import (
	"context"
	"errors"
	"slices"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// scanner is the scan of one file: what its streams share.
type scanner struct {
	f    *source.File
	sink source.Sink
	in   *input

	texts   texts
	nodes   nodes
	frames  frames
	globals []global
	byKey   [2]map[string]uint32 // by protocol: names of Python 2 are mapped below 3
	key     []byte               // scratch
	calls   []call
	dtypes  []dtype
	nested  []nested
	longs   []span

	extensions map[int64]uint32 // globals that the stream itself registered
	farReads   int
	effort     int64 // see afford
	nameBytes  int   // of the names in globals
	zlibs      int   // strings that begin like zlib streams
	depth      int   // of joblib's nested streams
	streams    int
	forkBytes  int64 // read as a loader does that knows nothing of joblib
	expect     int64 // where a loader finds the next stream, if not here
	imports    int   // names imported so far, each as often as it was

	recent   recent
	excerpts int

	joblib  bool // met an array wrapper
	keras   bool
	roots   []string // modules of the classes of the results
	legacy  legacy
	collect *[]string // where the items of lists go while torch's storage keys are read

	torchMagicSeen bool
	split          bool // an argument reaches beyond the end of its frame: see frames.go
	dropping       bool // reads as a loader that forgets the part of such an argument that lies in the frame

	found found
	trace func(event)
}

// event is what a test can follow: a name that the loader would resolve, or the end of a stream.
type event struct {
	module, name string
	offset       int64
	call         bool
	stopped      *machine // at the end of a stream
}

// mostStreams is how many streams of one file are read, and mostDepth how deep joblib's may be nested.
const (
	mostStreams = 10_000
	mostDepth   = 16
)

// Scan reads every stream of a file. Family decides which ids findings carry; torch's legacy files and joblib's files are
// recognised by themselves. What a stream does before it breaks stands, and what follows is searched for further streams.
func Scan(ctx context.Context, f *source.File, sink source.Sink) error {
	return scan(ctx, f, sink, nil)
}

func scan(ctx context.Context, f *source.File, sink source.Sink, trace func(event)) error {
	s := &scanner{f: f, sink: sink, in: newInput(ctx, f), trace: trace}
	s.byKey = [2]map[string]uint32{{}, {}}
	err := s.run()
	if err == nil && s.split {
		err = s.dropFrames()
	}
	s.state()
	s.flush()
	return err
}

// run reads one stream after the other.
func (s *scanner) run() error {
	m := s.machine()
	for {
		again, err := s.stream(m)
		if err != nil || !again {
			return err
		}
		s.texts, s.nodes, s.longs = texts{}, nodes{}, nil
		m.reset()
	}
}

// reset makes the machine ready for the next stream.
func (m *machine) reset() {
	m.proto, m.sp, m.fence, m.lost = 0, 0, 0, false
	m.marks = m.marks[:0]
	m.memo = memo{}
	m.state, m.err, m.fault, m.result = running, nil, nil, 0
	m.start, m.ops, m.frameEnd, m.forked = m.in.offset(), 0, 0, false
}

// stream reads one stream and finds the next. It tells whether there is one.
func (s *scanner) stream(m *machine) (again bool, err error) {
	s.streams++
	if s.streams > mostStreams {
		s.spent(s.in.offset(), "more than 10,000 streams")
		return false, nil
	}
	if err := m.run(); err != nil {
		return false, err
	}
	if err := s.checkFrames(); err != nil {
		return false, err
	}
	if m.state == broken {
		return s.afterFault(m)
	}
	if s.trace != nil {
		s.trace(event{offset: max(s.in.offset(), m.frameEnd), stopped: m})
	}
	s.root(m)
	if more, err := s.legacyNext(m); more || err != nil {
		return more, err
	}
	return s.afterStop(m.frameEnd)
}

// afterFault states how a stream broke and goes on where the next one might begin.
func (s *scanner) afterFault(m *machine) (again bool, err error) {
	var broke *fault
	if errors.As(m.fault, &broke) {
		s.malformed(broke.offset, broke.reason)
	}
	if _, err := s.in.seek(m.at + 1); err != nil {
		return false, err
	}
	return s.resync()
}

// root notes what a stream's result is.
func (s *scanner) root(m *machine) {
	v := m.result
	if v.kind() == kInstance && len(s.roots) < 16 {
		if module := s.globals[v.payload()].module; !slices.Contains(s.roots, module) {
			s.roots = append(s.roots, module)
		}
	}
}

// format is the name of the format in which findings are seen.
func (s *scanner) format() string {
	switch {
	case s.legacy.on:
		return "pytorch_v0_1_10"
	case s.isJoblib():
		return "joblib"
	default:
		return "pickle"
	}
}

// state tells the sink under which names the file is known.
func (s *scanner) state() {
	s.sink.Format(s.format())
	if s.rooted("sklearn") {
		s.sink.Format("sklearn")
	}
	if s.rooted("lightgbm") {
		s.sink.Format("lightgbm")
	}
	if s.rooted("xgboost") {
		s.sink.Format("xgboost")
	}
	if s.rooted("catboost") {
		s.sink.Format("catboost")
	}
	if s.keras {
		s.sink.Format("keras_pickle")
	}
	if s.f.Family == source.FamilyNumPy || s.rooted("numpy") && !s.isJoblib() {
		s.sink.Format("numpy_pickle")
	}
}

func (s *scanner) isJoblib() bool { return s.joblib || s.f.Family == source.FamilyJoblib }

// rooted tells whether the result of a stream belongs to a package.
func (s *scanner) rooted(pkg string) bool {
	return slices.ContainsFunc(s.roots, func(module string) bool {
		return module == pkg || strings.HasPrefix(module, pkg+".")
	})
}

// ids are the threats of dangerous and of unknown names in this file.
func (s *scanner) ids() (dangerous, unknown threat.ID) {
	switch {
	case s.legacy.on, s.f.Family == source.FamilyTorch, s.f.Family == source.FamilyTorchScript:
		return threat.PYTCH100, threat.PYTCH101
	case s.isJoblib():
		return threat.JOBLIB100, threat.JOBLIB101
	default:
		return threat.PKL100, threat.PKL101
	}
}
