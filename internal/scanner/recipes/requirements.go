package recipes

import "strings"

// requirements judges what pip is told to install.
func (j judge) requirements(text string) {
	for _, l := range lines(text) {
		body, _, _ := strings.Cut(l.text, " #")
		fields := strings.FieldsFunc(body, func(r rune) bool { return r == ' ' || r == '\t' || r == '=' && strings.HasPrefix(body, "-") })
		if len(fields) == 0 {
			continue
		}
		value := strings.Join(fields[1:], "=")
		switch fields[0] {
		case "-i", "--index-url", "--extra-index-url", "--pypi-url", "-f", "--find-links":
			j.source(l.at, fields[0], value, "Packages are fetched from an index of the model's choice.")
		case "--trusted-host":
			j.remark(l.at, fields[0], value, "Packages are taken from a host whose certificate is not checked.")
		case "-e", "--editable":
			j.target(l.at, fields[0], value)
		case "-r", "--requirement", "-c", "--constraint":
			if leaves(value) {
				j.odd(l.at, fields[0], value, "Requirements are read from outside of the model.")
			}
		default:
			if !strings.HasPrefix(fields[0], "-") {
				j.requirement(l.at, strings.TrimSpace(body))
			}
		}
	}
}

// requirement judges a package: a name, a name at an address, an address, or a path.
func (j judge) requirement(at int, text string) {
	if name, address, ok := strings.Cut(text, "@"); ok && !strings.Contains(name, "/") && !strings.Contains(name, ":") {
		address, _, _ = strings.Cut(strings.TrimSpace(address), " ;")
		j.target(at, strings.TrimSpace(name), address)
		return
	}
	text, _, _ = strings.Cut(text, " ;")
	if strings.Contains(text, "://") || strings.HasPrefix(text, ".") || strings.HasPrefix(text, "/") || strings.HasPrefix(text, "~") ||
		strings.HasSuffix(text, ".whl") || strings.HasSuffix(text, ".tar.gz") || strings.HasSuffix(text, ".zip") {
		j.target(at, "", text)
	}
}

// target judges an address or a path from which a package is installed.
func (j judge) target(at int, what, value string) {
	switch {
	case strings.Contains(value, "://"):
		j.source(at, what, value, "A package is built from an address and not from the index.")
	case leaves(value):
		j.odd(at, what, value, "A package is installed from outside of the model.")
	default:
		j.remark(at, what, value, "A package is installed from a file of the model, whose code runs then.")
	}
}

// source states where something is fetched from.
func (j judge) source(at int, what, value, text string) {
	if fault := address(value); fault != "" {
		j.odd(at, what, value, text+" It "+fault+".")
		return
	}
	j.remark(at, what, value, text)
}

// leaves tells whether a path leads out of the model.
func leaves(value string) bool {
	return strings.HasPrefix(value, "/") || strings.HasPrefix(value, "~") || strings.HasPrefix(value, "../") || strings.Contains(value, "/../") ||
		value == ".." || len(value) > 2 && value[1] == ':' && (value[2] == '\\' || value[2] == '/')
}
