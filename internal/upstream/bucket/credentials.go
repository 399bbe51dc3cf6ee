package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

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
