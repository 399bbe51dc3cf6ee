package model

import "time"

// Provenance is what is known of the origin of a distribution file by the attestations that its index serves (PEP 740).
type Provenance struct {
	// Served tells whether the index has attestations of the file; Unknown that this could not be learned.
	Served  bool `json:"served,omitempty"`
	Unknown bool `json:"unknown,omitempty"`
	// Lost is set when there are none, though the release that was uploaded before this one has some.
	Lost bool `json:"lost,omitempty"`
	// Attestations are those of the file, in the order of the document.
	Attestations []Attestation `json:"attestations,omitempty"`
}

// Attestation is a signed statement about a distribution file. One without a fault proves that somebody has signed a statement about these
// very bytes, and who that was. It does not prove that they are harmless.
type Attestation struct {
	// Publisher is whom the index names, as "kind repository workflow".
	Publisher string `json:"publisher,omitempty"`
	// Fault says why the attestation proves nothing. What follows is known only without one.
	Fault string `json:"fault,omitempty"`
	// Kind is what was stated: "publish", that the file was published by the identity, or "build", that it was built by it.
	Kind string `json:"kind,omitempty"`
	// Identity is who has signed: "github.com/owner/repository", "gitlab.com/group/project", "circleci.com/project" or an address of mail.
	Identity string `json:"identity,omitempty"`
	// Workflow and Commit are what has run in the repository, "" if that is not told.
	Workflow string `json:"workflow,omitempty"`
	Commit   string `json:"commit,omitempty"`
	// Logged is when a public log has put the signature on record.
	Logged time.Time `json:"logged,omitzero"`
}
