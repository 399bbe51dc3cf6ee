package bucket

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"modelgate/internal/model"
	"modelgate/internal/upstream"
)

// Credentials are what buckets are read with. The zero value is what the machine has, found in the way that is each provider's standard:
// variables, profiles, identities of workloads and machines.
type Credentials struct {
	Anonymous bool // no credentials at all

	// S3. RoleARN is a role that is assumed with the other credentials, or with what the machine has.
	AccessKeyID, SecretAccessKey, SessionToken string
	Profile, RoleARN                           string

	// GCS: the key of a service account, as JSON.
	ServiceAccount []byte

	// Azure: a key of the storage account in base64, or the query of a shared access signature.
	AccountKey, SAS string
}

// check says whether there can be such credentials of a provider.
func (c Credentials) check(provider model.Source) error {
	s3 := c.AccessKeyID != "" || c.SecretAccessKey != "" || c.SessionToken != "" || c.Profile != "" || c.RoleARN != ""
	gcs, azure := len(c.ServiceAccount) > 0, c.AccountKey != "" || c.SAS != ""
	switch {
	case s3 && provider != model.S3 || gcs && provider != model.GCS || azure && provider != model.Azure:
		return fmt.Errorf("they are not for %s", provider)
	case c.Anonymous && (s3 || gcs || azure):
		return errors.New("anonymous and credentials exclude each other")
	case (c.AccessKeyID == "") != (c.SecretAccessKey == "") || c.SessionToken != "" && c.AccessKeyID == "":
		return errors.New("an access key and its secret go together")
	case c.AccountKey != "" && c.SAS != "":
		return errors.New("an account key and a shared access signature exclude each other")
	}
	return nil
}

// s3 is where keys come from, and the region that their configuration names. If nothing in particular is configured, ambient says that having
// none is no fault.
func (c Credentials) s3(ctx context.Context, out *upstream.Client, ambient bool) (*proofs[aws.Credentials], string, error) {
	if c.Anonymous {
		return &proofs[aws.Credentials]{}, "", nil
	}
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { out.Equip(t) })),
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	if c.AccessKeyID != "" {
		static := credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
		options = append(options, config.WithCredentialsProvider(static))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, "", fmt.Errorf("load the configuration of AWS: %w", err)
	}
	provider := cfg.Credentials
	if c.RoleARN != "" {
		provider = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), c.RoleARN))
	}
	ambient = ambient && c.Profile == "" && c.AccessKeyID == "" && c.RoleARN == ""
	return &proofs[aws.Credentials]{get: provider.Retrieve, ambient: ambient}, cfg.Region, nil
}

// gcsScope is the right to read, and no more.
const gcsScope = "https://www.googleapis.com/auth/devstorage.read_only"

// gcs is where tokens come from, and the project of the credentials.
func (c Credentials) gcs(ctx context.Context, out *upstream.Client, ambient bool) (*proofs[string], string, error) {
	if c.Anonymous {
		return &proofs[string]{}, "", nil
	}
	transport := &http.Transport{}
	out.Equip(transport)
	// Tokens are renewed long after whoever asks for the first one is gone.
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Transport: transport})
	if len(c.ServiceAccount) > 0 {
		found, err := google.CredentialsFromJSONWithType(ctx, c.ServiceAccount, google.ServiceAccount, gcsScope)
		if err != nil {
			return nil, "", fmt.Errorf("read the key of a service account: %w", err)
		}
		return googleTokens(found), found.ProjectID, nil
	}
	if ambient { // found when it is first asked for: having none is no fault
		var found *google.Credentials
		return &proofs[string]{ambient: true, get: func(context.Context) (string, error) {
			if found == nil {
				var err error
				if found, err = google.FindDefaultCredentials(ctx, gcsScope); err != nil {
					return "", err
				}
			}
			return googleToken(found)
		}}, "", nil
	}
	found, err := google.FindDefaultCredentials(ctx, gcsScope)
	if err != nil {
		return nil, "", fmt.Errorf("find credentials of Google: %w", err)
	}
	return googleTokens(found), found.ProjectID, nil
}

func googleTokens(from *google.Credentials) *proofs[string] {
	return &proofs[string]{get: func(context.Context) (string, error) { return googleToken(from) }}
}

func googleToken(from *google.Credentials) (string, error) {
	token, err := from.TokenSource.Token()
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// azureScope is what tokens of Entra are asked for; the account's roles say what they allow.
const azureScope = "https://storage.azure.com/.default"

// azure gives a store what it proves itself with.
func (c Credentials) azure(z *Azure, out *upstream.Client, ambient bool) error {
	switch {
	case c.Anonymous:
		return nil
	case c.AccountKey != "":
		key, err := base64.StdEncoding.DecodeString(c.AccountKey)
		if err != nil || len(key) == 0 {
			return errors.New("the account key is not base64")
		}
		z.key = key
		return nil
	case c.SAS != "":
		sas, err := url.ParseQuery(strings.TrimPrefix(c.SAS, "?"))
		if err != nil || sas.Get("sig") == "" {
			return errors.New("the shared access signature is not a query with sig=")
		}
		z.sas = sas
		return nil
	}
	transport := &http.Transport{}
	out.Equip(transport)
	options := &azidentity.DefaultAzureCredentialOptions{}
	options.Transport = &http.Client{Transport: transport}
	found, err := azidentity.NewDefaultAzureCredential(options)
	if err != nil && !ambient {
		return fmt.Errorf("find credentials of Azure: %w", err)
	}
	z.tokens = &proofs[string]{ambient: ambient, get: func(ctx context.Context) (string, error) {
		if err != nil {
			return "", err
		}
		token, err := found.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{azureScope}})
		return token.Token, err
	}}
	return nil
}

// AzureConnection reads a connection string as Azure's portal shows it: "AccountName=…;AccountKey=…" or with SharedAccessSignature, and
// perhaps a BlobEndpoint.
func AzureConnection(text string) (account string, c Credentials, endpoint string, err error) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), ";") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "AccountName":
			account = value
		case "AccountKey":
			c.AccountKey = value
		case "SharedAccessSignature":
			c.SAS = value
		case "BlobEndpoint":
			endpoint = strings.TrimRight(value, "/")
		}
	}
	if account == "" && endpoint == "" || c.AccountKey == "" && c.SAS == "" {
		return "", Credentials{}, "", errors.New("the connection string names no account, or neither key nor signature")
	}
	return account, c, endpoint, nil
}
