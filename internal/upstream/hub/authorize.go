package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Authorize tells whether the token may read the files of a repository: nil if it may, an *Error as the Hub gives it if not. Public
// repositories cost no request; otherwise the Hub is asked by one HEAD of the path, or by its auth-check if path is "", and an
// acceptance is remembered for five minutes. If the Hub can't be asked, nobody is let in.
func (c *Client) Authorize(ctx context.Context, tok Token, repo Repo, commit, path string) error {
	if err := repo.check(); err != nil {
		return err
	}
	if path != "" && !isCommit(commit) {
		return fmt.Errorf("%q is no commit", commit)
	}
	return c.admit(ctx, tok, repo, commit, path)
}

// admit is Authorize for arguments that are known to be sound.
func (c *Client) admit(ctx context.Context, tok Token, repo Repo, commit, path string) error {
	if !c.private(ctx, repo) {
		return nil
	}
	key := c.who(tok) + "/" + repo.String()
	if until, ok := c.accepted.Get(key); ok && c.now().Before(until) {
		return nil
	}
	_, err := together(ctx, c, "authorize/"+key, c.patient(ctx), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.askAccess(ctx, tok, repo, commit, path)
	})
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return fmt.Errorf("ask for access to %s: %w", repo, err)
	}
	c.accepted.Add(key, c.now().Add(acceptedFor))
	return nil
}

// askAccess asks the Hub whether it would give out a file.
func (c *Client) askAccess(ctx context.Context, tok Token, repo Repo, commit, path string) error {
	method, address := http.MethodHead, ""
	if path == "" {
		method, address = http.MethodGet, c.api(repo, "auth-check")
	} else {
		address = c.resolve(repo, commit, path)
	}
	res, err := c.ask(c.stay(ctx), method, address, tok, nil)
	if err != nil {
		return err
	}
	if res.StatusCode < http.StatusBadRequest {
		_ = res.Body.Close()
		// Something that is not the Hub may answer 200 to everything: a page to log in at, for one.
		if path != "" && commitOf(res) != commit || strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			return fmt.Errorf("a yes that is not the hub's: %w", ErrAnswer)
		}
		if path != "" && c.effective(tok) == "" {
			c.noteOpen(ctx, repo)
		}
		return nil
	}
	e := refusal(res.Response)
	if e.Code == "EntryNotFound" { // it would, if there were one
		return nil
	}
	return e
}

// noteOpen takes a repository for public of which the Hub has not said what it is, now that it has shown a file to nobody in particular.
func (c *Client) noteOpen(ctx context.Context, repo Repo) {
	fact, ok := recall[repoFact](ctx, c.facts, repoKey(repo))
	if ok && fact.Unsaid {
		fact.Private, fact.Unsaid = false, false
		c.keep(remember(ctx, c.facts, repoKey(repo), fact))
	}
}
