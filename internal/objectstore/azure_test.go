package objectstore

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"modelgate/internal/model"
)

func readerOf(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

func textOf(r io.Reader) string {
	text, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestEverySpellingOfABlobIsOneAddress(t *testing.T) {
	d := &Door{Config: Config{Endpoints: []Endpoint{
		{Provider: model.Azure, Host: "azurite.example:10000", PathStyle: true},
		{Provider: model.Azure, Host: "blob.local.example"},
	}}}
	for _, address := range []string{
		"https://acct.blob.core.windows.net/box/a//b%2F../c%20d",
		"https://ACCT.blob.core.windows.net/box/a//b/../c%20d",
		"https://acct-secondary.blob.core.windows.net/box/a//b/../c%20d",
		"https://acct.dfs.core.windows.net/box/a//b/../c%20d",
		"https://acct.privatelink.blob.core.windows.net/box/a//b/../c%20d",
		"https://acct.z12.blob.storage.azure.net/box/a//b/../c%20d",
	} {
		a, err := d.parse(request(t, "GET", address))
		if err != nil || a.class != classBytes || a.address.Key != "a//b/../c d" || a.identity() != "azure\n\nacct\nbox" {
			t.Errorf("%s: %q, %s, %q, %v", address, a.address, a.class, a.identity(), err)
		}
		if a.address.String() != "https://acct.blob.core.windows.net/box/a//b/../c%20d" {
			t.Errorf("%s: %s", address, a.address)
		}
	}
	for address, want := range map[string]string{
		"https://acct.blob.core.windows.net/k":                "azure\n\nacct\n$root k",
		"https://acct.blob.core.windows.net/$root/k":          "azure\n\nacct\n$root k",
		"https://acct.z6.web.core.windows.net/models/k":       "azure\n\nacct\n$web models/k",
		"https://acct.blob.core.windows.net/%24web/models/k":  "azure\n\nacct\n$web models/k",
		"https://acct.blob.core.chinacloudapi.cn/box/k":       "azure\nblob.core.chinacloudapi.cn\nacct\nbox k",
		"https://acct.dfs.core.usgovcloudapi.net/box/k":       "azure\nblob.core.usgovcloudapi.net\nacct\nbox k",
		"https://onelake.dfs.fabric.microsoft.com/ws/lake/k":  "azure\nfabric.microsoft.com\nonelake\nws lake/k",
		"https://onelake.blob.fabric.microsoft.com/ws/lake/k": "azure\nfabric.microsoft.com\nonelake\nws lake/k",
		"http://azurite.example:10000/acct/box/k":             "azure\nazurite.example:10000\nacct\nbox k",
		"http://azurite.example:10000/acct-secondary/box/k":   "azure\nazurite.example:10000\nacct\nbox k",
		"https://acct.blob.local.example/box/k":               "azure\nblob.local.example\nacct\nbox k",
	} {
		a, err := d.parse(request(t, "GET", address))
		if got := a.identity() + " " + a.address.Key; err != nil || a.class != classBytes || got != want {
			t.Errorf("%s: %s, %q, want %q, %v", address, a.class, got, want, err)
		}
		if host, port := hostPort(request(t, "GET", address).URL); !d.Knows(host, port) {
			t.Errorf("%s is not known", host)
		}
	}
}

func TestWhatARequestToAzureIs(t *testing.T) {
	d := &Door{}
	const blob, dfs = "https://acct.blob.core.windows.net", "https://acct.dfs.core.windows.net"
	for _, row := range []struct {
		method, address string
		want            class
	}{
		{"GET", blob + "/box/k", classBytes},
		{"GET", blob + "/box/k?snapshot=2026-01-01T00:00:00.0000000Z", classBytes},
		{"GET", blob + "/box/k?versionid=1&sv=1&sp=r&sig=x", classBytes},
		{"HEAD", blob + "/box/k", classMetadata},
		{"GET", blob + "/box/k?comp=metadata", classMetadata},
		{"GET", blob + "/box/k?Comp=Tags", classMetadata},
		{"GET", blob + "/box/k?comp=blocklist", classMetadata},
		{"GET", blob + "/box?restype=container&comp=list", classList},
		{"GET", blob + "/?comp=list", classList},
		{"GET", blob + "/?restype=service&comp=properties", classList},
		{"PUT", blob + "/box/k?comp=block&blockid=x", classWrite},
		{"DELETE", blob + "/box/k", classWrite},
		{"POST", blob + "/box/k?comp=query", classUnknown},
		{"POST", blob + "/box/k?COMP=QUERY", classUnknown},
		{"POST", blob + "/?comp=batch", classUnknown}, // without parts
		{"GET", dfs + "/box/dir/k", classBytes},
		{"GET", dfs + "/box?resource=filesystem&recursive=true", classList},
		{"HEAD", dfs + "/box/k?action=getStatus", classMetadata},
		{"PATCH", dfs + "/box/k?action=append", classWrite},
		{"GET", "https://acct.file.core.windows.net/share/k", classUnknown},
		{"GET", "https://acct.file.core.windows.net/share?restype=directory&comp=list", classList},
		{"GET", "https://a.new.blob.core.windows.net/box/k", classUnknown},
	} {
		if a, err := d.parse(request(t, row.method, row.address)); err != nil || a.class != row.want {
			t.Errorf("%s %s: %s, want %s (%v)", row.method, row.address, a.class, row.want, err)
		}
	}
	for _, host := range []string{"acct.table.core.windows.net", "vault.azure.net", "management.azure.com"} {
		if d.Knows(host, 443) {
			t.Errorf("%s is taken for a store", host)
		}
	}
	r := request(t, "GET", "https://front.example/box/k?sv=1&sp=r&sig=x")
	if a, err := d.parse(r); err != nil || !d.Takes(r) || a.class != classBytes || a.endpoint != "front.example" {
		t.Errorf("a signature on another host: %+v, %v", a, err)
	}
}

func TestWhatASignatureOfAzureLeavesFree(t *testing.T) {
	const address = "https://acct.blob.core.windows.net/box/k"
	for why, row := range map[string]struct {
		request *http.Request
		want    freedom
	}{
		"nothing is signed":                 {request(t, "GET", address), all},
		"a token":                           {request(t, "GET", address, "Authorization", "Bearer x", "X-Ms-Range", "bytes=0-1"), all},
		"a shared access signature":         {request(t, "GET", address+"?sv=1&sp=r&sig=x", "X-Ms-Range", "bytes=0-1"), all},
		"the account's key":                 {request(t, "GET", address, "Authorization", "SharedKey acct:x"), freedom{encoding: true}},
		"the account's key, signed briefly": {request(t, "GET", address, "Authorization", "sharedkeylite acct:x"), freedom{encoding: true}},
		"both":                              {request(t, "GET", address+"?sig=x", "Authorization", "SharedKey acct:x"), freedom{encoding: true}},
	} {
		if got := azureFreedom(row.request); got != row.want {
			t.Errorf("%s: %+v", why, got)
		}
	}
	if got := azureRange(request(t, "GET", address, "Range", "bytes=5-", "X-Ms-Range", "bytes=0-1")); got != "bytes=0-1" {
		t.Errorf("of two ranges %q counts", got)
	}
}

func TestAzuresDocumentsNameTheScan(t *testing.T) {
	x := &exchange{Request: request(t, "GET", "https://acct.blob.core.windows.net/box/k", "X-Ms-Version", "2021-12-02")}
	const scan = "5d0c0000-0000-0000-0000-000000000000"
	r := report{status: 403, code: "AccessDenied", message: "refused <k>. Scan " + scan, scan: scan}
	status, h, body := azureXMLRefusal(x, r)
	if status != 403 || h.Get("X-Ms-Error-Code") != "ModelgateBlocked-scan-"+scan || h.Get("X-Ms-Request-Id") != scan || h.Get("X-Ms-Version") != "2021-12-02" ||
		!strings.Contains(string(body), "<Code>ModelgateBlocked-scan-"+scan+"</Code><Message>refused &lt;k&gt;.") {
		t.Errorf("XML: %d %v %s", status, h, body)
	}
	var document struct {
		Error struct{ Code, Message string }
	}
	if _, _, body = azureJSONRefusal(x, r); json.Unmarshal(body, &document) != nil || document.Error.Message != r.message || !strings.HasSuffix(document.Error.Code, scan) {
		t.Errorf("JSON: %s", body)
	}
	r.status, r.code = 503, "ServerBusy"
	if _, h, _ = azureXMLRefusal(x, r); h.Get("X-Ms-Error-Code") != "ServerBusy" {
		t.Errorf("while the scan runs: %v", h)
	}
}
