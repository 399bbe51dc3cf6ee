// Package auth says who is calling. A door that authenticates puts the Principal into the request's context; everything behind it reads it
// there.
package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"

	"modelgate/internal/model"
)

// Principal is who is calling.
type Principal struct {
	// Name is that of the account; "" stands for everybody.
	Name string
	// Groups are the names of the security groups that the caller's models are judged by, by source. A source that is missing has its
	// default group.
	Groups map[model.Source]string
	// Permissions are what the caller's roles grant; Everything grants all of them.
	Permissions map[Permission]Level
	Everything  bool
}

// Group is the name of the security group for models of a source, "" for the default one.
func (p Principal) Group(s model.Source) string { return p.Groups[s] }

type principalKey struct{}

// With puts the caller into a context.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From is the caller that a context carries; the zero Principal if it carries none.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// Who names the caller of a request for the record: the account, or else the address.
func Who(r *http.Request) string {
	if name := From(r.Context()).Name; name != "" {
		return name
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Accounts are the callers that a door lets in by a token each. The zero value lets nobody in.
type Accounts struct {
	byToken map[[sha256.Size]byte]Principal
}

// minToken is how many bytes a token has at least: less can be guessed.
const minToken = 16

// Add makes a principal known by its token.
func (a *Accounts) Add(p Principal, token string) error {
	if p.Name == "" {
		return errors.New("an account needs a name")
	}
	if len(token) < minToken {
		return fmt.Errorf("the token of account %s is shorter than %d characters", p.Name, minToken)
	}
	if a.byToken == nil {
		a.byToken = map[[sha256.Size]byte]Principal{}
	}
	sum := sha256.Sum256([]byte(token))
	if other, ok := a.byToken[sum]; ok {
		return fmt.Errorf("accounts %s and %s have the same token", other.Name, p.Name)
	}
	a.byToken[sum] = p
	return nil
}

// Empty tells whether there are no accounts.
func (a *Accounts) Empty() bool { return len(a.byToken) == 0 }

// Find is the principal that a token stands for. What is looked up is the token's hash, so that the time it takes says nothing of others.
func (a *Accounts) Find(token string) (Principal, bool) {
	p, ok := a.byToken[sha256.Sum256([]byte(token))]
	return p, ok
}
