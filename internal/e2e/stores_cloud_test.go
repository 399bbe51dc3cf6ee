package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"modelgate/internal/buckettest"
)

// gcsHost and azureHost are the names that the stand-ins answer under.
const (
	gcsHost   = "storage.googleapis.com"
	azureHost = buckettest.AzureAccount + ".blob.core.windows.net"
)

// newGCSShop starts a gate before fake-gcs-server, which answers under the name of Google's storage.
func newGCSShop(t *testing.T, settings ...string) *shop {
	t.Helper()
	store := buckettest.StartGCS(t)
	store.Bucket("models", false)
	s := &shop{objects: storeObjects()}
	for key, c := range s.objects {
		store.Put("models", key, content(t, c))
	}
	return s.open(t, store.URL, []string{gcsHost}, gcsWithTokens, settings...)
}

// gcsWithTokens lets in whom has a token that is not wrong: fake-gcs-server looks at none. What is asked over gRPC is not found.
func gcsWithTokens(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch token := r.Header.Get("Authorization"); {
		case strings.HasPrefix(r.URL.Path, "/google."):
			http.NotFound(w, r)
		case !strings.HasPrefix(token, "Bearer ") || strings.Contains(token, wrongKey):
			w.Header().Set("Content-Type", "application/json; charset=UTF-8")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error": {"code": 403, "message": "the store knows no such caller", "errors": [{"message": "the store knows no such caller", "domain": "global", "reason": "forbidden"}]}}`)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// newAzureShop starts a gate before Azurite, which answers under the name of an account of Azure's.
func newAzureShop(t *testing.T, settings ...string) (*shop, *buckettest.Azure) {
	t.Helper()
	store := buckettest.StartAzure(t)
	store.Container("models")
	s := &shop{objects: storeObjects()}
	for key, c := range s.objects {
		store.Put("models", key, content(t, c))
	}
	return s.open(t, store.URL, []string{azureHost}, func(next http.Handler) http.Handler { return next }, settings...), store
}

// azureCredentials is the configuration of a gate that may read the container itself.
func azureCredentials(t *testing.T) string {
	return configuration(t, fmt.Sprintf("objectstore:\n  buckets:\n    - {provider: azure, pattern: %s/models, credentials: {account_key_file: %q}}\n",
		buckettest.AzureAccount, secretFile(t, buckettest.AzureKey)))
}

// tries lets a client download and read what is good and what is evil, as a whole, in parts and in parallel ranges, and checks that it has got
// the first byte for byte, and of the second the reason.
func (s *shop) tries(t *testing.T, c *client, name string, options map[string]any) {
	t.Helper()
	steps := []step{
		{"big", name, "download", bigKey, options},
		{"small", name, "download", smallKey, options},
		{"whole", name, "read", smallKey, options},
		{"size of evil", name, "size", evilKey, options},
		{"evil", name, "download", evilKey, options},
		{"evil read", name, "read", evilKey, options},
		{"evil part", name, "range", evilKey, options},
		{"wide", name, "download", wideKey, options},
	}
	got := c.do(t, steps...)
	for label, want := range map[string]string{
		"big": s.objects[bigKey].SHA256(), "small": s.objects[smallKey].SHA256(), "whole": s.objects[smallKey].SHA256(),
		"size of evil": fmt.Sprint(s.objects[evilKey].Size()),
	} {
		if got[label] != want {
			t.Errorf("%s: %q, want %q", label, got[label], want)
		}
	}
	for _, label := range []string{"evil", "evil read", "evil part", "wide"} {
		s.refused(t, label, got[label], rule)
	}
}

func TestClientsOfGoogleThroughTheProxy(t *testing.T) {
	s := newGCSShop(t)
	together(t, map[string]func(*testing.T){
		"google-cloud-storage": func(t *testing.T) { s.tries(t, s.user(t), "google-cloud-storage", map[string]any{}) },
		"gcsfs":                func(t *testing.T) { s.tries(t, s.user(t), "gcsfs", map[string]any{}) },
		"a caller without rights": func(t *testing.T) {
			known := s.user(t).do(t, step{"known", "google-cloud-storage", "read", smallKey, nil})
			if known["known"] != s.objects[smallKey].SHA256() {
				t.Error(known["known"])
			}
			for _, name := range []string{"google-cloud-storage", "gcsfs"} {
				got := s.user(t).do(t, step{"read", name, "read", smallKey, map[string]any{"token": wrongKey}}, step{"evil", name, "read", evilKey, map[string]any{"token": wrongKey}})
				for label, text := range got {
					if !strings.Contains(text, "knows no such caller") || uuids.MatchString(text) {
						t.Errorf("%s %s: %q", name, label, text)
					}
				}
			}
		},
	})
}

func TestClientsOfGoogleWaitForAFirstScan(t *testing.T) {
	s := newGCSShop(t)
	s.slow.delay["/"+slowKey] = slowObject
	together(t, map[string]func(*testing.T){
		"google-cloud-storage": func(t *testing.T) {
			got := s.user(t).do(t, step{"slow", "google-cloud-storage", "download", slowKey, map[string]any{"timeout": 10}})
			if got["slow"] != s.objects[slowKey].SHA256() {
				t.Error(got["slow"])
			}
		},
		"gcsfs": func(t *testing.T) {
			got := s.user(t).do(t, step{"slow", "gcsfs", "download", slowKey, nil})
			if got["slow"] != s.objects[slowKey].SHA256() {
				t.Error(got["slow"])
			}
		},
	})
}

func TestClientsOfAzureThroughTheProxy(t *testing.T) {
	s, store := newAzureShop(t, azureCredentials(t))
	key := map[string]any{"account": buckettest.AzureAccount, "credential": map[string]string{"account_key": buckettest.AzureKey}}
	sas := map[string]any{"account": buckettest.AzureAccount, "credential": map[string]string{"sas_token": store.SAS("models")}}
	together(t, map[string]func(*testing.T){
		"azure-storage-blob, shared key":       func(t *testing.T) { s.tries(t, s.user(t), "azure-storage-blob", key) },
		"azure-storage-blob, shared signature": func(t *testing.T) { s.tries(t, s.user(t), "azure-storage-blob", sas) },
		"adlfs, shared key":                    func(t *testing.T) { s.tries(t, s.user(t), "adlfs", key) },
		"adlfs, shared signature":              func(t *testing.T) { s.tries(t, s.user(t), "adlfs", sas) },
		"a caller with a wrong key": func(t *testing.T) {
			wrong := map[string]any{"account": buckettest.AzureAccount, "credential": map[string]string{"account_key": "d3Jvbmcga2V5IG9mIG5vYm9keQ=="}}
			for _, name := range []string{"azure-storage-blob", "adlfs"} {
				got := s.user(t).do(t, step{"read", name, "read", smallKey, wrong}, step{"evil", name, "read", evilKey, wrong})
				for label, text := range got {
					if len(text) == 64 || strings.Contains(text, rule) {
						t.Errorf("%s %s: %q", name, label, text)
					}
				}
			}
		},
	})
}

func TestClientsOfAzureWhereTheGateHasNoCredentials(t *testing.T) {
	s, store := newAzureShop(t)
	key := map[string]any{"account": buckettest.AzureAccount, "credential": map[string]string{"account_key": buckettest.AzureKey}}
	sas := map[string]any{"account": buckettest.AzureAccount, "credential": map[string]string{"sas_token": store.SAS("models")}}
	got := s.user(t).do(t,
		step{"small", "azure-storage-blob", "read", smallKey, key}, step{"evil", "azure-storage-blob", "read", evilKey, key},
		step{"big", "azure-storage-blob", "download", bigKey, key})
	if got["small"] != s.objects[smallKey].SHA256() { // its signed range covers the whole
		t.Error(got["small"])
	}
	s.refused(t, "evil", got["evil"], rule)
	s.refused(t, "signed ranges", got["big"], "register read credentials for https://"+azureHost+"/models")
	s.tries(t, s.user(t), "azure-storage-blob", sas) // which signs no ranges, so that all can be judged
	got = s.user(t).do(t, step{"big", "azure-storage-blob", "download", bigKey, key})
	if got["big"] != s.objects[bigKey].SHA256() { // what is known needs no more reads
		t.Error(got["big"])
	}
}
