package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// Cause says in a sentence why there is no answer, fit to be shown to a user. The address and what the peer wrote are not in it.
func Cause(err error) string {
	var unverified *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var name *net.DNSError
	switch {
	case errors.Is(err, ErrRefused):
		return "modelgate does not connect to addresses like that of the host"
	case errors.As(err, &unverified):
		return "the certificate of the host is not accepted: " + causeOfCertificate(unverified.Err)
	case errors.As(err, &record):
		return "the host does not speak TLS"
	case errors.As(err, &alert):
		return "the host ends TLS: " + alert.Error()
	case errors.As(err, &name) && name.IsNotFound:
		return "the name of the host is unknown"
	case errors.As(err, &name):
		return "the name of the host cannot be looked up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the host refuses connections"
	case IsLate(err):
		return "the host does not answer in time"
	default:
		return "the host cannot be reached"
	}
}

// causeOfCertificate says why a certificate is not accepted.
func causeOfCertificate(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return "it is signed by an unknown authority (upstream.ca_bundle)"
	case errors.As(err, &host):
		return "it is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it has expired or is not yet valid"
	default:
		return "it is not valid"
	}
}

// IsLate tells whether time has run out.
func IsLate(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrStalled) || errors.As(err, &t) && t.Timeout()
}
