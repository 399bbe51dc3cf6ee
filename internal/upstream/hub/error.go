package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"modelgate/internal/upstream"
)

// Error is a refusal of the Hub's own, to be passed on as it is.
type Error struct {
	Status  int
	Code    string // X-Error-Code: RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo or ""
	Message string
	// Header holds what came of X-Error-Code, X-Error-Message, X-Request-Id, X-Repo-Commit, Retry-After, RateLimit,
	// RateLimit-Policy, WWW-Authenticate and Content-Type.
	Header http.Header
}

func (e *Error) Error() string { return fmt.Sprintf("the hub answers %d: %s", e.Status, e.Message) }

// Permanent tells that asking again would not help.
func (e *Error) Permanent() bool {
	return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}

// passedOn are the headers of a refusal that clients understand.
func passedOn() []string {
	return []string{
		"X-Error-Code", "X-Error-Message", "X-Request-Id", "X-Repo-Commit", "Retry-After", "RateLimit", "RateLimit-Policy",
		"WWW-Authenticate", "Content-Type",
	}
}

// maxMessage is how much is read of a refusal, in bytes.
const maxMessage = 64 << 10

// refusal makes an Error of an answer and closes its body.
func refusal(res *http.Response) *Error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxMessage)) // a body that breaks says less, not something else
	_ = res.Body.Close()
	e := &Error{Status: res.StatusCode, Code: res.Header.Get("X-Error-Code"), Header: http.Header{}}
	for _, name := range passedOn() {
		if v := res.Header.Values(name); len(v) > 0 {
			e.Header[http.CanonicalHeaderKey(name)] = v
		}
	}
	e.Message = message(res, text)
	return e
}

// message finds the sentence of a refusal, as the Hub's own client does: X-Error-Message, "error" or "message" of a JSON
// body, or else the status.
func message(res *http.Response, text []byte) string {
	if m := res.Header.Get("X-Error-Message"); m != "" {
		return m
	}
	var body struct {
		Error   any    `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &body) == nil {
		switch e := body.Error.(type) {
		case string:
			return e
		case []any:
			var parts []string
			for _, p := range e {
				parts = append(parts, fmt.Sprint(p))
			}
			return strings.Join(parts, ", ")
		}
		if body.Message != "" {
			return body.Message
		}
	}
	return http.StatusText(res.StatusCode)
}

// noEntry is the Hub's answer to who asks for a file that a commit does not have.
func noEntry(commit, path string) *Error {
	message := "Entry not found"
	return &Error{Status: http.StatusNotFound, Code: "EntryNotFound", Message: message + ": " + path, Header: http.Header{
		"X-Error-Code": {"EntryNotFound"}, "X-Error-Message": {message}, "X-Repo-Commit": {commit},
	}}
}

// asError makes the Hub's own answer of a quota that is known to be used up. Other errors stay as they are.
func asError(err error) error {
	var limited *upstream.LimitError
	if !errors.As(err, &limited) {
		return err
	}
	e := &Error{Status: http.StatusTooManyRequests, Message: limited.Error(), Header: http.Header{}}
	for _, name := range []string{"RateLimit-Policy"} {
		if v := limited.Header.Values(name); len(v) > 0 {
			e.Header[http.CanonicalHeaderKey(name)] = v
		}
	}
	seconds := strconv.Itoa(limited.Seconds())
	e.Header.Set("Retry-After", seconds)
	e.Header.Set("RateLimit", `"api";r=0;t=`+seconds)
	return e
}

// unavailable tells whether an error means that the Hub can't say, rather than that it says no.
func unavailable(err error) bool {
	var e *Error
	return !errors.As(err, &e) || e.Status >= 500 || e.Status == http.StatusTooManyRequests
}
