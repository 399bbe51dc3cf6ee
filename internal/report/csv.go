package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"modelgate/internal/model"
)

// writeCSV writes one row a violation, and one a rule without any.
func writeCSV(w io.Writer, s model.Scan) error {
	out := csv.NewWriter(w)
	rows := [][]string{{
		"scan", "time", "outcome", "source", "model", "version", "group", "rule", "state", "result", "file", "threat", "severity", "module",
		"operator", "offset", "hash", "description", "remediation",
	}}
	for _, e := range s.Evaluations {
		head := []string{
			s.UUID.String(), csvTime(s), string(s.Outcome), string(s.Version.Source), s.ModelURI, versionOf(s), s.GroupName, e.RuleName,
			string(e.State), string(e.Result),
		}
		if len(e.Violations) == 0 {
			rows = append(rows, append(head, "", "", "", "", "", "", "", e.Reason, ""))
		}
		for _, v := range e.Violations {
			offset := ""
			if v.Offset >= 0 {
				offset = strconv.FormatInt(v.Offset, 10)
			}
			rows = append(rows, append(head[:len(head):len(head)], v.File, v.Threat, v.Severity, v.Module, v.Operator, offset, v.BlobID,
				v.Description, strings.Join(v.Steps, ". ")))
		}
	}
	return writeRows(out, rows)
}

// writeCSVList writes one row a scan.
func writeCSVList(w io.Writer, scans []model.Scan) error {
	out := csv.NewWriter(w)
	rows := [][]string{{
		"scan", "time", "outcome", "source", "model", "version", "group", "rules_failed", "rules_passed", "rules_total", "files_scanned",
		"files_skipped", "owner", "origin", "labels", "error",
	}}
	for _, s := range scans {
		failed, passed, total := s.Summary()
		var labels []string
		for _, l := range s.Labels {
			labels = append(labels, l.Key+":"+l.Value)
		}
		rows = append(rows, []string{
			s.UUID.String(), csvTime(s), string(s.Outcome), string(s.Version.Source), s.ModelURI, versionOf(s), s.GroupName,
			strconv.Itoa(failed), strconv.Itoa(passed), strconv.Itoa(total), strconv.Itoa(s.FilesScanned), strconv.Itoa(s.FilesSkipped),
			s.Owner, string(s.Origin), strings.Join(labels, " "), s.ErrorMessage,
		})
	}
	return writeRows(out, rows)
}

func csvTime(s model.Scan) string { return s.CreatedAt.UTC().Format("2006-01-02T15:04:05Z") }

func writeRows(out *csv.Writer, rows [][]string) error {
	for _, row := range rows {
		for i, cell := range row {
			row[i] = inert(cell)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// inert keeps a spreadsheet from computing a cell: what begins as a formula gets an apostrophe before it.
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
