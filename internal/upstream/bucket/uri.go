package bucket

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"modelgate/internal/model"
)

// Address is where an object, or all below a prefix, lies.
type Address struct {
	Provider model.Source // S3, GCS or Azure
	Account  string       // the storage account, of Azure alone; "" for az://, whose account is configured
	Bucket   string       // bucket or container
	// Key is exact bytes. A key that ends in a slash, or is empty, is taken for a prefix.
	Key string
}

// azureHost is what follows the account in the names of Azure's blob hosts.
const azureHost = ".blob.core.windows.net"

// maxKey is the longest key, in bytes, of S3, GCS and Azure alike.
const maxKey = 1024

// IsBucket tells whether a URI is one that Parse reads.
func IsBucket(uri string) bool {
	scheme, rest, _ := strings.Cut(uri, "://")
	host, _, _ := strings.Cut(rest, "/")
	switch strings.ToLower(scheme) {
	case "s3", "gs", "az":
		return true
	case "https":
		return strings.HasSuffix(strings.ToLower(host), azureHost)
	default:
		return false
	}
}

// Parse reads the URI of an object or prefix:
//
//	s3://bucket/key
//	gs://bucket/key
//	az://container/key
//	https://account.blob.core.windows.net/container/key
//
// The keys of the first three are taken as they are: "%", "?" and "#" are ordinary. The last one is a URL, so its key is percent-encoded; it
// must have no query, as signatures do not belong into what is recorded.
func Parse(uri string) (Address, error) {
	a, err := parse(uri)
	if err == nil {
		err = a.check()
	}
	if err != nil {
		return Address{}, fmt.Errorf("address %q: %w", withoutQuery(uri), err)
	}
	return a, nil
}

func parse(uri string) (Address, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return Address{}, errors.New("has no scheme")
	}
	bucket, key, _ := strings.Cut(rest, "/")
	switch strings.ToLower(scheme) {
	case "s3":
		return Address{Provider: model.S3, Bucket: bucket, Key: key}, nil
	case "gs":
		return Address{Provider: model.GCS, Bucket: bucket, Key: key}, nil
	case "az":
		return Address{Provider: model.Azure, Bucket: bucket, Key: key}, nil
	case "https":
		return parseBlobURL(uri)
	default:
		return Address{}, errors.New("is none of s3://, gs://, az:// and https://account" + azureHost + "/")
	}
}

func parseBlobURL(uri string) (Address, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return Address{}, errors.New("is not a URL")
	}
	account, ok := strings.CutSuffix(strings.ToLower(u.Host), azureHost)
	switch {
	case !ok:
		return Address{}, errors.New("is not below " + azureHost[1:])
	case u.User != nil:
		return Address{}, errors.New("holds a user name")
	case u.RawQuery != "" || u.ForceQuery:
		return Address{}, errors.New("holds a query; a shared access signature belongs into a file that objectstore.buckets names")
	case u.Fragment != "" || strings.Contains(uri, "#"):
		return Address{}, errors.New("holds a fragment; # in a key is written %23")
	}
	container, key, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return Address{Provider: model.Azure, Account: account, Bucket: container, Key: key}, nil
}

func withoutQuery(uri string) string {
	if scheme, _, _ := strings.Cut(uri, "://"); strings.EqualFold(scheme, "https") {
		uri, _, _ = strings.Cut(uri, "?")
	}
	return uri
}

var (
	s3Bucket       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$`)
	gcsBucket      = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)
	azureContainer = regexp.MustCompile(`^(\$root|\$web|\$logs|[a-z0-9](-?[a-z0-9]){2,62})$`)
	azureAccount   = regexp.MustCompile(`^[a-z0-9]{3,24}(-secondary)?$`)
)

// check says whether there can be such an object.
func (a Address) check() error {
	names := map[model.Source]*regexp.Regexp{model.S3: s3Bucket, model.GCS: gcsBucket, model.Azure: azureContainer}[a.Provider]
	switch {
	case names == nil:
		return fmt.Errorf("there are no buckets of %s", a.Provider)
	case !names.MatchString(a.Bucket) || strings.Contains(a.Bucket, ".."):
		return fmt.Errorf("%q is not the name of a bucket", a.Bucket)
	case a.Account != "" && !azureAccount.MatchString(a.Account):
		return fmt.Errorf("%q is not the name of a storage account", a.Account)
	}
	return checkKey(a.Key)
}

func checkKey(key string) error {
	switch {
	case len(key) > maxKey:
		return fmt.Errorf("the key has %d bytes, %d are possible", len(key), maxKey)
	case !utf8.ValidString(key):
		return errors.New("the key is not UTF-8")
	case strings.ContainsRune(key, 0):
		return errors.New("the key holds a zero byte")
	default:
		return nil
	}
}

// IsPrefix tells whether the address can only be that of all below a prefix.
func (a Address) IsPrefix() bool { return a.Key == "" || strings.HasSuffix(a.Key, "/") }

// At is the address of another key in the same bucket.
func (a Address) At(key string) Address {
	a.Key = key
	return a
}

// String is the canonical URI, which Parse reads.
func (a Address) String() string {
	switch {
	case a.Provider == model.S3:
		return "s3://" + a.Bucket + "/" + a.Key
	case a.Provider == model.GCS:
		return "gs://" + a.Bucket + "/" + a.Key
	case a.Account == "":
		return "az://" + a.Bucket + "/" + a.Key
	default:
		return "https://" + a.Account + azureHost + "/" + a.Bucket + "/" + escapeKey(a.Key)
	}
}

// escapeKey writes a key as the path of a URL as all three providers sign it: every byte but letters, digits, "-", ".", "_", "~" and "/" as
// %XX.
func escapeKey(key string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
	var b strings.Builder
	for i := range len(key) {
		if c := key[i]; strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
