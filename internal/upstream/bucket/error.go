package bucket

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"modelgate/internal/model"
)

// ErrAnswer is wrapped when a store's answer cannot be one to what it was asked.
var ErrAnswer = errors.New("the store's answer does not make sense")

// ErrTooMany is wrapped when more objects lie below a prefix than can be one version.
var ErrTooMany = errors.New("too many objects")

// Error is a refusal of a store's own, or ours for want of credentials.
type Error struct {
	Provider model.Source
	Status   int    // of HTTP; 0 if nobody was asked
	Code     string // as the store names it: NoSuchKey, BlobNotFound, forbidden; "" if it does not
	Message  string
	// Reason says why the store was asked without credentials; "" if it was asked with some.
	Reason string
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s answers %d", e.Provider, e.Status)
	if e.Status == 0 {
		text = string(e.Provider)
	}
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Reason != "" {
		text += "; asked without credentials: " + e.Reason
	}
	return text
}

// ErrorCode is the error in the words of the API.
func (e *Error) ErrorCode() string {
	code := strings.ToLower(e.Code)
	switch {
	case e.Status == 0:
		return "MISSING_CREDENTIALS"
	case code == "nosuchbucket" || code == "containernotfound" || strings.Contains(e.Message, "specified bucket does not exist"):
		return "NO_SUCH_BUCKET"
	case code == "invalidbucketname" || code == "invalidresourcename":
		return "INVALID_BUCKET_NAME"
	case code == "invalidobjectstate" || code == "blobarchived" || code == "blobbeingrehydrated":
		return "INVALID_OBJECT_STATE"
	case e.Status == http.StatusNotFound:
		return "NO_SUCH_KEY"
	case e.isDenied() && e.Reason != "":
		return "MISSING_CREDENTIALS"
	case e.isDenied():
		return "ACCESS_DENIED"
	case e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests:
		return "SERVICE_UNAVAILABLE"
	default:
		return "UNKNOWN_REMOTE_SERVICE_ERROR"
	}
}

func (e *Error) isDenied() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// isMissing tells whether an error means that there is no such object.
func isMissing(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.ErrorCode() == "NO_SUCH_KEY"
}

// Unregistered is the error of a bucket for which modelgate has no credentials of its own.
func Unregistered(a Address) error {
	return &Error{
		Provider: a.Provider,
		Message:  "register read credentials for " + a.At("").String() + " in objectstore.buckets",
	}
}

// maxRefusal is how much is read of a refusal, in bytes.
const maxRefusal = 64 << 10

// refusal makes an Error of an answer and closes its body. S3 and Azure answer in XML, GCS in JSON, and a HEAD in headers alone.
func refusal(provider model.Source, res *http.Response, reason string) *Error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusal)) // a body that breaks says less, not something else
	_ = res.Body.Close()
	e := &Error{Provider: provider, Status: res.StatusCode, Reason: reason}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	var document struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	var object struct {
		Error struct {
			Message string `json:"message"`
			Errors  []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	switch {
	case bytes.HasPrefix(text, []byte("<")) && xml.Unmarshal(text, &document) == nil:
		e.Code, e.Message = document.Code, document.Message
	case bytes.HasPrefix(text, []byte("{")) && json.Unmarshal(text, &object) == nil:
		e.Message = object.Error.Message
		if len(object.Error.Errors) > 0 {
			e.Code = object.Error.Errors[0].Reason
		}
	}
	if e.Code == "" {
		e.Code = res.Header.Get("X-Ms-Error-Code")
	}
	if e.Message == "" {
		e.Message = http.StatusText(res.StatusCode)
	}
	e.Message, _, _ = strings.Cut(strings.TrimSpace(e.Message), "\n") // Azure adds times and request ids in further lines
	return e
}
