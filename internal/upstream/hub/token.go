package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Token is an access token, without "Bearer ". It never shows itself: not in logs, not in errors, not in JSON.
type Token string

func (t Token) String() string {
	if t == "" {
		return ""
	}
	return "[token]"
}

// GoString keeps %#v from showing it.
func (t Token) GoString() string { return strconv.Quote(t.String()) }

// MarshalText writes the placeholder.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// who names who asks without telling the token: "" is the gate itself.
func (t Token) who() string {
	if t == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(t))
	return hex.EncodeToString(sum[:16])
}

// effective is the token that is sent for a caller's.
func (c *Client) effective(t Token) Token {
	if t == "" {
		return c.token
	}
	return t
}
