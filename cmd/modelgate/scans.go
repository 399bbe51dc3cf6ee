package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/google/uuid"
)

// getScanCommand shows one scan.
type getScanCommand struct {
	ID   string `arg:"" optional:"" name:"uuid" help:"UUID of the scan."`
	UUID string `help:"UUID of the scan." placeholder:"UUID"`

	Explain bool `help:"Show every violation in full: where, by what evidence, why it matters, what to do. Implies text."`
}

func (c *getScanCommand) Run(g *globals, t terminal) error {
	given := c.ID
	if given == "" {
		given = c.UUID
	}
	if given == "" || c.ID != "" && c.UUID != "" {
		return errors.New("give the UUID of one scan")
	}
	id, err := uuid.Parse(given)
	if err != nil {
		return fmt.Errorf("%q is not a UUID", given)
	}
	ctx := context.Background()
	cl, err := connect(ctx, g, t)
	if err != nil {
		return err
	}
	err = showScan(ctx, cl, g, t, id, c.Explain)
	return errors.Join(err, cl.close())
}

// listScansCommand lists scans.
type listScansCommand struct {
	Limit             int      `default:"10" help:"How many, 1 to 100."`
	Skip              int      `default:"0" help:"How many to pass over."`
	SourceTypes       []string `name:"source-types" help:"Only models of these sources: HUGGING_FACE, LOCAL, …" placeholder:"SOURCE"`
	EvalOutcomes      []string `name:"eval-outcomes" help:"Only these outcomes: ALLOWED, BLOCKED, ERROR, PENDING." placeholder:"OUTCOME"`
	StartTime         string   `name:"start-time" help:"Only scans since this time, 2025-01-01T00:00:00." placeholder:"TIME"`
	EndTime           string   `name:"end-time" help:"Only scans until this time." placeholder:"TIME"`
	SecurityGroupUUID string   `name:"security-group-uuid" help:"Only scans under this group." placeholder:"UUID"`
	Search            string   `help:"Part of the model's URI, or the beginning of a scan's UUID."`
	LabelsQuery       string   `name:"labels-query" help:"Labels: env:prod AND (team:a OR team:*)." placeholder:"QUERY"`
}

func (c *listScansCommand) Run(g *globals, t terminal) error {
	query := url.Values{
		"limit": {strconv.Itoa(c.Limit)}, "skip": {strconv.Itoa(c.Skip)},
		"source_types": c.SourceTypes, "eval_outcomes": c.EvalOutcomes,
	}
	for name, value := range map[string]string{
		"start_time": c.StartTime, "end_time": c.EndTime, "security_group_uuid": c.SecurityGroupUUID,
		"search_query": c.Search, "labels_query": c.LabelsQuery,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	ctx := context.Background()
	cl, err := connect(ctx, g, t)
	if err != nil {
		return err
	}
	text, err := cl.raw(ctx, http.MethodGet, "/data/v1/scans", query, nil)
	if err == nil {
		err = showScans(text, g, t)
	}
	return errors.Join(err, cl.close())
}

// showScans writes a list of scans as a table for people, as JSON for programs.
func showScans(text []byte, g *globals, t terminal) error {
	if g.Output == "json" || g.Output == "auto" && !t.isTTY {
		_, err := t.out.Write(append(text, '\n'))
		return err
	}
	var list struct {
		Scans []struct {
			UUID    string `json:"uuid"`
			Time    string `json:"created_at"`
			Outcome string `json:"eval_outcome"`
			URI     string `json:"model_uri"`
			Group   string `json:"security_group_name"`
			Summary *struct {
				Failed int `json:"rules_failed"`
				Passed int `json:"rules_passed"`
			} `json:"eval_summary"`
		} `json:"scans"`
		Pagination struct {
			Total int `json:"total_items"`
		} `json:"pagination"`
	}
	if err := decode(text, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SCAN\tTIME\tOUTCOME\tFAILED\tPASSED\tGROUP\tMODEL")
	for _, s := range list.Scans {
		failed, passed := "", ""
		if s.Summary != nil {
			failed, passed = strconv.Itoa(s.Summary.Failed), strconv.Itoa(s.Summary.Passed)
		}
		when, _, _ := strings.Cut(s.Time, ".")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.UUID, when, s.Outcome, failed, passed, s.Group, s.URI)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%d of %d\n", len(list.Scans), list.Pagination.Total)
	return nil
}

// decode reads an answer of the API.
func decode(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}
