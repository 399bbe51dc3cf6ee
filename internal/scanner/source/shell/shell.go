// Package shell judges a command line by the few things that no honest recipe for a model does: it hands a shell to somebody
// else, or runs what it decodes, or what it fetches from a machine without a name. It is no parser of shells: it splits a line
// into its commands and compares their words.
package shell

import (
	"net/netip"
	"net/url"
	"strings"
)

// maxLine is how much of a line is looked at, in bytes.
const maxLine = 64 << 10

// Judge returns what is wrong with a command line, to complete "a command that …"; "" if nothing is.
func Judge(line string) string {
	line = line[:min(len(line), maxLine)]
	if strings.Contains(line, "/dev/tcp/") || strings.Contains(line, "/dev/udp/") {
		return "opens a connection from a shell"
	}
	commands := split(line)
	for i, c := range commands {
		piped := i+1 < len(commands) && commands[i+1].piped && interprets(commands[i+1].words)
		switch name := base(c.words[0]); name {
		case "nc", "ncat", "netcat":
			if has(c.words, "-e", "-c", "--exec", "--sh-exec") {
				return "hands a shell to another machine"
			}
		case "bash", "sh", "zsh":
			if has(c.words, "-i") && strings.Contains(line, ">&") {
				return "hands a shell to another machine"
			}
		case "base64", "xxd", "openssl":
			if piped && has(c.words, "-d", "--decode", "-D", "-r", "enc") {
				return "runs what it decodes"
			}
		case "curl", "wget":
			if piped && nameless(c.words) {
				return "runs what it fetches from a machine without a name"
			}
		}
	}
	return ""
}

// command is one command of a line; piped says that it reads what the one before writes.
type command struct {
	words []string
	piped bool
}

// split splits a line at the operators between commands.
func split(line string) []command {
	var out []command
	quotes := strings.NewReplacer(`["`, " ", `"]`, " ", `",`, " ", `"`, " ", "'", " ")
	for rest, piped := line, false; rest != ""; {
		i := strings.IndexAny(rest, "|;&\n`()")
		part, next := rest, ""
		if i >= 0 {
			part, next = rest[:i], rest[i+1:]
		}
		if words := strings.Fields(quotes.Replace(part)); len(words) > 0 {
			out = append(out, command{inner(words), piped})
			piped = false
		}
		if i >= 0 && rest[i] == '|' && !strings.HasPrefix(next, "|") {
			piped = true
		}
		rest = next
	}
	return out
}

// inner returns the command that a command runs: sudo x, sh -c x.
func inner(words []string) []string {
	for len(words) > 1 {
		switch name := base(words[0]); {
		case name == "sudo" || name == "exec" || name == "env":
			words = words[1:]
		case len(words) > 2 && words[1] == "-c" && interprets(words[:1]):
			words = words[2:]
		default:
			return words
		}
	}
	return words
}

// interprets tells whether a command runs what it reads.
func interprets(words []string) bool {
	switch base(words[0]) {
	case "sh", "bash", "zsh", "dash", "ksh", "python", "python3", "perl", "ruby", "node":
		return true
	case "xargs":
		return len(words) > 1 && interprets(words[1:])
	}
	return false
}

// nameless tells whether a word is an address with a number for a host.
func nameless(words []string) bool {
	for _, w := range words {
		if u, err := url.Parse(w); err == nil && u.Host != "" {
			if _, err := netip.ParseAddr(u.Hostname()); err == nil {
				return true
			}
		}
	}
	return false
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func has(words []string, flags ...string) bool {
	for _, w := range words[1:] {
		for _, f := range flags {
			if w == f {
				return true
			}
		}
	}
	return false
}
