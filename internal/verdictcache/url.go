package verdictcache

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// parseURL reads the address of a Redis in the forms that [Open] names. Its errors never hold the URL, which may have a password in it.
func parseURL(text string) (*redis.UniversalOptions, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil, errors.New("redis URL: no scheme; it begins with redis:// or rediss://")
	}
	protocol, mode, _ := strings.Cut(scheme, "+")
	o := &redis.UniversalOptions{
		// Neither is asked for by anything here, and both are commands that older servers and proxies refuse.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	if query != "" {
		return nil, errors.New("redis URL: parameters after ? are not possible")
	}
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		var err, err2 error
		o.Username, err = url.PathUnescape(user)
		o.Password, err2 = url.PathUnescape(password)
		if err != nil || err2 != nil {
			return nil, errors.New("redis URL: user or password is not percent-encoded")
		}
		authority = authority[at+1:]
	}
	port := "6379"
	if mode == "sentinel" {
		port = "26379"
	}
	for _, host := range strings.Split(authority, ",") {
		address, err := hostPort(host, port)
		if err != nil {
			return nil, err
		}
		o.Addrs = append(o.Addrs, address)
	}
	switch protocol {
	case "redis":
	case "rediss":
		name, _, _ := net.SplitHostPort(o.Addrs[0])
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}
		if len(o.Addrs) > 1 || mode != "" {
			o.TLSConfig.ServerName = "" // each host is checked against its own name
		}
	default:
		return nil, fmt.Errorf("redis URL: the scheme %q is not redis or rediss", protocol)
	}
	return o, parseMode(o, mode, strings.Trim(path, "/"))
}

// parseMode reads the path, whose meaning depends on the mode.
func parseMode(o *redis.UniversalOptions, mode, path string) (err error) {
	switch mode {
	case "":
		if len(o.Addrs) > 1 {
			return errors.New("redis URL: several hosts need redis+cluster:// or redis+sentinel://")
		}
	case "cluster":
		o.IsClusterMode = true
		if path != "" {
			return errors.New("redis URL: a cluster has no databases")
		}
	case "sentinel":
		o.MasterName, path, _ = strings.Cut(path, "/")
		if o.MasterName == "" {
			return errors.New("redis URL: the name of the master is missing: redis+sentinel://host/master")
		}
	default:
		return fmt.Errorf("redis URL: %q is neither sentinel nor cluster", mode)
	}
	if path == "" {
		return nil
	}
	if o.DB, err = strconv.Atoi(path); err != nil || o.DB < 0 {
		return errors.New("redis URL: the database is not a number")
	}
	return nil
}

// hostPort adds the port where there is none. IPv6 addresses stand in brackets.
func hostPort(host, port string) (string, error) {
	if h, p, err := net.SplitHostPort(host); err == nil {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 || h == "" {
			return "", errors.New("redis URL: a host or port is wrong")
		}
		return host, nil
	}
	h := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if h == "" || strings.Contains(h, ":") && h == host {
		return "", errors.New("redis URL: a host is missing or wrong")
	}
	return net.JoinHostPort(h, port), nil
}
