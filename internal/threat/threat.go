// Package threat is the catalogue of what scanners can find: the one place that knows a threat's title, its level, the rule
// that it fails and what a person should do about it. It imports nothing of ours.
package threat

import "fmt"

// ID names a threat, such as "PAIT-PKL-100". The first digit of its number says when it strikes: 1 when the file is loaded,
// 2 as a backdoor of the architecture, 3 at inference, 4 never (the file could not be judged), 5 not at all (a remark).
type ID string

// Level grades a finding, and by its worst finding a file and a version.
type Level int

// Levels from harmless to certain. The order matters: a file has the maximum of its findings.
const (
	Clean Level = iota
	Unscannable
	Suspicious
	Malicious
)

// levelNames is indexed by Level.
func levelNames() [4]string { return [4]string{"clean", "unscannable", "suspicious", "malicious"} }

func (l Level) String() string {
	if l < Clean || l > Malicious {
		return fmt.Sprintf("level(%d)", int(l))
	}
	return levelNames()[l]
}

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a name that MarshalText wrote.
func (l *Level) UnmarshalText(text []byte) error {
	for i, name := range levelNames() {
		if name == string(text) {
			*l = Level(i)
			return nil
		}
	}
	return fmt.Errorf("unknown level %q", text)
}

// Severity says how bad a finding is, for people and for the counts of the Guardian view.
type Severity string

// Severities from worst to none.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Class says when a threat strikes.
type Class string

// The classes of threats.
const (
	Load       Class = "load"
	Backdoored Class = "backdoor"
	Inference  Class = "runtime"
	Policy     Class = "policy"
	Unjudged   Class = "unjudged"
	Remark     Class = "remark"
)

// Rule is the name of the rule that a finding of a threat fails.
type Rule string

// The rules that judge files. NoRule marks threats that never fail a rule.
const (
	NoRule               Rule = ""
	LoadTime             Rule = "Load Time Code Execution Check"
	Runtime              Rule = "Runtime Code Execution Check"
	KnownOperators       Rule = "Known Framework Operators Check"
	Backdoor             Rule = "Model Architecture Backdoor Check"
	SuspiciousComponents Rule = "Suspicious Model Components Check"
	ApprovedFormat       Rule = "Stored In Approved File Format"
	// Those of packages.
	ReadableArchive  Rule = "Package Archive Is Readable"
	PathConfig       Rule = "Executable Path Configuration"
	DecodeAndExecute Rule = "Decode And Execute Chain"
	InstallCode      Rule = "Code At Install Time"
	SuspiciousCode   Rule = "Suspicious Package Code"
	NativeInPure     Rule = "Native Binary In Pure Wheel"
	RecordMatches    Rule = "Record Matches Content"
	NamesMatch       Rule = "Name And Version Match"
	ArchiveHygiene   Rule = "Archive Hygiene"
)

// Threat is one row of the catalogue.
type Threat struct {
	ID       ID
	Title    string
	Format   string // for people: which formats it is raised for; "" where the title says it
	Class    Class
	Level    Level
	Rule     Rule
	Severity Severity
	Summary  string // one sentence

	steps []string
}

// Steps says what a person can do, most useful first.
func (t Threat) Steps() []string { return append([]string(nil), t.steps...) }

// All returns the catalogue.
func All() []Threat { return catalogue() }

// Lookup finds a threat by its id.
func Lookup(id ID) (Threat, bool) {
	t, ok := byID[id]
	return t, ok
}

// Get returns the row of an id. An id that is not in the catalogue is a bug of the caller: it gets a row that
// is judged as suspicious, so that the mistake shuts the gate instead of opening it.
func Get(id ID) Threat {
	if t, ok := byID[id]; ok {
		return t
	}
	return Threat{ID: id, Title: string(id), Class: Unjudged, Level: Suspicious, Rule: SuspiciousComponents, Severity: High, steps: r12}
}

// byID indexes the catalogue; never written after the program starts.
var byID = func() map[ID]Threat {
	m := map[ID]Threat{}
	for _, t := range catalogue() {
		m[t.ID] = t
	}
	return m
}()
