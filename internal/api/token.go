package api

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// tokenLife is how long a token is good.
const tokenLife = 15 * time.Minute

// tokens issues bearer tokens. While accounts are off any credentials get one, so that clients of the contract just work;
// nothing asks for one.
type tokens struct{ key []byte }

func newTokens() tokens {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return tokens{key: key}
}

// tokenRoutes are those that give tokens, open to whoever has credentials.
func (a *API) tokenRoutes() []route {
	return []route{{pattern: "POST /oauth2/access_token", serve: a.issueToken}}
}

// oauthProblem is an error in the shape of OAuth2.
type oauthProblem struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// issueToken is the token endpoint: client credentials in the header or in the form.
func (a *API) issueToken(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	err := r.ParseForm()
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	grant, scope := r.PostForm.Get("grant_type"), r.PostForm.Get("scope")
	if scope == "" {
		scope = "tsg_id:" + a.Tenant
	}
	refuse := func(status int, code, description string) {
		writeJSON(w, status, oauthProblem{code, description})
	}
	switch {
	case err != nil:
		refuse(http.StatusBadRequest, "invalid_request", "the form cannot be read")
	case grant == "":
		refuse(http.StatusBadRequest, "invalid_request", "grant_type is missing")
	case grant != "client_credentials":
		refuse(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials")
	case id == "" || secret == "":
		w.Header().Set("WWW-Authenticate", `Basic realm="modelgate"`)
		refuse(http.StatusUnauthorized, "invalid_client", "client id and secret are missing")
	case !strings.HasPrefix(scope, "tsg_id:"):
		refuse(http.StatusBadRequest, "invalid_scope", "scope must be tsg_id:<id>")
	default:
		return a.grant(w, r, id, secret, scope)
	}
	return nil
}

// grant answers with a token.
func (a *API) grant(w http.ResponseWriter, r *http.Request, id, secret, scope string) error {
	signed, err := a.issue(r, id, secret)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": signed, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "scope": scope,
	})
	return nil
}

// issue signs a token for client credentials. While accounts are off any credentials get one.
func (a *API) issue(_ *http.Request, id, _ string) (string, error) {
	token, _, err := a.sign(id, tokenLife)
	return token, err
}

// sign makes a token that names its subject and ends after a time.
func (a *API) sign(subject string, life time.Duration) (token string, until time.Time, err error) {
	now := time.Now()
	until = now.Add(life).Truncate(time.Second)
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": subject, "iat": now.Unix(), "exp": until.Unix(),
	}).SignedString(a.tokens.key)
	if err != nil {
		return "", until, fmt.Errorf("sign a token: %w", err)
	}
	return token, until, nil
}
