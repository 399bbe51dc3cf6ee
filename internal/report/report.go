// Package report writes a scan for its readers: people at a terminal, programs, and the formats of other tools (SARIF 2.1.0,
// CycloneDX 1.6, CSV). It also defines the shapes that scans have in the API, so that the API, the commands and the
// reports say the same.
//
// Names and texts of a scan come from strangers. In text they are shown without control characters, in CSV without anything that a
// spreadsheet would compute, in the other formats as their encoders write them.
package report

import (
	"encoding/json"
	"fmt"
	"io"

	"modelgate/internal/model"
)

// Format names a way of writing a scan.
type Format string

// The formats.
const (
	Text      Format = "text"
	JSON      Format = "json"
	SARIF     Format = "sarif"
	CycloneDX Format = "cyclonedx"
	CSV       Format = "csv"
)

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case Text, JSON, SARIF, CycloneDX, CSV:
		return f, nil
	}
	return "", fmt.Errorf("unknown report format %q: text, json, sarif, cyclonedx or csv", s)
}

// ContentType is the media type of a format.
func (f Format) ContentType() string {
	switch f {
	case JSON:
		return "application/json"
	case SARIF:
		return "application/sarif+json"
	case CycloneDX:
		return "application/vnd.cyclonedx+json; version=1.6"
	case CSV:
		return "text/csv; charset=utf-8"
	default:
		return "text/plain; charset=utf-8"
	}
}

// Options are what a report needs besides the scan.
type Options struct {
	PublicURL string // what links start with; "" leaves links out
	Tenant    string // tsg_id; "" is "modelgate"
	Color     bool   // text only
	Explain   bool   // text only: every violation in full, with its evidence, why it matters and what to do
	// StrictEnums leaves out values that modelgate has added to those of the published contract.
	StrictEnums bool
}

// Write writes a scan that was read with its evaluations.
func Write(w io.Writer, f Format, s model.Scan, o Options) error {
	var err error
	switch f {
	case Text:
		err = writeText(w, s, o)
	case JSON:
		err = writeJSON(w, NewDocument(s, o))
	case SARIF:
		err = writeJSON(w, newSARIF(s, o))
	case CycloneDX:
		err = writeCycloneDX(w, s, o)
	case CSV:
		err = writeCSV(w, s)
	default:
		return fmt.Errorf("unknown report format %q", f)
	}
	if err != nil {
		return fmt.Errorf("write report of scan %s as %s: %w", s.UUID, f, err)
	}
	return nil
}

// WriteList writes scans that were read without their evaluations, of total, as Text, JSON or CSV.
func WriteList(w io.Writer, f Format, scans []model.Scan, total int, o Options) error {
	var err error
	switch f {
	case Text:
		err = writeTextList(w, scans, total, o)
	case JSON:
		list := List{Scans: []Scan{}, Pagination: Pagination{TotalItems: total}}
		for _, s := range scans {
			list.Scans = append(list.Scans, NewScan(s, o))
		}
		err = writeJSON(w, list)
	case CSV:
		err = writeCSVList(w, scans)
	case SARIF, CycloneDX:
		return fmt.Errorf("a list of scans cannot be written as %s", f)
	}
	if err != nil {
		return fmt.Errorf("write list of scans as %s: %w", f, err)
	}
	return nil
}

// writeJSON writes a value for programs and for people who look at what programs get.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
