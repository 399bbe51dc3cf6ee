package pypimirror

import (
	"net/url"
	"strings"

	"modelgate/internal/model/dist"
	"modelgate/internal/upstream/index"
)

// route names what is asked for; it is the label of metrics.
type route string

// The routes of the door.
const (
	routeList   route = "list"
	routePage   route = "page"
	routeFile   route = "file"
	routeBeside route = "beside"
	routeMoved  route = "moved" // another spelling of a page's address
	routeNone   route = "none"
)

// address is what a path asks for.
type address struct {
	route   route
	group   string // "" is the default group
	project string // normal form
	// Of a file.
	upstream, fileID, filename string
	beside                     index.Beside
	// at is where the index has the file, if that is what was asked for.
	at *url.URL
	// to is where a page is, relative to what was asked.
	to string
}

// splitGroup cuts the prefix that names a security group: "/g/{name}" before the rest. Paths are as they were sent, escaped.
func splitGroup(path string) (group, rest string) {
	after, ok := strings.CutPrefix(path, "/g/")
	if !ok {
		return "", path
	}
	name, rest, ok := strings.Cut(after, "/")
	group, err := url.PathUnescape(name)
	if !ok || err != nil || group == "" {
		return "", path
	}
	return group, "/" + rest
}

// parse reads an escaped path.
func parse(path string) address {
	group, rest := splitGroup(path)
	a := address{route: routeNone, group: group}
	rest, ok := strings.CutPrefix(rest, "/pypi/")
	if !ok {
		return a
	}
	parts := strings.Split(rest, "/")
	for i := range parts {
		var err error
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			return a
		}
	}
	switch {
	case len(parts) == 2 && parts[0] == "simple" && parts[1] == "":
		a.route = routeList
	case parts[0] == "simple" && (len(parts) == 2 || len(parts) == 3 && parts[2] == ""):
		a.page(parts[1], len(parts) == 3)
	case parts[0] == "files" && len(parts) == 5:
		a.file(parts[1:])
	}
	return a
}

// page reads the name of a project, with or without the slash behind it.
func (a *address) page(name string, slash bool) {
	normal, ok := dist.Normalize(name)
	if !ok {
		return
	}
	a.project = normal
	switch {
	case name == normal && slash:
		a.route = routePage
	case slash:
		a.route, a.to = routeMoved, "../"+normal+"/"
	default:
		a.route, a.to = routeMoved, normal+"/"
	}
}

// file reads {upstream}/{project}/{id}/{filename}, with an ending for what stands beside the file.
func (a *address) file(parts []string) {
	if normal, ok := dist.Normalize(parts[1]); !ok || normal != parts[1] || !dist.SafeFilename(parts[3]) {
		return
	}
	a.route, a.upstream, a.project, a.fileID, a.filename = routeFile, parts[0], parts[1], parts[2], parts[3]
	for _, ending := range []index.Beside{index.Metadata, index.Signature, index.Provenance} {
		if name, ok := strings.CutSuffix(a.filename, string(ending)); ok && name != "" {
			a.route, a.filename, a.beside = routeBeside, name, ending
		}
	}
}

// fileAddress is where a file is, relative to its project's page.
func fileAddress(upstream, project string, f index.File) string {
	return "../../files/" + upstream + "/" + project + "/" + f.ID() + "/" + url.PathEscape(f.Filename)
}
