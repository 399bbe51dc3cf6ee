// Package finding holds what scanners say: findings, the report of one file and the report of a version. A report speaks
// of bytes only; whose rules they break is for package policy to say.
package finding

import (
	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// MaxFindings is how many findings one file keeps; the rest are counted in Dropped.
const MaxFindings = 1000

// MaxEvidence is the longest evidence kept, in bytes.
const MaxEvidence = 256

// MaxExcerpt is how many lines an excerpt has.
const MaxExcerpt = 12

// Role says in which position a name was seen.
type Role string

// The positions in which a name counts as evidence.
const (
	RoleImport    Role = "import"
	RoleCall      Role = "call"
	RoleNew       Role = "new"
	RoleBuild     Role = "build"
	RoleFill      Role = "fill"
	RoleArgument  Role = "arg"
	RoleAttribute Role = "attribute"
	RoleOperator  Role = "operator"
	RolePath      Role = "path"
	RoleStructure Role = "structure"
	RoleUnknown   Role = "unknown" // bytes of no format that is known
)

// Finding is one thing that a format scanner saw in a file.
type Finding struct {
	Threat   threat.ID       `json:"threat"`
	Level    threat.Level    `json:"level"`
	Severity threat.Severity `json:"severity"`
	Format   string          `json:"format,omitempty"`   // machine name of the format in which it was seen
	Module   string          `json:"module,omitempty"`   // "posix", "com.microsoft"
	Operator string          `json:"operator,omitempty"` // "system", "PyFunc", "__class__"
	Role     Role            `json:"role,omitempty"`
	Member   string          `json:"member,omitempty"` // path inside the file, "inner.zip!/data.pkl"; "" is the file itself
	Offset   int64           `json:"offset"`           // of the evidence, in the innermost stream; -1 if it has no place
	Evidence string          `json:"evidence,omitempty"`
	// Excerpt shows the place line by line, such as the instructions of a pickle that lead to a call; at most MaxExcerpt
	// lines of MaxEvidence bytes each. It may be absent.
	Excerpt []string `json:"excerpt,omitempty"`
	// Description is one sentence for a person, specific to this finding.
	Description string `json:"description"`
}

// New returns a finding with level and severity of the catalogue.
func New(id threat.ID, offset int64, description string) Finding {
	t := threat.Get(id)
	return Finding{Threat: id, Level: t.Level, Severity: t.Severity, Offset: offset, Description: description}
}

// ReferenceKind says what a loader would do with a name that a file holds.
type ReferenceKind string

// Kinds of references that the engine resolves within the version, or hands to the gate.
const (
	RefFile   ReferenceKind = "file"   // opens a file of the same version (weight shard, external data)
	RefPython ReferenceKind = "python" // imports a Python file of the same version
	RefRepo   ReferenceKind = "repo"   // imports code from another repository
	RefBase   ReferenceKind = "base"   // names a base model: information only
)

// Reference is a name by which a file makes its loader open something else.
type Reference struct {
	Kind   ReferenceKind `json:"kind"`
	Target string        `json:"target"`
	Offset int64         `json:"offset"`
	// Need is how many bytes a file must have at least, 0 if any number will do.
	Need int64 `json:"need,omitempty"`
}

// Coverage says how much of a file the scanners understood.
type Coverage string

const (
	// Analysed means every part that a loader acts on was parsed to its end.
	Analysed Coverage = "analysed"
	// Opaque means that regions are left that no host loader interprets (tensors on a device).
	Opaque Coverage = "opaque"
)

// FileReport is what is known of the bytes with one digest. It holds nothing that depends on the file's name or on other
// files, so it is true wherever the same bytes turn up.
type FileReport struct {
	Digest     model.Digest `json:"digest"`
	Size       int64        `json:"size"`
	Formats    []string     `json:"formats"` // machine names, outermost first; ["not_model"] if it is none
	Coverage   Coverage     `json:"coverage"`
	Level      threat.Level `json:"level"`
	Findings   []Finding    `json:"findings,omitempty"`
	Dropped    int          `json:"dropped,omitempty"` // findings beyond MaxFindings
	References []Reference  `json:"references,omitempty"`
	// Blocks are the hashes of what was read by range, so that a later stream of the whole file can be held to them.
	Blocks  []Block `json:"blocks,omitempty"`
	Scanner string  `json:"scanner"` // version of the scanner that wrote it
}

// Block is a range of a file that a scanner was given, and the SHA-256 of what it was given.
type Block struct {
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Add appends a finding within the limits and raises the level.
func (r *FileReport) Add(f Finding) {
	r.Level = max(r.Level, f.Level)
	if len(r.Findings) >= MaxFindings {
		r.Dropped++
		return
	}
	r.Findings = append(r.Findings, f)
}

// NamedReport is a file's report at its place in a version, with what follows from name and neighbours.
type NamedReport struct {
	Path   string     `json:"path"`
	BlobID string     `json:"blob_id,omitempty"`
	Report FileReport `json:"report"`
	// Context holds findings that depend on the name or on other files of the version; it may also replace the
	// level of findings of Report (see package scanner).
	Context []Finding `json:"context,omitempty"`
}

// Findings are all findings of the file, those of its bytes first.
func (n NamedReport) Findings() []Finding {
	return append(append([]Finding(nil), n.Report.Findings...), n.Context...)
}

// Level is the highest level of all findings.
func (n NamedReport) Level() threat.Level {
	level := n.Report.Level
	for _, f := range n.Context {
		level = max(level, f.Level)
	}
	return level
}

// Report is what scanners say of a version, or of the part of it that was asked for.
type Report struct {
	Version model.Version `json:"version"`
	Files   []NamedReport `json:"files"`
	Skipped int           `json:"skipped"` // files that were not model material
	Scanner string        `json:"scanner"`
}
