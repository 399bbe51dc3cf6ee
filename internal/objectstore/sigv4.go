package objectstore

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errSignature is wrapped when a request is not signed as it should be.
var errSignature = errors.New("the request signature is not valid")

// Bounds of signatures of version 4: how far clocks may be apart, and how long a presigned address may be good.
const (
	clockSkew  = 15 * time.Minute
	maxExpires = 7 * 24 * time.Hour
	v4Time     = "20060102T150405Z"
)

// v4 is a signature of version 4 as a request carries it (AWS Signature Version 4, for S3).
type v4 struct {
	key, scope string // the access key; date/region/service/aws4_request
	signed     []string
	signature  string
	at         time.Time
	expires    time.Duration // of a presigned address, else 0
	payload    string
	query      url.Values // that is signed
}

// readV4 reads the signature of a request, from its header or its query.
func readV4(r *http.Request) (v4, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return v4{}, fmt.Errorf("query: %w", errSignature)
	}
	s := v4{query: query, payload: r.Header.Get("X-Amz-Content-Sha256")}
	credential, date := "", r.Header.Get("X-Amz-Date")
	if query.Has("X-Amz-Signature") {
		credential, date, s.signature = query.Get("X-Amz-Credential"), query.Get("X-Amz-Date"), query.Get("X-Amz-Signature")
		s.signed, s.payload = strings.Split(query.Get("X-Amz-SignedHeaders"), ";"), "UNSIGNED-PAYLOAD"
		seconds, err := strconv.ParseUint(query.Get("X-Amz-Expires"), 10, 32)
		s.expires = time.Duration(seconds) * time.Second
		if err != nil || s.expires == 0 || s.expires > maxExpires || query.Get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" {
			return v4{}, fmt.Errorf("presigned address: %w", errSignature)
		}
		query.Del("X-Amz-Signature")
	} else {
		fields, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
		if !ok {
			return v4{}, fmt.Errorf("none of version 4: %w", errSignature)
		}
		for field := range strings.SplitSeq(fields, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			switch name {
			case "Credential":
				credential = value
			case "SignedHeaders":
				s.signed = strings.Split(value, ";")
			case "Signature":
				s.signature = value
			}
		}
	}
	if s.at, err = time.Parse(v4Time, date); err != nil {
		return v4{}, fmt.Errorf("date: %w", errSignature)
	}
	var ok bool
	if s.key, s.scope, ok = strings.Cut(credential, "/"); !ok || s.signature == "" || !slices.Contains(s.signed, "host") {
		return v4{}, fmt.Errorf("incomplete: %w", errSignature)
	}
	if parts := strings.Split(s.scope, "/"); len(parts) != 4 || parts[0] != date[:8] || parts[2] != "s3" || parts[3] != "aws4_request" {
		return v4{}, fmt.Errorf("scope: %w", errSignature)
	}
	return s, nil
}

// verify says whether a request is signed with a secret, at a time that is near enough.
func (s v4) verify(r *http.Request, secret string, now time.Time) error {
	age := now.Sub(s.at)
	if s.expires > 0 && (age > s.expires || age < -clockSkew) || s.expires == 0 && (age > clockSkew || age < -clockSkew) {
		return fmt.Errorf("it is not of this time: %w", errSignature)
	}
	sum := sha256.Sum256([]byte(s.canonical(r)))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", s.at.Format(v4Time), s.scope, hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(s.scope, "/") {
		key = hmacOf(key, part)
	}
	if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(hmacOf(key, text))), []byte(s.signature)) != 1 {
		return errSignature
	}
	return nil
}

func hmacOf(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonical is the request in the form that is signed.
func (s v4) canonical(r *http.Request) string {
	var headers strings.Builder
	for _, name := range s.signed {
		values := r.Header.Values(name)
		if name == "host" {
			values = []string{r.Host}
		}
		if name == "content-length" && len(values) == 0 {
			values = []string{strconv.FormatInt(max(0, r.ContentLength), 10)}
		}
		for i := range values {
			values[i] = strings.Join(strings.Fields(values[i]), " ")
		}
		headers.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	payload := s.payload
	if payload == "" {
		empty := sha256.Sum256(nil)
		payload = hex.EncodeToString(empty[:])
	}
	return strings.Join([]string{
		r.Method, v4Escape(r.URL.Path, true), v4Query(s.query), headers.String(), strings.Join(s.signed, ";"), payload,
	}, "\n")
}

// v4Query writes a query sorted and escaped.
func v4Query(q url.Values) string {
	var pairs []string
	for name, values := range q {
		for _, value := range values {
			pairs = append(pairs, v4Escape(name, false)+"="+v4Escape(value, false))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// v4Escape writes every byte but unreserved ones as %XX; slashes of a path stay.
func v4Escape(s string, path bool) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(plain, c) >= 0 || path && c == '/' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
