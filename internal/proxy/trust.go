package proxy

import "strings"

// Tool is a client that is told which authorities to trust in a way of its own.
type Tool struct {
	Name   string   // of metrics and advice
	Agents []string // what its User-Agent has in it, in lower case; the first tool that fits is meant
	Trust  string   // how it is told of the authority
	Wrong  string   // what looks right and is not, and what its user sees then; "" if nothing is known
}

// Tools are the clients that are known, in the order in which they are looked for: libraries after the tools that are built on them.
func Tools() []Tool {
	return []Tool{
		{"gcsfs-grpc", []string{"grpc-"}, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "it speaks HTTP/2 alone: other hosts than those of proxy.h2_hosts refuse it"},
		{"huggingface_hub", []string{"hf_hub/", "huggingface_hub", "hf_xet", "xet-core"}, "SSL_CERT_FILE", `REQUESTS_CA_BUNDLE: "check your connection" after some 20 seconds`},
		{"aws", []string{"aws-cli", "boto3", "botocore", "aws-sdk-go"}, "AWS_CA_BUNDLE", `SSL_CERT_FILE, REQUESTS_CA_BUNDLE: "SSL validation failed"; s5cmd tries again in silence for a minute and a half`},
		{"google-cloud-storage", []string{"gcloud-python", "google-cloud"}, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE: silence for more than 25 seconds"},
		{"gcloud", []string{"google-cloud-sdk"}, "gcloud config set core/custom_ca_certs_file FILE", ""},
		{"gcsfs", []string{"gcsfs"}, "SSL_CERT_FILE", "it ignores HTTPS_PROXY unless session_kwargs={'trust_env': True}"},
		{"azure", []string{"azsdk-python", "azure"}, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE: silence for more than 25 seconds"},
		{"pip", []string{"pip/"}, "PIP_CERT, or SSL_CERT_FILE", `none of them: "no matching distribution"`},
		{"uv", []string{"uv/"}, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE: UnknownIssuer"},
		{"httpx", []string{"python-httpx"}, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"},
		{"aiohttp", []string{"aiohttp"}, "SSL_CERT_FILE", "it ignores HTTPS_PROXY unless trust_env=True"},
		{"requests", []string{"python-requests", "python-urllib3"}, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"},
		{"urllib", []string{"python-urllib"}, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"},
		{"git", []string{"git/", "git-lfs"}, "GIT_SSL_CAINFO", "SSL_CERT_FILE, CURL_CA_BUNDLE"},
		{"curl", []string{"curl/"}, "CURL_CA_BUNDLE", "SSL_CERT_FILE with some builds"},
		{"wget", []string{"wget/"}, "ca_certificate = FILE in the file that WGETRC names", "SSL_CERT_FILE with GnuTLS builds"},
		{"npm", []string{"npm/"}, "NODE_EXTRA_CA_CERTS, or NPM_CONFIG_CAFILE", "SSL_CERT_FILE"},
		{"node", []string{"node", "undici"}, "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"},
		{"go", []string{"go-http-client", "go-"}, "SSL_CERT_FILE", ""},
		{"java", []string{"java"}, "a trust store: keytool -importcert, then javax.net.ssl.trustStore and trustStorePassword", "variables: Java reads none of these"},
		{"rust", []string{"ureq", "reqwest", "rust", "cargo"}, "SSL_CERT_FILE with rustls' native roots or OpenSSL; CARGO_HTTP_CAINFO for cargo", "builds that carry their own roots"},
	}
}

// toolOf finds the tool of a User-Agent. Most clients send none with CONNECT.
func toolOf(agent string) Tool {
	agent = strings.ToLower(agent)
	if agent == "" {
		return Tool{Name: "unnamed"}
	}
	for _, t := range Tools() {
		for _, part := range t.Agents {
			if strings.Contains(agent, part) {
				return t
			}
		}
	}
	return Tool{Name: "other"}
}

// adviceFor says what the user of a client can do about a failure.
func adviceFor(f Failure) string {
	tool := toolOf(f.Client)
	doubts := f.Reason == "untrusted" || f.Reason == "left"
	switch {
	case f.Reason == "alpn":
		return "the client speaks HTTP/2 alone: add " + f.Host + " to proxy.h2_hosts"
	case doubts && tool.Trust != "":
		return tool.Name + " does not trust the authority of the proxy; it is told by " + tool.Trust
	case doubts:
		return "the client does not trust the authority of the proxy: see modelgate ca --help"
	default:
		return ""
	}
}
