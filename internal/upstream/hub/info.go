package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"modelgate/internal/model"
)

// info is what is read of the answer of /api/{kind}/{id}/revision/{rev}.
type info struct {
	ID       string          `json:"id"`
	SHA      string          `json:"sha"`
	Private  *bool           `json:"private"`
	Gated    any             `json:"gated"` // false, "auto", "manual"; missing where the kind has no such thing
	CardData json.RawMessage `json:"cardData"`
	Tags     []string        `json:"tags"`

	anonymous bool // nobody's token was sent for it
}

// askInfo asks for a repository at a revision.
func (c *Client) askInfo(ctx context.Context, tok Token, repo Repo, rev string) (info, error) {
	in := info{anonymous: c.effective(tok) == ""}
	if _, err := c.askJSON(ctx, c.api(repo, "revision", rev), tok, &in); err != nil {
		return info{}, err
	}
	if in.ID == "" {
		in.ID = repo.ID
	}
	return in, nil
}

// Visibilities of a repository, as far as an answer tells.
type visibility int

const (
	restricted visibility = iota // private or gated
	openToAll                    // for everybody
	unsaid                       // somebody's token was accepted, and nothing said of others
)

// visibility tells who may read the repository. Where the answer does not say so, it is what everybody may read if it was given to
// nobody in particular.
func (in info) visibility() visibility {
	gated, isBool := in.Gated.(bool)
	switch {
	case in.Private != nil && *in.Private, gated, in.Gated != nil && !isBool:
		return restricted
	case in.Private == nil && !in.anonymous:
		return unsaid
	default:
		return openToAll
	}
}

// commit is what the model's card says: its licences, from the card itself and from the tag that the Hub makes of it.
func (in info) commit() commitFact {
	var card struct {
		License     any `json:"license"` // a string or a list of them
		LicenseName any `json:"license_name"`
	}
	var fact commitFact
	if len(in.CardData) > 0 && json.Unmarshal(in.CardData, &card) != nil {
		fact.LicenseUnknown = true
	}
	add := func(license string) {
		license = strings.ToLower(strings.TrimSpace(license))
		for _, l := range fact.Licenses {
			if l == license {
				return
			}
		}
		if license != "" && len(fact.Licenses) < maxLicenses {
			fact.Licenses = append(fact.Licenses, license)
		}
	}
	switch l := card.License.(type) {
	case string:
		add(l)
	case []any:
		for _, one := range l {
			if s, ok := one.(string); ok {
				add(s)
			}
		}
	}
	for _, tag := range in.Tags {
		if l, ok := strings.CutPrefix(tag, "license:"); ok {
			add(l)
		}
	}
	fact.LicenseName, _ = card.LicenseName.(string)
	return fact
}

// maxLicenses bounds the licences that are remembered of one commit.
const maxLicenses = 50

// Metadata tells of licence, organization and visibility. Licence and visibility are those of when the commit was first seen; what
// can't be learned is stated as unknown, and no error.
func (c *Client) Metadata(ctx context.Context, tok Token, repo Repo, commit string) (model.Metadata, error) {
	v := model.Version{Source: model.HuggingFace, Kind: repo.Kind, Name: repo.ID, Revision: commit}
	m := model.Metadata{URI: v.URI()}
	if err := repo.check(); err != nil {
		return m, err
	}
	if !isCommit(commit) {
		return m, fmt.Errorf("%q is no commit", commit)
	}
	if _, err := c.Resolve(ctx, tok, repo, commit); err != nil { // known, or asked for now
		var refused *Error
		if errors.As(err, &refused) && refused.Permanent() {
			return m, err
		}
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
		m.LicenseUnknown, m.Private = true, true
		c.log.Warn().Err(err).Str("repo", repo.String()).Msg("metadata can't be learned")
	}
	if err := c.admit(ctx, tok, repo, commit, ""); err != nil {
		return m, err
	}
	if fact, ok := recall[commitFact](ctx, c.facts, commitKey(repo, commit)); ok {
		m.Licenses, m.LicenseName, m.LicenseUnknown = fact.Licenses, fact.LicenseName, fact.LicenseUnknown
	}
	if fact, ok := recall[repoFact](ctx, c.facts, repoKey(repo)); ok {
		m.Aliases, m.Private = fact.Aliases, fact.Private
	}
	m.Verified = c.verified(ctx, tok, repo.organization())
	return m, nil
}

// organization is whether the Hub has verified one, and until when that is believed.
type organization struct {
	verified bool
	until    time.Time
}

// How long an organization's overview is believed, and how long its absence.
const (
	organizationTTL = time.Hour
	absenceTTL      = 10 * time.Minute
)

// verified tells whether an organization is verified; nil if that can't be learned. Users, repositories without an organization, and
// organizations of which the Hub does not say so are not.
func (c *Client) verified(ctx context.Context, tok Token, name string) *bool {
	verdict := func(b bool) *bool { return &b }
	if name == "" {
		return verdict(false)
	}
	if o, ok := c.orgs.Get(name); ok && c.now().Before(o.until) {
		return verdict(o.verified)
	}
	o, err := together(ctx, c, "organization/"+name, c.patient(ctx), func(ctx context.Context) (organization, error) {
		var overview struct {
			Verified bool `json:"isVerified"`
		}
		_, err := c.askJSON(ctx, c.endpoint+"/api/organizations/"+url.PathEscape(name)+"/overview", tok, &overview)
		var refused *Error
		if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
			return organization{until: c.now().Add(absenceTTL)}, nil
		}
		return organization{verified: overview.Verified, until: c.now().Add(organizationTTL)}, err
	})
	if err != nil {
		c.log.Warn().Err(err).Str("organization", name).Msg("organization can't be learned")
		return nil
	}
	c.orgs.Add(name, o)
	return verdict(o.verified)
}
