package web

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"modelgate/internal/auth"
	"modelgate/internal/model"
	"modelgate/internal/policy"
)

// view is what the frame of every page shows.
type view struct {
	Title  string
	Crumbs []crumb
	Body   any
	Saved  string // what was just done, in one sentence

	// The frame fills these in.
	Nav     []navGroup
	Caller  string
	Login   bool // whether the caller can log out
	Theme   string
	Here    string // the address, to come back to
	Version string
	Gate    string // the address of the gate
	May     func(permission, level string) bool

	status   int
	fragment bool // the content alone, for the flyover
}

type crumb struct{ Name, Link string }

type navGroup struct {
	Name  string
	Items []navItem
}

type navItem struct {
	Name, Link, Icon string
	Current          bool
	needs            auth.Permission
}

// navigation is the menu of a caller: what it may not read is not in it.
func navigation(p auth.Principal, here string) []navGroup {
	groups := []navGroup{
		{"Model Security", []navItem{
			{Name: "Scans", Link: "/ui/scans", Icon: "shield", needs: auth.Scans},
			{Name: "Model Security Groups", Link: "/ui/groups", Icon: "groups", needs: auth.SecurityGroups},
			{Name: "Rules", Link: "/ui/rules", Icon: "rules", needs: auth.SecurityRules},
		}},
		{"Insights", []navItem{
			{Name: "Models", Link: "/ui/insights", Icon: "models", needs: auth.Scans},
			{Name: "Packages", Link: "/ui/packages", Icon: "packages", needs: auth.Scans},
			{Name: "Threats", Link: "/ui/threats", Icon: "threats"},
			{Name: "Activity", Link: "/ui/activity", Icon: "activity", needs: auth.Scans},
		}},
		{"Gate", []navItem{
			{Name: "Audit log", Link: "/ui/audit", Icon: "audit", needs: auth.Access},
			{Name: "About", Link: "/ui/about", Icon: "about"},
		}},
	}
	var out []navGroup
	for _, g := range groups {
		var items []navItem
		for _, i := range g.Items {
			if i.needs != "" && !p.May(i.needs, auth.Read) {
				continue
			}
			i.Current = here == i.Link || strings.HasPrefix(here, i.Link+"/")
			items = append(items, i)
		}
		if len(items) > 0 {
			out = append(out, navGroup{g.Name, items})
		}
	}
	return out
}

// show writes a page.
func (d *Door) show(w http.ResponseWriter, r *http.Request, name string, v view) {
	p := auth.From(r.Context())
	v.Nav, v.Caller, v.Theme, v.Here, v.Version = navigation(p, r.URL.Path), p.Name, themeOf(r), r.URL.RequestURI(), d.Version
	v.Login, v.Gate = d.Authenticate != nil, d.publicURL(r)
	v.May = func(permission, level string) bool {
		return p.May(auth.Permission(permission), map[string]auth.Level{"read": auth.Read, "write": auth.Write}[level])
	}
	if len(v.Crumbs) == 0 {
		v.Crumbs = []crumb{{v.Title, ""}}
	}
	frame := "frame"
	if v.fragment || r.Header.Get("X-Fragment") != "" {
		frame = "content"
	}
	var page bytes.Buffer
	if err := d.templates[name].ExecuteTemplate(&page, frame, v); err != nil {
		d.Log.Error().Err(err).Str("page", name).Msg("page failed")
		http.Error(w, "This page cannot be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "X-Fragment, Cookie")
	if v.status == 0 {
		v.status = http.StatusOK
	}
	w.WriteHeader(v.status)
	_, _ = w.Write(page.Bytes()) // a client that left needs no answer
}

// goTo leads a browser to another page of this gate.
func goTo(w http.ResponseWriter, page string) {
	w.Header().Set("Location", page)
	w.WriteHeader(http.StatusSeeOther)
}

// themeCookie keeps what a person has chosen: light or dark; without it pages look as the system does.
const themeCookie = "theme"

func themeOf(r *http.Request) string {
	c, err := r.Cookie(themeCookie)
	if err != nil || c.Value != "light" && c.Value != "dark" {
		return ""
	}
	return c.Value
}

// setTheme keeps the choice of a theme and goes back to where it was made.
func (d *Door) setTheme(w http.ResponseWriter, r *http.Request) error {
	theme, life := r.PostForm.Get("theme"), 365*24*time.Hour
	if theme != "light" && theme != "dark" {
		theme, life = "", 0
	}
	w.Header().Set("Set-Cookie", fmt.Sprintf("%s=%s; Path=/ui/; Max-Age=%d; HttpOnly; SameSite=Lax", themeCookie, theme, int(life.Seconds())))
	back := r.PostForm.Get("back")
	if !strings.HasPrefix(back, "/ui/") {
		back = "/ui/"
	}
	goTo(w, back)
	return nil
}

// parseTemplates reads each page together with the frame.
func parseTemplates() (map[string]*template.Template, error) {
	shared, err := template.New("").Funcs(functions()).ParseFS(templateFiles, "templates/frame.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("read the frame of pages: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list pages: %w", err)
	}
	out := map[string]*template.Template{}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "frame" || name == "parts" {
			continue
		}
		t, err := shared.Clone()
		if err == nil {
			_, err = t.ParseFS(templateFiles, file)
		}
		if err != nil {
			return nil, fmt.Errorf("read page %s: %w", name, err)
		}
		out[name] = t
	}
	return out, nil
}

// functions are those that pages may call.
func functions() template.FuncMap {
	static := map[string]string{}
	for _, name := range []string{"modelgate.css", "modelgate.js", "icon.svg"} {
		text, err := staticFiles.ReadFile("static/" + name)
		if err != nil { // it is part of the program
			panic(err)
		}
		sum := fnv.New64a()
		_, _ = sum.Write(text) // never fails
		static[name] = "/ui/static/" + name + "?v=" + strconv.FormatUint(sum.Sum64(), 36)
	}
	return template.FuncMap{
		"static":  func(name string) string { return static[name] },
		"visible": visible,
		"tail":    tail,
		"short":   shortID,
		"source":  sourceName,
		"size":    sizeText,
		"number":  numberText,
		"utc":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock":   func(t time.Time) string { return t.UTC().Format("Jan 2, 2006 3:04pm") },
		"lower":   strings.ToLower,
		"words":   words,
		"join":    func(list []string) string { return strings.Join(list, "\n") },
		"plural":  plural,
		"slug":    policy.Slug,
		"place":   place,

		"outcomeName": outcomeName,
		"levelName":   levelName,
		"failedRules": func(s model.Scan) int { failed, _, _ := s.Summary(); return failed },
		"passedRules": func(s model.Scan) int { _, passed, _ := s.Summary(); return passed },
		"fileResults": func() []string {
			return []string{string(model.FileFailed), string(model.FileError), string(model.FileSuccess), string(model.FileSkipped)}
		},
		"states": func() []choice {
			return []choice{
				{Value: string(model.Blocking), Name: "Enabled and blocking"},
				{Value: string(model.Allowing), Name: "Enabled and not blocking"},
				{Value: string(model.Disabled), Name: "Disabled"},
			}
		},
	}
}

// serveStatic serves style and script. Their addresses change with their content, so they are kept for ever.
func serveStatic(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	text, err := staticFiles.ReadFile("static/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
}

// visible shows what would turn writing around, or cannot be seen, as its code point.
func visible(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c == utf8.RuneError || unicode.Is(unicode.Bidi_Control, c) || unicode.IsControl(c) || unicode.Is(unicode.Cf, c) && c != '\u200d' {
			fmt.Fprintf(&b, "⟨U+%04X⟩", c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// tail is the end of a text of at most n characters, for what is told apart by its end.
func tail(n int, s string) string {
	runes := []rune(visible(s))
	if len(runes) <= n {
		return string(runes)
	}
	return "..." + string(runes[len(runes)-n:])
}

func shortID(id fmt.Stringer) string {
	s := id.String()
	if len(s) != 36 {
		return s
	}
	return s[:4] + "..." + s[32:]
}

func sourceName(s model.Source) string {
	switch s {
	case model.HuggingFace:
		return "HuggingFace"
	case model.Local:
		return "Local"
	case model.S3:
		return "S3"
	case model.Azure:
		return "Azure"
	case model.GCS:
		return "Google Cloud Storage"
	case model.PyPI:
		return "PyPI"
	case model.Web:
		return "Web"
	default:
		return words(string(s))
	}
}

// words is a name of an enumeration as people write it: "NOT_BLOCKING" is "Not blocking".
func words(s string) string {
	s = strings.ToLower(strings.NewReplacer("_", " ", ".", " ").Replace(s))
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func sizeText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, exponent := float64(n)/unit, 0
	for value >= unit && exponent < 4 {
		value /= unit
		exponent++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[exponent])
}

// numberText is a number with its thousands apart.
func numberText(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
