package attestation

import (
	"errors"
	"fmt"
	"strings"
)

// publisher is whom an index names as the publisher of a file. Which fields there are depends on the kind.
type publisher struct {
	Kind             string `json:"kind"`
	Repository       string `json:"repository"`
	Workflow         string `json:"workflow"`          // GitHub: a file in .github/workflows
	WorkflowFilepath string `json:"workflow_filepath"` // GitLab
	Email            string `json:"email"`             // Google
	ProjectID        string `json:"project_id"`        // CircleCI
	PipelineID       string `json:"pipeline_definition_id"`
	Origin           string `json:"vcs_origin"`
	Ref              string `json:"vcs_ref"`
}

func (p publisher) String() string {
	parts := []string{p.Kind}
	for _, s := range []string{p.Repository, p.workflow(), p.Email, p.ProjectID} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

func (p publisher) workflow() string { return p.Workflow + p.WorkflowFilepath }

// Those who vouch for the identity of a job or an account, and where the repositories of the first two are.
const (
	issuerGitHub   = "https://token.actions.githubusercontent.com"
	issuerGitLab   = "https://gitlab.com"
	issuerGoogle   = "https://accounts.google.com"
	issuerCircleCI = "https://oidc.circleci.com"
	atGitHub       = "https://github.com/"
	atGitLab       = "https://gitlab.com/"
	atCircleCI     = "https://circleci.com/api/v2/projects/"
)

// verify holds the publisher to whom the certificate names, and returns the name of both: "github.com/owner/repository",
// "gitlab.com/group/project", "circleci.com/project", or an address of mail.
func (p publisher) verify(id identity) (name string, err error) {
	switch p.Kind {
	case "GitHub":
		// What runs is https://github.com/owner/repository/.github/workflows/file@ref, or the commit in place of ref.
		return p.verifyRepository(id, issuerGitHub, atGitHub, "/.github/workflows/")
	case "GitLab":
		return p.verifyRepository(id, issuerGitLab, atGitLab, "//")
	case "Google":
		if id.issuer != issuerGoogle || p.Email == "" || id.email != p.Email {
			return "", p.other(id)
		}
		return p.Email, nil
	case "CircleCI":
		signer := atCircleCI + p.ProjectID + "/pipeline-definitions/" + p.PipelineID
		if id.issuer != issuerCircleCI || p.ProjectID == "" || id.signer != signer ||
			p.Origin != "" && id.repository != p.Origin || p.Ref != "" && id.ref != p.Ref {
			return "", p.other(id)
		}
		return "circleci.com/" + p.ProjectID, nil
	default:
		return "", fmt.Errorf("the index names a publisher of the unknown kind %q", p.Kind)
	}
}

// verifyRepository holds a publisher that is a workflow in a repository to the certificate. Letter case does not tell repositories apart.
func (p publisher) verifyRepository(id identity, issuer, at, between string) (string, error) {
	repository := at + p.Repository
	if p.Repository == "" || p.workflow() == "" {
		return "", errors.New("the index does not say which workflow of which repository is the publisher")
	}
	if id.issuer != issuer || !strings.EqualFold(id.repository, repository) {
		return "", p.other(id)
	}
	for _, suffix := range []string{id.commit, id.ref} {
		place, file := repository+between, p.workflow()+"@"+suffix
		if suffix != "" && len(id.config) == len(place)+len(file) && strings.EqualFold(id.config[:len(place)], place) && id.config[len(place):] == file {
			return strings.TrimPrefix(at, "https://") + p.Repository, nil
		}
	}
	return "", p.other(id)
}

// other says that the certificate is somebody else's.
func (p publisher) other(id identity) error {
	whose := strings.TrimSpace(strings.Join([]string{id.config, id.email, id.signer}, " "))
	return fmt.Errorf("it was signed by %s for %s, not by the publisher that the index names, %s", id.issuer, whose, p)
}
