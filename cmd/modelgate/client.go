package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"modelgate/internal/api"
	"modelgate/internal/config"
)

// client speaks the API: of a server, or of a modelgate put together in this process, which is how commands work alone.
type client struct {
	http  *http.Client
	base  string // "http://gate:8080/aims"
	token string
	alone *app // nil if a server is spoken to
}

// maxAnswer bounds what a server may answer.
const maxAnswer = 256 << 20

// connect returns a client for the server that flags or variables name, or for none.
func connect(ctx context.Context, g *globals, t terminal) (*client, error) {
	if g.BaseURL == "" {
		return connectAlone(ctx, g, t)
	}
	base := strings.TrimRight(g.BaseURL, "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("--base-url %q is not an http:// or https:// address", g.BaseURL)
	}
	base = strings.TrimSuffix(base, "/aims")
	c := &client{http: &http.Client{Timeout: time.Minute}, base: base + "/aims"}
	id, secret := os.Getenv("MODEL_SECURITY_CLIENT_ID"), os.Getenv("MODEL_SECURITY_CLIENT_SECRET")
	if id == "" {
		return c, nil
	}
	endpoint := os.Getenv("MODEL_SECURITY_TOKEN_ENDPOINT")
	if endpoint == "" {
		endpoint = base + "/oauth2/access_token"
	}
	return c, c.login(ctx, endpoint, id, secret)
}

// connectAlone puts modelgate together in this process, without a listener.
func connectAlone(ctx context.Context, g *globals, t terminal) (*client, error) {
	cfg, err := config.Load(g.Config, os.Environ())
	if err != nil {
		return nil, err
	}
	level := map[string]zerolog.Level{"critical": zerolog.FatalLevel, "error": zerolog.ErrorLevel, "info": zerolog.InfoLevel, "debug": zerolog.DebugLevel}[g.LogLevel]
	log := zerolog.New(zerolog.ConsoleWriter{Out: t.err, NoColor: true}).Level(level).With().Timestamp().Logger()
	a, err := assemble(ctx, cfg, log, false)
	if err != nil {
		return nil, err
	}
	return &client{http: &http.Client{Transport: inProcess{a.api(progress(g, t))}}, base: "http://modelgate/aims", alone: a}, nil
}

func (c *client) close() error {
	if c.alone == nil {
		return nil
	}
	return c.alone.close()
}

// inProcess answers requests by a handler of this process.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r = r.Clone(r.Context())
	r.Host = "" // nobody listens, so nothing can link here
	if r.Body == nil {
		r.Body = http.NoBody
	}
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// login fetches a token with client credentials.
func (c *client) login(ctx context.Context, endpoint, id, secret string) error {
	form := url.Values{"grant_type": {"client_credentials"}}
	if tsg := os.Getenv("TSG_ID"); tsg != "" {
		form.Set("scope", "tsg_id:"+tsg)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := c.do(req, &answer); err != nil {
		return fmt.Errorf("log in at %s: %w", endpoint, err)
	}
	c.token = answer.AccessToken
	return nil
}

// get asks for a resource of the API and decodes it.
func (c *client) get(ctx context.Context, path string, query url.Values, into any) error {
	body, err := c.raw(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// raw sends a request and returns the body of a good answer.
func (c *client) raw(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.send(req)
}

func (c *client) do(req *http.Request, into any) error {
	body, err := c.send(req)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// send sends a request. Refusals are errors in the server's own words.
func (c *client) send(req *http.Request) ([]byte, error) {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	req.Header.Set("User-Agent", "modelgate/"+version)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, refusal(resp, body)
	}
	return body, nil
}

// refusal says in one line what the server said.
func refusal(resp *http.Response, body []byte) error {
	var said struct {
		Code    string            `json:"code"`
		Message string            `json:"message"`
		Details []api.ErrorDetail `json:"details"`
		OAuth   string            `json:"error_description"`
	}
	if json.Unmarshal(body, &said) != nil || said.Message+said.OAuth == "" {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	text := said.Message + said.OAuth
	for _, d := range said.Details {
		text += fmt.Sprintf("; %s: %s", strings.Join(d.Location, "."), d.Message)
	}
	return errors.New(text)
}
