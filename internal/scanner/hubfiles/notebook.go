package hubfiles

import (
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/shell"
	"modelgate/internal/threat"
)

// A notebook of Jupyter (nbformat 4) is an object whose cells are objects:
//
//	{"cells": [{"cell_type": "code", "source": "…" or ["…\n", …]}, …], "nbformat": 4}
//
// People run its code cell by cell, no loader does. The cells are judged together, as one source: what one imports the next
// uses. Of IPython's own syntax, lines that begin with ! are commands for a shell; magics (%) are taken for what they hold or
// left out.

// maxCode bounds the code of a notebook, in bytes.
const maxCode = 8 << 20

// notebook hands the code of a notebook on, if the document is one.
func (j *judge) notebook(doc *node) error {
	cells := doc.get("cells")
	if cells == nil || !cells.isList {
		return nil
	}
	var code strings.Builder
	for _, c := range cells.items {
		if c.str("cell_type") != "code" {
			continue
		}
		src := c.get("source")
		if src == nil {
			continue
		}
		text := src.text
		for _, part := range src.items {
			text += part.text
			if len(text) > maxCode {
				break
			}
		}
		if code.Len()+len(text) > maxCode {
			return source.Malformedf(src.at, "more than %d bytes of code", maxCode)
		}
		j.cell(&code, text, src.at)
	}
	if code.Len() == 0 {
		return nil
	}
	_, err := j.sink.Member(j.ctx, source.Member{Name: "cells.py", Bytes: source.Bytes(code.String()), Family: source.FamilyNotebook})
	return err
}

// cell appends a cell as Python, and judges the commands in it.
func (j *judge) cell(code *strings.Builder, text string, at int64) {
	if first, rest, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "%%") {
		switch name := strings.TrimLeft(strings.Fields(first + " x")[0], "%"); name {
		case "bash", "sh", "script", "system", "sx", "!":
			for line := range strings.SplitSeq(rest, "\n") {
				j.command(line, at)
			}
			return
		case "time", "timeit", "capture", "prun":
			text = rest
		default:
			return // another language, or a file that is written
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		trimmed := strings.TrimLeft(line, " \t")
		indent := line[:len(line)-len(trimmed)]
		switch {
		case strings.HasPrefix(trimmed, "!"):
			j.command(trimmed[1:], at)
			code.WriteString(indent + "pass\n")
		case strings.HasPrefix(trimmed, "%"), strings.HasPrefix(trimmed, "?"), strings.HasSuffix(strings.TrimRight(trimmed, " \r"), "?"):
			code.WriteString(indent + "pass\n")
		default:
			code.WriteString(line + "\n")
		}
	}
}

// command judges a command for a shell.
func (j *judge) command(line string, at int64) {
	reason := shell.Judge(line)
	if reason == "" {
		return
	}
	f := finding.New(threat.MGPY101, at, "The notebook has a command that "+reason+".")
	f.Role, f.Operator, f.Evidence = finding.RoleCall, "!", source.Evidence(strings.TrimSpace(line))
	j.sink.Find(f)
}
