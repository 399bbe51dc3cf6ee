// Package pickle reads Python pickles the way a loader would, without building anything. A pickle is a program for a stack
// machine; the package runs that program symbolically, so it knows at each moment what lies on the stack and in the memo,
// and therefore what each name, call and attribute of the program means. It never imports, calls or allocates what a
// stream asks for.
//
// # Layout
//
// A stream is a sequence of opcodes, one byte each, followed by their arguments: nothing, a fixed number of bytes, a length
// of 1, 4 or 8 bytes and so many bytes, or one or two lines of text. The first opcode of protocol 2 and later is PROTO
// (0x80) with the protocol; STOP ('.') ends a stream, and its result is the top of the stack. There are 68 opcodes
// (Python's Lib/pickletools.py). Streams may follow each other; torch's legacy files and joblib's arrays put raw bytes
// between or even inside them.
//
// # Judging
//
// The machine emits events: a name is imported, something is called, built, filled, or read by persistent id. Names are
// looked up in this order: known to be harmless in this role, known to be dangerous, neither. The last is suspicious.
// The tables are names_safe.go with the lists under names/, and names_dangerous.go.
//
// # Costs
//
// A scan is linear in the bytes. Values take eight bytes each; strings, tuples and dicts are kept as long as they are likely
// to matter and become unknown then, and what is unknown where it matters is a finding. Memory stays below 64 MiB
// whatever the stream does.
package pickle
