// Package config reads what an operator says: a YAML file, then MODELGATE_… variables of the environment, into one
// validated Config. Nothing else in modelgate reads either. A key that does not exist is an error with file, line and the
// name that was probably meant, so that a typing mistake can't leave a protection switched off.
package config

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is everything that can be configured. config.example.yaml documents each key; the tags are the names.
type Config struct {
	Listen    string `yaml:"listen"`
	PublicURL string `yaml:"public_url"`
	DataDir   string `yaml:"data_dir"`

	TLS         TLS         `yaml:"tls"`
	Log         Log         `yaml:"log"`
	HuggingFace HuggingFace `yaml:"huggingface"`
	PyPI        PyPI        `yaml:"pypi"`
	Proxy       Proxy       `yaml:"proxy"`
	ObjectStore ObjectStore `yaml:"objectstore"`
	Redis       Redis       `yaml:"redis"`
	Database    Database    `yaml:"database"`
	Blobs       Blobs       `yaml:"blobs"`
	Auth        Auth        `yaml:"auth"`
	Scan        Scan        `yaml:"scan"`
	Policy      Policy      `yaml:"policy"`
	Upstream    Upstream    `yaml:"upstream"`
	API         API         `yaml:"api"`

	SecurityGroups []SecurityGroup `yaml:"security_groups"`
}

// TLS names the certificate of the listener; without one it speaks plain HTTP.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Log says how much is logged and in which form.
type Log struct {
	Level  string `yaml:"level"`  // trace, debug, info, warn, error
	Format string `yaml:"format"` // json, console, auto (console on a terminal)
}

// HuggingFace is the Hub behind the gate.
type HuggingFace struct {
	Endpoint      string   `yaml:"endpoint"`
	Token         Secret   `yaml:"token"`
	RedirectHosts []string `yaml:"redirect_hosts"`
	BlockMetadata bool     `yaml:"block_metadata"`
	BranchTTL     Duration `yaml:"branch_ttl"`
	Stale         Duration `yaml:"stale"`
}

// PyPI is the package indexes behind the gate. The door is off until one is set.
type PyPI struct {
	Upstream  string         `yaml:"upstream"` // short for one of Upstreams, named "public"
	Upstreams []PackageIndex `yaml:"upstreams"`

	PageTTL          Duration `yaml:"page_ttl"`
	PageStale        Duration `yaml:"page_stale"`
	MaxFileBytes     Size     `yaml:"max_file_bytes"`
	Hold             string   `yaml:"hold"`    // auto, redirect
	Enforce          string   `yaml:"enforce"` // release, file
	ClaimsRemembered bool     `yaml:"claims_remembered"`
	OSV              OSV      `yaml:"osv"`
	TrustedRoot      string   `yaml:"trusted_root"` // file; "" is the one that ships
}

// OSV is where advisories are read from.
type OSV struct {
	Paths  []string `yaml:"paths"`  // folders, zips and files of records
	Reload Duration `yaml:"reload"` // how often they are looked at again
}

// PackageIndex is one package index.
type PackageIndex struct {
	Name        string           `yaml:"name"`
	URL         string           `yaml:"url"`
	Private     bool             `yaml:"private"`
	Claims      []string         `yaml:"claims"`
	Credentials IndexCredentials `yaml:"credentials"`
}

// IndexCredentials are what the gate shows to an index, and to file hosts that are the index's own host or listed.
type IndexCredentials struct {
	Username     string   `yaml:"username"`
	Password     Secret   `yaml:"password"`
	PasswordFile string   `yaml:"password_file"`
	Hosts        []string `yaml:"hosts"`
}

// Indexes are all indexes in their order.
func (p PyPI) Indexes() []PackageIndex {
	if p.Upstream == "" {
		return p.Upstreams
	}
	return append([]PackageIndex{{Name: "public", URL: p.Upstream}}, p.Upstreams...)
}

// Proxy is the forward proxy. It is off until it listens.
type Proxy struct {
	Listen       string `yaml:"listen"`
	CACert       string `yaml:"ca_cert"` // PEM, or the name of a file
	CAKey        Secret `yaml:"ca_key"`  // PEM, or the name of a file
	Default      string `yaml:"default"` // tunnel, inspect, refuse
	AllowPrivate bool   `yaml:"allow_private"`

	ConnectPorts   []int    `yaml:"connect_ports"`
	AllowHosts     []string `yaml:"allow_hosts"`
	RefuseHosts    []string `yaml:"refuse_hosts"`
	TunnelHosts    []string `yaml:"tunnel_hosts"`
	H2Hosts        []string `yaml:"h2_hosts"`
	WebSocketHosts []string `yaml:"websocket_hosts"`

	Rules    []ProxyRule    `yaml:"rules"`
	Clients  []string       `yaml:"clients"` // networks that may use it: 10.0.0.0/8
	Accounts []ProxyAccount `yaml:"accounts"`

	Parent         Secret   `yaml:"parent"`
	ParentBypass   []string `yaml:"parent_bypass"`
	PrivateNames   []string `yaml:"private_names"`
	MaxConnections int      `yaml:"max_connections"`
	MaxPerClient   int      `yaml:"max_per_client"`
}

// ProxyRule says what is done with some connections. What is left out stands for all.
type ProxyRule struct {
	Action string   `yaml:"action"` // inspect, tunnel, refuse
	Hosts  []string `yaml:"hosts"`
	Ports  []int    `yaml:"ports"`
	From   []string `yaml:"from"` // networks of clients: 10.1.0.0/16
	Users  []string `yaml:"users"`
}

// ProxyAccount is who may use the proxy, if not everybody may.
type ProxyAccount struct {
	Name      string            `yaml:"name"`
	Token     Secret            `yaml:"token"`
	TokenFile string            `yaml:"token_file"`
	Groups    map[string]string `yaml:"groups"` // source -> security group
}

// Redis is the cache and meeting point of several gateways.
type Redis struct {
	URL Secret `yaml:"url"`
}

// Database is the record.
type Database struct {
	URL Secret `yaml:"url"`
}

// Blobs is where bytes are kept.
type Blobs struct {
	URL      Secret `yaml:"url"`
	MaxBytes Size   `yaml:"max_bytes"`
}

// Auth is about who may use API and pages.
type Auth struct {
	Enabled bool `yaml:"enabled"`
}

// Scan bounds scans and says what happens when they end badly.
type Scan struct {
	Timeout  Duration `yaml:"timeout"`
	Hold     Duration `yaml:"hold"`
	OnError  string   `yaml:"on_error"` // block, allow
	Enforce  string   `yaml:"enforce"`  // version, file
	MaxFiles int      `yaml:"max_files"`
	Workers  int      `yaml:"workers"`
}

// Policy says with which states the default groups start.
type Policy struct {
	Preset string `yaml:"preset"` // balanced, strict
}

// Upstream is about connections to the outside.
type Upstream struct {
	CABundle string `yaml:"ca_bundle"`
	Proxy    Secret `yaml:"proxy"`
}

// API is about the API's dialect.
type API struct {
	TenantID    string `yaml:"tenant_id"`
	StrictEnums bool   `yaml:"strict_enums"`
}

// SecurityGroup is a declared group: applied at start, read-only elsewhere.
type SecurityGroup struct {
	Name        string         `yaml:"name"`
	Source      string         `yaml:"source"`
	Description string         `yaml:"description"`
	Rules       []DeclaredRule `yaml:"rules"`
}

// DeclaredRule sets one rule of a declared group; rules that are not named keep the preset.
type DeclaredRule struct {
	Rule   string              `yaml:"rule"` // name or slug
	State  string              `yaml:"state"`
	Values map[string][]string `yaml:"values"`
}

// Default is the configuration without any file or variable.
func Default() Config {
	return Config{
		Listen:  "127.0.0.1:8080",
		DataDir: "./data",
		Log:     Log{Level: "info", Format: "auto"},
		HuggingFace: HuggingFace{
			Endpoint:      "https://huggingface.co",
			RedirectHosts: []string{"*.huggingface.co", "*.hf.co"},
			BranchTTL:     Duration(time.Minute),
			Stale:         Duration(24 * time.Hour),
		},
		PyPI: PyPI{
			PageTTL: Duration(10 * time.Minute), PageStale: Duration(24 * time.Hour), MaxFileBytes: 10 << 30,
			Hold: "auto", Enforce: "release", ClaimsRemembered: true,
			OSV: OSV{Reload: Duration(5 * time.Minute)},
		},
		Proxy:  Proxy{Default: "tunnel", MaxConnections: 10_000, MaxPerClient: 512},
		Scan:   Scan{Timeout: Duration(10 * time.Minute), Hold: Duration(5 * time.Minute), OnError: "block", Enforce: "version", MaxFiles: 2000},
		Policy: Policy{Preset: "balanced"},
		API:    API{TenantID: "modelgate"},
	}
}

// Secret is a string that never shows itself: not in logs, not in errors, not in JSON.
type Secret string

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString keeps %#v from showing it.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalJSON writes the placeholder.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalYAML writes the placeholder.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// Reveal returns the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// Duration is a time.Duration written as "10m", "90s", "1h30m".
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// Std is the duration as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Size is a number of bytes, written as "50GiB", "500MB" or a plain number.
type Size int64

// units are powers of 1024 with an i and of 1000 without.
func units() []struct {
	suffix string
	factor int64
} {
	return []struct {
		suffix string
		factor int64
	}{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
		{"B", 1},
	}
}

func parseSize(s string) (Size, error) {
	factor := int64(1)
	number := strings.TrimSpace(s)
	for _, u := range units() {
		if strings.HasSuffix(number, u.suffix) {
			number, factor = strings.TrimSpace(strings.TrimSuffix(number, u.suffix)), u.factor
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 || n*float64(factor) > float64(1<<62) {
		return 0, fmt.Errorf("%q is not a size; write it like 50GiB, 500MB or 1048576", s)
	}
	return Size(n * float64(factor)), nil
}

// validate looks at values that are well formed each, but wrong or contradictory.
func (c Config) validate() []problem {
	var ps []problem
	oneOf := func(key, value string, allowed ...string) {
		for _, a := range allowed {
			if value == a {
				return
			}
		}
		ps = append(ps, problem{key: key, text: fmt.Sprintf("%q is none of %s", value, strings.Join(allowed, ", ")) + meant(value, allowed)})
	}
	oneOf("log.level", c.Log.Level, "trace", "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "auto", "json", "console")
	oneOf("scan.on_error", c.Scan.OnError, "block", "allow")
	oneOf("scan.enforce", c.Scan.Enforce, "version", "file")
	oneOf("policy.preset", c.Policy.Preset, "balanced", "strict")
	oneOf("proxy.default", c.Proxy.Default, "tunnel", "inspect", "refuse")
	httpURL := func(key, value string) {
		if value == "" {
			return
		}
		u, err := url.Parse(value)
		switch {
		case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
			ps = append(ps, problem{key: key, text: "is not an http:// or https:// address"})
		case u.User != nil:
			ps = append(ps, problem{key: key, text: "must not hold a user name or password"})
		case u.RawQuery != "" || u.Fragment != "":
			ps = append(ps, problem{key: key, text: "must not hold a query or fragment"})
		}
	}
	httpURL("public_url", c.PublicURL)
	httpURL("huggingface.endpoint", c.HuggingFace.Endpoint)
	if c.HuggingFace.Endpoint == "" {
		ps = append(ps, problem{key: "huggingface.endpoint", text: "must not be empty"})
	}
	httpURL("pypi.upstream", c.PyPI.Upstream)
	for i, u := range c.PyPI.Upstreams {
		key := fmt.Sprintf("pypi.upstreams[%d]", i)
		httpURL(key+".url", u.URL)
		if u.URL == "" || u.Name == "" {
			ps = append(ps, problem{key: key, text: "needs a name and a url"})
		}
		if u.Credentials.Password != "" && u.Credentials.PasswordFile != "" {
			ps = append(ps, problem{key: key + ".credentials", text: "may have password or password_file, not both"})
		}
	}
	oneOf("pypi.hold", c.PyPI.Hold, "auto", "redirect")
	oneOf("pypi.enforce", c.PyPI.Enforce, "release", "file")
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		ps = append(ps, problem{key: "tls.cert", text: "and tls.key must be set together"})
	}
	positive := func(key string, d Duration) {
		if d <= 0 {
			ps = append(ps, problem{key: key, text: "must be longer than 0s"})
		}
	}
	positive("scan.timeout", c.Scan.Timeout)
	positive("scan.hold", c.Scan.Hold)
	positive("huggingface.branch_ttl", c.HuggingFace.BranchTTL)
	positive("pypi.page_ttl", c.PyPI.PageTTL)
	positive("pypi.osv.reload", c.PyPI.OSV.Reload)
	if c.PyPI.MaxFileBytes <= 0 {
		ps = append(ps, problem{key: "pypi.max_file_bytes", text: "must be more than 0"})
	}
	if c.Scan.MaxFiles < 1 {
		ps = append(ps, problem{key: "scan.max_files", text: "must be at least 1"})
	}
	if c.Scan.Workers < 0 {
		ps = append(ps, problem{key: "scan.workers", text: "must not be negative"})
	}
	ps = append(ps, c.Proxy.validate()...)
	ps = append(ps, c.ObjectStore.validate()...)
	return append(ps, c.notYet()...)
}

// notYet refuses keys whose part of modelgate does not exist yet: whoever sets one relies on a protection that
// would not be there.
func (c Config) notYet() []problem {
	var ps []problem
	missing := func(key string, set bool, what string) {
		if set {
			ps = append(ps, problem{key: key, text: "this version of modelgate has no " + what + " yet; remove the key"})
		}
	}
	missing("database.url", strings.HasPrefix(c.Database.URL.Reveal(), "postgres"), "Postgres store")
	missing("blobs.url", c.Blobs.URL != "", "bucket for blobs")
	missing("auth.enabled", c.Auth.Enabled, "accounts")
	return ps
}
