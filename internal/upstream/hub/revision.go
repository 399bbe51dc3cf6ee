package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"modelgate/internal/model"
)

// Revision is what a branch, tag, ref or commit stands for.
type Revision struct {
	Repo   Repo   // canonical: differs from the one asked for if it was renamed
	Commit string // 40 hex digits
	// Private is set if not everybody may read the repository: it is private, gated, or its visibility is not known.
	Private bool
	// Stale is set if the Hub could not be reached and this is the last known commit.
	Stale bool
}

// Version is what the revision stands for, under the repository's canonical name.
func (r Revision) Version() model.Version {
	return model.Version{Source: model.HuggingFace, Kind: r.Repo.Kind, Name: r.Repo.ID, Revision: r.Commit}
}

// repoFact is what is known of a repository by one of its names.
type repoFact struct {
	Now     string   `json:"now"` // its present id
	Private bool     `json:"private"`
	Aliases []string `json:"aliases,omitempty"` // ids it had before, as callers used them
	// Unsaid is set if it is private only because the Hub has not said what it is.
	Unsaid bool `json:"unsaid,omitempty"`
}

// commitFact is what is known of a commit.
type commitFact struct {
	Licenses       []string `json:"licenses,omitempty"`
	LicenseName    string   `json:"license_name,omitempty"`
	LicenseUnknown bool     `json:"license_unknown,omitempty"`
}

// refFact is what a branch, tag or ref last stood for.
type refFact struct {
	Repo   Repo      `json:"repo"`
	Commit string    `json:"commit"`
	At     time.Time `json:"at"`
	// Failed is when the Hub could last not be reached for it; of this process alone.
	Failed time.Time `json:"-"`
}

func repoKey(r Repo) string                  { return "hub/repo/" + r.String() }
func commitKey(r Repo, commit string) string { return "hub/commit/" + r.String() + "/" + commit }

// refKey is who's view of a ref. Of public repositories all have the same view.
func refKey(r Repo, rev, who string) string { return "hub/ref/" + r.String() + "/" + who + "/" + rev }

// public is the who of views that all have.
const public = "public"

// Resolve tells which commit a revision stands for. A commit that is known costs no request, a branch, tag or short commit at most one
// a minute. If the Hub can't be reached, the last known commit is returned with Stale set. A refusal is an *Error.
//
// For a private repository it says nothing of whether the caller may read it: ask Authorize.
func (c *Client) Resolve(ctx context.Context, tok Token, repo Repo, rev string) (Revision, error) {
	if err := errors.Join(repo.check(), checkRevision(rev)); err != nil {
		return Revision{}, err
	}
	if isCommit(rev) {
		if r, ok := c.knownCommit(ctx, repo, rev); ok {
			return r, nil
		}
	}
	last, known := c.lastRef(ctx, tok, repo, rev)
	now := c.now()
	if known && now.Sub(last.At) < c.branchTTL {
		return c.revision(ctx, last, false), nil
	}
	known = known && now.Sub(last.At) < c.stale
	if known && now.Sub(last.Failed) < retryStale {
		return c.revision(ctx, last, true), nil
	}
	limit := c.patient(ctx)
	if known {
		limit = askLimitStale
	}
	fresh, err := together(ctx, c, refKey(repo, rev, c.who(tok)), limit, func(ctx context.Context) (refFact, error) {
		return c.askRevision(ctx, tok, repo, rev)
	})
	switch {
	case err == nil:
		return c.revision(ctx, fresh, false), nil
	case known && ctx.Err() == nil && unavailable(err):
		c.log.Warn().Err(err).Str("repo", repo.String()).Str("revision", rev).Str("commit", last.Commit).
			Msg("hub can't be reached: the last known commit is used")
		last.Failed = c.now()
		c.facts.recent.Add(c.viewKey(ctx, tok, repo, rev), last)
		return c.revision(ctx, last, true), nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return Revision{}, fmt.Errorf("resolve %s at %s: %w", repo, rev, err)
}

// who is whose view a caller has: the gate's own token and no token at all are one.
func (c *Client) who(tok Token) string {
	if tok == c.token {
		return ""
	}
	return tok.who()
}

// knownCommit is the revision of a commit that was resolved before, under any name of its repository.
func (c *Client) knownCommit(ctx context.Context, repo Repo, commit string) (Revision, bool) {
	fact, ok := recall[repoFact](ctx, c.facts, repoKey(repo))
	if !ok {
		return Revision{}, false
	}
	now := Repo{Kind: repo.Kind, ID: fact.Now}
	if _, ok := recall[commitFact](ctx, c.facts, commitKey(now, commit)); !ok {
		return Revision{}, false
	}
	return Revision{Repo: now, Commit: commit, Private: c.private(ctx, now)}, true
}

// private tells whether what is remembered of a repository is not for everybody. What is not known is private.
func (c *Client) private(ctx context.Context, repo Repo) bool {
	fact, ok := recall[repoFact](ctx, c.facts, repoKey(repo))
	return !ok || fact.Private
}

// viewKey is the key under which a caller's view of a ref is remembered.
func (c *Client) viewKey(ctx context.Context, tok Token, repo Repo, rev string) string {
	if !c.private(ctx, repo) {
		return refKey(repo, rev, public)
	}
	return refKey(repo, rev, c.who(tok))
}

func (c *Client) lastRef(ctx context.Context, tok Token, repo Repo, rev string) (refFact, bool) {
	return recall[refFact](ctx, c.facts, c.viewKey(ctx, tok, repo, rev))
}

func (c *Client) revision(ctx context.Context, f refFact, stale bool) Revision {
	return Revision{Repo: f.Repo, Commit: f.Commit, Private: c.private(ctx, f.Repo), Stale: stale}
}

// askRevision asks the Hub and remembers what it says.
func (c *Client) askRevision(ctx context.Context, tok Token, repo Repo, rev string) (refFact, error) {
	in, err := c.askInfo(ctx, tok, repo, rev)
	if err != nil {
		err = c.whatIsMissing(ctx, tok, repo, err)
		c.noteRefusal(ctx, tok, repo, err)
		return refFact{}, err
	}
	now := Repo{Kind: repo.Kind, ID: in.ID}
	if err := now.check(); err != nil {
		return refFact{}, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if !isCommit(in.SHA) || isCommit(rev) && in.SHA != rev {
		return refFact{}, fmt.Errorf("%q as the commit of %s: %w", in.SHA, rev, ErrAnswer)
	}
	c.rememberRepo(ctx, now, repo, in.visibility())
	if _, ok := recall[commitFact](ctx, c.facts, commitKey(now, in.SHA)); !ok {
		c.keep(remember(ctx, c.facts, commitKey(now, in.SHA), in.commit()))
	}
	fact := refFact{Repo: now, Commit: in.SHA, At: c.now()}
	if !isCommit(rev) {
		c.keep(remember(ctx, c.facts, c.viewKey(ctx, tok, repo, rev), fact))
	}
	return fact, nil
}

// whatIsMissing finds out of a 404 that does not say so whether the repository is missing or its revision: clients tell them apart by
// the code alone.
func (c *Client) whatIsMissing(ctx context.Context, tok Token, repo Repo, err error) error {
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound || refused.Code != "" {
		return err
	}
	_, err = c.askJSON(ctx, c.api(repo), tok, &info{})
	var missing *Error
	switch {
	case err == nil:
		refused.Code = "RevisionNotFound"
	case errors.As(err, &missing) && missing.Status == http.StatusNotFound:
		refused.Code = "RepoNotFound"
	default:
		return refused
	}
	refused.Header.Set("X-Error-Code", refused.Code)
	return refused
}

// noteRefusal stops taking a repository for public when the Hub no longer shows it to somebody. That a token is nobody's says nothing.
func (c *Client) noteRefusal(ctx context.Context, tok Token, repo Repo, err error) {
	var refused *Error
	if !errors.As(err, &refused) || !refused.Permanent() || refused.Code == "RevisionNotFound" ||
		refused.Status == http.StatusUnauthorized && c.effective(tok) != "" {
		return
	}
	fact, ok := recall[repoFact](ctx, c.facts, repoKey(repo))
	if !ok || refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden && refused.Status != http.StatusNotFound {
		return
	}
	now := Repo{Kind: repo.Kind, ID: fact.Now}
	if fact, ok := recall[repoFact](ctx, c.facts, repoKey(now)); ok && !fact.Private {
		fact.Private = true
		c.keep(remember(ctx, c.facts, repoKey(now), fact))
	}
}

// rememberRepo notes a repository by its present name and, if it was asked for under another, by that.
// What is not said leaves it as it is known, or private if it is not.
func (c *Client) rememberRepo(ctx context.Context, now, asked Repo, v visibility) {
	known, ok := recall[repoFact](ctx, c.facts, repoKey(now))
	fact := repoFact{Now: now.ID, Private: v == restricted, Aliases: known.Aliases}
	switch {
	case v == unsaid && ok:
		fact.Private, fact.Unsaid = known.Private, known.Unsaid
	case v == unsaid:
		fact.Private, fact.Unsaid = true, true
	}
	// Names differ in case alone for the Hub's convenience: that is no renaming.
	if !strings.EqualFold(now.ID, asked.ID) && !slices.Contains(fact.Aliases, asked.ID) && len(fact.Aliases) < maxAliases {
		fact.Aliases = append(slices.Clone(fact.Aliases), asked.ID)
	}
	if !ok || known.Now != fact.Now || known.Private != fact.Private || known.Unsaid != fact.Unsaid || len(known.Aliases) != len(fact.Aliases) {
		c.keep(remember(ctx, c.facts, repoKey(now), fact))
	}
	if now != asked {
		c.keep(remember(ctx, c.facts, repoKey(asked), repoFact{Now: now.ID, Private: fact.Private}))
	}
}

// maxAliases bounds the names that are remembered of one repository.
const maxAliases = 20

// keep notes that something could not be remembered. It will be asked for again.
func (c *Client) keep(err error) {
	if err != nil {
		c.log.Warn().Err(err).Msg("memory of the hub")
	}
}
