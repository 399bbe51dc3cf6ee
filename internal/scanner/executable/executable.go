// Package executable recognises programs: ELF, PE, Mach-O, WebAssembly, and scripts with a "#!" line. A model is none of
// them. What it does is not analysed; how openly it says what it is decides about the finding:
//
//   - a program, library or script under a name that isn't one's is MG-EXE-100;
//   - one whose name says what it is (".so", ".exe") is MG-EXE-101, since no loader of models takes it by itself;
//   - a script whose name says so (".sh") is a remark.
//
// Recognised is what begins at offset 0 alone. Programs in front of archives or behind them reach this package as members of
// their own. Python scripts are left to the scanner of Python source.
package executable

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// kind is what bytes are.
type kind int

const (
	none kind = iota
	program
	library
	device // code for a graphics processor
	script
)

// Probe accepts programs, libraries and scripts.
func Probe(f *source.File) (bool, error) {
	k, _, err := recognise(f)
	return k != none, err
}

// Scan reports what was recognised.
func Scan(_ context.Context, f *source.File, s source.Sink) error {
	k, title, err := recognise(f)
	if err != nil || k == none {
		return err
	}
	id, how := judge(k, path.Base(strings.ReplaceAll(f.Path, `\`, "/")))
	found := finding.New(id, 0, fmt.Sprintf("The bytes are %s, %s.", title, how))
	found.Role, found.Operator = finding.RoleStructure, title
	s.Find(found)
	return nil
}

// judge grades a kind under a name.
func judge(k kind, name string) (threat.ID, string) {
	lower := strings.ToLower(name)
	open := map[kind]*regexp.Regexp{program: programName, library: libraryName, device: libraryName, script: scriptName}[k]
	switch {
	case k == script && open.MatchString(lower):
		return threat.MGINFO500, "which its name says"
	case open.MatchString(lower), k == library && programName.MatchString(lower), k == program && libraryName.MatchString(lower):
		return threat.MGEXE101, "which its name says"
	case k == script && !strings.Contains(name, "."):
		return threat.MGEXE101, "which its name does not say"
	}
	return threat.MGEXE100, "and its name says something else"
}

// Names by which a file says openly what it is.
var (
	programName = regexp.MustCompile(`\.(exe|com|elf|out|scr|sfx|msi|app|appimage|run|llamafile)$`)
	libraryName = regexp.MustCompile(`(\.so(\.\d+)*|\.dll|\.dylib|\.pyd|\.node|\.o|\.obj|\.a|\.lib|\.ko|\.bundle|\.wasm|\.cubin|\.fatbin|\.hsaco)$`)
	scriptName  = regexp.MustCompile(`\.(sh|bash|zsh|ksh|fish|csh|command|pl|pm|rb|js|mjs|cjs|ts|lua|tcl|awk|sed|php|r|jl|groovy|slurm|sbatch|run|py)$`)
)

// recognise tells what a file is by its first bytes.
func recognise(f *source.File) (kind, string, error) {
	head, err := f.Head()
	if err != nil || len(head) < 4 {
		return none, "", err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		k, title := elf(head)
		return k, title, nil
	case head[0] == 'M' && head[1] == 'Z':
		return pe(f, head)
	case string(head[:4]) == "\x00asm" && len(head) >= 8 && head[5] == 0 && head[6] <= 1 && head[7] == 0:
		return library, "a WebAssembly module", nil
	case bytes.HasPrefix(head, []byte("!<arch>\n")) && !bytes.HasPrefix(head[8:], []byte("debian-binary")):
		return library, "a static library", nil
	case bytes.HasPrefix(head, []byte("#!")):
		k, title := shebang(head)
		return k, title, nil
	}
	k, title := machO(head)
	return k, title, nil
}

// elf reads the header of an ELF file (System V gABI): class and byte order in the identification, type and machine behind
// it. Position-independent programs have the type of a library, and an interpreter.
func elf(head []byte) (kind, string) {
	if len(head) < 52 || head[4] < 1 || head[4] > 2 || head[5] < 1 || head[5] > 2 {
		return none, ""
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	const cuda, amdgpu = 190, 224
	machine := order.Uint16(head[18:])
	if machine == cuda || machine == amdgpu {
		return device, "an ELF file of device code"
	}
	switch order.Uint16(head[16:]) {
	case 1:
		return library, "an ELF object file"
	case 2:
		return program, "an ELF program"
	case 3:
		if hasInterpreter(head, order) {
			return program, "an ELF program"
		}
		return library, "an ELF library"
	}
	return program, "an ELF file of an unusual type"
}

// hasInterpreter looks for a program header of type PT_INTERP in the head of a file.
func hasInterpreter(head []byte, order binary.ByteOrder) bool {
	const ptInterp = 3
	wide := head[4] == 2
	if wide && len(head) < 64 {
		return false
	}
	off, size, count := uint64(order.Uint32(head[28:])), order.Uint16(head[42:]), order.Uint16(head[44:])
	if wide {
		off, size, count = order.Uint64(head[32:]), order.Uint16(head[54:]), order.Uint16(head[56:])
	}
	for range min(count, 1000) {
		if off > uint64(len(head)-4) || size == 0 {
			return false
		}
		if order.Uint32(head[off:]) == ptInterp {
			return true
		}
		off += uint64(size)
	}
	return false
}

// pe reads the header of a Windows program: "MZ", at 60 the offset of "PE\0\0", 22 bytes behind that the characteristics.
// Two letters are little, so a file without the second signature is not taken for a program.
func pe(f *source.File, head []byte) (kind, string, error) {
	if len(head) < 64 {
		return none, "", nil
	}
	at := int64(binary.LittleEndian.Uint32(head[60:]))
	var h [24]byte
	n, err := f.ReadAt(h[:], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return none, "", err
	}
	if n < len(h) || string(h[:4]) != "PE\x00\x00" {
		return none, "", nil
	}
	const dll = 0x2000
	if binary.LittleEndian.Uint16(h[22:])&dll != 0 {
		return library, "a Windows library", nil
	}
	return program, "a Windows program", nil
}

// machO reads the header of a file of macOS: magic, processor, subtype, file type; or of one for several processors, whose
// magic Java classes share: they have a version of at least 45 where the number of processors stands.
func machO(head []byte) (kind, string) {
	if len(head) < 28 {
		return none, ""
	}
	switch binary.BigEndian.Uint32(head) {
	case 0xcafebabe, 0xcafebabf:
		n, cpu := binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[8:])
		if n >= 1 && n < 45 && isProcessor(cpu) {
			return program, "a Mach-O file for several processors"
		}
	case 0xfeedface, 0xfeedfacf:
		return thin(head, binary.BigEndian)
	case 0xcefaedfe, 0xcffaedfe:
		return thin(head, binary.LittleEndian)
	}
	return none, ""
}

func thin(head []byte, order binary.ByteOrder) (kind, string) {
	if !isProcessor(order.Uint32(head[4:])) {
		return none, ""
	}
	const object, dylib, bundle = 1, 6, 8
	switch order.Uint32(head[12:]) {
	case object, dylib, bundle:
		return library, "a Mach-O library"
	}
	return program, "a Mach-O program"
}

// isProcessor tells whether a number is a processor type of Mach-O: VAX to PowerPC, with or without the flags of 64 bits.
func isProcessor(cpu uint32) bool {
	bare := cpu &^ 0x03000000
	return bare >= 1 && bare <= 18
}

// shebang reads the first line of a script. Only an absolute path, or "env", is an interpreter to the kernel; "#![" begins an
// attribute of Rust.
func shebang(head []byte) (kind, string) {
	line, _, _ := bytes.Cut(head[2:min(len(head), 258)], []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) == 0 || !strings.HasPrefix(words[0], "/") {
		return none, ""
	}
	name := path.Base(words[0])
	if name == "env" {
		name = ""
		for _, w := range words[1:] {
			if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
				name = path.Base(w)
				break
			}
		}
	}
	if strings.HasPrefix(name, "python") || strings.HasPrefix(name, "pypy") {
		return none, ""
	}
	return script, "a script for " + source.Evidence(name[:min(len(name), 40)])
}
