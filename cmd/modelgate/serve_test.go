package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestManagementAnswersThisMachineOnly(t *testing.T) {
	tests := []struct {
		name, remote, header string
		want                 int
	}{
		{"this machine", "127.0.0.1:4000", "", http.StatusOK},
		{"this machine over IPv6", "[::1]:4000", "", http.StatusOK},
		{"another machine", "10.0.0.7:4000", "", http.StatusForbidden},
		{"another machine behind a proxy on this one", "127.0.0.1:4000", "X-Forwarded-For", http.StatusForbidden},
		{"an address that can't be read", "nonsense", "", http.StatusForbidden},
	}
	handler := loopbackOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/aims/data/v1/scans", nil)
			r.RemoteAddr = tt.remote
			if tt.header != "" {
				r.Header.Set(tt.header, "10.0.0.7")
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("%d, want %d", w.Code, tt.want)
			}
		})
	}
}
