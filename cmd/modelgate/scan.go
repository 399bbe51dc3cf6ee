package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"modelgate/internal/api"
	"modelgate/internal/finding"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/report"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/source"
	"modelgate/internal/upstream/bucket"
	"modelgate/internal/upstream/folder"
)

// scanCommand scans a model and says how it fares under the rules of a group.
type scanCommand struct {
	SecurityGroupUUID string   `name:"security-group-uuid" help:"Security group; the default group of the model's source if absent." placeholder:"UUID"`
	ModelURI          string   `name:"model-uri" help:"Model of the Hub (https://huggingface.co/org/name), or in an object store: s3://bucket/key, gs://…, az://… or https://account.blob.core.windows.net/container/…; a prefix ends in a slash." placeholder:"URI"`
	ModelPath         string   `name:"model-path" help:"Local folder or file. With --model-uri, the local copy of what is stored there: its bytes stay here." placeholder:"DIR"`
	ModelName         string   `name:"model-name" help:"Name of the model, free text."`
	ModelAuthor       string   `name:"model-author" help:"Author of the model, free text."`
	ModelVersion      string   `name:"model-version" help:"Branch, tag or commit on the Hub; version id or generation of an object; free text for a local folder."`
	AllowPatterns     []string `name:"allow-patterns" sep:"none" help:"Scan only files that match one of these globs." placeholder:"GLOB"`
	IgnorePatterns    []string `name:"ignore-patterns" sep:"none" help:"Leave files out that match one of these globs." placeholder:"GLOB"`
	Label             []string `short:"l" sep:"none" help:"Label of the scan, repeatable." placeholder:"KEY=VALUE"`

	IndexURL      string   `name:"index-url" help:"Package index for a requirements file, instead of the configured ones." placeholder:"URL"`
	PythonVersion string   `name:"python-version" help:"Of what requirements name, scan only wheels for this Python: 3.12." placeholder:"X.Y"`
	Platform      []string `name:"platform" sep:"none" help:"Of what requirements name, scan only wheels for platforms that match one of these globs: manylinux*_x86_64." placeholder:"GLOB"`

	PollIntervalSecs float64 `name:"poll-interval-secs" default:"5" help:"How often to ask for the outcome."`
	PollTimeoutSecs  float64 `name:"poll-timeout-secs" default:"600" help:"How long to wait for the outcome."`
	BlockOnErrors    bool    `name:"block-on-errors" help:"Exit with 2 if the scan ends as ERROR."`
	ReportOnly       bool    `name:"report-only" help:"Exit with 0 whatever the outcome."`
	Explain          bool    `help:"Show every violation in full: where, by what evidence, why it matters, what to do. Implies text."`
	DryRun           bool    `name:"dry-run" help:"Say what would be scanned, and stop."`

	DownloadTimeoutSecs float64 `name:"download-timeout-secs" default:"600" help:"Limit of downloads from object storage."`
	DownloadDir         string  `name:"download-dir" default:"~/.cache/airsms/" help:"Where downloads from object storage go."`
	CleanupDownloadDir  bool    `name:"cleanup-download-dir" help:"Remove downloads from object storage afterwards."`
}

func (c *scanCommand) Run(g *globals, t terminal) error {
	labels, err := c.validate()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if c.DryRun {
		return c.dryRun(ctx, t)
	}
	cl, err := connect(ctx, g, t)
	if err != nil {
		return err
	}
	err = c.scan(ctx, cl, g, t, labels)
	return errors.Join(err, cl.close())
}

// validate looks at the flags together and parses the labels.
func (c *scanCommand) validate() ([]model.Label, error) {
	if c.ModelURI == "" && c.ModelPath == "" {
		return nil, errors.New("nothing to scan: give --model-uri or --model-path")
	}
	if c.SecurityGroupUUID != "" {
		if _, err := uuid.Parse(c.SecurityGroupUUID); err != nil {
			return nil, fmt.Errorf("--security-group-uuid: %w", err)
		}
	}
	if c.PollIntervalSecs <= 0 || c.PollTimeoutSecs <= 0 {
		return nil, errors.New("--poll-interval-secs and --poll-timeout-secs must be greater than 0")
	}
	if c.ModelURI != "" {
		if err := c.canonicalURI(); err != nil {
			return nil, err
		}
	}
	var labels []model.Label
	for _, l := range c.Label {
		key, value, ok := strings.Cut(l, "=")
		if !ok {
			return nil, fmt.Errorf("--label %q is not key=value", l)
		}
		labels = append(labels, model.Label{Key: key, Value: value})
	}
	return labels, nil
}

// canonicalURI checks the address of a model and spells it as scans record it.
func (c *scanCommand) canonicalURI() error {
	if bucket.IsBucket(c.ModelURI) {
		at, err := bucket.Parse(c.ModelURI)
		if err != nil {
			return fmt.Errorf("--model-uri: %w", err)
		}
		c.ModelURI = at.String()
		return nil
	}
	if src := api.SourceOf(c.ModelURI); src != model.HuggingFace {
		return fmt.Errorf("modelgate scans models of the Hub, in object stores and in local folders, not of %s", src)
	}
	if c.ModelPath != "" {
		return errors.New("--model-path together with --model-uri is for object storage: leave one of them out")
	}
	return nil
}

// dryRun lists what would be scanned.
func (c *scanCommand) dryRun(ctx context.Context, t terminal) error {
	if c.ModelPath == "" {
		fmt.Fprintf(t.out, "would scan %s\n", c.ModelURI)
		return nil
	}
	f, err := folder.Open(ctx, c.ModelPath)
	if err != nil {
		return err
	}
	files, err := f.Files(ctx)
	if err != nil {
		return err
	}
	for _, file := range files {
		fmt.Fprintf(t.out, "%s\t%d\n", file.Path, file.Size)
	}
	return nil
}

// scan makes the scan, tells the outcome and turns it into an exit code.
func (c *scanCommand) scan(ctx context.Context, cl *client, g *globals, t terminal, labels []model.Label) error {
	if c.ModelURI == "" {
		if done, err := c.scanPackages(ctx, cl, g, t, labels); done || err != nil {
			return err
		}
	}
	id, err := c.submit(ctx, cl, g, t, labels)
	if err != nil {
		return err
	}
	return c.tell(ctx, cl, g, t, id)
}

// scanPackages scans the Python packages at the path, each as a model of its own. done is false if there are none. The worst outcome
// decides.
func (c *scanCommand) scanPackages(ctx context.Context, cl *client, g *globals, t terminal, labels []model.Label) (done bool, err error) {
	find, err := c.finder(cl.alone, g, t)
	if err != nil {
		return false, err
	}
	list, err := find.find(ctx, c.ModelPath)
	if err != nil || len(list) == 0 {
		return false, err
	}
	if cl.alone == nil {
		return false, errors.New("packages of Python are scanned without a server: leave out --base-url")
	}
	worst := exitCode(0)
	for _, p := range list {
		order := gate.Order{
			Request: gate.Request{
				Version: p.version, Origin: p.Origin, Owner: "cli", ScanOrigin: model.OriginSDK, ModelURI: p.uri,
				RequestedRevision: p.release, Uploaded: p.uploaded, Whole: true,
			},
			ModelName: p.version.Name, ModelAuthor: c.ModelAuthor, ModelVersion: p.release, Labels: labels, Progress: progress(g, t),
		}
		if c.ModelName != "" {
			order.ModelName = c.ModelName
		}
		id, err := c.order(ctx, cl.alone, order)
		if err != nil {
			return true, err
		}
		err = c.tell(ctx, cl, g, t, id)
		var code exitCode
		switch {
		case errors.As(err, &code):
			if worst != exitBlocked {
				worst = code
			}
		case err != nil:
			return true, err
		}
	}
	if worst != 0 {
		return true, worst
	}
	return true, nil
}

// finder finds the packages that are to be scanned. Only the packages that a requirements file names need an index.
func (c *scanCommand) finder(a *app, g *globals, t terminal) (packageFinder, error) {
	wheels, err := newWheelFilter(c.PythonVersion, c.Platform)
	if err != nil {
		return packageFinder{}, err
	}
	find := packageFinder{
		wheels:     wheels,
		advisories: func(string, string) []model.Advisory { return nil },
		remark: func(format string, args ...any) {
			if !g.Silent {
				fmt.Fprintf(t.err, format+"\n", args...)
			}
		},
	}
	if a == nil {
		return find, nil
	}
	find.advisories = a.bad.find
	if isRequirements(c.ModelPath) {
		find.index, err = a.indexAlone(c.IndexURL)
	}
	return find, err
}

// tell waits for the outcome of a scan, shows it, and turns it into an exit code.
func (c *scanCommand) tell(ctx context.Context, cl *client, g *globals, t terminal, id uuid.UUID) error {
	if cl.alone == nil && !g.Silent {
		fmt.Fprintf(t.err, "scan %s\n", id)
	}
	outcome, err := c.await(ctx, cl, id)
	if err != nil {
		return err
	}
	if err := showScan(ctx, cl, g, t, id, c.Explain); err != nil {
		return err
	}
	switch {
	case outcome == model.Blocked && !g.Silent:
		fmt.Fprintf(t.err, "The model failed your organization's security policies: scan %s\n", id)
	case outcome == model.Errored && !g.Silent:
		fmt.Fprintf(t.err, "The scan ended in an error: scan %s\n", id)
	}
	switch {
	case c.ReportOnly:
		return nil
	case outcome == model.Blocked:
		return exitCode(exitBlocked)
	case outcome == model.Errored && c.BlockOnErrors:
		return exitCode(exitError)
	default:
		return nil
	}
}

// submit starts the scan where it belongs: models of the Hub and of object stores at the server, local files here. Local files never
// leave this machine; a server is given what was found in them.
func (c *scanCommand) submit(ctx context.Context, cl *client, g *globals, t terminal, labels []model.Label) (uuid.UUID, error) {
	switch {
	case c.ModelPath == "":
		return c.create(ctx, cl, c.ModelURI, labels, nil)
	case cl.alone != nil:
		return c.scanAlone(ctx, cl.alone, labels, progress(g, t))
	default:
		return c.scanForServer(ctx, cl, labels, progress(g, t))
	}
}

// progress shows files as they finish.
func progress(g *globals, t terminal) func(finding.NamedReport) {
	if g.Silent {
		return nil
	}
	return func(r finding.NamedReport) {
		fmt.Fprintf(t.err, "%-11s %s\n", r.Level(), r.Path)
	}
}

// scanAlone scans a local folder under the rules of the embedded record.
func (c *scanCommand) scanAlone(ctx context.Context, a *app, labels []model.Label, show func(finding.NamedReport)) (uuid.UUID, error) {
	f, err := c.openFolder(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	name := c.ModelName
	if name == "" {
		name = path.Base(f.version.Name)
	}
	order := gate.Order{
		Request: gate.Request{
			Version: f.version, Origin: f, Owner: "cli", ScanOrigin: model.OriginSDK, ModelURI: f.version.Name,
		},
		ModelName: name, ModelAuthor: c.ModelAuthor, ModelVersion: c.ModelVersion,
		Labels: labels, Progress: show,
	}
	return c.order(ctx, a, order)
}

// localCopy is a local folder as the version that it is scanned as: its own, or the one of the address that it is a copy of.
type localCopy struct {
	*folder.Folder
	version model.Version
}

func (c *scanCommand) openFolder(ctx context.Context) (localCopy, error) {
	f, err := folder.Open(ctx, c.ModelPath)
	if err != nil {
		return localCopy{}, err
	}
	meta, err := f.Metadata(ctx)
	if err != nil {
		return localCopy{}, err
	}
	out := localCopy{Folder: f, version: f.Version(meta.URI)}
	if c.ModelURI != "" {
		out.version.Source, out.version.Name = api.SourceOf(c.ModelURI), c.ModelURI
	}
	return out, nil
}

// Metadata is that of the address, which is what rules judge.
func (l localCopy) Metadata(context.Context) (model.Metadata, error) {
	return model.Metadata{URI: l.version.Name}, nil
}

// order makes a scan here and waits for it.
func (c *scanCommand) order(ctx context.Context, a *app, order gate.Order) (uuid.UUID, error) {
	if c.SecurityGroupUUID != "" {
		order.GroupUUID = uuid.MustParse(c.SecurityGroupUUID)
	}
	ticket, err := a.gate.Submit(ctx, order)
	if err != nil {
		return uuid.Nil, err
	}
	select {
	case <-ticket.Done():
		return ticket.Scan, nil
	case <-ctx.Done():
		return uuid.Nil, ctx.Err()
	}
}

// scanForServer scans a local folder here and has the server judge what was found.
func (c *scanCommand) scanForServer(ctx context.Context, cl *client, labels []model.Label, show func(finding.NamedReport)) (uuid.UUID, error) {
	started := time.Now().UTC()
	f, err := c.openFolder(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	files, err := f.Files(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	engine := scanner.New(source.DefaultLimits())
	rep, err := engine.Scan(ctx, scanner.Input{Version: f.version, Files: files, Open: f.Open, Progress: show})
	if err != nil {
		return uuid.Nil, err
	}
	details := api.DetailsOf(rep, started, time.Since(started))
	return c.create(ctx, cl, f.version.Name, labels, &details)
}

// create asks the API for a scan.
func (c *scanCommand) create(ctx context.Context, cl *client, uri string, labels []model.Label, details *api.ScanDetails) (uuid.UUID, error) {
	group := c.SecurityGroupUUID
	if group == "" {
		group = api.DefaultGroup(uri).String()
	}
	body := api.ScanCreate{
		ModelURI: uri, SecurityGroupUUID: group, ScanOrigin: model.OriginSDK,
		ModelName: c.ModelName, ModelAuthor: c.ModelAuthor, ModelVersion: c.ModelVersion,
		AllowPatterns: c.AllowPatterns, IgnorePatterns: c.IgnorePatterns, Labels: labels, ScanDetails: details,
	}
	var created struct {
		UUID uuid.UUID `json:"uuid"`
	}
	text, err := cl.raw(ctx, http.MethodPost, "/data/v1/scans", nil, body)
	if err != nil {
		return uuid.Nil, err
	}
	return created.UUID, decode(text, &created)
}

// await polls until the scan has an outcome.
func (c *scanCommand) await(ctx context.Context, cl *client, id uuid.UUID) (model.Outcome, error) {
	interval := time.Duration(c.PollIntervalSecs * float64(time.Second))
	if cl.alone != nil {
		interval = min(interval, 50*time.Millisecond) // nobody is disturbed by asking oneself
	}
	limit := time.Duration(c.PollTimeoutSecs * float64(time.Second))
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no outcome after %s; ask later: modelgate get-scan %s", limit, id))
	defer cancel()
	for {
		var scan struct {
			Outcome model.Outcome `json:"eval_outcome"`
		}
		if err := cl.get(ctx, "/data/v1/scans/"+id.String(), nil, &scan); err != nil {
			return "", err
		}
		if scan.Outcome != model.Pending {
			return scan.Outcome, nil
		}
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// showScan writes a scan in the form that was asked for. JSON has everything anyway, so to explain a scan means text unless JSON
// is asked for.
func showScan(ctx context.Context, cl *client, g *globals, t terminal, id uuid.UUID, explain bool) error {
	format := report.JSON
	if g.Output == "text" || g.Output == "auto" && (t.isTTY || explain) {
		format = report.Text
	}
	query := url.Values{"format": {string(format)}}
	if explain {
		query.Set("explain", "true")
	}
	if t.isTTY && os.Getenv("NO_COLOR") == "" {
		query.Set("color", "true")
	}
	text, err := cl.raw(ctx, http.MethodGet, "/data/v1/scans/"+id.String()+"/report", query, nil)
	if err != nil {
		return err
	}
	_, err = t.out.Write(text)
	return err
}
