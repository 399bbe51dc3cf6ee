package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"modelgate/internal/auth"
	"modelgate/internal/gate"
	"modelgate/internal/model"
	"modelgate/internal/policy"
	"modelgate/internal/scanner"
	"modelgate/internal/scanner/source"
	"modelgate/internal/store"
	"modelgate/internal/store/storetest"
	"modelgate/internal/verdictcache"
)

// newDoor is a door over a record in a temporary folder, with the default groups in it.
func newDoor(t *testing.T, authenticate func(*http.Request) (auth.Principal, error)) *Door {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(t.TempDir(), "modelgate.db"), Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureGroups(ctx, policy.DefaultGroups(policy.Balanced), nil); err != nil {
		t.Fatal(err)
	}
	cache, err := verdictcache.Open(ctx, verdictcache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(gate.Config{Store: s, Cache: cache, Engine: scanner.New(source.DefaultLimits()), Timeout: time.Minute, MaxFiles: 2000})
	t.Cleanup(func() {
		g.Close()
		if err := errors.Join(cache.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	d, err := New(Config{Store: s, Gate: g, Preset: policy.Balanced, Log: zerolog.Nop(), Version: "test", Settings: []Setting{{"Hub", "http://hub.test"}}, Authenticate: authenticate})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// recorded is a scan of now in the record, changed as told.
func recorded(t *testing.T, d *Door, n byte, change func(*model.Scan)) model.Scan {
	t.Helper()
	s := storetest.Scan(n)
	s.CreatedAt, s.UpdatedAt = time.Now(), time.Now()
	if change != nil {
		change(&s)
	}
	if err := d.Store.PutScan(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// open asks for a page as a browser does.
func open(t *testing.T, d *Door, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", "http://gate.test"+path, nil)
	r.Header.Set("Accept", "text/html,*/*")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

// send sends a form.
func send(t *testing.T, d *Door, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", "http://gate.test"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func want(t *testing.T, w *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d: %.300s", w.Code, status, w.Body)
	}
	body := html.UnescapeString(w.Body.String())
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("no %q in %.1000s", text, body)
		}
	}
}

func TestEveryPageStandsInItsFrame(t *testing.T) {
	d := newDoor(t, nil)
	s := recorded(t, d, 1, nil)
	models, _, err := d.Store.Models(t.Context(), "", 1, 0)
	if err != nil || len(models) != 1 {
		t.Fatalf("%d models, %v", len(models), err)
	}
	group := policy.DefaultGroupUUID(model.HuggingFace).String()
	for _, c := range [][]string{
		{"/ui/scans", "1 Scan", "1 to 1 of 1", s.UUID.String(), "Past 30 Days", "Blocked"},
		{"/ui/scans/" + s.UUID.String(), "Rules failed", s.GroupName, "What to do"},
		{"/ui/scans/" + s.UUID.String() + "?tab=files", "Formats"},
		{"/ui/scans/" + s.UUID.String() + "?tab=json", "/aims/data/v1/scans/" + s.UUID.String(), "curl -H"},
		{"/ui/activity", "Scans by day", "<svg", "The same as a table"},
		{"/ui/insights", "1 Models", "org/name"},
		{"/ui/insights/" + models[0].UUID.String(), "Deserialization Threats", "Who fetched it", "1 Version"},
		{"/ui/packages", "Nothing matches"},
		{"/ui/groups", "Default HUGGING_FACE", "default"},
		{"/ui/groups/" + group, "Enabled and blocking", "Save Changes", "/g/Default%20HUGGING_FACE", "Security group create"},
		{"/ui/groups/new?source=S3&start=strict", "Create a Group", "Stored In Approved Location"},
		{"/ui/rules", "License Exists", "Runtime Code Execution Check"},
		{"/ui/rules/stored-in-approved-file-format", "approved_formats", "Switch off for every group"},
		{"/ui/threats", "PAIT-PKL-100"},
		{"/ui/threats/deserialization/PAIT-PKL-100", "What it means", "Load Time Code Execution Check"},
		{"/ui/audit?range=all", "Security group create"},
		{"/ui/about", "http://hub.test", "The record can be read"},
	} {
		path, texts := c[0], c[1:]
		w := open(t, d, path)
		want(t, w, http.StatusOK, append(texts, "<!doctype html>", `aria-current="page"`)...)
		if n := w.Body.Len(); n > 150_000 {
			t.Errorf("%s has %d bytes", path, n)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", path, policy)
		}
		if found := regexp.MustCompile(`<script>|<style|\sstyle=|\son[a-z]+=|https?://[^<"\s]*\.(css|js)|ZgotmplZ`).FindString(w.Body.String()); found != "" {
			t.Errorf("%s has %q", path, found)
		}
	}
}

func TestAddressesThatNameNothingGetAPage(t *testing.T) {
	d := newDoor(t, nil)
	for _, path := range []string{
		"/ui/nothing", "/ui/scans/x", "/ui/scans/" + uuid.NewString(), "/ui/groups/" + uuid.NewString(), "/ui/rules/none",
		"/ui/threats/deserialization/NONE", "/ui/insights/" + uuid.NewString(),
	} {
		want(t, open(t, d, path), http.StatusNotFound, "Not found", "<!doctype html>")
	}
	want(t, open(t, d, "/ui/static/none.css"), http.StatusNotFound)
}

func TestARecordThatIsAwayIsToldInTheFrame(t *testing.T) {
	d := newDoor(t, nil)
	if err := d.Store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/ui/scans", "/ui/activity", "/ui/groups", "/ui/rules", "/ui/insights"} {
		w := open(t, d, path)
		want(t, w, http.StatusServiceUnavailable, "This page cannot be shown now")
		if strings.Contains(w.Body.String(), "sql") || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	want(t, open(t, d, "/ui/about"), http.StatusOK, "The record cannot be read")
}

func TestATerminalGetsTheReportAsText(t *testing.T) {
	d := newDoor(t, nil)
	s := recorded(t, d, 1, nil)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequest("GET", "/ui/scans/"+s.UUID.String(), nil))
	want(t, w, http.StatusOK, "BLOCKED")
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || strings.Contains(w.Body.String(), "<html") {
		t.Errorf("%s", w.Header())
	}
}

func TestHostileNamesAreShownAsWhatTheyAre(t *testing.T) {
	d := newDoor(t, nil)
	evil := `<script>alert(1)</script>"'` + "\u202egnp.lkp\u0007元氣🦾" + strings.Repeat("x", 500)
	s := recorded(t, d, 1, func(s *model.Scan) {
		s.ModelURI, s.ModelName, s.ModelVersion, s.GroupName, s.Owner = evil, evil, evil, evil, evil
		s.Version.Name = evil
		s.Evaluations[1].Violations[0].File, s.Evaluations[1].Violations[0].Description, s.Evaluations[1].Violations[0].Evidence = evil, evil, evil
		s.Files[0].Path = evil
	})
	for _, path := range []string{"/ui/scans", "/ui/scans/" + s.UUID.String(), "/ui/scans/" + s.UUID.String() + "?tab=files", "/ui/scans/" + s.UUID.String() + "?tab=json", "/ui/insights", "/ui/activity"} {
		w := open(t, d, path)
		want(t, w, http.StatusOK)
		body := w.Body.String()
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "\u0007") || strings.Contains(body, "\u202e") && !strings.Contains(path, "json") {
			t.Errorf("%s shows a hostile name as it is", path)
		}
	}
	want(t, open(t, d, "/ui/scans/"+s.UUID.String()), http.StatusOK, "⟨U+202E⟩", "🦾")
}

func TestScansAreFilteredByTheirAddress(t *testing.T) {
	d := newDoor(t, nil)
	s := recorded(t, d, 1, nil)
	recorded(t, d, 2, func(s *model.Scan) {
		s.Outcome, s.ModelURI, s.Version.Source, s.GroupUUID = model.Allowed, "s3://bucket/model", model.S3, uuid.New()
		s.Evaluations, s.Labels = nil, nil
	})
	recorded(t, d, 3, func(s *model.Scan) { s.CreatedAt = time.Now().AddDate(0, 0, -60) })
	for query, n := range map[string]int{
		"": 2, "?range=all": 3, "?range=90d": 3, "?range=hour": 2, "?range=own&end=2020-01-01": 0, "?range=own&start=2020-01-01": 3,
		"?outcome=ALLOWED": 1, "?outcome=ALLOWED&outcome=BLOCKED": 2, "?source=S3": 1, "?q=bucket": 1, "?labels=env:prod": 1,
		"?group=" + s.GroupUUID.String(): 1, "?outcome=nonsense&size=7&page=x": 2, "?page=99&range=all": 3,
	} {
		w := open(t, d, "/ui/scans"+query)
		word := "Scans"
		if n == 1 {
			word = "Scan"
		}
		want(t, w, http.StatusOK, fmt.Sprintf("%d %s", n, word))
	}
	want(t, open(t, d, "/ui/scans?labels=%28%28"), http.StatusOK, "cannot be read")
	want(t, open(t, d, "/ui/scans?outcome=ALLOWED&q=nothing"), http.StatusOK, "No scans match", `aria-label="Filters in force"`)
	if w := open(t, d, "/ui/scans?q="+s.UUID.String()); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/ui/scans/"+s.UUID.String() {
		t.Errorf("a whole UUID: %d %s", w.Code, w.Header())
	}
}

func TestListsAndScansAreExported(t *testing.T) {
	d := newDoor(t, nil)
	s := recorded(t, d, 1, func(s *model.Scan) { s.Owner = "=1+1" })
	rows, err := csv.NewReader(open(t, d, "/ui/scans/export?outcome=BLOCKED").Body).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != s.UUID.String() || rows[1][12] != "'=1+1" {
		t.Errorf("%v, %v", rows, err)
	}
	var list struct{ Scans []struct{ UUID string } }
	if err := json.NewDecoder(open(t, d, "/ui/scans/export?format=json").Body).Decode(&list); err != nil || len(list.Scans) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	for format, text := range map[string]string{"json": `"violations"`, "sarif": `"2.1.0"`, "cyclonedx": "bomFormat", "csv": "PAIT", "text": "BLOCKED"} {
		w := open(t, d, "/ui/scans/"+s.UUID.String()+"/report?format="+format)
		want(t, w, http.StatusOK, text)
		if !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %s", format, w.Header())
		}
	}
	want(t, open(t, d, "/ui/scans/"+s.UUID.String()+"/report?format=doc"), http.StatusBadRequest, "Unknown format")
}

func TestLabelsAreEdited(t *testing.T) {
	d := newDoor(t, nil)
	s := recorded(t, d, 1, nil)
	path := "/ui/scans/" + s.UUID.String() + "/labels"
	want(t, send(t, d, path, url.Values{"labels": {"stage=two\n\nowner = me "}}), http.StatusSeeOther)
	want(t, open(t, d, "/ui/scans/"+s.UUID.String()), http.StatusOK, "stage: two", "owner: me")
	want(t, send(t, d, path, url.Values{"labels": {"no label"}}), http.StatusUnprocessableEntity, "Nothing was changed")
	want(t, send(t, d, path, url.Values{"labels": {strings.Repeat("k=v\n", 51)}}), http.StatusUnprocessableEntity)
	want(t, open(t, d, "/ui/scans/"+s.UUID.String()), http.StatusOK, "stage: two")
}

// formOf reads the fields of the form of a group, as a browser would send them.
func formOf(t *testing.T, body string) url.Values {
	t.Helper()
	form := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="(radio|checkbox)" name="([^"]+)" value="([^"]+)" checked`).FindAllStringSubmatch(body, -1) {
		form.Add(m[2], m[3])
	}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="(mark|source)" value="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		form.Set(m[1], m[2])
	}
	for _, m := range regexp.MustCompile(`(?s)<textarea name="([^"]+)"[^>]*>(.*?)</textarea>`).FindAllStringSubmatch(body, -1) {
		form.Set(m[1], m[2])
	}
	if m := regexp.MustCompile(`<input name="name" value="([^"]*)"`).FindStringSubmatch(body); m != nil {
		form.Set("name", m[1])
	}
	return form
}

func TestAGroupIsMadeChangedAndDeleted(t *testing.T) {
	d := newDoor(t, nil)
	form := formOf(t, open(t, d, "/ui/groups/new?source=S3&start=lenient").Body.String())
	want(t, send(t, d, "/ui/groups/new", form), http.StatusUnprocessableEntity, `role="alert"`)
	form.Set("name", "S3-Production")
	form.Set("field.stored-in-approved-location.approved_locations", "s3://one\n s3://two \ns3://one\n")
	w := send(t, d, "/ui/groups/new", form)
	want(t, w, http.StatusSeeOther)
	path, _, _ := strings.Cut(w.Header().Get("Location"), "?")
	g, err := d.Store.GroupByName(t.Context(), "S3-Production")
	if err != nil || g.Source != model.S3 || path != "/ui/groups/"+g.UUID.String() {
		t.Fatalf("%+v, %v, %s", g, err, path)
	}
	for _, r := range g.Rules {
		if list, ok := r.Values["approved_locations"]; ok && strings.Join(list, " ") != "s3://one s3://two" {
			t.Errorf("locations %q", list)
		}
	}
	want(t, send(t, d, "/ui/groups/new", form), http.StatusUnprocessableEntity, "A group of that name exists", "s3://two")

	stale := formOf(t, open(t, d, path).Body.String())
	changed := formOf(t, open(t, d, path).Body.String())
	changed.Set("description", "what goes live")
	changed.Set("state.runtime-code-execution-check", "DISABLED")
	want(t, send(t, d, path, changed), http.StatusSeeOther)
	stale.Set("description", "of another opinion")
	want(t, send(t, d, path, stale), http.StatusConflict, "Somebody else has changed this group", "of another opinion")
	bad := formOf(t, open(t, d, path).Body.String())
	bad.Set("state.runtime-code-execution-check", "SOMETIMES")
	want(t, send(t, d, path, bad), http.StatusUnprocessableEntity, `role="alert"`)
	if g, err = d.Store.Group(t.Context(), g.UUID); err != nil || g.Description != "what goes live" {
		t.Errorf("%+v, %v", g, err)
	}

	want(t, send(t, d, path+"/delete", url.Values{"confirm": {"wrong"}}), http.StatusUnprocessableEntity, "The group was not deleted")
	want(t, send(t, d, path+"/delete", url.Values{"confirm": {"S3-Production"}}), http.StatusSeeOther)
	want(t, open(t, d, path), http.StatusOK, "This group was deleted")
	want(t, send(t, d, path, changed), http.StatusConflict)
	want(t, send(t, d, "/ui/groups/"+policy.DefaultGroupUUID(model.S3).String()+"/delete", url.Values{"confirm": {"Default S3"}}), http.StatusConflict)
}

func TestARuleIsSwitchedForEveryGroup(t *testing.T) {
	d := newDoor(t, nil)
	want(t, send(t, d, "/ui/rules/license-exists/switch", url.Values{"on": {"false"}}), http.StatusSeeOther)
	want(t, open(t, d, "/ui/rules/license-exists"), http.StatusOK, "switched off for every group", "Switch on for every group")
	want(t, send(t, d, "/ui/rules/license-exists/switch", url.Values{"on": {"maybe"}}), http.StatusUnprocessableEntity)
	want(t, send(t, d, "/ui/rules/none/switch", url.Values{"on": {"true"}}), http.StatusNotFound)
}

func TestNobodySeesOrDoesMoreThanItsPermissions(t *testing.T) {
	caller := auth.Principal{Name: "viewer"}
	d := newDoor(t, func(*http.Request) (auth.Principal, error) { return caller, nil })
	for _, r := range d.routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		path = strings.NewReplacer("{uuid}", uuid.NewString(), "{slug}", "license-exists", "{class}", "other", "{id}", "NONE", "{$}", "").Replace(path)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if refused := w.Code == http.StatusForbidden; refused != (r.needs != "") {
			t.Errorf("%s: %d", r.pattern, w.Code)
		}
		if method == http.MethodPost && r.needs != "" && r.level != auth.Write {
			t.Errorf("%s changes something and needs no right to write", r.pattern)
		}
	}
	caller.Permissions = map[auth.Permission]auth.Level{auth.SecurityGroups: auth.Read}
	w := open(t, d, "/ui/groups")
	want(t, w, http.StatusOK, "Default S3", "viewer")
	for _, absent := range []string{"Create a Group", "/ui/audit", "/ui/insights", `href="/ui/rules"`} {
		if strings.Contains(w.Body.String(), absent) {
			t.Errorf("shows %q", absent)
		}
	}
	if body := open(t, d, "/ui/groups/"+policy.DefaultGroupUUID(model.S3).String()).Body.String(); strings.Contains(body, "Save Changes") {
		t.Error("offers a button that would be refused")
	}
	d.Authenticate = func(*http.Request) (auth.Principal, error) { return auth.Principal{}, ErrLogin }
	if w := open(t, d, "/ui/scans?outcome=BLOCKED"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/ui/login?next=%2Fui%2Fscans%3Foutcome%3DBLOCKED" {
		t.Errorf("%d %s", w.Code, w.Header())
	}
}

func TestTheThemeIsKeptAndLeadsBackToPagesAlone(t *testing.T) {
	d := newDoor(t, nil)
	for back, to := range map[string]string{"/ui/rules?x=1": "/ui/rules?x=1", "https://evil.test/": "/ui/", "//evil.test": "/ui/"} {
		w := send(t, d, "/ui/theme", url.Values{"theme": {"dark"}, "back": {back}})
		if w.Header().Get("Location") != to || !strings.Contains(w.Header().Get("Set-Cookie"), "theme=dark") {
			t.Errorf("%s: %s", back, w.Header())
		}
	}
}

func TestAScanIsFollowedUntilItSettles(t *testing.T) {
	d := newDoor(t, nil)
	s := recorded(t, d, 1, func(s *model.Scan) { s.Outcome = model.Pending })
	server := httptest.NewServer(d)
	defer server.Close()
	resp, err := http.Get(server.URL + "/ui/scans/" + s.UUID.String() + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.Outcome, s.UpdatedAt = model.Allowed, time.Now()
	if err := d.Store.PutScan(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	buffer := make([]byte, 512)
	for {
		n, err := resp.Body.Read(buffer)
		text.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	if !strings.Contains(text.String(), "data: ALLOWED\n\n") {
		t.Errorf("%q", text.String())
	}
}

func TestAScanWithManyViolationsStaysSmall(t *testing.T) {
	d := newDoor(t, nil)
	s := recorded(t, d, 1, func(s *model.Scan) {
		v := s.Evaluations[1].Violations[0]
		for i := range 10_000 {
			v.UUID, v.File = uuid.New(), fmt.Sprintf("file-%05d.pkl", i)
			s.Evaluations[1].Violations = append(s.Evaluations[1].Violations, v)
		}
	})
	for _, path := range []string{"", "?tab=json", "?tab=files", "?rule=" + policy.Slug(s.Evaluations[1].RuleName) + "&page=3"} {
		w := open(t, d, "/ui/scans/"+s.UUID.String()+path)
		want(t, w, http.StatusOK)
		if w.Body.Len() > 150_000 {
			t.Errorf("%s has %d bytes", path, w.Body.Len())
		}
	}
	want(t, open(t, d, "/ui/scans/"+s.UUID.String()), http.StatusOK, "Show all findings of this rule")
	want(t, open(t, d, "/ui/scans/"+s.UUID.String()+"?rule="+policy.Slug(s.Evaluations[1].RuleName)+"&page=3"), http.StatusOK, "101 to 150")
}
