package bucket

import (
	"context"
	"net/http"
	"net/url"
)

// Question is what a reader asks of a store, to be asked with the store's own credentials.
type Question struct {
	Method string
	Key    string // "" is the bucket
	Query  url.Values
	Header http.Header
}

// Forward asks a question as it is. What is no success is an *Error.
func (s *S3) Forward(ctx context.Context, q Question) (*http.Response, error) {
	a := s.ask(q.Method, q.Key, q.Query)
	a.header = q.Header
	res, err := s.do(ctx, a)
	if err != nil {
		return nil, err
	}
	return res.Response, nil
}
