// Package report writes a scan for its readers: people, programs, other tools' formats.
package report

import (
	"errors"
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

// Options are what a report needs besides the scan.
type Options struct {
	PublicURL string // what links start with; "" leaves links out
	Tenant    string // tsg_id; "" is "modelgate"
	Color     bool   // text only
}

// Write writes a scan with its evaluations.
func Write(w io.Writer, f Format, s model.Scan, o Options) error {
	return errors.New("not written yet")
}
