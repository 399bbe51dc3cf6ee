package objectstore

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"modelgate/internal/model"
	"modelgate/internal/upstream/bucket"
)

// azurePlace is what the host of a request to Azure's storage tells.
type azurePlace struct {
	endpoint string // "" is the one of Azure's public cloud
	account  string // "" stands in the path if inPath is set
	inPath   bool
	service  string // "blob", "dfs", "web" or "file"
}

// Forms of the names of Azure's hosts. Groups are the account, the service and the domain of the cloud.
var (
	azureForm = regexp.MustCompile(`^([a-z0-9]+)(?:-secondary)?(?:\.privatelink)?(?:\.z[0-9]+)?\.(blob|dfs|web|file)\.(core\.windows\.net|core\.chinacloudapi\.cn|core\.usgovcloudapi\.net|core\.cloudapi\.de|storage\.azure\.net)$`)
	// OneLake has one account, whose containers are workspaces.
	oneLakeForm = regexp.MustCompile(`^(?:[a-z0-9-]+-)?onelake\.(blob|dfs)\.fabric\.microsoft\.com$`)
	azureLabel  = regexp.MustCompile(`\.(?:blob|dfs|web|file)\.(?:core\.[a-z.]+|storage\.azure\.net|fabric\.microsoft\.com)$`)
)

// isAzureHost tells whether a host is one of Azure's storage, in a form that is known or not.
func isAzureHost(host string) bool {
	_, ok := azurePlaceOf(host)
	return ok || azureLabel.MatchString(host)
}

// azurePlaceOf reads the name of a host of Azure's own. The replica of an account has the objects of the account.
func azurePlaceOf(host string) (azurePlace, bool) {
	if m := oneLakeForm.FindStringSubmatch(host); m != nil {
		return azurePlace{endpoint: "fabric.microsoft.com", account: "onelake", service: m[1]}, true
	}
	m := azureForm.FindStringSubmatch(host)
	if m == nil {
		return azurePlace{}, false
	}
	place := azurePlace{account: m[1], service: m[2]}
	if m[3] != "core.windows.net" && m[3] != "storage.azure.net" {
		place.endpoint = "blob." + m[3]
	}
	return place, true
}

// hasAzureSignature tells whether a request is signed as clients of Azure's storage sign.
func hasAzureSignature(r *http.Request) bool {
	q := r.URL.Query()
	return isSharedKey(r) || q.Has("sig") && q.Has("sv") && (q.Has("sp") || q.Has("si"))
}

func isSharedKey(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "SharedKey") || strings.EqualFold(scheme, "SharedKeyLite")
}

// parseAzure reads a request to Azure's storage, or to what speaks its protocol.
func (d *Door) parseAzure(r *http.Request, place azurePlace) asked {
	a := asked{dialect: azureBlob(), endpoint: place.endpoint, address: bucket.Address{Provider: model.Azure, Account: place.account}}
	if place.service == "dfs" {
		a.dialect = azureDFS()
	}
	query := lowerNames(r.URL.Query())
	a.version = cmp.Or(query.Get("versionid"), query.Get("snapshot"))
	// Nobody but the client can read what its own key encrypts; and a snapshot is asked for in other words than a version.
	a.private = r.Header.Get("X-Ms-Encryption-Key") != "" || query.Has("snapshot")
	err := a.azurePath(r.URL, place)
	comp := strings.ToLower(query.Get("comp"))
	switch {
	case err != nil:
		a.class, a.reason = classUnknown, "the path is not properly escaped"
	case comp == "query":
		a.class, a.reason = classUnknown, "content that a store makes of an object cannot be judged"
	case comp == "batch" && r.Method == http.MethodPost:
		return d.batchOf(a, r)
	case r.Method != http.MethodGet:
		a.class = describing(r.Method)
	case query.Has("restype"), query.Has("resource"), comp == "list", a.address.Key == "":
		a.class = classList
	case comp != "", query.Has("action"):
		a.class = classMetadata
	case place.service == "file":
		a.class, a.reason = classUnknown, "files of file shares cannot be judged"
	default:
		a.class = classBytes
	}
	return a
}

// lowerNames are a query's parameters under names in lower case: Azure takes them in any.
func lowerNames(q url.Values) url.Values {
	out := make(url.Values, len(q))
	for name, values := range q {
		name = strings.ToLower(name)
		out[name] = append(out[name], values...)
	}
	return out
}

// azurePath reads account, container and key. A path without a container is that of a blob in the container $root; a site's is in $web.
func (a *asked) azurePath(u *url.URL, place azurePlace) error {
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	var err error
	if place.inPath {
		var account string
		account, path, _ = strings.Cut(path, "/")
		if a.address.Account, err = url.PathUnescape(account); err != nil {
			return err
		}
		a.address.Account = strings.TrimSuffix(a.address.Account, "-secondary")
	}
	container, key, inside := strings.Cut(path, "/")
	switch {
	case place.service == "web":
		container, key = "$web", path
	case !inside && place.service != "dfs" && container != "" && !isContainer(u.Query()):
		container, key = "$root", path
	}
	if a.address.Bucket, err = url.PathUnescape(container); err != nil {
		return err
	}
	a.address.Key, err = url.PathUnescape(key)
	return err
}

func isContainer(q url.Values) bool {
	q = lowerNames(q)
	return q.Has("restype") || q.Has("resource")
}

// azureFreedom reads the signature of a request to Azure's storage. The account's key signs Range, If-Match and all of Azure's own headers; a
// shared access signature and a token sign no header.
func azureFreedom(r *http.Request) freedom {
	if isSharedKey(r) {
		return freedom{encoding: true}
	}
	return all
}

// azureRange is the range that is asked for: Azure's own header counts before the standard one.
func azureRange(r *http.Request) string {
	return cmp.Or(r.Header.Get("X-Ms-Range"), r.Header.Get("Range"))
}

// azureBlob is the dialect of the blob service, azureDFS that of the file system on top of it.
func azureBlob() dialect {
	return dialect{
		name: "azure blob", identity: "azure", busy: "ServerBusy", freedom: azureFreedom, rangeOf: azureRange, raw: identityEncoding,
		refusal: azureXMLRefusal, describing: "<",
	}
}

func azureDFS() dialect {
	d := azureBlob()
	d.name, d.refusal, d.describing = "azure dfs", azureJSONRefusal, "{["
	return d
}

// azureHeader is the header of a refusal, and its code: some clients show nothing else.
func azureHeader(x *exchange, r report) (http.Header, string) {
	code, id := r.code, cmp.Or(r.scan, "modelgate")
	if r.scan != "" && r.status == http.StatusForbidden {
		code = "ModelgateBlocked-scan-" + r.scan
	}
	h := http.Header{"Content-Type": {"application/xml"}, "X-Ms-Error-Code": {code}, "X-Ms-Request-Id": {id}}
	if version := x.Header.Get("X-Ms-Version"); version != "" {
		h.Set("X-Ms-Version", version)
	}
	return h, code
}

func azureXMLRefusal(x *exchange, r report) (int, http.Header, []byte) {
	h, code := azureHeader(x, r)
	body := fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>`+"\n<Error><Code>%s</Code><Message>%s</Message></Error>", escapeXML(code), escapeXML(r.message))
	return r.status, h, []byte(body)
}

func azureJSONRefusal(x *exchange, r report) (int, http.Header, []byte) {
	h, code := azureHeader(x, r)
	h.Set("Content-Type", "application/json;charset=utf-8")
	body, _ := json.Marshal(map[string]map[string]string{"error": {"code": code, "message": r.message}}) // of strings
	return r.status, h, body
}
