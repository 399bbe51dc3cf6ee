package scanner

import "regexp"

// secrets are the shapes of credentials that must not be copied from a file into a report. The expressions are ours and
// linear in time.
var secrets = func() []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, shape := range []string{
		`hf_[A-Za-z0-9]{20,}`,                     // Hugging Face
		`gh[pousr]_[A-Za-z0-9]{20,}`,              // GitHub
		`glpat-[A-Za-z0-9_-]{16,}`,                // GitLab
		`sk-[A-Za-z0-9_-]{20,}`,                   // model providers
		`(?:AKIA|ASIA)[0-9A-Z]{16}`,               // AWS
		`AIza[0-9A-Za-z_-]{30,}`,                  // Google
		`xox[abeprs]-[A-Za-z0-9-]{10,}`,           // Slack
		`eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+`,  // JSON web tokens
		`-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*`, // PEM
		`(?i)bearer\s+[A-Za-z0-9._~+/=-]{8,}`,     // HTTP
		`(?i)[a-z][a-z0-9+.-]{1,20}://[^\s/@]+@`,  // user and password of a URL
		`(?i)(?:password|passwd|client_?secret|api_?key)["']?\s*[=:]\s*["'][^\s"']{6,}`,
	} {
		out = append(out, regexp.MustCompile(shape))
	}
	return out
}()

// redact takes credentials out of a text.
func redact(s string) string {
	for _, shape := range secrets {
		s = shape.ReplaceAllString(s, "[secret removed]")
	}
	return s
}
