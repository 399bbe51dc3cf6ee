package bucket

import (
	"context"
	"io"
	"net/http"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// Told is what the header of an answer with bytes tells of an object, without its size: that of an answer to somebody else's question too.
func Told(provider model.Source, h http.Header) Info {
	switch provider {
	case model.S3:
		return s3Info(h)
	case model.GCS:
		return gcsInfo(h)
	default:
		return azureInfo(h)
	}
}

// SameState tells whether two Infos are of one state of an object, as far as both tell.
func (i Info) SameState(got Info) bool { return i.Size == got.Size && i.changed(got) == nil }

// OpenBy opens n bytes from off of an object, or all from off if n is negative, through questions that somebody else makes; the answers are
// held to what is known of the object as those to questions of our own are.
func OpenBy(ctx context.Context, provider model.Source, name string, info Info, off, n int64, ask func(ctx context.Context, header http.Header) (*http.Response, error)) (io.ReadCloser, error) {
	return open(ctx, name, info, off, n, func(ctx context.Context, header http.Header) (*upstream.Response, error) {
		res, err := ask(ctx, header)
		if err != nil {
			return nil, err
		}
		if res.StatusCode >= http.StatusMultipleChoices {
			return nil, refusal(provider, res, "")
		}
		return &upstream.Response{Response: res}, nil
	}, func(h http.Header) Info { return Told(provider, h) })
}

// IsLegible tells whether a scanner that is given stored bytes of that Content-Encoding sees what a client sees that decodes them.
func IsLegible(encoding string) bool { return isLegible(encoding) }
