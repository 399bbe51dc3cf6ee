package api

import (
	"crypto/rand"
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

// oauthProblem is an error in the shape of OAuth2.
type oauthProblem struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// issueToken is the token endpoint: client credentials in the header or in the form.
func (a *API) issueToken(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		writeJSON(w, http.StatusBadRequest, oauthProblem{"invalid_request", "the form cannot be read"})
		return nil
	}
	if grant := r.PostForm.Get("grant_type"); grant != "client_credentials" {
		code := "unsupported_grant_type"
		if grant == "" {
			code = "invalid_request"
		}
		writeJSON(w, http.StatusBadRequest, oauthProblem{code, "grant_type must be client_credentials"})
		return nil
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if id == "" || secret == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="modelgate"`)
		writeJSON(w, http.StatusUnauthorized, oauthProblem{"invalid_client", "client id and secret are missing"})
		return nil
	}
	scope := r.PostForm.Get("scope")
	if scope == "" {
		scope = "tsg_id:" + a.Tenant
	}
	if !strings.HasPrefix(scope, "tsg_id:") {
		writeJSON(w, http.StatusBadRequest, oauthProblem{"invalid_scope", "scope must be tsg_id:<id>"})
		return nil
	}
	now := time.Now()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": id, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	}).SignedString(a.tokens.key)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": signed, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "scope": scope,
	})
	return nil
}
